import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { byUuid, named, type Operation, operations, vswitch } from 'ovsdb-client'
import { afterEach, describe, expect, test } from 'vitest'
import type { Consent } from '../../src/fabric/adoption.ts'
import { type Controller, type ControllerOptions, createController, FakeHost } from '../../src/testing.ts'

const { insert, mutate, update } = operations(vswitch)
const NOTHING_SAID: Consent = { replaceController: false, carriesNoAddress: false }
const SAID: Consent = { replaceController: true, carriesNoAddress: true }

const disposing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const dispose of disposing.splice(0).reverse()) await dispose()
})

async function start(host: FakeHost, options: Partial<ControllerOptions> = {}): Promise<Controller> {
  const text = `
hosts: { h1: { ovsdb: "${host.endpoint}", tunnel_ip: 192.0.2.1, bridge_mappings: { physnet1: br-ex } } }
networks: { red: { network_type: vxlan } }
subnets: { red-v4: { network: red, cidr: 10.0.0.0/24 } }
ports: { red-a: { network: red } }
`
  const controller = await createController({ topology: [{ text, file: 'topology.yaml' }], ...options })
  disposing.push(() => controller.close())
  return controller
}

/** What a host says, without what changes by itself: ids, numbers and states. */
function projection({ ovsdb }: FakeHost) {
  const nameOf = new Map(ovsdb.rows('Port').map(row => [row._uuid, row.name]))
  const targetOf = new Map(
    ovsdb.rows('Controller').map(({ _uuid, is_connected: _, role: __, status: ___, ...row }) => [_uuid, row]),
  )
  const byName = (a: { readonly name: string }, b: { readonly name: string }) => (a.name < b.name ? -1 : 1)
  return {
    bridges: ovsdb
      .rows('Bridge')
      .map(({ _uuid, datapath_id: _, status: __, ports, controller, ...row }) => ({
        ...row,
        ports: [...ports].map(id => nameOf.get(id)).sort(),
        controllers: [...controller].map(id => targetOf.get(id)),
      }))
      .sort(byName),
    ports: ovsdb
      .rows('Port')
      .map(({ _uuid, interfaces: _, ...row }) => row)
      .sort(byName),
    interfaces: ovsdb
      .rows('Interface')
      .map(({ _uuid, ...row }) => row)
      .sort(byName),
    tables: ovsdb.rows('Flow_Table').length,
  }
}

const bridge = (host: FakeHost, name: string) => host.ovsdb.rows('Bridge').find(row => row.name === name)!
const transact = (host: FakeHost, ...steps: Operation[]) => host.ovsdb.server.transact(steps)
const setInterface = (host: FakeHost, name: string, row: Parameters<typeof update<'Interface'>>[2]) =>
  transact(host, update('Interface', [['name', '==', name]], row))

/** A host that somebody else has set up: a bridge of guests with settings, a port and a controller of its own. */
async function foreignHost(): Promise<FakeHost> {
  const host = await FakeHost.listen()
  disposing.push(() => host.close())
  host.ovsdb.addBridge('br-int', { other_config: { hwaddr: '0a:00:00:00:00:01', 'mac-aging-time': '60' } })
  host.ovsdb.plug('somebody', { name: 'eth9' })
  setInterface(host, 'br-int', { admin_state: 'down' })
  transact(
    host,
    mutate('Bridge', [['name', '==', 'br-int']], [['external_ids', 'insert', { 'bridge-id': 'br-int' }]]),
    update('Bridge', [['name', '==', 'br-int']], { fail_mode: 'standalone', protocols: ['OpenFlow10', 'OpenFlow13'] }),
  )
  return host
}

function addController(host: FakeHost, target: string, more: { readonly local_ip?: string } = {}): void {
  transact(
    host,
    insert('Controller', { target, inactivity_probe: 7_000, external_ids: { owner: 'them' }, ...more }, 'theirs'),
    mutate('Bridge', byUuid(bridge(host, 'br-int')._uuid), [['controller', 'insert', [named('theirs')]]]),
  )
}

const connected = (controller: Controller) =>
  controller.fabric.until(() => controller.fabric.hosts.get('h1')!.connected, 5_000)

