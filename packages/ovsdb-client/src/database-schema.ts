import { ProtocolError } from './errors.ts'
import { excerpt, isArray, isObject, type Json, type JsonObject, member } from './json.ts'
import type { ColumnShape, Database } from './schema.ts'

/** The kinds of atoms. RFC 7047 § 3.2 `<atomic-type>`. */
export type AtomicType = 'integer' | 'real' | 'boolean' | 'string' | 'uuid'

/** An atom type with its constraints. RFC 7047 § 3.2 `<base-type>`. */
export interface BaseType {
  readonly type: AtomicType
  readonly enum?: readonly (string | number | boolean)[]
  readonly minInteger?: number
  readonly maxInteger?: number
  readonly minReal?: number
  readonly maxReal?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly refTable?: string
  readonly refType?: 'strong' | 'weak'
}

/** A column's type; `max` is Infinity for unlimited. RFC 7047 § 3.2 `<type>`. */
export interface ColumnType {
  readonly key: BaseType
  readonly value?: BaseType
  readonly min: 0 | 1
  readonly max: number
}

/** A column. RFC 7047 § 3.2 `<column-schema>`. */
export interface ColumnSchema {
  readonly type: ColumnType
  readonly mutable: boolean
  readonly ephemeral: boolean
}

/** A table. RFC 7047 § 3.2 `<table-schema>`. */
export interface TableSchema {
  readonly columns: ReadonlyMap<string, ColumnSchema>
  readonly isRoot: boolean
  readonly maxRows: number
  readonly indexes: readonly (readonly string[])[]
}

/** A database. RFC 7047 § 3.2 `<database-schema>`. */
export interface DatabaseSchema {
  readonly name: string
  readonly version: string
  readonly tables: ReadonlyMap<string, TableSchema>
}

/** How values of a type look in JavaScript. */
export const shapeOf = (type: ColumnType): ColumnShape => {
  if (type.value) return 'map'
  if (type.max !== 1) return 'set'
  return type.min === 0 ? 'optional' : 'scalar'
}

/** A type as a person reads it: `set of uuid (Port)`, `map of string to integer`. */
export const describeType = (type: ColumnType): string => {
  const base = ({ type: name, refTable, refType }: BaseType): string =>
    refTable === undefined ? name : `${name} (${refType === 'weak' ? 'weak ' : ''}${refTable})`
  const shape = shapeOf(type)
  if (shape === 'map' && type.value) return `map of ${base(type.key)} to ${base(type.value)}`
  return shape === 'scalar' ? base(type.key) : `${shape === 'set' ? 'set of' : 'optional'} ${base(type.key)}`
}

/** Reads a schema as `get_schema` and `.ovsschema` files hold it; throws a ProtocolError that names the wrong place. */
export const parseSchema = (json: Json): DatabaseSchema => {
  const schema = asObject(json, 'schema')
  const tables = Object.entries(asObject(member(schema, 'tables'), 'tables'))
  const someRoot = tables.some(([, table]) => isObject(table) && member(table, 'isRoot') === true)
  return {
    name: asString(member(schema, 'name'), 'name'),
    version: typeof schema['version'] === 'string' ? schema['version'] : '',
    // RFC 7047 § 3.2: without any root table, every table is one.
    tables: new Map(tables.map(([name, table]) => [name, parseTable(table, name, !someRoot)])),
  }
}

/** Writes a schema as `get_schema` has it; `parseSchema` reads the same schema from it. */
export const formatSchema = ({ name, version, tables }: DatabaseSchema): JsonObject => ({
  name,
  version,
  tables: Object.fromEntries(
    Array.from(tables, ([table, { columns, isRoot, maxRows, indexes }]) => [
      table,
      {
        columns: Object.fromEntries(Array.from(columns, ([column, schema]) => [column, formatColumn(schema)])),
        ...(isRoot ? { isRoot } : {}),
        ...(Number.isFinite(maxRows) ? { maxRows } : {}),
        ...(indexes.length > 0 ? { indexes } : {}),
      },
    ]),
  ),
})

const formatColumn = ({ type: { key, value, min, max }, mutable, ephemeral }: ColumnSchema): JsonObject => ({
  type: {
    key: formatBase(key),
    ...(value ? { value: formatBase(value) } : {}),
    min,
    max: Number.isFinite(max) ? max : 'unlimited',
  },
  ...(mutable ? {} : { mutable }),
  ...(ephemeral ? { ephemeral } : {}),
})

const formatBase = ({ enum: values, ...base }: BaseType): JsonObject => ({
  ...base,
  ...(values ? { enum: ['set', values] } : {}),
})

/** The declared database as a schema of its own, for a server that has nothing else. */
export const declaredSchema = (database: Database, version = '0.0.0'): DatabaseSchema => ({
  name: database.name,
  version,
  tables: new Map(
    Object.entries(database.tables).map(([name, table]) => [
      name,
      { ...table, columns: new Map(Object.entries(table.columns)) },
    ]),
  ),
})

/**
 * What the server's schema lacks of the declared tables, restricted to the named columns: one line for each missing table,
 * missing column and column of another type. Empty if all is there.
 */
