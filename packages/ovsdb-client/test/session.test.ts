import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, expectTypeOf, test } from 'vitest'
import {
  abort,
  all,
  assert,
  byUuid,
  comment,
  connectOvsdb,
  database,
  integer,
  isUuid,
  monitorMethods,
  named,
  OvsdbError,
  type OvsdbSession,
  operations,
  RequestTimeout,
  SchemaMismatch,
  set,
  string,
  table,
  type Uuid,
  vswitch,
} from '../src/index.ts'
import { hasOvs } from './real-server.ts'
import { dump, servers, type TestServer } from './servers.ts'

const { insert, select, update, mutate, deleteRows, wait } = operations(vswitch)

const addBridge = (session: OvsdbSession, name: string) =>
  session.transact(vswitch, [
    insert('Interface', { name, type: 'internal' }, 'interface'),
    insert('Port', { name, interfaces: [named('interface')] }, 'port'),
    insert('Bridge', { name, ports: [named('port')], fail_mode: 'secure', external_ids: { owner: 'us' } }, 'bridge'),
    mutate('Open_vSwitch', all, [['bridges', 'insert', [named('bridge')]]]),
  ])

const addPort = (session: OvsdbSession, bridge: string, name: string) =>
  session.transact(vswitch, [
    insert('Interface', { name, external_ids: { 'iface-id': `id-${name}` } }, 'interface'),
    insert('Port', { name, interfaces: [named('interface')] }, 'port'),
    mutate('Bridge', [['name', '==', bridge]], [['ports', 'insert', [named('port')]]]),
  ])

