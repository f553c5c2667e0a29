import { duplexPair } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatSchema } from '../src/database-schema.ts'
import { asUuid, declaredSchema, type Json, type MonitorMethod, OvsdbSession, vswitch } from '../src/index.ts'
import { type IncomingRequest, JsonRpc } from '../src/jsonrpc.ts'
import { Replica } from '../src/replica.ts'
import { readRowUpdate, readRowUpdate2 } from '../src/table-updates.ts'

const A = asUuid('aaaaaaaa-0000-4000-8000-000000000000')
const B = asUuid('bbbbbbbb-0000-4000-8000-000000000000')

const columns = ['name', 'tag', 'trunks', 'external_ids']
const newReplica = () => new Replica(vswitch, new Map([['Port', columns]]))
const row = (name: string, tag: Json = ['set', []]): Json => ({
  name,
  tag,
  trunks: ['set', []],
  external_ids: ['map', []],
})

test('RFC updates: new, changed, gone', () => {
  const replica = newReplica()
  const batches: unknown[] = []
  replica.onChange = changes => batches.push(changes)
  replica.apply({ Port: { [A]: { new: row('a') } } }, readRowUpdate)
  const before = replica.tables['Port']?.get(A)
  replica.apply(
    { Port: { [A]: { old: { tag: ['set', []] }, new: row('a', 7) }, [B]: { new: row('b') } } },
    readRowUpdate,
  )
  const after = replica.tables['Port']?.get(A)
  replica.apply({ Port: { [A]: { old: row('a', 7) } } }, readRowUpdate)
  expect([before, after]).toMatchObject([{ tag: undefined }, { _uuid: A, name: 'a', tag: 7 }])
  expect(batches).toEqual([
    [{ table: 'Port', uuid: A, after: before }],
    [
      { table: 'Port', uuid: A, before, after },
      { table: 'Port', uuid: B, after: replica.tables['Port']?.get(B) },
    ],
    [{ table: 'Port', uuid: A, before: after }],
  ])
  expect([...(replica.tables['Port']?.keys() ?? [])]).toEqual([B])
})

test('what did not change is the same object', () => {
  const replica = newReplica()
  replica.apply({ Port: { [A]: { new: row('a') } } }, readRowUpdate)
  const read = () =>
    replica.tables['Port']?.get(A) as unknown as { readonly trunks: unknown; readonly external_ids: unknown }
  const before = read()
  replica.apply(
    { Port: { [A]: { old: { trunks: ['set', []] }, new: { ...(row('a') as object), trunks: ['set', [1]] } } } },
    readRowUpdate,
  )
  expect(read().external_ids).toBe(before.external_ids)
  expect(read().trunks).toEqual(new Set([1]))
  expect(before.trunks).toEqual(new Set())
})

test('an index follows rows in and out', () => {
  const replica = newReplica()
  const byTag = replica.index('Port', 'tag' as never)
  const byTrunk = replica.index('Port', 'trunks' as never)
  const byOwner = replica.index('Port', 'external_ids' as never, 'owner')
  const found = () => [byTag.get(7), byTrunk.get(2), byOwner.get('us')].map(rows => rows.map(({ _uuid }) => _uuid))
  expect(found()).toEqual([[], [], []])
  replica.apply(
    {
      Port: {
        [A]: { insert: { name: 'a', tag: 7, trunks: ['set', [1, 2]] } },
        [B]: { insert: { tag: 7, external_ids: ['map', [['owner', 'us']]] } },
      },
    },
    readRowUpdate2,
  )
  expect(found()).toEqual([[A, B], [A], [B]])
  replica.apply(
    {
      Port: {
        [A]: { modify: { trunks: 2 } },
        [B]: { modify: { external_ids: ['map', [['owner', 'them']]], trunks: 2 } },
      },
    },
    readRowUpdate2,
  )
  expect(found()).toEqual([[A, B], [B], []])
  replica.apply({ Port: { [B]: { delete: null } } }, readRowUpdate2)
  expect(found()).toEqual([[A], [], []])
  // One made later finds the rows that are there already.
  expect(replica.index('Port', 'name' as never).get('a')).toHaveLength(1)
  expect(() => replica.index('Port', 'status' as never)).toThrow('Port.status is not monitored')
})

/** A session with a server that answers get_schema itself and leaves all else to `answer`. */
const fakeServer = (answer: (request: IncomingRequest) => void) => {
  const [near, far] = duplexPair()
  const options = { inactivityProbe: 0 }
  const session = new OvsdbSession({ socket: near, peer: 'test', peerCommonName: undefined }, options)
  const schema = formatSchema(declaredSchema(vswitch))
  const request = (incoming: IncomingRequest): void =>
    incoming.method === 'get_schema' ? incoming.reply(schema) : answer(incoming)
  return { session, server: new JsonRpc(far, { request }, options) }
}

test('a server that knows only older methods is monitored by the newest of them', async () => {
  for (const known of [['monitor_cond', 'monitor'], ['monitor']]) {
    const asked: string[] = []
    const { session } = fakeServer(request => {
      asked.push(request.method)
      if (known.includes(request.method)) request.reply({})
      else request.fail({ error: 'unknown method' })
    })
    await session.monitor(vswitch, { Port: true })
    expect(asked).toEqual(['monitor_cond_since', 'monitor_cond', 'monitor'].slice(0, 4 - known.length))
    const wanted = session.monitor(vswitch, { Port: true }, { method: 'monitor_cond_since' })
    await expect(wanted).rejects.toThrow('unknown method')
    session.close()
  }
})

