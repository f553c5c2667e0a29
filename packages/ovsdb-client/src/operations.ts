import type { ColumnSchema, ColumnType } from './database-schema.ts'
import { OvsdbError, ProtocolError } from './errors.ts'
import { excerpt, isArray, isObject, type Json, type JsonObject, member } from './json.ts'
import { decodeAtom, encodeColumn, encodeDelete, rowReader, type UntypedRow, type ValueInput } from './notation.ts'
import {
  type Column,
  type ColumnName,
  type Columns,
  type Database,
  type Delete,
  type Read,
  type Row,
  type RowInput,
  type Shape,
  type Table,
  type Tables,
  type Uuid,
  uuid,
  type Write,
} from './schema.ts'

/** One step of a transaction, with what its answer will be. RFC 7047 § 5.2. */
export interface Operation<Result = unknown> {
  /** The operation in RFC 7047 notation. */
  readonly wire: JsonObject
  /** Checks the server's answer and gives it its type; throws a ProtocolError. */
  readonly result: (answer: Json) => Result
}

/** The answers to a list of operations, each with the type its operation promises. */
export type Results<Operations extends readonly Operation[]> = {
  readonly [I in keyof Operations]: Operations[I] extends Operation<infer Result> ? Result : never
}

type Comparison = '==' | '!=' | 'includes' | 'excludes'
type Order = '<' | '<=' | '>' | '>='

type ColumnCondition<Name extends string, C extends Column> =
  | readonly [Name, Comparison, Write<C>]
  | (NonNullable<Read<C>> extends number
      ? Shape<C> extends 'scalar' | 'optional'
        ? readonly [Name, Order, number]
        : never
      : never)

/** A test of one column. RFC 7047 § 5.1 `<condition>`. */
export type Condition<T extends Table> =
  | ColumnCondition<'_uuid', typeof uuid>
  | { [C in ColumnName<T>]: ColumnCondition<C, T['columns'][C]> }[ColumnName<T>]

/** Tests that all must hold; none of them means every row. */
export type Where<T extends Table> = readonly Condition<T>[]

type ColumnMutation<Name extends string, C extends Column> =
  | (Shape<C> extends 'scalar'
      ? never
      : readonly [Name, 'insert', NonNullable<Write<C>>] | readonly [Name, 'delete', NonNullable<Delete<C>>])
  | (NonNullable<Read<C>> extends number | ReadonlySet<number>
      ? readonly [Name, '+=' | '-=' | '*=' | '/=' | '%=', number]
      : never)

/** A change relative to a column's present value. RFC 7047 § 5.1 `<mutation>`. */
export type Mutation<T extends Table> = { [C in ColumnName<T>]: ColumnMutation<C, T['columns'][C]> }[ColumnName<T>]

/** The answer to an insert: the id of the new row. */
export interface Inserted {
  readonly uuid: Uuid
}

/** The answer to update, mutate and delete: how many rows were matched. */
export interface Counted {
  readonly count: number
}

/** Every row. */
export const all: readonly [] = []

/** The row with this id. */
export const byUuid = (id: Uuid): readonly [readonly ['_uuid', '==', Uuid]] => [['_uuid', '==', id]]

/** Writes a reason into the server's log of the transaction. RFC 7047 § 5.2.9. */
export const comment = (text: string): Operation<void> => ({ wire: { op: 'comment', comment: text }, result: nothing })

/** Lets the transaction fail unless this session holds the lock. RFC 7047 § 5.2.10. */
export const assert = (lock: string): Operation<void> => ({ wire: { op: 'assert', lock }, result: nothing })

/** Lets the transaction fail, whatever came before: a dry run. RFC 7047 § 5.2.8. */
export const abort = (): Operation<void> => ({ wire: { op: 'abort' }, result: nothing })

/** Makes the answer wait until the change is on disk, if `durable`. RFC 7047 § 5.2.7. */
export const commit = (durable: boolean): Operation<void> => ({ wire: { op: 'commit', durable }, result: nothing })

/** The operations on one database's tables. */
export interface Operations<T extends Tables> {
  /** Adds a row; `name` is what `named()` refers to in the same transaction. RFC 7047 § 5.2.1. */
  insert<N extends keyof T & string>(table: N, row: RowInput<T[N]>, name?: string): Operation<Inserted>
  /** Reads rows. RFC 7047 § 5.2.2. */
  select<N extends keyof T & string, C extends ColumnName<T[N]> = ColumnName<T[N]>>(
    table: N,
    where: Where<T[N]>,
    columns?: readonly C[],
  ): Operation<readonly Row<T[N], C>[]>
  /** Overwrites columns of the matching rows. RFC 7047 § 5.2.3. */
  update<N extends keyof T & string>(table: N, where: Where<T[N]>, row: RowInput<T[N]>): Operation<Counted>
  /** Changes columns of the matching rows relative to what they hold. RFC 7047 § 5.2.4. */
  mutate<N extends keyof T & string>(
    table: N,
    where: Where<T[N]>,
    mutations: readonly Mutation<T[N]>[],
  ): Operation<Counted>
  /** Deletes the matching rows. RFC 7047 § 5.2.5 (`delete`). */
  deleteRows<N extends keyof T & string>(table: N, where: Where<T[N]>): Operation<Counted>
  /**
   * Holds the transaction back until the columns of the matching rows are (`==`) or are not (`!=`) exactly `rows`; after
   * `timeout` milliseconds, or forever if undefined, it fails with `timed out`. RFC 7047 § 5.2.6.
   */
  wait<N extends keyof T & string, C extends ColumnName<T[N]>>(
    table: N,
    where: Where<T[N]>,
    columns: readonly C[],
    until: '==' | '!=',
    rows: readonly { readonly [K in C]?: Write<T[N]['columns'][K]> }[],
    timeout?: number,
  ): Operation<void>
}

