import type { BaseType, ColumnSchema } from './database-schema.ts'

/** The id of a row: 36 lower-case characters. */
export type Uuid = string & { readonly [uuidBrand]: true }
declare const uuidBrand: unique symbol

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Whether a text is the id of a row. */
export const isUuid = (text: unknown): text is Uuid => typeof text === 'string' && UUID.test(text)

/** The text as the id of a row; throws a TypeError if it is none. */
export const asUuid = (text: string): Uuid => {
  if (!isUuid(text)) throw new TypeError(`${JSON.stringify(text)} is no UUID`)
  return text
}

/** Stands for the id of a row that the same transaction inserts under this name. RFC 7047 § 5.1 `<named-uuid>`. */
export interface NamedUuid {
  readonly named: string
}

/** The row that this transaction inserts under `name` ([a-zA-Z_][a-zA-Z0-9_]*). */
export const named = (name: string): NamedUuid => ({ named: name })

/** How a column looks in JavaScript: one value; a value or undefined; a ReadonlySet; a ReadonlyMap. */
export type ColumnShape = 'scalar' | 'optional' | 'set' | 'map'

/**
 * A column as declared: what the schema says of it at run time, and for the compiler the type that is read from it, the type
 * that may be written to it, its shape and what a mutation may delete from it.
 */
export interface Column<Read = unknown, Write = unknown, Shape extends ColumnShape = ColumnShape, Delete = Write>
  extends ColumnSchema {
  readonly [staticTypes]?: {
    readonly read: Read
    readonly write: Write
    readonly shape: Shape
    readonly delete: Delete
  }
}
declare const staticTypes: unique symbol

type Scalar<Read, Write = Read> = Column<Read, Write, 'scalar'>
/** What may be written to a set. */
export type SetInput<T> = readonly T[] | ReadonlySet<T>
/** What may be written to a map; a plain object if the keys are text. */
export type MapInput<K, V> = ReadonlyMap<K, V> | (K extends string ? Readonly<Record<K, V>> : never)

const scalar = <Read, Write = Read>(key: BaseType): Scalar<Read, Write> => ({
  type: { key, min: 1, max: 1 },
  mutable: true,
  ephemeral: false,
})

/** A text. */
export const string: Scalar<string> = scalar({ type: 'string' })
/** A 64-bit integer; beyond ±(2^53 - 1) it is read as that bound. */
export const integer: Scalar<number> = scalar({ type: 'integer' })
/** A double. */
export const real: Scalar<number> = scalar({ type: 'real' })
/** A truth value. */
export const boolean: Scalar<boolean> = scalar({ type: 'boolean' })
/** An id that refers to no table. */
export const uuid: Scalar<Uuid, Uuid | NamedUuid> = scalar({ type: 'uuid' })

/** A text of which the schema knows these values. It reads as any text, since a newer server may know more of them. */
export const oneOf = <const V extends string>(...values: readonly V[]): Scalar<string, V> =>
  scalar({ type: 'string', enum: values })

/** An integer within bounds, both included. */
export const range = (minInteger: number, maxInteger?: number): Scalar<number> =>
  scalar({ type: 'integer', minInteger, ...(maxInteger === undefined ? {} : { maxInteger }) })

/** The id of a row of `table`, which lives as long as it is referred to. RFC 7047 § 3.2 `refType` strong. */
export const ref = (table: string): Scalar<Uuid, Uuid | NamedUuid> =>
  scalar({ type: 'uuid', refTable: table, refType: 'strong' })

/** The id of a row of `table`, removed from here when that row is. RFC 7047 § 3.2 `refType` weak. */
export const weakRef = (table: string): Scalar<Uuid, Uuid | NamedUuid> =>
  scalar({ type: 'uuid', refTable: table, refType: 'weak' })

/** A value or none (undefined). */
export const optional = <R, W>(of: Scalar<R, W>): Column<R | undefined, W | undefined, 'optional'> => ({
  type: { key: of.type.key, min: 0, max: 1 },
  mutable: true,
  ephemeral: false,
})

