import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  connectOvsdb,
  type Database,
  type Json,
  type JsonObject,
  type Operation,
  OvsdbError,
  type OvsdbSession,
  parseSchema,
} from '../../src/index.ts'
import { OvsdbServer } from '../../src/server/index.ts'
import { hasOvs, RealServer, temporaryDirectory } from '../real-server.ts'

/** Every kind of column and reference: Root -> Middle -> Leaf, and Watch with weak references to Leaf. */
const SCHEMA: JsonObject = {
  name: 'Trial',
  version: '1.0.0',
  tables: {
    Root: {
      isRoot: true,
      maxRows: 3,
      indexes: [['name']],
      columns: {
        name: { type: 'string' },
        fixed: { type: 'integer', mutable: false },
        integer: { type: { key: { type: 'integer', minInteger: -9, maxInteger: 9 } } },
        real: { type: 'real' },
        boolean: { type: 'boolean' },
        optional: { type: { key: 'integer', min: 0, max: 1 } },
        color: { type: { key: { type: 'string', enum: ['set', ['red', 'blue']] }, min: 0, max: 1 } },
        few: { type: { key: 'integer', min: 0, max: 3 } },
        some: { type: { key: 'string', min: 1, max: 'unlimited' } },
        texts: { type: { key: 'string', value: 'string', min: 0, max: 'unlimited' } },
        counts: { type: { key: 'integer', value: 'integer', min: 0, max: 2 } },
        middle: { type: { key: { type: 'uuid', refTable: 'Middle' }, min: 0, max: 1 } },
        leaves: { type: { key: 'string', value: { type: 'uuid', refTable: 'Leaf' }, min: 0, max: 'unlimited' } },
      },
    },
    Middle: {
      columns: {
        leaves: { type: { key: { type: 'uuid', refTable: 'Leaf' }, min: 0, max: 'unlimited' } },
        peer: { type: { key: { type: 'uuid', refTable: 'Middle' }, min: 0, max: 1 } },
      },
    },
    Leaf: {
      maxRows: 3,
      columns: {
        name: { type: { key: { type: 'string', maxLength: 3 } } },
        number: { type: 'integer' },
      },
    },
    Watch: {
      isRoot: true,
      columns: {
        leaves: { type: { key: { type: 'uuid', refTable: 'Leaf', refType: 'weak' }, min: 0, max: 'unlimited' } },
        leaf: { type: { key: { type: 'uuid', refTable: 'Leaf', refType: 'weak' }, min: 1, max: 2 } },
      },
    },
  },
}

const tables = { Root: 'a', Middle: 'b', Leaf: 'c' } as const
type TableName = keyof typeof tables
const ids = (table: TableName) =>
  [0, 1, 2].map(n => ['uuid', `${tables[table].repeat(8)}-0000-4000-8000-00000000000${n}`])

/** Mostly what the schema allows, now and then what it does not. */
const mostly = (good: fc.Arbitrary<Json>, bad: fc.Arbitrary<Json>) =>
  fc.oneof({ weight: 30, arbitrary: good }, { weight: 1, arbitrary: bad })
const int = fc.integer({ min: -9, max: 9 })
const text = fc.constantFrom('', 'a', 'b', 'red', 'ü')
const id = (table: TableName) => fc.constantFrom(...ids(table))
const junk = fc.constantFrom<Json[]>(11, 'long', true, null, ['set', [1, 1]], ['map', [[1, 1, 1]]], ['uuid', 'x'], {})
const setOf = (atom: fc.Arbitrary<Json>, maxLength = 3) =>
  fc.oneof(
    atom,
    fc.uniqueArray(atom, { maxLength, comparator: 'SameValueZero' }).map((atoms): Json => ['set', atoms]),
  )
const mapOf = (key: fc.Arbitrary<Json>, value: fc.Arbitrary<Json>, maxLength = 3) =>
  fc.uniqueArray(fc.tuple(key, value), { maxLength, selector: ([own]) => own }).map((pairs): Json => ['map', pairs])