describe('adopt', () => {
  test('a bridge that is there becomes Weft’s, its guests bind, and settled', async () => {
    const host = await foreignHost()
    const { name } = host.plug('red-a')
    const controller = await start(host)
    await controller.fabric.until(
      () => ['h1/br-ex', 'h1/br-tun'].every(target => controller.fabric.bridges.has(target)),
      5_000,
    )
    expect(controller.fabric.hosts.get('h1')!.problems).toEqual([
      'bridge br-int is there and not Weft’s: it is left alone (weft adopt h1)',
    ])
    const plan = controller.fabric.planAdoption('h1', NOTHING_SAID)
    expect(plan.refusals).toEqual([])
    expect(plan.steps.filter(step => !step.startsWith('bridge br-int becomes'))).toEqual([
      'bridge br-int was: fail_mode standalone, protocols OpenFlow10 OpenFlow13, hwaddr 0a:00:00:00:00:01; release brings that back',
      'bridge br-int loses its flows when its controller is set, and they do not come back; to see them: ovs-ofctl dump-flows br-int',
      'port eth9 has iface-id somebody: no port of the topology, so Weft gives it no packets',
      `port ${name} has iface-id red-a: it binds at once`,
      'bridge br-tun is Weft’s already',
      'bridge br-ex is Weft’s already',
    ])
    expect(bridge(host, 'br-int').external_ids.has('weft')).toBe(false)

    await controller.fabric.adopt('h1', NOTHING_SAID)
    await controller.settled(5_000)
    expect(bridge(host, 'br-int')).toMatchObject({ fail_mode: 'secure' })
    expect(bridge(host, 'br-int').external_ids.get('weft')).toBe('adopted')
    expect(controller.inputs.bindings.size).toBe(1)
    expect(controller.events.since(0).events.map(event => event.kind)).toContain('host-adopted')
  })

  const refused: readonly (readonly [string, (host: FakeHost) => void, Consent, RegExp])[] = [
    [
      'a controller of somebody else',
      host => addController(host, 'tcp:127.0.0.1:1'),
      NOTHING_SAID,
      /^bridge br-int has controller tcp:127.0.0.1:1: say --replace-controller/,
    ],
    [
      'a local port that is up',
      host => setInterface(host, 'br-int', { admin_state: 'up' }),
      NOTHING_SAID,
      /^bridge br-int may carry an address of the host: br-int is not down/,
    ],
    [
      'a local port whose state is not known',
      host => setInterface(host, 'br-int', { admin_state: undefined }),
      NOTHING_SAID,
      /^bridge br-int may carry an address/,
    ],
    [
      'an address that a controller gives it',
      host => addController(host, 'tcp:127.0.0.1:1', { local_ip: '192.0.2.7' }),
      SAID,
      /^bridge br-int carries address 192.0.2.7/,
    ],
    [
      'tunnels that leave by it',
      host => setInterface(host, 'eth9', { status: { tunnel_egress_iface: 'br-int' } }),
      SAID,
      /^bridge br-int carries the tunnels of the host: those of eth9 leave by br-int/,
    ],
    [
      'another datapath',
      host => transact(host, update('Bridge', [['name', '==', 'br-int']], { datapath_type: 'netdev' })),
      SAID,
      /^bridge br-int has datapath netdev, and the topology says system/,
    ],
    [
      'settings for its tables',
      host =>
        transact(
          host,
          insert('Flow_Table', { flow_limit: 9 }, 'limit'),
          mutate('Bridge', [['name', '==', 'br-int']], [['flow_tables', 'insert', new Map([[3, named('limit')]])]]),
        ),
      SAID,
      /^bridge br-int has settings of its own for tables 3/,
    ],
    [
      'a port of a name that Weft needs',
      host => host.ovsdb.plug('x', { name: 'patch-tun' }),
      SAID,
      /^port patch-tun is there and not Weft’s, and bridge br-int needs one of that name/,
    ],
  ]
  test.each(refused)('%s is refused, and nothing is done', async (_, prepare, consent, reason) => {
    const host = await foreignHost()
    prepare(host)
    const before = bridge(host, 'br-int')
    const controller = await start(host)
    await connected(controller)
    const { refusals, operations: steps } = await controller.fabric.adopt('h1', consent)
    expect(refusals).toEqual([expect.stringMatching(reason)])
    expect(steps).toEqual([])
    expect(bridge(host, 'br-int')).toEqual(before)
  })

  test('the bridge of a physical network keeps its card, as the way there', async () => {
    const host = await FakeHost.listen()
    disposing.push(() => host.close())
    host.ovsdb.addBridge('br-ex')
    transact(
      host,
      insert('Interface', { name: 'eth1' }, 'card'),
      insert('Port', { name: 'eth1', interfaces: [named('card')] }, 'port'),
      mutate('Bridge', [['name', '==', 'br-ex']], [['ports', 'insert', [named('port')]]]),
    )
    const controller = await start(host)
    await connected(controller)
    const consent = { ...NOTHING_SAID, carriesNoAddress: true }
    const { steps } = await controller.fabric.adopt('h1', consent)
    expect(steps).toContain('port eth1 stays, and is taken as a way to the physical network of br-ex')
    await controller.settled(5_000)
    expect([...controller.inputs.hosts.values()][0]?.providers['physnet1']?.uplinks).toHaveLength(1)
  })

  test('what is vouched for is believed', async () => {
    const host = await foreignHost()
    setInterface(host, 'br-int', { admin_state: 'up' })
    addController(host, 'tcp:127.0.0.1:1')
    const controller = await start(host)
    await connected(controller)
    expect((await controller.fabric.adopt('h1', SAID)).refusals).toEqual([])
    await controller.settled(5_000)
    expect(host.ovsdb.rows('Controller').map(row => row.target)).not.toContain('tcp:127.0.0.1:1')
  })
})

