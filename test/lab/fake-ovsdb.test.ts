import { byUuid, connectOvsdb, listenOvsdb, named, type OvsdbSession, operations, vswitch } from 'ovsdb-client'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeOvsdb } from '../../src/lab/fake-ovsdb.ts'

const { insert, mutate, update, wait } = operations(vswitch)

let host: FakeOvsdb
let session: OvsdbSession
const root = () => host.rows('Open_vSwitch')[0]!._uuid

beforeEach(async () => {
  host = await FakeOvsdb.listen()
  session = await connectOvsdb(host.address)
})
afterEach(async () => {
  session.close()
  await host.close()
})

const addBridge = (name: string, targets: readonly string[] = []) =>
  session.transact(vswitch, [
    insert('Interface', { name, type: 'internal' }, 'interface'),
    insert('Port', { name, interfaces: [named('interface')] }, 'port'),
    ...targets.map((target, at) => insert('Controller', { target }, `controller${at}`)),
    insert(
      'Bridge',
      {
        name,
        ports: [named('port')],
        controller: targets.map((_, at) => named(`controller${at}`)),
        other_config: { 'datapath-id': '00000000000000aa' },
      },
      'bridge',
    ),
    mutate('Open_vSwitch', byUuid(root()), [
      ['bridges', 'insert', [named('bridge')]],
      ['next_cfg', '+=', 1],
    ]),
  ])

const untilConfigured = async () => {
  const { next_cfg } = host.rows('Open_vSwitch')[0]!
  await session.transact(vswitch, [wait('Open_vSwitch', [], ['cur_cfg'], '==', [{ cur_cfg: next_cfg }])])
}

test('a bridge gets its datapath id, its own port 65534 and cur_cfg', async () => {
  await addBridge('br-int')
  await untilConfigured()
  expect(host.rows('Bridge')).toMatchObject([{ name: 'br-int', datapath_id: '00000000000000aa' }])
  expect(host.rows('Interface')).toMatchObject([{ name: 'br-int', ofport: 65534, link_state: 'up' }])
  expect(host.rows('Interface')[0]?.mac_in_use).toMatch(/^02(:[0-9a-f]{2}){5}$/)
})

test('guests get numbers upward, a freed one is not given again at once', async () => {
  await addBridge('br-int')
  expect(host.plug('port-a')).toMatchObject({ name: 'vnet0', ofport: 1 })
  expect(host.plug('port-b', { name: 'tap-b' })).toMatchObject({ name: 'tap-b', ofport: 2 })
  host.unplug('tap-b')
  expect(host.plug('port-b', { name: 'tap-b' })).toMatchObject({ name: 'tap-b', ofport: 3 })
  expect(host.rows('Interface').map(row => row.external_ids.get('iface-id'))).toEqual([undefined, 'port-a', 'port-b'])
  expect(() => host.plug('port-c', { bridge: 'br-ex' })).toThrow('there is no bridge br-ex')
  expect(() => host.unplug('tap-c')).toThrow('there is no port tap-c')
})

test('ofport_request is honoured, on a live port at once, and not if the number is taken', async () => {
  await addBridge('br-int')
  const { uuid, ofport } = host.plug('port-a')
  const taken = host.plug('port-b')
  const ofportOf = (id: string) => host.rows('Interface').find(row => row._uuid === id)?.ofport
  await session.transact(vswitch, [update('Interface', byUuid(uuid), { ofport_request: 77 })])
  await session.echo()
  expect([ofport, ofportOf(uuid)]).toEqual([1, 77])
  await session.transact(vswitch, [update('Interface', byUuid(taken.uuid), { ofport_request: 77 })])
  await session.echo()
  expect(ofportOf(taken.uuid)).toBe(2)
})

test('a replica sees a plugged guest with its number', async () => {
  await addBridge('br-int')
  const replica = await session.monitor(vswitch, { Interface: ['name', 'ofport', 'external_ids'] })
  const index = replica.index('Interface', 'external_ids', 'iface-id')
  const { promise, resolve } = Promise.withResolvers<number>()
  replica.onChange = () => {
    const ofport = index.get('port-a')[0]?.ofport
    if (ofport !== undefined) resolve(ofport)
  }
  host.plug('port-a')
  expect(await promise).toBe(1)
})

test('tells of controllers when a bridge gets, changes and loses them', async () => {
  const told: unknown[] = []
  host.onController = (...news) => told.push(news)
  await addBridge('br-tun')
  await session.echo()
  expect(told).toEqual([])
  await addBridge('br-int', ['tcp:192.0.2.1:6653', 'tcp:192.0.2.2:6653'])
  await untilConfigured()
  const bridge = host.rows('Bridge').find(({ name }) => name === 'br-int')!
  const [controller] = bridge.controller
  await session.transact(vswitch, [update('Controller', byUuid(controller!), { target: 'tcp:192.0.2.3:6653' })])
  await session.transact(vswitch, [
    update('Bridge', byUuid(bridge._uuid), { other_config: { 'datapath-id': '00000000000000bb' } }),
  ])
  await session.echo()
  const remaining = host.rows('Controller').map(({ target }) => target)
  host.setConnected('br-int', remaining[0]!, true)
  expect(host.rows('Controller').filter(row => row.is_connected)).toHaveLength(1)
  host.deleteBridge('br-int')
  expect(told).toEqual([
    ['br-int', '00000000000000aa', ['tcp:192.0.2.1:6653', 'tcp:192.0.2.2:6653']],
    ['br-int', '00000000000000aa', remaining.sort()],
    ['br-int', '00000000000000bb', remaining.sort()],
    ['br-int', '', []],
  ])
  expect(host.rows('Controller')).toEqual([])
})

test('dials a controller that listens', async () => {
  const { promise, resolve } = Promise.withResolvers<OvsdbSession>()
  const listener = await listenOvsdb({ transport: 'tcp', host: '127.0.0.1', port: 0 }, { onSession: resolve })
  await host.dial(listener.address)
  const dialled = await promise
  expect(await dialled.listDbs()).toEqual(['Open_vSwitch'])
  dialled.close()
  listener.close()
})
