import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FlowView } from '../../src/api/flow-view.ts'
import type { BridgeView, HostView, LeaseView, NetworkView, PortView } from '../../src/api/read-model.ts'
import { ask } from '../../src/cli/client.ts'
import type { Capture } from '../../src/lab/capture.ts'
import { createLab, type Lab } from '../../src/lab/lab.ts'
import { until } from '../../src/lab/until.ts'

let lab: Lab
const list = <View>(path: string) => ask<readonly View[]>(lab.apiEndpoint, `/v1/${path}`)
const settled = () =>
  until(
    async () => (await ask<{ settled: boolean }>(lab.apiEndpoint, '/v1/status')).settled,
    'the fabric to settle',
    20_000,
  )
const addressOf = async (name: string) =>
  (await list<PortView>('ports')).find(port => port.name === name)!.fixed_ips[0]!
const captures = (filter: string, guests: readonly string[]): Promise<Capture[]> =>
  Promise.all(guests.map(guest => lab.capture(guest, { interface: 'eth0', filter })))
const stopped = async (running: readonly Capture[]) =>
  (await Promise.all(running.map(capture => capture.stop()))).flat()

beforeAll(async () => {
  lab = await createLab({ topology: 'topology/examples/two-tenants.yaml', name: `tenants-${process.pid}` })
  await settled()
})
afterAll(() => lab?.down())

