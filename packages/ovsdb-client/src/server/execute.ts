import { excerpt, isArray, isObject, type Json, type JsonObject, member } from '../json.ts'
import { isUuid, type Uuid } from '../schema.ts'
import { matching, parseWhere } from './conditions.ts'
import { checkAtom, type Datum, datumToJson, parseDatum, type ResolveName, sameDatum } from './datum.ts'
import { parseMutation } from './mutations.ts'
import { OperationError } from './operation-error.ts'
import { type Field, newUuid, StoredRow, type StoredTable } from './stored-table.ts'
import type { Transaction } from './transaction.ts'

/** Thrown by a `wait` whose time is not up: the transaction is to be tried again when the database has changed. */
export class StillWaiting extends Error {
  override readonly name = 'StillWaiting'
  /** Milliseconds until it is up. */
  readonly remaining: number

  constructor(remaining: number) {
    super('waiting')
    this.remaining = remaining
  }
}

/** What operations of one transaction share. */
export interface Execution {
  readonly tables: ReadonlyMap<string, StoredTable>
  readonly transaction: Transaction
  readonly symbols: Map<string, { readonly uuid: Uuid; inserted: boolean }>
  /** Milliseconds since the transaction was first tried. */
  readonly elapsed: number
  readonly ownsLock: (lock: string) => boolean
}

/** Executes one operation; throws an OperationError or StillWaiting. RFC 7047 § 5.2. */
export const executeOperation = (execution: Execution, operation: Json): JsonObject => {
  const op = isObject(operation) ? member(operation, 'op') : undefined
  const run = typeof op === 'string' && Object.hasOwn(runners, op) ? runners[op] : undefined
  if (!isObject(operation) || typeof op !== 'string') {
    throw new OperationError('syntax error', `${excerpt(operation)} is no operation`)
  }
  if (!run) throw new OperationError('unknown operation', `No operation ${op}.`)
  return run(execution, operation)
}

type Runner = (execution: Execution, operation: JsonObject) => JsonObject

const tableOf = ({ tables }: Execution, operation: JsonObject): StoredTable => {
  const name = member(operation, 'table')
  const table = typeof name === 'string' ? tables.get(name) : undefined
  if (!table) throw new OperationError('syntax error', `No table named ${excerpt(name)}.`)
  return table
}

const resolver =
  ({ symbols }: Execution): ResolveName =>
  name => {
    let symbol = symbols.get(name)
    if (!symbol) {
      symbol = { uuid: newUuid(), inserted: false }
      symbols.set(name, symbol)
    }
    return symbol.uuid
  }

const columnsOf = (table: StoredTable, json: Json | undefined): readonly Field[] => {
  if (json === undefined) return [table.field('_uuid'), ...table.allButUuid]
  if (!isArray(json)) throw new OperationError('syntax error', `columns is ${excerpt(json)}, not an array`)
  return json.map(name => table.field(typeof name === 'string' ? name : excerpt(name)))
}

const parseRow = (table: StoredTable, json: Json | undefined, resolve: ResolveName): (readonly [Field, Datum])[] => {
  if (!isObject(json)) throw new OperationError('syntax error', `${excerpt(json)} is no row`)
  return Object.entries(json).map(([column, value]) => {
    const field = table.field(column)
    return [field, parseDatum(field.type, value, resolve)]
  })
}

const changedRow = (row: StoredRow, changes: readonly (readonly [Field, Datum])[]): StoredRow => {
  let data: Datum[] | undefined
  for (const [field, datum] of changes) {
    if (sameDatum(field.read(row), datum)) continue
    data ??= [...row.data]
    data[field.position] = datum
  }
  return data ? new StoredRow(row.uuid, data) : row
}

/** A row in notation, of the given columns. */
export const rowToJson = (row: StoredRow, columns: readonly Field[]): JsonObject =>
  Object.fromEntries(columns.map(({ name, type, read }) => [name, datumToJson(type, read(row))]))