const columns: Readonly<Record<TableName, Readonly<Record<string, fc.Arbitrary<Json>>>>> = {
  Root: {
    name: mostly(text, junk),
    fixed: mostly(int, junk),
    integer: mostly(int, junk),
    real: mostly(fc.constantFrom(0, 1.5, -2.25), junk),
    boolean: mostly(fc.boolean(), junk),
    optional: mostly(setOf(int, 1), junk),
    color: mostly(setOf(fc.constantFrom('red', 'blue'), 1), junk),
    few: mostly(setOf(int, 3), setOf(int, 4)),
    some: mostly(
      setOf(text).map(json => ((json as Json[])[1]?.toString() === '' ? 'x' : json)),
      junk,
    ),
    texts: mostly(mapOf(text, text), junk),
    counts: mostly(mapOf(int, int, 2), mapOf(int, int)),
    middle: mostly(setOf(id('Middle'), 1), junk),
    leaves: mostly(mapOf(text, id('Leaf')), junk),
  },
  Middle: { leaves: mostly(setOf(id('Leaf')), junk), peer: mostly(setOf(id('Middle'), 1), junk) },
  Leaf: { name: mostly(text, junk), number: mostly(int, junk) },
}

const tableName = fc.constantFrom<TableName[]>('Root', 'Middle', 'Leaf')
/** Some columns of a row; `fixed`, which only an insert may set, as seldom as told. */
const rowOf = (table: TableName, fixed = 0.02): fc.Arbitrary<JsonObject> =>
  fc
    .tuple(
      fc.record(columns[table]),
      fc.subarray(Object.keys(columns[table]), { maxLength: table === 'Root' ? 4 : 2 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
    )
    .map(([row, names, chance]) =>
      Object.fromEntries(
        names.filter(name => name !== 'fixed' || chance < fixed).map(name => [name, row[name] as Json]),
      ),
    )

const columnOf = (table: TableName) => fc.constantFrom(...Object.keys(columns[table]))
const condition = (table: TableName): fc.Arbitrary<Json> =>
  fc.oneof(
    { weight: 3, arbitrary: id(table).map((own): Json => ['_uuid', '==', own]) },
    {
      weight: 1,
      arbitrary: columnOf(table).chain(column =>
        fc
          .tuple(
            fc.constantFrom(
              '==',
              '!=',
              'includes',
              'excludes',
              '==',
              '!=',
              'includes',
              'excludes',
              '<',
              '<=',
              '>',
              '>=',
              '~',
            ),
            columns[table][column] as fc.Arbitrary<Json>,
          )
          .map(([name, value]): Json => [column, name, value]),
      ),
    },
  )
const where = (table: TableName) => fc.array(condition(table), { maxLength: 2 })
const ofColumn = (table: TableName): fc.Arbitrary<Json> =>
  columnOf(table).chain(column =>
    fc
      .tuple(fc.constantFrom('insert', 'delete'), columns[table][column] as fc.Arbitrary<Json>)
      .map(([name, argument]): Json => [column, name, argument]),
  )
const byKey = fc
  .tuple(fc.constantFrom('texts', 'leaves'), setOf(text))
  .map(([column, keys]): Json => [column, 'delete', keys])
const arithmetic = fc
  .tuple(
    fc.constantFrom('integer', 'real', 'optional', 'few', 'integer', 'real', 'optional', 'few', 'fixed'),
    fc.constantFrom('+=', '-=', '*=', '/=', '%=', '+=', '-=', '*=', '/=', '%=', '^='),
    fc.integer({ min: -2, max: 2 }),
  )
  .map(([column, name, argument]): Json => [column, name, argument])
const mutation = (table: TableName): fc.Arbitrary<Json> =>
  fc.oneof(
    { weight: 3, arbitrary: ofColumn(table) },
    ...(table === 'Root'
      ? [
          { weight: 1, arbitrary: byKey },
          { weight: 2, arbitrary: arithmetic },
        ]
      : []),
  )

const operation: fc.Arbitrary<JsonObject> = tableName.chain(table =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .tuple(id(table), rowOf(table, 1))
        .map(([uuid, row]): JsonObject => ({ op: 'insert', table, uuid: uuid[1] as string, row })),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(where(table), rowOf(table))
        .map(([tests, row]): JsonObject => ({ op: 'update', table, where: tests, row })),
    },
    {
      weight: 3,
      arbitrary: fc
        .tuple(where(table), fc.array(mutation(table), { minLength: 1, maxLength: 2 }))
        .map(([tests, mutations]): JsonObject => ({ op: 'mutate', table, where: tests, mutations })),
    },
    { weight: 1, arbitrary: where(table).map((tests): JsonObject => ({ op: 'delete', table, where: tests })) },
    {
      weight: 1,
      arbitrary: fc.tuple(where(table), columnOf(table), fc.constantFrom('==', '!='), rowOf(table)).map(
        ([tests, column, until, row]): JsonObject => ({
          op: 'wait',
          table,
          where: tests,
          columns: [column],
          until,
          rows: Object.hasOwn(row, column) ? [{ [column]: row[column] as Json }] : [],
          timeout: 0,
        }),
      ),
    },
    {
      weight: 1,
      arbitrary: where(table).map(
        (tests): JsonObject => ({
          op: 'select',
          table,
          where: tests,
          columns: ['_uuid', ...Object.keys(columns[table])],
        }),
      ),
    },
  ),
)

