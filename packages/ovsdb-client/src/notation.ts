import type { AtomicType, ColumnSchema, ColumnType } from './database-schema.ts'
import { ProtocolError } from './errors.ts'
import { excerpt, isArray, isObject, type Json } from './json.ts'
import { isUuid, type NamedUuid, type Uuid } from './schema.ts'

/** An atom as JavaScript holds it. */
export type Atom = string | number | boolean

/** A column's value as JavaScript holds it. */
export type Value = Atom | undefined | ReadonlySet<Atom> | ReadonlyMap<Atom, Atom>

/** A row as JavaScript holds it, before the compiler's types are put on it. */
export interface UntypedRow {
  readonly _uuid: Uuid
  readonly [column: string]: Value
}

// One object each for all rows: most sets and maps are empty.
const EMPTY_SET: ReadonlySet<Atom> = new Set()
const EMPTY_MAP: ReadonlyMap<Atom, Atom> = new Map()
const ZERO_UUID = '00000000-0000-0000-0000-000000000000'

const wrong = (type: AtomicType, json: Json | undefined): ProtocolError =>
  new ProtocolError(`${excerpt(json)} is no ${type}`)

const decoders: { readonly [T in AtomicType]: (json: Json | undefined) => Atom } = {
  string: json => {
    if (typeof json !== 'string') throw wrong('string', json)
    return json
  },
  integer: json => {
    if (typeof json !== 'number' || !Number.isInteger(json)) throw wrong('integer', json)
    return Math.min(Math.max(json, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER)
  },
  real: json => {
    if (typeof json !== 'number') throw wrong('real', json)
    return json
  },
  boolean: json => {
    if (typeof json !== 'boolean') throw wrong('boolean', json)
    return json
  },
  uuid: json => {
    if (!isArray(json) || json.length !== 2 || json[0] !== 'uuid' || !isUuid(json[1])) throw wrong('uuid', json)
    return json[1]
  },
}

/** Reads an atom of the given type; throws a ProtocolError. RFC 7047 § 5.1 `<atom>`. */
export const decodeAtom = (type: AtomicType, json: Json | undefined): Atom => decoders[type](json)

/** The elements of a set in notation: `["set", [...]]`, or a single atom. */
const setElements = (json: Json | undefined): readonly (Json | undefined)[] => {
  if (!isArray(json) || json[0] !== 'set') return [json]
  if (json.length !== 2 || !isArray(json[1])) throw new ProtocolError(`${excerpt(json)} is no set`)
  return json[1]
}

const decodeSet = (type: AtomicType, json: Json | undefined): ReadonlySet<Atom> => {
  const decode = decoders[type]
  const elements = setElements(json)
  if (elements.length === 0) return EMPTY_SET
  const values = new Set<Atom>()
  for (const element of elements) values.add(decode(element))
  return values
}

const decodeMap = (keyType: AtomicType, valueType: AtomicType, json: Json | undefined): ReadonlyMap<Atom, Atom> => {
  if (!isArray(json) || json.length !== 2 || json[0] !== 'map' || !isArray(json[1])) {
    throw new ProtocolError(`${excerpt(json)} is no map`)
  }
  if (json[1].length === 0) return EMPTY_MAP
  const decodeKey = decoders[keyType]
  const decodeValue = decoders[valueType]
  const entries = new Map<Atom, Atom>()
  for (const pair of json[1]) {
    if (!isArray(pair) || pair.length !== 2) throw new ProtocolError(`${excerpt(pair)} is no pair of a map`)
    entries.set(decodeKey(pair[0]), decodeValue(pair[1]))
  }
  return entries
}

/** Reads a column's value from notation; throws a ProtocolError at any other type. RFC 7047 § 5.1 `<value>`. */
export const decodeValue = ({ key, value, min, max }: ColumnType, json: Json | undefined): Value => {
  if (value) return decodeMap(key.type, value.type, json)
  if (max !== 1) return decodeSet(key.type, json)
  const elements = setElements(json)
  if (elements.length === 0 && min === 0) return undefined
  if (elements.length !== 1) throw new ProtocolError(`${excerpt(json)} holds ${elements.length} values`)
  return decoders[key.type](elements[0])
}

const DEFAULT_ATOM: { readonly [T in AtomicType]: Atom } = {
  string: '',
  integer: 0,
  real: 0,
  boolean: false,
  uuid: ZERO_UUID,
}

/** The value of a column nobody has set. RFC 7047 § 5.2.1. */
export const defaultValue = ({ key, value, min, max }: ColumnType): Value => {
  if (value) return min === 0 ? EMPTY_MAP : new Map([[DEFAULT_ATOM[key.type], DEFAULT_ATOM[value.type]]])
  if (max !== 1) return min === 0 ? EMPTY_SET : new Set([DEFAULT_ATOM[key.type]])
  return min === 0 ? undefined : DEFAULT_ATOM[key.type]
}

/**
 * The value after a difference as update2 and update3 carry it: of sets the elements that one of the two has, of maps the
 * pairs that one of the two has or the new pair, of anything else the new value. ovsdb-server(7) § 4.1.14.
 */
export const applyDifference = (type: ColumnType, before: Value, json: Json | undefined): Value => {
  const difference = decodeValue(type, json)
  if (type.max === 1) return difference
  if (difference instanceof Set) {
    const after = new Set(before as ReadonlySet<Atom>)
    for (const element of difference) if (!after.delete(element)) after.add(element)
    return after
  }
  const after = new Map(before as ReadonlyMap<Atom, Atom>)
  for (const [key, value] of difference as ReadonlyMap<Atom, Atom>) {
    if (after.get(key) === value) after.delete(key)
    else after.set(key, value)
  }
  return after
}

/** An atom as it may be written. */
export type AtomInput = Atom | NamedUuid
/** A column's value as it may be written. */
export type ValueInput =
  | AtomInput
  | undefined
  | readonly AtomInput[]
  | ReadonlySet<AtomInput>
  | ReadonlyMap<AtomInput, AtomInput>
  | Readonly<Record<string, AtomInput>>

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/

const unwritable = (type: AtomicType, value: unknown): TypeError =>
  new TypeError(`${typeof value === 'string' ? JSON.stringify(value) : String(value)} is no ${type} that OVSDB takes`)

const encoders: { readonly [T in AtomicType]: (value: unknown) => Json } = {
  string: value => {
    // ovsdb-server ends the whole session at a NUL or half a surrogate pair, not just the request.
    if (typeof value !== 'string' || value.includes('\0') || !value.isWellFormed()) throw unwritable('string', value)
    return value
  },
  integer: value => {
    if (!Number.isSafeInteger(value)) throw unwritable('integer', value)
    return value as number
  },
  real: value => {
    if (!Number.isFinite(value)) throw unwritable('real', value)
    return value as number
  },
  boolean: value => {
    if (typeof value !== 'boolean') throw unwritable('boolean', value)
    return value
  },
  uuid: value => {
    if (isUuid(value)) return ['uuid', value]
    const name = typeof value === 'object' && value !== null && 'named' in value ? value.named : undefined
    if (typeof name !== 'string' || !NAME.test(name)) throw unwritable('uuid', value)
    return ['named-uuid', name]
  },
}

/** Writes an atom in notation; throws a TypeError if it is not of the type. */
export const encodeAtom = (type: AtomicType, value: AtomInput): Json => encoders[type](value)

/** Writes elements as a set in notation. */
export const encodeSet = (type: AtomicType, elements: Iterable<AtomInput>): Json => [
  'set',
  Array.from(elements, encoders[type]),
]

const encodeMap = (keyType: AtomicType, valueType: AtomicType, input: ValueInput): Json => {
  if (typeof input !== 'object' || isArray(input as Json) || input instanceof Set) throw unwritable('string', input)
  const entries = input instanceof Map ? input : Object.entries(input)
  const encodeKey = encoders[keyType]
  const encodeValue = encoders[valueType]
  return ['map', Array.from(entries, ([key, value]: [unknown, unknown]) => [encodeKey(key), encodeValue(value)])]
}

const isElements = (input: ValueInput): input is readonly AtomInput[] | ReadonlySet<AtomInput> =>
  Array.isArray(input) || input instanceof Set

/** Writes a column's value in notation; throws a TypeError if it is not of the type. RFC 7047 § 5.1 `<value>`. */
export const encodeValue = (type: ColumnType, input: ValueInput): Json => {
  if (type.value) return encodeMap(type.key.type, type.value.type, input)
  if (type.max !== 1) {
    if (!isElements(input)) throw new TypeError(`${String(input)} is no set of ${type.key.type}`)
    return encodeSet(type.key.type, input)
  }
  if (input === undefined && type.min === 0) return ['set', []]
  return encoders[type.key.type](input)
}

/** Writes what a `delete` mutation takes away: of a map also just keys. RFC 7047 § 5.1 `<mutation>`. */
export const encodeDelete = (type: ColumnType, input: ValueInput): Json =>
  type.value && isElements(input) ? encodeSet(type.key.type, input) : encodeValue(type, input)

/** A reader for rows of some columns; all rows it makes have their properties in one order. */
export interface RowReader {
  readonly columns: ReadonlyMap<string, ColumnSchema>
  /** A row in which every column must be given. */
  complete(uuid: Uuid, json: Json | undefined): UntypedRow
  /** A row in which a column left out has its default. */
  withDefaults(uuid: Uuid, json: Json | undefined): UntypedRow
}

/** Makes the reader for rows of the given columns. */
export const rowReader = (table: string, columns: ReadonlyMap<string, ColumnSchema>): RowReader => {
  const plan = Array.from(columns, ([name, { type }]) => ({ name, type, initial: defaultValue(type) }))
  const read = (uuid: Uuid, json: Json | undefined, complete: boolean): UntypedRow => {
    if (!isObject(json)) throw new ProtocolError(`${table} ${uuid}: ${excerpt(json)} is no row`)
    const row: { _uuid: Uuid; [column: string]: Value } = { _uuid: uuid }
    for (const { name, type, initial } of plan) {
      if (Object.hasOwn(json, name)) row[name] = decodeColumn(table, name, type, json[name])
      else if (complete) throw new ProtocolError(`${table}.${name} is missing in row ${uuid}`)
      else row[name] = initial
    }
    return row
  }
  return {
    columns,
    complete: (uuid, json) => read(uuid, json, true),
    withDefaults: (uuid, json) => read(uuid, json, false),
  }
}

/** Reads one column's value; an error names the column. */
export const decodeColumn = (table: string, column: string, type: ColumnType, json: Json | undefined): Value =>
  namingColumn(ProtocolError, table, column, () => decodeValue(type, json))

/** Writes one column's value; an error names the column. */
export const encodeColumn = (table: string, column: string, type: ColumnType, input: ValueInput): Json =>
  namingColumn(TypeError, table, column, () => encodeValue(type, input))

/** Runs; an error of the kind gets the column put in front of its message. */
export const namingColumn = <T>(
  kind: new (message: string) => Error,
  table: string,
  column: string,
  run: () => T,
): T => {
  try {
    return run()
  } catch (error) {
    if (error instanceof kind) throw new kind(`${table}.${column}: ${error.message}`)
    throw error
  }
}