type AnyCondition = readonly [string, string, ValueInput]
type AnyMutation = readonly [string, string, ValueInput]

const columnsOf = (database: Database, table: string): Columns => {
  const declared = database.tables[table]
  if (!declared) throw new TypeError(`${database.name} has no table ${table}`)
  return declared.columns
}

const columnType = (database: Database, table: string, column: string): ColumnType => {
  const declared = column === '_uuid' ? uuid : columnsOf(database, table)[column]
  if (!declared) throw new TypeError(`${database.name} has no column ${table}.${column}`)
  return declared.type
}

/** Writes conditions in notation. */
export const encodeConditions = (database: Database, table: string, where: readonly unknown[]): Json =>
  (where as readonly AnyCondition[]).map(([column, test, value]) => [
    column,
    test,
    encodeColumn(table, column, columnType(database, table, column), value),
  ])

/** The operations on a declared database; they throw a TypeError at a value that OVSDB cannot hold. */
export const operations = <T extends Tables>(database: Database<T>): Operations<T> => {
  const typeOf = (table: string, column: string): ColumnType => columnType(database, table, column)
  const row = (table: string, input: Readonly<Record<string, unknown>>): JsonObject =>
    Object.fromEntries(
      Object.entries(input).map(([column, value]) => [
        column,
        encodeColumn(table, column, typeOf(table, column), value as ValueInput),
      ]),
    )
  const conditions = (table: string, where: readonly unknown[]): Json => encodeConditions(database, table, where)
  const mutations = (table: string, changes: readonly unknown[]): Json =>
    (changes as readonly AnyMutation[]).map(([column, mutator, value]) => {
      const type = typeOf(table, column)
      if (mutator === 'delete') return [column, mutator, encodeDelete(type, value)]
      if (mutator === 'insert') return [column, mutator, encodeColumn(table, column, type, value)]
      return [column, mutator, value as number]
    })

  return {
    insert: (table, input, name) => ({
      wire: { op: 'insert', table, row: row(table, input), ...(name === undefined ? {} : { 'uuid-name': name }) },
      result: answer => ({ uuid: decodeAtom('uuid', isObject(answer) ? member(answer, 'uuid') : undefined) as Uuid }),
    }),
    select: <N extends keyof T & string, C extends ColumnName<T[N]>>(
      table: N,
      where: Where<T[N]>,
      columns?: readonly C[],
    ) => {
      const names = columns ?? Object.keys(columnsOf(database, table))
      const schemas = new Map<string, ColumnSchema>(names.map(name => [name, { ...uuid, type: typeOf(table, name) }]))
      return {
        wire: { op: 'select', table, where: conditions(table, where), columns: ['_uuid', ...names] },
        result: answer => selected(table, schemas, answer) as unknown as readonly Row<T[N], C>[],
      }
    },
    update: (table, where, input) => ({
      wire: { op: 'update', table, where: conditions(table, where), row: row(table, input) },
      result: counted,
    }),
    mutate: (table, where, changes) => ({
      wire: { op: 'mutate', table, where: conditions(table, where), mutations: mutations(table, changes) },
      result: counted,
    }),
    deleteRows: (table, where) => ({
      wire: { op: 'delete', table, where: conditions(table, where) },
      result: counted,
    }),
    wait: (table, where, columns, until, rows, timeout) => ({
      wire: {
        op: 'wait',
        table,
        where: conditions(table, where),
        columns,
        until,
        rows: rows.map(input => row(table, input)),
        ...(timeout === undefined ? {} : { timeout }),
      },
      result: nothing,
    }),
  }
}

const nothing = (): void => {}

const counted = (answer: Json): Counted => {
  const count = isObject(answer) ? member(answer, 'count') : undefined
  if (typeof count !== 'number') throw new ProtocolError(`no count in the answer ${excerpt(answer)}`)
  return { count }
}

const selected = (table: string, columns: ReadonlyMap<string, ColumnSchema>, answer: Json): readonly UntypedRow[] => {
  const rows = isObject(answer) ? member(answer, 'rows') : undefined
  if (!isArray(rows)) throw new ProtocolError(`no rows in the answer ${excerpt(answer)}`)
  const reader = rowReader(table, columns)
  return rows.map(json => {
    const id = decodeAtom('uuid', isObject(json) ? member(json, '_uuid') : undefined) as Uuid
    return reader.complete(id, json)
  })
}

/** Reads the answer to a transaction; throws an OvsdbError if it failed. RFC 7047 § 4.1.3. */
export const readResults = <Operations extends readonly Operation[]>(
  operations: Operations,
  answer: Json,
): Results<Operations> => {
  if (!isArray(answer)) throw new ProtocolError(`transact: ${excerpt(answer)} is no list of results`)
  // A failed operation has an error in its place; a failed commit has one after all results.
  const index = answer.findIndex(result => isObject(result) && member(result, 'error') !== undefined)
  const failure = answer[index]
  if (isObject(failure)) {
    const operation = operations[index]?.wire
    const details = member(failure, 'details')
    throw new OvsdbError(
      'transact',
      { error: String(member(failure, 'error')), details: typeof details === 'string' ? details : undefined },
      operation && { index, operation },
    )
  }
  if (answer.length < operations.length) throw new ProtocolError(`transact: ${answer.length} results only`)
  return operations.map((operation, at) => operation.result(answer[at] ?? null)) as unknown as Results<Operations>
}