describe.each(servers)('a session with %s', (_, start) => {
  let server: TestServer
  let session: OvsdbSession
  let other: OvsdbSession
  beforeAll(async () => {
    server = await start()
    const first = await connectOvsdb(server.address)
    await first.transact(vswitch, [insert('Open_vSwitch', {})])
    first.close()
  })
  afterAll(() => server?.stop())
  beforeEach(async () => {
    session = await connectOvsdb(server.address)
    other = await connectOvsdb(server.address)
    await session.transact(vswitch, [update('Open_vSwitch', all, { bridges: [], next_cfg: 0 })])
  })
  afterEach(() => {
    session.close()
    other.close()
  })

  test('knows the databases and their schemas', async () => {
    expect(await session.listDbs()).toContain('Open_vSwitch')
    expect((await session.getSchema('Open_vSwitch')).tables.get('Bridge')?.columns.get('name')?.mutable).toBe(false)
    await expect(session.getSchema('Nothing')).rejects.toThrow(expect.objectContaining({ error: 'unknown database' }))
  })

  test('a transaction answers with what its operations promise', async () => {
    const [, , { uuid }, { count }] = await addBridge(session, 'br-int')
    expect([isUuid(uuid), count]).toEqual([true, 1])
    const [, , rows, bridges, none] = await session.transact(vswitch, [
      comment('a look'),
      mutate('Open_vSwitch', all, [['next_cfg', '+=', 1]]),
      select('Open_vSwitch', all, ['next_cfg']),
      select('Bridge', [['name', '==', 'br-int']]),
      select('Bridge', [['external_ids', 'excludes', { owner: 'us' }]], []),
    ])
    expect(rows).toMatchObject([{ next_cfg: 1 }])
    expect(bridges).toMatchObject([{ _uuid: uuid, name: 'br-int', fail_mode: 'secure', datapath_id: undefined }])
    expect(bridges[0]?.external_ids).toEqual(new Map([['owner', 'us']]))
    expect(none).toEqual([])
  })

  test('a transaction that fails does nothing, and says why and where', async () => {
    await addBridge(session, 'br-int')
    const failing = session.transact(vswitch, [deleteRows('Port', all), insert('Flow_Table', { flow_limit: -1 })])
    await expect(failing).rejects.toThrow(
      expect.objectContaining({ name: 'OvsdbError', error: 'constraint violation', index: 1 }),
    )
    await expect(addBridge(session, 'br-int')).rejects.toThrow(
      expect.objectContaining({ error: 'constraint violation', index: undefined, method: 'transact' }),
    )
    await expect(session.transact(vswitch, [deleteRows('Port', all), abort()])).rejects.toThrow('aborted')
    const [ports] = await session.transact(vswitch, [select('Port', all, ['name'])])
    expect(ports).toMatchObject([{ name: 'br-int' }])
  })

  test.each(monitorMethods)('%s: the replica follows, each transaction as one batch', async method => {
    await addBridge(other, 'br-old')
    const replica = await session.monitor(
      vswitch,
      { Bridge: ['name', 'ports'], Port: true, Interface: ['name', 'external_ids'] },
      { method },
    )
    const batches: string[][] = []
    replica.onChange = changes => {
      batches.push(
        changes.map(({ table: name, before, after }) => `${before ? (after ? '*' : '-') : '+'}${name}`).sort(),
      )
      for (const change of changes) {
        if (change.table === 'Bridge') expectTypeOf(change.after?.ports).toEqualTypeOf<ReadonlySet<Uuid> | undefined>()
        // @ts-expect-error a column that was not selected
        change.table === 'Bridge' && change.after?.fail_mode
      }
    }
    const ofId = replica.index('Interface', 'external_ids', 'iface-id')
    const ofPort = replica.index('Bridge', 'ports')
    await addPort(other, 'br-old', 'tap1')
    await session.echo()
    const [tap] = ofId.get('id-tap1')
    const port = [...replica.tables.Port.values()].find(({ interfaces }) => interfaces.has(tap?._uuid as Uuid))
    expect(ofPort.get(port?._uuid as Uuid)).toMatchObject([{ name: 'br-old' }])
    await other.transact(vswitch, [
      update('Interface', byUuid(tap?._uuid as Uuid), { external_ids: { 'iface-id': 'new' } }),
    ])
    await other.transact(vswitch, [update('Interface', byUuid(tap?._uuid as Uuid), { mtu_request: 1400 })])
    await other.transact(vswitch, [mutate('Bridge', all, [['ports', 'delete', [port?._uuid as Uuid]]])])
    await session.echo()
    expect(batches).toEqual([['*Bridge', '+Interface', '+Port'], ['*Interface'], ['*Bridge', '-Interface', '-Port']])
    expect([ofId.get('id-tap1'), ofId.get('new'), ofPort.get(port?._uuid as Uuid)]).toEqual([[], [], []])
    await session.cancelMonitor(replica)
    await addPort(other, 'br-old', 'tap2')
    await session.echo()
    expect(batches).toHaveLength(3)
  })

  test.each(['monitor_cond_since', 'monitor_cond'] as const)('%s: rows come and go with a condition', async method => {
    await addBridge(other, 'br-int')
    const replica = await session.monitor(
      vswitch,
      { Port: ['name', 'tag'] },
      {
        method,
        where: {
          Port: [
            ['tag', '==', 7],
            ['tag', '==', 8],
          ],
        },
      },
    )
    const tags = async () => {
      await session.echo()
      return [...replica.tables.Port.values()].map(({ tag }) => tag)
    }
    expect(await tags()).toEqual([])
    for (const [tag, expected] of [
      [7, [7]],
      [8, [8]],
      [9, []],
      [8, [8]],
      [undefined, []],
    ] as const) {
      await other.transact(vswitch, [update('Port', all, { tag })])
      expect(await tags()).toEqual(expected)
    }
  })

  test('a client sees its own change before the answer', async () => {
    const replica = await session.monitor(vswitch, { Bridge: ['name'] })
    const [, , { uuid }] = await addBridge(session, 'br-int')
    expect(replica.tables.Bridge.get(uuid)?.name).toBe('br-int')
  })

  test('a wait is fulfilled by another client, or times out', async () => {
    const until = (timeout?: number) => wait('Open_vSwitch', all, ['next_cfg'], '==', [{ next_cfg: 5 }], timeout)
    await expect(session.transact(vswitch, [until(0)])).rejects.toThrow('timed out')
    await expect(session.transact(vswitch, [until(1)])).rejects.toThrow('timed out')
    const waiting = session.transact(vswitch, [until(), mutate('Open_vSwitch', all, [['next_cfg', '+=', 1]])])
    // Before the wait has reached the server there is nothing to fulfil.
    await session.echo()
    await other.transact(vswitch, [update('Open_vSwitch', all, { next_cfg: 4 })])
    await other.transact(vswitch, [update('Open_vSwitch', all, { next_cfg: 5 })])
    await waiting
    const [rows] = await other.transact(vswitch, [select('Open_vSwitch', all, ['next_cfg'])])
    expect(rows).toMatchObject([{ next_cfg: 6 }])
  })

  test('a transaction given up does not happen later', async () => {
    const late = session.transact(
      vswitch,
      [wait('Open_vSwitch', all, ['next_cfg'], '==', [{ next_cfg: 5 }]), update('Open_vSwitch', all, { cur_cfg: 5 })],
      { timeout: 1 },
    )
    await expect(late).rejects.toThrow(RequestTimeout)
    await session.echo()
    await other.transact(vswitch, [update('Open_vSwitch', all, { next_cfg: 5 })])
    const [rows] = await session.transact(vswitch, [select('Open_vSwitch', all, ['cur_cfg'])])
    expect(rows).toMatchObject([{ cur_cfg: 0 }])
  })

  test('concurrent transactions each count', async () => {
    const increment = (from: OvsdbSession) =>
      from.transact(vswitch, [mutate('Open_vSwitch', all, [['next_cfg', '+=', 1]])])
    await Promise.all(Array.from({ length: 100 }, (_, n) => increment(n % 2 === 0 ? session : other)))
    const [rows] = await session.transact(vswitch, [select('Open_vSwitch', all, ['next_cfg'])])
    expect(rows).toMatchObject([{ next_cfg: 100 }])
  })

  test('a lock has one owner, is passed on and can be stolen', async () => {
    const events: string[] = []
    const { promise: passedOn, resolve } = Promise.withResolvers<void>()
    session.onLock = (...event) => events.push(`session ${event.join(' ')}`)
    other.onLock = (...event) => {
      events.push(`other ${event.join(' ')}`)
      resolve()
    }
    const lock = 'leader'
    const owned = (by: OvsdbSession) =>
      by.transact(vswitch, [assert(lock)]).then(
        () => true,
        (error: OvsdbError) => error.error,
      )
    expect([await session.lock(lock), await other.lock(lock)]).toEqual([true, false])
    expect([await owned(session), await owned(other)]).toEqual([true, 'not owner'])
    await session.unlock(lock)
    await passedOn
    expect([await owned(session), await owned(other)]).toEqual(['not owner', true])
    await session.steal(lock)
    await other.echo()
    expect(await owned(session)).toBe(true)
    expect(events).toEqual(['other leader locked', 'other leader stolen'])
  })

  test('a schema that lacks a column is refused by name, the session goes on', async () => {
    const wrong = database('Open_vSwitch', { Bridge: table({ name: integer, colour: string, protocols: set(string) }) })
    const monitoring = session.monitor(wrong, { Bridge: true })
    await expect(monitoring).rejects.toThrow(SchemaMismatch)
    await expect(monitoring).rejects.toThrow(
      expect.objectContaining({ problems: ['Bridge.name is string, not integer', 'there is no column Bridge.colour'] }),
    )
    await session.echo()
  })

  test('what a server would end the session for is refused before it is sent', async () => {
    expect(() => insert('Flow_Table', { name: 'a\0b' })).toThrow(TypeError)
    expect(() => insert('Flow_Table', { name: '\ud83d' })).toThrow(TypeError)
    await session.transact(vswitch, [insert('Flow_Table', { name: '😀"\\\n\u0001' })])
    await session.echo()
  })

  test.skipIf(!hasOvs)('after random histories every replica holds what ovsdb-client dumps', async () => {
    const names = fc.constantFrom('a', 'b', 'c')
    const pairs = fc.dictionary(names, names)
    const actions: fc.Arbitrary<(by: OvsdbSession) => Promise<unknown>> = fc.oneof(
      names.map(name => (by: OvsdbSession) => addBridge(by, `br-${name}`)),
      fc.tuple(names, names).map(
        ([bridge, name]) =>
          (by: OvsdbSession) =>
            addPort(by, `br-${bridge}`, name),
      ),
      names.map(
        name => (by: OvsdbSession) =>
          by.transact(vswitch, [update('Bridge', [['name', '==', `br-${name}`]], { ports: [] })]),
      ),
      fc.tuple(names, pairs).map(
        ([name, ids]) =>
          (by: OvsdbSession) =>
            by.transact(vswitch, [
              mutate(
                'Interface',
                [['name', '==', name]],
                [
                  ['external_ids', 'insert', ids],
                  ['options', 'insert', ids],
                ],
              ),
            ]),
      ),
      fc.tuple(names, fc.array(names)).map(
        ([name, keys]) =>
          (by: OvsdbSession) =>
            by.transact(vswitch, [mutate('Interface', [['name', '!=', name]], [['external_ids', 'delete', keys]])]),
      ),
      fc.tuple(names, fc.option(fc.nat(9), { nil: undefined })).map(
        ([name, tag]) =>
          (by: OvsdbSession) =>
            by.transact(vswitch, [update('Port', [['name', '==', name]], { tag })]),
      ),
      fc.tuple(names, fc.array(fc.nat(9))).map(
        ([name, vlans]) =>
          (by: OvsdbSession) =>
            by.transact(vswitch, [mutate('Port', [['name', '==', name]], [['trunks', 'insert', [...new Set(vlans)]]])]),
      ),
      fc.constant((by: OvsdbSession) => by.transact(vswitch, [update('Open_vSwitch', all, { bridges: [] })])),
    )
    const everything = {
      Open_vSwitch: true,
      Bridge: true,
      Port: true,
      Interface: true,
      Controller: true,
      Manager: true,
      Flow_Table: true,
    } as const
    const replicas = await Promise.all(monitorMethods.map(method => session.monitor(vswitch, everything, { method })))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(actions, fc.boolean()), { minLength: 5, maxLength: 25 }), async history => {
        await Promise.all(
          history.map(([action, mine]) =>
            action(mine ? session : other).catch((error: unknown) => expect(error).toBeInstanceOf(OvsdbError)),
          ),
        )
        await session.echo()
        const expected = await dump(server.address)
        for (const replica of replicas) expect(replica.tables).toEqual(expected)
      }),
      { numRuns: 25 },
    )
  })
})