const known: Json = { Port: { [A]: { initial: { name: 'a' } } } }
const broken: readonly (readonly [string, MonitorMethod, Json, string])[] = [
  ['no object', 'monitor', [], 'no update of tables'],
  ['a table not monitored', 'monitor', { Bridge: {} }, 'which is not monitored'],
  ['a table named like an inherited property', 'monitor', { constructor: {} }, 'which is not monitored'],
  ['a table that is none', 'monitor', { Port: [] }, 'no update of a table'],
  ['a row without an id', 'monitor', { Port: { x: { new: {} } } }, '"x" is no UUID'],
  [
    'a value of another type',
    'monitor',
    { Port: { [B]: { new: row('b', 'seven') } } },
    'Port.tag: "seven" is no integer',
  ],
  ['a column missing', 'monitor', { Port: { [B]: { new: { name: 'b' } } } }, 'Port.tag is missing'],
  ['a row inserted twice', 'monitor', { Port: { [A]: { new: row('a') } } }, 'inserted twice'],
  ['an unknown row gone', 'monitor', { Port: { [B]: { old: {} } } }, 'unknown row'],
  ['nothing at all', 'monitor', { Port: { [B]: {} } }, 'unknown row'],
  [
    'an update2 of another type',
    'monitor_cond',
    { Port: { [A]: { modify: { trunks: ['set', ['x']] } } } },
    'Port.trunks',
  ],
  [
    'an update2 of a column not monitored',
    'monitor_cond',
    { Port: { [A]: { modify: { status: ['map', []] } } } },
    'column "status"',
  ],
  ['an update2 of an unknown row', 'monitor_cond', { Port: { [B]: { modify: { tag: 1 } } } }, 'unknown row'],
  ['an update2 of an unknown row gone', 'monitor_cond', { Port: { [B]: { delete: null } } }, 'unknown row'],
  ['an update2 of an unknown kind', 'monitor_cond', { Port: { [A]: { replace: {} } } }, 'is no update'],
  ['an update2 that is none', 'monitor_cond', { Port: { [A]: 7 } }, 'is no update'],
  ['an update3 with a row that is none', 'monitor_cond_since', { Port: { [B]: { insert: [1] } } }, 'is no row'],
  [
    'an update3 with a wrong map',
    'monitor_cond_since',
    { Port: { [A]: { modify: { external_ids: ['map', ['x']] } } } },
    'Port.external_ids',
  ],
]

test('of a message with something wrong in it nothing is applied', () => {
  const replica = newReplica()
  replica.onChange = () => expect.unreachable()
  const good = { [A]: { insert: { name: 'a' } } }
  expect(() => replica.apply({ Port: { ...good, [B]: { insert: { name: 7 } } } }, readRowUpdate2)).toThrow('Port.name')
  expect(replica.tables['Port']).toEqual(new Map())
})

describe('a wrong update ends the session with a reason', () => {
  test.each(broken)('%s (%s)', async (_, method, update, why) => {
    const { session, server } = fakeServer(request => {
      const rfc: Json = { Port: { [A]: { new: row('a') } } }
      request.reply(method === 'monitor' ? rfc : method === 'monitor_cond' ? known : [false, A, known])
      const notification = { monitor: 'update', monitor_cond: 'update2', monitor_cond_since: 'update3' }[method]
      const id = request.params[1] as Json
      server.notify(notification, method === 'monitor_cond_since' ? [id, A, update] : [id, update])
    })
    const replica = await session.monitor(vswitch, { Port: ['name', 'tag', 'trunks', 'external_ids'] }, { method })
    expect(await session.closed).toMatchObject({ kind: 'protocol error', message: expect.stringContaining(why) })
    expect([...replica.tables.Port.values()].map(({ name }) => name)).toEqual(['a'])
    server.close()
  })
})

test('whatever a server says, the session answers an echo or ends with a reason', async () => {
  const word = fc.constantFrom(
    'Port',
    A,
    B,
    'new',
    'old',
    'insert',
    'modify',
    'delete',
    'name',
    'tag',
    'set',
    'map',
    'uuid',
  )
  const { json } = fc.letrec<{ json: Json }>(tie => ({
    json: fc.oneof(
      { depthSize: 'medium' },
      fc.oneof(word, fc.constantFrom<Json[]>(null, true, 7, 1.5, '__proto__')),
      fc.array(tie('json'), { maxLength: 3 }),
      fc.dictionary(fc.oneof(word, fc.constant('constructor')), tie('json'), { maxKeys: 3 }),
    ),
  }))
  const inRow = fc.dictionary(
    fc.constantFrom(A, B),
    fc.dictionary(fc.constantFrom('new', 'old', 'insert', 'modify', 'delete'), json),
  )
  const methods = fc.constantFrom('update', 'update2', 'update3', 'locked', 'stolen', 'echo', 'monitor_canceled')
  const updates = fc.oneof(
    json,
    inRow.map(Port => ({ Port })),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(methods, updates), { maxLength: 5 }), json, async (messages, answer) => {
      const { session, server } = fakeServer(request => {
        request.reply(request.method === 'monitor' ? {} : answer)
        const id = request.params[1] as Json
        for (const [method, update] of messages)
          server.notify(method, method === 'update3' ? [id, A, update] : [id, update])
      })
      await session.monitor(vswitch, { Port: ['name', 'tag', 'trunks', 'external_ids'] }, { method: 'monitor' })
      session.listDbs().catch(() => {})
      const ended = await Promise.race([
        session.closed,
        session.echo().then(
          () => 'alive',
          () => session.closed,
        ),
      ])
      if (ended !== 'alive') expect(await session.closed).toMatchObject({ kind: 'protocol error' })
      session.close()
      server.close()
    }),
    { numRuns: 300 },
  )
})