const bySize = (a: Json, b: Json): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)
const sortedKeys = (row: Json): Json => Object.fromEntries(Object.entries(withoutMinusZero(row)).sort())
/** ovsdb-server tells -0 from 0 in what it sends, though not in what it compares. */
const withoutMinusZero = (row: Json): JsonObject => JSON.parse(JSON.stringify(row)) as JsonObject
/** A result with its rows in an order that does not depend on the server. */
const inOrder = (result: Json): Json => {
  const { rows, ...rest } = result as { rows?: Json[] }
  return rows ? { ...rest, rows: rows.map(sortedKeys).sort(bySize) } : rest
}

const raw = (wire: JsonObject): Operation<Json> => ({ wire, result: inOrder })
const database: Database = { name: 'Trial', tables: {} }

/** Errors in reading an operation: of two in one, each server reports the one it comes to first. */
const MISTAKES = ['syntax error', 'ovsdb error', 'constraint violation', 'unknown function', 'unknown mutator']

const transact = async (session: OvsdbSession, operations: readonly JsonObject[]): Promise<Json> => {
  try {
    return (await session.transact(database, operations.map(raw))) as readonly Json[]
  } catch (error) {
    if (!(error instanceof OvsdbError)) throw error
    const refused = error.index !== undefined && MISTAKES.includes(error.error)
    return { error: refused ? 'refused' : error.error, index: error.index ?? null }
  }
}

const outcomeOf = (answer: Json): string => {
  if (Array.isArray(answer)) return 'committed'
  const { error, index } = answer as JsonObject
  return `${error}${index === null ? ' at commit' : ''}`
}

const dump = (session: OvsdbSession): Promise<Json> =>
  transact(
    session,
    Array.from(parseSchema(SCHEMA).tables, ([table, schema]) => ({
      op: 'select',
      table,
      where: [],
      columns: ['_uuid', ...schema.columns.keys()],
    })),
  )

/** Something to begin with: every table has a row, every kind of reference is there. */
const populate = Object.keys(columns).map(
  (table): JsonObject => ({
    op: 'insert',
    table,
    uuid: ids(table as TableName)[0]?.[1] as string,
    row: {
      Root: { some: 'x', middle: ids('Middle')[0], leaves: ['map', [['a', ids('Leaf')[0]]]] },
      Middle: { leaves: ids('Leaf')[0] },
      Leaf: {},
    }[table as TableName] as JsonObject,
  }),
)

const empty = ['Watch', ...Object.keys(columns)].map((table): JsonObject => ({ op: 'delete', table, where: [] }))

const watchId = 'dddddddd-0000-4000-8000-00000000000'
const watch = (n: number, row: Readonly<Record<string, Json | undefined>>): JsonObject => ({
  op: 'insert',
  table: 'Watch',
  uuid: `${watchId}${n}`,
  row: row as JsonObject,
})
/** A second leaf, held by the root row. */
const addLeaf: JsonObject[] = [
  { op: 'insert', table: 'Leaf', uuid: ids('Leaf')[1]?.[1] as string, row: {} },
  {
    op: 'mutate',
    table: 'Root',
    where: [],
    mutations: [['leaves', 'insert', ['map', [['b', ids('Leaf')[1] as Json]]]]],
  },
]
/** Takes all strong references to a leaf away. */
const dropLeaf = (n: number): JsonObject[] => [
  { op: 'mutate', table: 'Root', where: [], mutations: [['leaves', 'delete', ['set', [n === 0 ? 'a' : 'b']]]] },
  { op: 'mutate', table: 'Middle', where: [], mutations: [['leaves', 'delete', ['set', [ids('Leaf')[n] as Json]]]] },
]

