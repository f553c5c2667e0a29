import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { all, byUuid, connectOvsdb, named, type OvsdbSession, operations, vswitch } from '../src/index.ts'
import { hasOvs, RealServer } from './real-server.ts'

const { insert, mutate, select, update } = operations(vswitch)

describe.skipIf(!hasOvs)('a session with a real ovsdb-server', () => {
  let server: RealServer
  let session: OvsdbSession
  beforeAll(async () => {
    server = await RealServer.start()
    session = await connectOvsdb(await server.tcp())
  })
  afterAll(async () => {
    session.close()
    await server.stop()
  })

  test('transact, select and monitor', async () => {
    const replica = await session.monitor(vswitch, {
      Bridge: ['name', 'ports', 'external_ids', 'fail_mode'],
      Port: true,
      Interface: true,
      Open_vSwitch: true,
    })
    const changes: string[] = []
    replica.onChange = batch => {
      changes.push(
        batch
          .map(change => `${change.table} ${change.before ? (change.after ? 'changed' : 'gone') : 'new'}`)
          .sort()
          .join(', '),
      )
    }
    const [{ uuid: root }] = await session.transact(vswitch, [insert('Open_vSwitch', {})])
    const [bridge] = await session.transact(vswitch, [
      insert(
        'Bridge',
        {
          name: 'br-int',
          fail_mode: 'secure',
          protocols: ['OpenFlow15'],
          ports: [named('port')],
          external_ids: { owner: 'weft' },
        },
        'bridge',
      ),
      insert('Port', { name: 'br-int', interfaces: [named('iface')] }, 'port'),
      insert('Interface', { name: 'br-int', type: 'internal' }, 'iface'),
      mutate('Open_vSwitch', byUuid(root), [
        ['bridges', 'insert', [named('bridge')]],
        ['next_cfg', '+=', 1],
      ]),
    ])
    const [rows] = await session.transact(vswitch, [
      select('Bridge', [['name', '==', 'br-int']], ['name', 'fail_mode']),
    ])
    expect(rows).toEqual([{ _uuid: bridge.uuid, name: 'br-int', fail_mode: 'secure' }])
    const row = replica.tables.Bridge.get(bridge.uuid)
    expect(row?.external_ids).toEqual(new Map([['owner', 'weft']]))
    expect(row?.ports.size).toBe(1)
    await session.transact(vswitch, [update('Open_vSwitch', all, { bridges: [] })])
    expect(replica.tables.Bridge.size).toBe(0)
    expect(changes).toEqual([
      'Open_vSwitch new',
      'Bridge new, Interface new, Open_vSwitch changed, Port new',
      'Bridge gone, Interface gone, Open_vSwitch changed, Port gone',
    ])
  })
})