describe('two tenants with the same addresses on three hosts', () => {
  test('every port is bound and every bridge in step', async () => {
    const ports = await list<PortView>('ports')
    expect(ports.map(port => `${port.name} ${port.status}`)).toEqual(ports.map(port => `${port.name} ACTIVE`))
    for (const host of await list<HostView>('hosts')) expect(host.problems).toEqual([])
    const bridges = await list<BridgeView>('bridges')
    expect(bridges).toHaveLength(6)
    for (const bridge of bridges) {
      expect(bridge).toMatchObject({ connected: true, synced: true, errors: 0, foreign_flows: 0 })
    }
  })

  test('guests get the addresses of their ports', async () => {
    const ports = await list<PortView>('ports')
    for (const port of ports)
      expect(`${port.name} ${await lab.dhcp(port.name)}`).toBe(`${port.name} ${port.fixed_ips[0]}`)
    expect((await list<LeaseView>('leases')).map(lease => lease.port).sort()).toEqual(
      ports.map(port => port.name).sort(),
    )
    await lab.underlayWarm()
  })

  test.each(['red', 'blue'])('guests of %s reach each other over three hosts', async tenant => {
    for (const [from, to] of [
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'a'],
    ]) {
      const result = await lab.ping(`${tenant}-${from}`, `${tenant}-${to}`, { count: 3, intervalMs: 20 })
      expect(result).toMatchObject({ sent: 3, received: 3 })
    }
    expect(await lab.tcp(`${tenant}-a`, `${tenant}-c`, 1_000_000)).toBe(1_000_000)
  })

  test('nothing of red reaches a guest of blue: not unicast, not broadcast, not what red forges', async () => {
    const watched = await captures('not ether proto 0x86dd', ['blue-a', 'blue-b', 'blue-c'])
    await lab.ping('red-a', 'red-b', { count: 5, intervalMs: 20 })
    await lab.exec('red-a', ['ping', '-b', '-c', '3', '-i', '0.02', '-W', '1', '10.0.0.255'])
    await lab.exec('red-a', ['arping', '-c', '2', '-w', '1', '-I', 'eth0', '10.0.0.200'])
    const [{ mac_address } = { mac_address: '' }] = (await list<PortView>('ports')).filter(
      port => port.name === 'blue-b',
    )
    await lab.exec('red-a', ['ip', 'neighbour', 'replace', '10.0.0.77', 'lladdr', mac_address, 'dev', 'eth0'])
    await lab.exec('red-a', ['ping', '-c', '3', '-i', '0.02', '-W', '1', '10.0.0.77'])
    for (const peer of ['red-b', 'red-c'])
      expect(await lab.ping('red-a', peer, { count: 1 })).toMatchObject({ received: 1 })
    expect(await stopped(watched)).toEqual([])
  })

  test('ARP for a known address is answered on the sender’s host', async () => {
    const watched = await captures('arp', ['red-b', 'red-c'])
    const { stdout } = await lab.exec('red-a', ['arping', '-c', '1', '-w', '2', '-I', 'eth0', await addressOf('red-b')])
    expect(stdout).toContain('Received 1 response')
    expect(await stopped(watched)).toEqual([])
  })

  test('broadcast reaches every guest of its network once', async () => {
    const watched = await captures('arp and arp[24:4] = 0x0a0000c8', ['red-b', 'red-c'])
    await lab.exec('red-a', ['arping', '-c', '2', '-w', '1', '-I', 'eth0', '10.0.0.200'])
    // What was sent before on the same way has arrived when this is answered.
    for (const peer of ['red-b', 'red-c'])
      expect(await lab.ping('red-a', peer, { count: 1 })).toMatchObject({ received: 1 })
    for (const capture of watched) expect(await capture.stop()).toHaveLength(2)
  })

  test('segmentation ids are on the wire as they were given', async () => {
    const names = ['red', 'blue'] as const
    const numbers = { red: 'vni 5001', blue: 'key=0x1771' }
    for (const tenant of names) {
      const wire = await lab.capture('h1', {
        interface: 'underlay0',
        filter: tenant === 'red' ? 'udp port 4789' : 'proto gre',
      })
      await lab.ping(`${tenant}-a`, `${tenant}-b`, { count: 2, intervalMs: 20 })
      // tcpdump prints the outer packet and, on a line of its own, the one inside.
      const outer = (await wire.stop()).filter(line => /vni \d+|key=0x/.test(line))
      expect(outer.length).toBeGreaterThanOrEqual(4)
      for (const line of outer) expect(line).toContain(numbers[tenant])
    }
  })

  test('a guest cannot use another MAC or address', async () => {
    const watched = await captures('ip', ['red-b'])
    const peer = await addressOf('red-b')
    await lab.exec('red-a', ['ip', 'address', 'add', '10.0.0.66/24', 'dev', 'eth0'])
    const forged = await lab.exec('red-a', ['ping', '-c', '2', '-i', '0.02', '-W', '1', '-I', '10.0.0.66', peer])
    expect(forged.stdout).toContain('2 packets transmitted, 0 received')
    await lab.exec('red-a', ['ip', 'address', 'del', '10.0.0.66/24', 'dev', 'eth0'])
    expect(await stopped(watched)).toEqual([])
    expect(await lab.ping('red-a', peer, { count: 1 })).toMatchObject({ received: 1 })
  })

  test('a port that Weft does not know is dropped in both directions', async () => {
    await lab.exec('h1', ['ip', 'link', 'add', 'unknown', 'type', 'veth', 'peer', 'name', 'unknown-in'])
    await lab.exec('h1', ['ip', 'link', 'set', 'unknown', 'up'])
    await lab.exec('h1', ['ip', 'link', 'set', 'unknown-in', 'up'])
    await lab.exec('h1', ['ip', 'address', 'add', '10.0.0.250/24', 'dev', 'unknown-in'])
    await lab.vsctl(
      'h1',
      'add-port',
      'br-int',
      'unknown',
      '--',
      'set',
      'Interface',
      'unknown',
      'external_ids:iface-id=nobody',
    )
    const inside = await lab.capture('h1', {
      interface: 'unknown-in',
      filter: 'arp and not ether src host ff:ff:ff:ff:ff:ff',
    })
    const guests = await captures('arp host 10.0.0.250', ['red-a', 'red-b', 'blue-a'])
    await lab.exec('h1', ['arping', '-c', '2', '-w', '1', '-I', 'unknown-in', await addressOf('red-a')])
    await lab.exec('red-a', ['arping', '-c', '2', '-w', '1', '-I', 'eth0', '10.0.0.200'])
    expect(await stopped(guests)).toEqual([])
    const heard = await inside.stop()
    // Its own requests, and nothing from any tenant.
    expect(heard.filter(line => line.includes('10.0.0.200'))).toEqual([])
    await lab.vsctl('h1', 'del-port', 'br-int', 'unknown')
    await lab.exec('h1', ['ip', 'link', 'del', 'unknown'])
  })

  test('every flow on the hosts has an owner and a reason, and table names are the host’s own', async () => {
    const flows = await list<FlowView>('flows')
    expect(flows.filter(flow => flow.owner === 'foreign' || flow.owner.startsWith('nobody'))).toEqual([])
    expect(flows.some(flow => flow.owner === 'network red on h2')).toBe(true)
    const named = await lab.ofctl('h1', '-O', 'OpenFlow15', '--names', 'dump-flows', 'br-int')
    expect(named).toMatch(/table="?port_security/)
    expect(named).toMatch(/goto_table:"?l2_lookup/)
  })

  test('local VLANs are on record in the host’s own OVSDB', async () => {
    const [red] = (await list<NetworkView>('networks')).filter(network => network.name === 'red')
    const recorded = await lab.vsctl('h1', 'get', 'Bridge', 'br-int', `external_ids:weft-network-${red!.id}`)
    expect(recorded.trim().replaceAll('"', '')).toBe(String(red!.local_vlans['h1']))
  })
})

describe('the data plane outlives the controller', () => {
  const dumps = async () => {
    const flows = await Promise.all(
      ['h1', 'h2', 'h3'].flatMap(host =>
        ['br-int', 'br-tun'].map(bridge => lab.ofctl(host, '-O', 'OpenFlow15', '--no-stats', 'dump-flows', bridge)),
      ),
    )
    return flows.map(text => text.split('\n').sort())
  }

  test('killed and started again: 0 flow-mods, 0 OVSDB writes, 0 packets lost', async () => {
    const before = await dumps()
    const configured = await Promise.all(
      ['h1', 'h2', 'h3'].map(host => lab.exec(host, ['ovsdb-client', 'dump', 'Open_vSwitch', 'Bridge'])),
    )
    const pings = lab.ping('red-a', 'red-c', { count: 300, intervalMs: 10 })
    await lab.stopController('SIGKILL')
    await lab.startController()
    await settled()
    expect(await pings).toMatchObject({ sent: 300, received: 300 })
    for (const bridge of await list<BridgeView>('bridges')) {
      expect(bridge).toMatchObject({ synced: true, flow_mods: 0, group_mods: 0, meter_mods: 0, errors: 0 })
    }
    for (const host of await list<HostView>('hosts')) expect(host).toMatchObject({ settled: true, transactions: 0 })
    expect(await dumps()).toEqual(before)
    const after = await Promise.all(
      ['h1', 'h2', 'h3'].map(host => lab.exec(host, ['ovsdb-client', 'dump', 'Open_vSwitch', 'Bridge'])),
    )
    expect(after.map(dump => dump.stdout)).toEqual(configured.map(dump => dump.stdout))
    expect((await list<LeaseView>('leases')).length).toBe(6)
  })

  test('a bridge that was emptied is filled again', async () => {
    const before = await dumps()
    await lab.ofctl('h2', '-O', 'OpenFlow15', 'del-flows', 'br-int')
    await lab.ofctl('h2', '-O', 'OpenFlow15', 'del-flows', 'br-tun')
    await until(async () => JSON.stringify(await dumps()) === JSON.stringify(before), 'the flows to come back', 10_000)
    expect(await lab.ping('red-a', 'red-b', { count: 2, intervalMs: 20 })).toMatchObject({ received: 2 })
  })

  test('a switch that was killed is filled again', async () => {
    const before = await dumps()
    await lab.killSwitch('h2')
    await lab.startSwitch('h2')
    await until(async () => JSON.stringify(await dumps()) === JSON.stringify(before), 'the flows to come back', 20_000)
    await settled()
    await lab.underlayWarm()
    expect(await lab.ping('red-a', 'red-b', { count: 2, intervalMs: 20 })).toMatchObject({ received: 2 })
    expect(await lab.ping('blue-b', 'blue-c', { count: 2, intervalMs: 20 })).toMatchObject({ received: 2 })
  })

  test('a host whose OVSDB was killed keeps its flows, and is followed again when it is back', async () => {
    const before = await dumps()
    await lab.killOvsdb('h3')
    const connected = async () => (await list<HostView>('hosts')).every(host => host.connected)
    await until(async () => !(await connected()), 'h3 to be missed', 20_000)
    await lab.startOvsdb('h3')
    await until(connected, 'h3 to come back', 20_000)
    await settled()
    expect(await dumps()).toEqual(before)
    for (const host of await list<HostView>('hosts')) expect(host).toMatchObject({ transactions: 0 })
    expect(await lab.ping('red-a', 'red-c', { count: 2, intervalMs: 20 })).toMatchObject({ received: 2 })
  })

  test('a port that is unplugged and plugged again works under its new number', async () => {
    await lab.unplug('red-b')
    await until(
      async () => (await list<PortView>('ports')).some(port => port.name === 'red-b' && port.status === 'DOWN'),
      'red-b to be down',
      10_000,
    )
    await lab.plug('red-b')
    await until(
      async () => (await list<PortView>('ports')).some(port => port.name === 'red-b' && port.status === 'ACTIVE'),
      'red-b to be up',
      10_000,
    )
    await settled()
    expect(await lab.ping('red-a', 'red-b', { count: 2, intervalMs: 20 })).toMatchObject({ received: 2 })
  })
})