/** A set of values, with at least `min` and at most `max` elements. */
export const set = <R, W>(
  of: Scalar<R, W>,
  size: { readonly min?: 0 | 1; readonly max?: number } = {},
): Column<ReadonlySet<R>, SetInput<W>, 'set'> => ({
  type: { key: of.type.key, min: size.min ?? 0, max: size.max ?? Number.POSITIVE_INFINITY },
  mutable: true,
  ephemeral: false,
})

/** A map. */
export const map = <KR, KW, VR, VW>(
  key: Scalar<KR, KW>,
  value: Scalar<VR, VW>,
): Column<ReadonlyMap<KR, VR>, MapInput<KW, VW>, 'map', MapInput<KW, VW> | SetInput<KW>> => ({
  type: { key: key.type.key, value: value.type.key, min: 0, max: Number.POSITIVE_INFINITY },
  mutable: true,
  ephemeral: false,
})

/** The same column, writable only by the insert of its row. */
export const immutable = <C extends Column>(column: C): C => ({ ...column, mutable: false })

/** The same column, not kept over a restart of the server. */
export const ephemeral = <C extends Column>(column: C): C => ({ ...column, ephemeral: true })

/** Columns by name. */
export type Columns = Readonly<Record<string, Column>>

/** A table as declared. */
export interface Table<C extends Columns = Columns> {
  readonly columns: C
  /** Whether its rows live without being referred to; default false. */
  readonly isRoot: boolean
  readonly maxRows: number
  /** Sets of columns that together are unique. */
  readonly indexes: readonly (readonly string[])[]
}

/** Declares a table. */
export const table = <const C extends Columns>(
  columns: C,
  options: {
    readonly isRoot?: boolean
    readonly maxRows?: number
    readonly indexes?: readonly (readonly (keyof C & string)[])[]
  } = {},
): Table<C> => ({
  columns,
  isRoot: options.isRoot ?? false,
  maxRows: options.maxRows ?? Number.POSITIVE_INFINITY,
  indexes: options.indexes ?? [],
})

/** Tables by name. */
export type Tables = Readonly<Record<string, Table>>

/** A database as declared: the tables and columns its user needs of those that the server has. */
export interface Database<T extends Tables = Tables> {
  readonly name: string
  readonly tables: T
}

/** Declares a database; throws if a column refers to a table that is not declared. */
export const database = <const T extends Tables>(name: string, tables: T): Database<T> => {
  for (const [tableName, { columns }] of Object.entries(tables)) {
    for (const [columnName, { type }] of Object.entries(columns)) {
      for (const base of [type.key, type.value]) {
        if (base?.refTable !== undefined && !Object.hasOwn(tables, base.refTable)) {
          throw new TypeError(`${name}: ${tableName}.${columnName} refers to ${base.refTable}, which is not declared`)
        }
      }
    }
  }
  return { name, tables }
}

/** The type read from a column. */
export type Read<C extends Column> = NonNullable<C[typeof staticTypes]>['read']
/** The type that may be written to a column. */
export type Write<C extends Column> = NonNullable<C[typeof staticTypes]>['write']
/** The shape of a column. */
export type Shape<C extends Column> = NonNullable<C[typeof staticTypes]>['shape']
/** What a `delete` mutation of a column takes. */
export type Delete<C extends Column> = NonNullable<C[typeof staticTypes]>['delete']

/** The names of a table's columns. */
export type ColumnName<T extends Table> = keyof T['columns'] & string

/** A row as it is read, of the named columns or of all. */
export type Row<T extends Table, C extends ColumnName<T> = ColumnName<T>> = {
  readonly _uuid: Uuid
} & { readonly [K in C]: Read<T['columns'][K]> }

/** A row as it is written; what is left out keeps its value, or on insert gets its type's default. */
export type RowInput<T extends Table> = { readonly [K in ColumnName<T>]?: Write<T['columns'][K]> }