export const schemaProblems = (
  server: DatabaseSchema,
  declared: Database,
  columns: Readonly<Record<string, readonly string[]>>,
): string[] =>
  Object.entries(columns).flatMap(([tableName, names]) => {
    const table = server.tables.get(tableName)
    if (!table) return [`there is no table ${tableName}`]
    return names.flatMap(name => {
      const wanted = declared.tables[tableName]?.columns[name]
      const found = table.columns.get(name)
      if (!wanted) return [`${tableName}.${name} is not declared`]
      if (!found) return [`there is no column ${tableName}.${name}`]
      if (sameShape(found.type, wanted.type)) return []
      return [`${tableName}.${name} is ${describeType(found.type)}, not ${describeType(wanted.type)}`]
    })
  })

const sameShape = (a: ColumnType, b: ColumnType): boolean =>
  shapeOf(a) === shapeOf(b) && a.key.type === b.key.type && a.value?.type === b.value?.type

const asObject = (json: Json | undefined, where: string): JsonObject => {
  if (!isObject(json)) throw new ProtocolError(`${where}: an object is expected, not ${excerpt(json)}`)
  return json
}

const asString = (json: Json | undefined, where: string): string => {
  if (typeof json !== 'string') throw new ProtocolError(`${where}: a string is expected, not ${excerpt(json)}`)
  return json
}

const parseTable = (json: Json, name: string, rootByDefault: boolean): TableSchema => {
  const table = asObject(json, name)
  const maxRows = member(table, 'maxRows')
  const indexes = member(table, 'indexes') ?? []
  if (!isArray(indexes)) throw new ProtocolError(`${name}.indexes: an array is expected`)
  return {
    columns: new Map(
      Object.entries(asObject(member(table, 'columns'), `${name}.columns`)).map(([column, schema]) => [
        column,
        parseColumn(schema, `${name}.${column}`),
      ]),
    ),
    isRoot: member(table, 'isRoot') === true || rootByDefault,
    maxRows: typeof maxRows === 'number' ? maxRows : Number.POSITIVE_INFINITY,
    indexes: indexes.map(index => {
      if (!isArray(index)) throw new ProtocolError(`${name}.indexes: an array of arrays is expected`)
      return index.map(column => asString(column, `${name}.indexes`))
    }),
  }
}

const parseColumn = (json: Json, where: string): ColumnSchema => {
  const column = asObject(json, where)
  return {
    type: parseType(member(column, 'type'), where),
    mutable: member(column, 'mutable') !== false,
    ephemeral: member(column, 'ephemeral') === true,
  }
}

const parseType = (json: Json | undefined, where: string): ColumnType => {
  if (typeof json === 'string') return { key: parseBase(json, where), min: 1, max: 1 }
  const type = asObject(json, where)
  const value = member(type, 'value')
  const min = member(type, 'min') ?? 1
  const max = member(type, 'max') ?? 1
  if (min !== 0 && min !== 1) throw new ProtocolError(`${where}: min is 0 or 1, not ${excerpt(min)}`)
  if (max !== 'unlimited' && !(typeof max === 'number' && Number.isInteger(max) && max >= 1)) {
    throw new ProtocolError(`${where}: max is a count or unlimited, not ${excerpt(max)}`)
  }
  return {
    key: parseBase(member(type, 'key'), where),
    ...(value === undefined ? {} : { value: parseBase(value, where) }),
    min,
    max: max === 'unlimited' ? Number.POSITIVE_INFINITY : max,
  }
}

const ATOMIC: readonly string[] = ['integer', 'real', 'boolean', 'string', 'uuid'] satisfies AtomicType[]

const parseBase = (json: Json | undefined, where: string): BaseType => {
  const base: JsonObject = typeof json === 'string' ? { type: json } : asObject(json, where)
  const type = member(base, 'type')
  if (typeof type !== 'string' || !ATOMIC.includes(type)) {
    throw new ProtocolError(`${where}: ${excerpt(type)} is no atomic type`)
  }
  const values = member(base, 'enum')
  const refTable = member(base, 'refTable')
  const bounds = ['minInteger', 'maxInteger', 'minReal', 'maxReal', 'minLength', 'maxLength'].flatMap(key => {
    const bound = member(base, key)
    return typeof bound === 'number' ? [[key, bound] as const] : []
  })
  return {
    type: type as AtomicType,
    ...Object.fromEntries(bounds),
    ...(values === undefined ? {} : { enum: parseEnum(values, where) }),
    ...(typeof refTable === 'string'
      ? { refTable, refType: member(base, 'refType') === 'weak' ? 'weak' : 'strong' }
      : {}),
  }
}

/** An enum is a set in notation: `["set", [...]]`, or one atom. */
const parseEnum = (json: Json, where: string): (string | number | boolean)[] => {
  const atoms = isArray(json) && json[0] === 'set' && isArray(json[1]) ? json[1] : [json]
  return atoms.map(atom => {
    if (typeof atom === 'string' || typeof atom === 'number' || typeof atom === 'boolean') return atom
    throw new ProtocolError(`${where}: ${excerpt(atom)} is no value of an enum`)
  })
}