describe('release', () => {
  test.each([
    false,
    true,
  ])('an adopted host says again what it said before (another controller: %s)', async replaced => {
    const host = await foreignHost()
    if (replaced) addController(host, 'tcp:127.0.0.1:1')
    const before = projection(host)
    const controller = await start(host)
    await connected(controller)
    await controller.fabric.adopt('h1', SAID)
    await controller.settled(5_000)
    const plug = host.plug('red-a')
    await controller.fabric.until(() => controller.inputs.presences.size === 1, 5_000)
    await controller.settled(5_000)
    host.unplug(plug.name)

    expect(await controller.fabric.release('h1')).toBe(true)
    expect(projection(host)).toEqual(before)
    expect(controller.fabric.laggards()).toEqual([])
    expect(controller.inputs.hosts.size).toBe(0)
    expect(controller.fabric.planRelease('h1').steps).toEqual([])
  })

  test('the flows of a bridge that goes back to its controller are removed first', async () => {
    const host = await foreignHost()
    addController(host, 'tcp:127.0.0.1:1')
    const controller = await start(host)
    await connected(controller)
    await controller.fabric.adopt('h1', SAID)
    await controller.settled(5_000)
    host.plug('red-a')
    await controller.fabric.until(() => controller.inputs.bindings.size === 1, 5_000)
    await controller.settled(5_000)
    const made = host.bridge('br-int')
    expect(made.datapath.flows.size).toBeGreaterThan(10)
    expect(made.datapath.groups.size).toBeGreaterThan(0)
    await controller.fabric.release('h1')
    expect([made.datapath.flows.size, made.datapath.groups.size, made.datapath.meters.size]).toEqual([0, 0, 0])
  })

  test('a bridge of Weft’s with a port that is not stays, secure and without a mark', async () => {
    const host = await FakeHost.listen()
    disposing.push(() => host.close())
    const controller = await start(host)
    await controller.settled(5_000)
    host.plug('red-a', 'tap0')
    await controller.fabric.until(() => controller.inputs.bindings.size === 1, 5_000)
    await controller.settled(5_000)
    expect(controller.fabric.planRelease('h1').steps).toEqual([
      'bridge br-ex is deleted, with port phy-br-ex',
      'bridge br-int stays, for port tap0 is not Weft’s; it stays secure and forwards nothing until it is given flows',
      'bridge br-int loses its flows and Weft’s controller',
      'bridge br-int loses ports int-br-ex, patch-tun',
      'bridge br-tun is deleted, with ports patch-int, weft-gre, weft-vxlan',
    ])
    expect(await controller.fabric.release('h1')).toBe(true)
    const { bridges, ports, tables } = projection(host)
    expect(bridges.map(row => row.name)).toEqual(['br-int'])
    expect(bridges[0]).toMatchObject({ controllers: [], fail_mode: 'secure', ports: ['br-int', 'tap0'] })
    expect([bridges[0]!.external_ids.size, bridges[0]!.other_config.size, bridges[0]!.protocols.size]).toEqual([
      0, 0, 0,
    ])
    expect(ports.map(row => row.external_ids.size)).toEqual([0, 0])
    expect(tables).toBe(0)
  })

  test('a released host stays released, also for the next controller, until it is adopted', async () => {
    const host = await FakeHost.listen()
    const state = mkdtempSync(join(tmpdir(), 'weft-release-'))
    disposing.push(
      () => host.close(),
      () => rmSync(state, { recursive: true }),
    )
    const first = await start(host, { state })
    await first.settled(5_000)
    expect(await first.fabric.release('h1')).toBe(true)
    expect(host.ovsdb.rows('Bridge')).toEqual([])
    const { openflow } = first.endpoints
    await first.close()

    const second = await start(host, { state, openflow })
    await connected(second)
    await second.settled(5_000)
    expect(second.fabric.isReleased('h1')).toBe(true)
    expect(second.fabric.hosts.get('h1')).toMatchObject({ clean: true, transactions: 0 })
    await second.fabric.adopt('h1', NOTHING_SAID)
    await second.settled(5_000)
    expect([...host.switches.keys()].sort()).toEqual(['br-ex', 'br-int', 'br-tun'])
    expect(second.fabric.isReleased('h1')).toBe(false)
  })

  test('a release that was cut short goes on at the next start', async () => {
    const host = await foreignHost()
    const before = projection(host)
    const state = mkdtempSync(join(tmpdir(), 'weft-release-'))
    disposing.push(() => rmSync(state, { recursive: true }))
    const first = await start(host, { state })
    await connected(first)
    await first.fabric.adopt('h1', NOTHING_SAID)
    await first.settled(5_000)
    // The host cannot be reached when it is released.
    const { openflow } = first.endpoints
    const released = first.fabric.release('h1')
    await first.close()
    await released
    expect(bridge(host, 'br-int').external_ids.get('weft')).toBe('adopted')

    const second = await start(host, { state, openflow })
    await second.fabric.until(() => second.fabric.hosts.get('h1')!.clean, 10_000)
    expect(projection(host)).toEqual(before)
  })
})
