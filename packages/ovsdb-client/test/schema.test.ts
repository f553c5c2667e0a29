import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { declaredSchema, formatSchema } from '../src/database-schema.ts'
import { type Json, type JsonObject, ProtocolError, parseSchema, schemaProblems, vswitch } from '../src/index.ts'
import { database, integer, map, optional, ref, set, string, table } from '../src/schema.ts'
import { hasOvs, SCHEMA_FILE } from './real-server.ts'

const everything = (declared: typeof vswitch) =>
  Object.fromEntries(Object.entries(declared.tables).map(([name, { columns }]) => [name, Object.keys(columns)]))

describe.skipIf(!hasOvs)("Open vSwitch's own schema", () => {
  const file = (): Json => JSON.parse(readFileSync(SCHEMA_FILE, 'utf8')) as Json

  test('has every declared column, declared just as it is', () => {
    const real = parseSchema(file())
    expect(schemaProblems(real, vswitch, everything(vswitch))).toEqual([])
    for (const [name, declared] of declaredSchema(vswitch).tables) {
      const own = real.tables.get(name)
      expect([name, { ...declared, columns: 0 }]).toEqual([name, { ...own, columns: 0 }])
      for (const [column, schema] of declared.columns)
        expect([name, column, schema]).toEqual([name, column, own?.columns.get(column)])
    }
  })

  test('stays the same when written and read again', () => {
    const schema = parseSchema(file())
    expect(parseSchema(JSON.parse(JSON.stringify(formatSchema(schema))))).toEqual(schema)
  })
})

test('what a server lacks is named', () => {
  const wanted = database('Db', {
    A: table({ name: string, count: optional(integer), others: set(ref('A')) }),
    B: table({ labels: map(string, string) }),
  })
  const server = parseSchema({
    name: 'Db',
    version: '1.0.0',
    tables: { A: { columns: { name: { type: 'integer' }, others: { type: { key: 'uuid', min: 0, max: 1 } } } } },
  })
  expect(schemaProblems(server, wanted, { A: ['name', 'count', 'others'], B: ['labels'] })).toEqual([
    'A.name is integer, not string',
    'there is no column A.count',
    'A.others is optional uuid, not set of uuid (A)',
    'there is no table B',
  ])
  expect(schemaProblems(server, wanted, {})).toEqual([])
})

test('without a root table every table is one', () => {
  const schema = (isRoot?: boolean): Json => ({
    name: 'Db',
    version: '1.0.0',
    tables: { A: { columns: {}, ...(isRoot === undefined ? {} : { isRoot }) }, B: { columns: {} } },
  })
  const roots = (json: Json) => Array.from(parseSchema(json).tables.values(), ({ isRoot }) => isRoot)
  expect(roots(schema())).toEqual([true, true])
  expect(roots(schema(true))).toEqual([true, false])
})

const column = (type: Json): JsonObject => ({ name: 'Db', version: '1', tables: { A: { columns: { c: { type } } } } })
test.each<[Json, string]>([
  [null, 'schema: an object is expected, not null'],
  [{ name: 1, tables: {} }, 'name: a string is expected, not 1'],
  [{ name: 'Db' }, 'tables: an object is expected, not nothing'],
  [column('text'), 'A.c: "text" is no atomic type'],
  [column({ key: 'string', min: 2 }), 'A.c: min is 0 or 1, not 2'],
  [column({ key: 'string', max: 0 }), 'A.c: max is a count or unlimited, not 0'],
])('a schema %j is refused', (json, why) => {
  expect(() => parseSchema(json)).toThrow(ProtocolError)
  expect(() => parseSchema(json)).toThrow(why)
})

test('a reference to a table that is not declared is refused', () => {
  expect(() => database('Db', { A: table({ b: ref('B') }) })).toThrow('Db: A.b refers to B, which is not declared')
})
