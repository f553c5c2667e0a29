import { decodeMessage } from 'node-openflow'
import { afterEach, describe, expect, test } from 'vitest'
import { cookieOf } from '../../src/pipeline/cookie.ts'
import { encodeFlow } from '../../src/pipeline/flow-bytes.ts'
import {
  type Controller,
  type ControllerOptions,
  createController,
  FakeHost,
  TopologyError,
} from '../../src/testing.ts'

const running: AsyncDisposable[] = []
const closing: FakeHost[] = []
afterEach(async () => {
  for (const one of running.splice(0)) await one[Symbol.asyncDispose]()
  for (const host of closing.splice(0)) await host.close()
})

async function fakeHosts(count: number): Promise<FakeHost[]> {
  const hosts = await Promise.all([...Array(count)].map(() => FakeHost.listen()))
  closing.push(...hosts)
  return hosts
}

function topologyText(hosts: readonly FakeHost[]): string {
  const lines = hosts.map(
    (host, index) => `  h${index + 1}: { ovsdb: "${host.endpoint}", tunnel_ip: 192.0.2.${index + 1} }`,
  )
  return `hosts:
${lines.join('\n')}
networks:
  red:  { network_type: vxlan, segmentation_id: 5001 }
  blue: { network_type: gre, segmentation_id: 5001 }
subnets:
  red-v4:  { network: red, cidr: 10.0.0.0/24 }
  blue-v4: { network: blue, cidr: 10.0.0.0/24 }
ports:
  red-a: { network: red }
  red-b: { network: red }
  red-c: { network: red }
  blue-a: { network: blue }
  blue-b: { network: blue }
`
}

const topologyOf = (text: string) => [{ text, file: 'topology.yaml' }]

async function start(hosts: readonly FakeHost[], options: Partial<ControllerOptions> = {}): Promise<Controller> {
  const controller = await createController({ topology: topologyOf(topologyText(hosts)), ...options })
  running.push(controller)
  return controller
}

const bound = (controller: Controller, count: number) =>
  controller.fabric.until(() => controller.inputs.bindings.size === count, 5_000)

/** Has a controller fill two hosts with a port of red each, and end; returns where their bridges look for the next one. */
async function served(hosts: readonly FakeHost[]): Promise<string> {
  const controller = await start(hosts)
  await controller.settled(5_000)
  hosts[0]!.plug('red-a')
  hosts[1]!.plug('red-b')
  await bound(controller, 2)
  await controller.settled(5_000)
  await controller.close()
  return controller.endpoints.openflow
}