const insert: Runner = (execution, operation) => {
  const table = tableOf(execution, operation)
  const name = member(operation, 'uuid-name')
  const requested = member(operation, 'uuid')
  let uuid = newUuid()
  if (typeof name === 'string') {
    uuid = resolver(execution)(name)
    const symbol = execution.symbols.get(name)
    if (symbol?.inserted) throw new OperationError('duplicate uuid-name', `This "uuid-name" appeared before: ${name}`)
    if (symbol) symbol.inserted = true
  }
  if (requested !== undefined) {
    if (!isUuid(requested)) throw new OperationError('syntax error', `${excerpt(requested)} is no uuid`)
    if (execution.transaction.existed(table, requested)) {
      throw new OperationError('duplicate uuid', `${requested} is not unique`)
    }
    uuid = requested
  }
  const data = [...table.blank]
  for (const [field, datum] of parseRow(table, member(operation, 'row'), resolver(execution))) {
    if (field.position < 0) throw new OperationError('syntax error', `${field.name} cannot be given`)
    data[field.position] = datum
  }
  for (const { type, position } of table.columns) {
    const { keys, values } = data[position] as Datum
    if (keys.length !== 1) continue
    // A default such as "" may not be allowed by the column's constraints.
    checkAtom(type.key, keys[0] as string)
    if (type.value) checkAtom(type.value, values?.[0] as string)
  }
  execution.transaction.put(table, new StoredRow(uuid, data))
  return { uuid: ['uuid', uuid] }
}

const select: Runner = (execution, operation) => {
  const table = tableOf(execution, operation)
  const where = parseWhere(table, member(operation, 'where'), resolver(execution))
  const columns = columnsOf(table, member(operation, 'columns'))
  return { rows: matching(where).map(row => rowToJson(row, columns)) }
}

const update: Runner = (execution, operation) => {
  const table = tableOf(execution, operation)
  const where = parseWhere(table, member(operation, 'where'), resolver(execution))
  const changes = parseRow(table, member(operation, 'row'), resolver(execution))
  const fixed = changes.find(([{ mutable }]) => !mutable)
  if (fixed) {
    throw new OperationError(
      'constraint violation',
      `Cannot update immutable column ${fixed[0].name} in table ${table.name}.`,
    )
  }
  const rows = matching(where)
  for (const row of rows) execution.transaction.put(table, changedRow(row, changes))
  return { count: rows.length }
}

const mutate: Runner = (execution, operation) => {
  const table = tableOf(execution, operation)
  const where = parseWhere(table, member(operation, 'where'), resolver(execution))
  const json = member(operation, 'mutations')
  if (!isArray(json)) throw new OperationError('syntax error', `mutations is ${excerpt(json)}, not an array`)
  const mutations = json.map(mutation => parseMutation(table, mutation, resolver(execution)))
  const rows = matching(where)
  for (const row of rows) {
    const mutated = mutations.reduce(
      (current, { field, apply }) => changedRow(current, [[field, apply(field.read(current))]]),
      row,
    )
    execution.transaction.put(table, mutated)
  }
  return { count: rows.length }
}

const remove: Runner = (execution, operation) => {
  const table = tableOf(execution, operation)
  const rows = matching(parseWhere(table, member(operation, 'where'), resolver(execution)))
  for (const { uuid } of rows) execution.transaction.remove(table, uuid)
  return { count: rows.length }
}

const wait: Runner = (execution, operation) => {
  const table = tableOf(execution, operation)
  const resolve = resolver(execution)
  const where = parseWhere(table, member(operation, 'where'), resolve)
  const columns = columnsOf(table, member(operation, 'columns'))
  const until = member(operation, 'until')
  const expected = member(operation, 'rows')
  const timeout = member(operation, 'timeout')
  if ((until !== '==' && until !== '!=') || !isArray(expected)) {
    throw new OperationError('syntax error', `${excerpt(operation)} is no wait`)
  }
  // Rows are compared as sets of what the columns hold.
  const projection = (read: (field: Field) => Datum): string => JSON.stringify(columns.map(read))
  const actual = new Set(matching(where).map(row => projection(({ read }) => read(row))))
  const wanted = new Set(
    expected.map(json => {
      const given = new Map(parseRow(table, json, resolve))
      return projection(field => given.get(field) ?? (table.blank[field.position] as Datum))
    }),
  )
  const same = actual.size === wanted.size && [...actual].every(row => wanted.has(row))
  if (same === (until === '==')) return {}
  const limit = typeof timeout === 'number' ? timeout : Number.POSITIVE_INFINITY
  if (execution.elapsed < limit) throw new StillWaiting(limit - execution.elapsed)
  throw new OperationError('timed out', `"wait" timed out after ${execution.elapsed} ms`)
}

const runners: Readonly<Record<string, Runner>> = {
  insert,
  select,
  update,
  mutate,
  delete: remove,
  wait,
  comment: () => ({}),
  commit: () => ({}),
  abort: () => {
    throw new OperationError('aborted', 'aborted by request')
  },
  assert: ({ ownsLock }, operation) => {
    const lock = member(operation, 'lock')
    if (typeof lock !== 'string') throw new OperationError('syntax error', `${excerpt(lock)} is no lock`)
    if (!ownsLock(lock)) throw new OperationError('not owner', `Asserted lock ${lock} not held.`)
    return {}
  },
}