describe.skipIf(!hasOvs)('the server in memory and ovsdb-server', () => {
  let real: RealServer
  let memory: OvsdbServer
  let sessions: readonly [OvsdbSession, OvsdbSession]
  beforeAll(async () => {
    const directory = temporaryDirectory()
    const schemaFile = join(directory, 'trial.ovsschema')
    writeFileSync(schemaFile, JSON.stringify(SCHEMA))
    real = await RealServer.start([], schemaFile, directory)
    memory = new OvsdbServer(parseSchema(SCHEMA))
    const listener = await memory.listen({ transport: 'tcp', host: '127.0.0.1', port: 0 })
    sessions = [await connectOvsdb(real.unix), await connectOvsdb(listener.address)]
  })
  afterAll(async () => {
    for (const session of sessions ?? []) session.close()
    await memory?.close()
    await real?.stop()
  })

  test('answer alike and hold the same after random transactions', async () => {
    const outcomes = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(operation, { minLength: 1, maxLength: 4 }), { maxLength: 12 }),
        async history => {
          await Promise.all(sessions.map(session => transact(session, empty)))
          await Promise.all(sessions.map(session => transact(session, populate)))
          for (const operations of history) {
            const [expected, actual] = await Promise.all(sessions.map(session => transact(session, operations)))
            expect(actual).toEqual(expected)
            const outcome = outcomeOf(expected as Json)
            outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
          }
          const [expected, actual] = await Promise.all(sessions.map(dump))
          expect(actual).toEqual(expected)
        },
      ),
      { numRuns: Number(process.env['OVSDB_RUNS'] ?? 150) },
    )
    // What is random is often refused; enough of each kind must have been tried for the agreement to mean something.
    for (const outcome of [
      'committed',
      'refused',
      'referential integrity violation at commit',
      'constraint violation at commit',
    ]) {
      expect([outcome, (outcomes.get(outcome) ?? 0) > 20]).toEqual([outcome, true])
    }
    if (process.env['OVSDB_RUNS']) console.log(outcomes)
  })

  const root = (n: number, name: string): JsonObject => ({
    op: 'insert',
    table: 'Root',
    uuid: ids('Root')[n]?.[1] as string,
    row: { some: 'x', name },
  })
  const rename = (n: number, name: string): JsonObject => ({
    op: 'update',
    table: 'Root',
    where: [['_uuid', '==', ids('Root')[n] as Json]],
    row: { name },
  })
  test.each<[string, JsonObject[][]]>([
    [
      'two rows exchange their names',
      [
        [root(1, 'a'), root(2, 'b')],
        [rename(1, 'b'), rename(2, 'a')],
      ],
    ],
    [
      'a new row takes the name of one that goes',
      [[root(1, 'a')], [{ op: 'delete', table: 'Root', where: [['name', '==', 'a']] }, root(2, 'a')]],
    ],
    ['a name freed is free', [[root(1, 'a')], [rename(1, 'b')], [root(2, 'a')]]],
    ['a name taken is not', [[root(1, 'a')], [root(2, 'a')]]],
  ])('keep indexes alike: %s', async (_, history) => {
    for (const operations of [empty, ...history]) {
      const [expected, actual] = await Promise.all(sessions.map(session => transact(session, operations)))
      expect(actual).toEqual(expected)
    }
    const [expected, actual] = await Promise.all(sessions.map(dump))
    expect(actual).toEqual(expected)
  })

  // Not among the random ones: ovsdb-server 3.1.0 forgets the weak references of a row that is written back unchanged.
  test.each<[string, JsonObject[][]]>([
    ['cleared when the row goes', [[watch(0, { leaves: ids('Leaf')[0], leaf: ids('Leaf')[1] })], dropLeaf(0)]],
    ['cleared at once if there never was such a row', [[watch(0, { leaves: ids('Leaf')[2], leaf: ids('Leaf')[0] })]]],
    ['keep the row from going if one must stay', [[watch(0, { leaf: ids('Leaf')[0] })], dropLeaf(0)]],
    [
      'keep no row alive',
      [[watch(0, { leaf: ids('Leaf')[0] }), ...dropLeaf(1)], [{ op: 'delete', table: 'Root', where: [] }]],
    ],
  ])('treat weak references alike: %s', async (_, history) => {
    for (const operations of [empty, [...populate, ...addLeaf], ...history]) {
      const [expected, actual] = await Promise.all(sessions.map(session => transact(session, operations)))
      expect(actual).toEqual(expected)
    }
    const [expected, actual] = await Promise.all(sessions.map(dump))
    expect(actual).toEqual(expected)
  })
})