describe('a host is prepared through OVSDB', () => {
  test('bridges, ports, table names and controller targets, marked as Weft’s', async () => {
    const [host] = await fakeHosts(1)
    const controller = await start([host!])
    await controller.settled(5_000)
    const { ovsdb } = host!
    const bridges = ovsdb.rows('Bridge')
    expect(bridges.map(bridge => bridge.name).sort()).toEqual(['br-int', 'br-tun'])
    for (const bridge of bridges) {
      expect(bridge.fail_mode).toBe('secure')
      expect(bridge.external_ids.get('weft')).toBe('bridge')
      expect(bridge.other_config.get('disable-in-band')).toBe('true')
      expect(bridge.other_config.get('datapath-id')).toBe(bridge.datapath_id)
      expect(bridge.controller.size).toBe(1)
      expect([...bridge.flow_tables.keys()].length).toBeGreaterThan(5)
    }
    expect(new Set(ovsdb.rows('Controller').map(row => row.target))).toEqual(new Set([controller.endpoints.openflow]))
    const tunnels = ovsdb.rows('Interface').filter(row => row.type === 'vxlan' || row.type === 'gre')
    expect(tunnels.map(row => [row.type, Object.fromEntries(row.options)]).sort()).toEqual([
      ['gre', { key: 'flow', local_ip: '192.0.2.1', remote_ip: 'flow' }],
      ['vxlan', { key: 'flow', local_ip: '192.0.2.1', remote_ip: 'flow' }],
    ])
    expect(ovsdb.rows('Flow_Table').map(row => row.name)).toContain('port_security')
  })

  test('is written once: a controller that comes back writes nothing', async () => {
    const hosts = await fakeHosts(2)
    const openflow = await served(hosts)
    const before = hosts.map(host => [...host.switches.values()].map(one => ({ ...one.counters })))

    const second = await start(hosts, { openflow })
    await second.settled(5_000)
    expect([...second.fabric.hosts.values()].map(host => host.transactions)).toEqual([0, 0])
    for (const [index, host] of hosts.entries()) {
      for (const [at, one] of [...host.switches.values()].entries()) {
        const { flowMods, groupMods, meterMods } = before[index]![at]!
        expect(one.counters).toMatchObject({ flowMods, groupMods, meterMods, errors: 0 })
      }
    }
  })

  test('a bridge that is not Weft’s is left alone and reported', async () => {
    const [host] = await fakeHosts(1)
    host!.ovsdb.addBridge('br-int')
    host!.ovsdb.addBridge('br-ex')
    const before = host!.ovsdb.rows('Bridge').find(bridge => bridge.name === 'br-int')
    const controller = await start([host!])
    await controller.fabric.until(() => (controller.fabric.hosts.get('h1')?.problems.length ?? 0) > 0, 5_000)
    expect(controller.fabric.hosts.get('h1')?.problems).toEqual([
      'bridge br-int is there and not Weft’s: it is left alone (weft adopt h1)',
    ])
    await controller.fabric.until(() => controller.fabric.bridges.has('h1/br-tun'), 5_000)
    expect(host!.ovsdb.rows('Bridge').find(bridge => bridge.name === 'br-int')).toEqual(before)
    expect(host!.ovsdb.rows('Bridge').find(bridge => bridge.name === 'br-ex')?.controller.size).toBe(0)
    await expect(controller.settled(100)).rejects.toThrow('bridge br-int is there and not Weft’s')
  })

  test('what somebody changes by hand is set right again', async () => {
    const [host] = await fakeHosts(1)
    const controller = await start([host!])
    await controller.settled(5_000)
    const { server } = host!.ovsdb
    const { operations, vswitch } = await import('ovsdb-client')
    const { update } = operations(vswitch)
    server.transact([
      update('Bridge', [['name', '==', 'br-int']], { fail_mode: 'standalone', protocols: ['OpenFlow10'] }),
    ])
    const repaired = () => host!.ovsdb.rows('Bridge').find(row => row.name === 'br-int')?.fail_mode === 'secure'
    await controller.fabric.until(repaired, 5_000)
    expect(controller.fabric.hosts.get('h1')?.problems).toEqual([])
  })

  test('a host may dial in', async () => {
    const host = await FakeHost.listen()
    closing.push(host)
    const { operations, vswitch, all } = await import('ovsdb-client')
    host.ovsdb.server.transact([operations(vswitch).update('Open_vSwitch', all, { external_ids: { hostname: 'h1' } })])
    const text = topologyText([host])
    const controller = await createController({
      topology: topologyOf(text.replace(/ovsdb: "[^"]*", /, '')),
      ovsdb: 'tcp:127.0.0.1:0',
    })
    running.push(controller)
    const [, address, port] = controller.endpoints.ovsdb.split(':')
    await host.ovsdb.dial({ transport: 'tcp', host: address!, port: Number(port) })
    await controller.settled(5_000)
    expect([...host.switches.keys()].sort()).toEqual(['br-int', 'br-tun'])
  })
})

describe('bindings', () => {
  test('a port binds where an interface carries its name or its id, and only if Weft knows it', async () => {
    const hosts = await fakeHosts(2)
    const controller = await start(hosts)
    await controller.settled(5_000)
    const byName = new Map([...controller.topology.ports.values()].map(port => [port.name, port.id]))
    hosts[0]!.plug('red-a')
    hosts[1]!.plug(byName.get('red-b')!)
    hosts[1]!.plug('nobody')
    await bound(controller, 2)
    await controller.settled(5_000)
    expect([...controller.inputs.bindings.values()].map(row => row.host).sort()).toEqual(['h1', 'h2'])
  })

  test('a port that is plugged a second time elsewhere moves there, and back when that plug goes', async () => {
    const hosts = await fakeHosts(2)
    const controller = await start(hosts)
    await controller.settled(5_000)
    const where = () => [...controller.inputs.bindings.values()][0]?.host
    hosts[0]!.plug('red-a')
    await controller.fabric.until(() => where() === 'h1', 5_000)
    hosts[1]!.plug('red-a', 'moved')
    await controller.fabric.until(() => where() === 'h2', 5_000)
    hosts[1]!.unplug('moved')
    await controller.fabric.until(() => where() === 'h1', 5_000)
    await controller.settled(5_000)
  })

  test('a port that the topology puts into another network is bound anew', async () => {
    const [host] = await fakeHosts(1)
    const controller = await start([host!])
    await controller.settled(5_000)
    host!.plug('red-a')
    await bound(controller, 1)
    await controller.settled(5_000)
    controller.apply(topologyOf(topologyText([host!]).replace('red-a: { network: red }', 'red-a: { network: blue }')))
    await controller.settled(5_000)
    const blue = [...controller.topology.networks.values()].find(network => network.name === 'blue')
    expect([...controller.inputs.bindings.values()].map(binding => binding.network)).toEqual([blue?.id])
    expect([...controller.inputs.presences.values()].map(presence => presence.network)).toEqual([blue?.id])
  })

  test('local VLANs survive unplugging and are given back when the network is deleted', async () => {
    const [host] = await fakeHosts(1)
    const controller = await start([host!])
    await controller.settled(5_000)
    const vlans = () =>
      [...(host!.ovsdb.rows('Bridge').find(row => row.name === 'br-int')?.external_ids ?? [])].filter(([key]) =>
        key.startsWith('weft-network-'),
      )
    const plug = host!.plug('red-a')
    await controller.fabric.until(() => controller.inputs.presences.size === 1, 5_000)
    expect(vlans().map(([, vlan]) => vlan)).toEqual(['1'])
    host!.unplug(plug.name)
    await controller.fabric.until(() => controller.inputs.presences.size === 0, 5_000)
    await controller.settled(5_000)
    expect(vlans()).toHaveLength(1)
    const text = topologyText([host!])
    controller.apply(topologyOf(text.replaceAll(/^ +red.*\n/gm, '')))
    await controller.fabric.until(() => vlans().length === 0, 5_000)
  })
})

describe('reconcile', () => {
  test('what is missing is added, what is stale goes, what is foreign stays', async () => {
    const [host] = await fakeHosts(1)
    const controller = await start([host!])
    await controller.settled(5_000)
    host!.plug('red-a')
    await bound(controller, 1)
    await controller.settled(5_000)
    const one = host!.bridge('br-int')
    const flows = () => one.datapath.flows.size
    const whole = flows()
    one.datapath.clear()
    const add = (cookie: bigint, priority: number) => {
      const bytes = encodeFlow({ tableId: 0, priority, cookie, flags: 0, idleTimeout: 0, match: [], instructions: [] })
      const { message } = decodeMessage(bytes)
      if (message.type === 'flow_mod') one.datapath.apply(message)
    }
    add(cookieOf('port gone', 'was there before'), 1_001)
    add(0xf0n, 1_002)
    await one.reconnect()
    await controller.fabric.until(() => flows() === whole + 1 && controller.fabric.laggards().length === 0, 5_000)
    const odd = [...one.datapath.flows.select({})].filter(flow => flow.priority > 1_000)
    expect(odd.map(flow => flow.priority)).toEqual([1_002])
    expect(controller.fabric.bridges.get('h1/br-int')?.foreignFlows).toBe(1)
    const { flowMods } = one.counters
    await one.reconnect()
    await controller.settled(5_000)
    expect(one.counters.flowMods).toBe(flowMods)
  })

  test('nothing is removed before every host has been read', async () => {
    const hosts = await fakeHosts(2)
    const openflow = await served(hosts)
    const before = hosts[0]!.bridge('br-tun').counters.flowMods

    // The second host is away when the controller comes back: what h1 holds about it must stay.
    const away = hosts[1]!
    const text = topologyText(hosts)
    const parked = text.replace(away.endpoint, 'tcp:127.0.0.1:1')
    const second = await createController({ topology: topologyOf(parked), openflow })
    running.push(second)
    await second.fabric.until(() => second.fabric.bridges.get('h1/br-tun')?.synced === true, 5_000)
    await second.fabric.until(() => second.fabric.bridges.get('h1/br-int')?.synced === true, 5_000)
    expect(hosts[0]!.bridge('br-tun').counters.flowMods).toBe(before)
    expect(second.fabric.bridges.get('h1/br-tun')!.withheldCount).toBeGreaterThan(0)
    // Once it is out of the topology, what is left of it is stale.
    second.apply(topologyOf(parked.replace(/^ +h2: .*\n/m, '')))
    await second.settled(5_000)
    expect(second.fabric.bridges.get('h1/br-tun')!.withheldCount).toBe(0)
    expect(hosts[0]!.bridge('br-tun').counters.flowMods).toBeGreaterThan(before)
  })

  test('a bridge that refuses a change is read again and set right', async () => {
    const [host] = await fakeHosts(1)
    const controller = await start([host!])
    await controller.settled(5_000)
    const one = host!.bridge('br-int')
    let refused = 0
    one.refuse = message => {
      if (message.type !== 'bundle_add_message' || refused > 0) return undefined
      refused++
      return [5, 1]
    }
    host!.plug('red-a')
    await bound(controller, 1)
    await controller.fabric.until(() => (controller.fabric.bridges.get('h1/br-int')?.counters.errors ?? 0) > 0, 5_000)
    await controller.settled(5_000)
    expect(refused).toBe(1)
    const wanted = [...controller.inputs.engine.desired('h1/br-int').values()].filter(item => item.kind === 'flow')
    expect(one.datapath.flows.size).toBe(wanted.length)
  })
})

test('a topology with a problem changes nothing', async () => {
  const [host] = await fakeHosts(1)
  const controller = await start([host!])
  await controller.settled(5_000)
  const before = controller.topology
  const runs = controller.inputs.engine.runs
  expect(() => controller.apply([{ text: 'networks: { red: { network_typ: vxlan } }', file: 'bad.yaml' }])).toThrow(
    TopologyError,
  )
  expect(controller.topology).toBe(before)
  expect(controller.inputs.engine.runs).toBe(runs)
})

test('settled names who lags behind', async () => {
  const [host] = await fakeHosts(1)
  const text = topologyText([host!])
  const controller = await createController({
    topology: topologyOf(text.replace(host!.endpoint, 'tcp:127.0.0.1:1')),
  })
  running.push(controller)
  await expect(controller.settled(50)).rejects.toThrow('host h1: its OVSDB is not connected')
})
