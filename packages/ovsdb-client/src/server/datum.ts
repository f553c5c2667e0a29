import { type AtomicType, type BaseType, type ColumnType, describeType, shapeOf } from '../database-schema.ts'
import { excerpt, isArray, type Json } from '../json.ts'
import { type Atom, decodeAtom, defaultValue, type Value } from '../notation.ts'
import type { Uuid } from '../schema.ts'
import { OperationError } from './operation-error.ts'

/** A column's value as the server holds it: atoms in order, without duplicates; `values` goes with `keys` in a map. */
export interface Datum {
  readonly keys: readonly Atom[]
  readonly values?: readonly Atom[]
}

/** Gives the id that a `named-uuid` stands for in this transaction. */
export type ResolveName = (name: string) => Uuid

/** The order of atoms of one type. */
export const compareAtoms = (a: Atom, b: Atom): number => (a === b ? 0 : a < b ? -1 : 1)

const defaults = new WeakMap<ColumnType, Datum>()

/** The datum of a column nobody has set; the same object each time, since most columns of most rows hold it. */
export const defaultDatum = (type: ColumnType): Datum => {
  let datum = defaults.get(type)
  if (!datum) {
    datum = fromValue(defaultValue(type))
    defaults.set(type, datum)
  }
  return datum
}

const fromValue = (value: Value): Datum => {
  if (value === undefined) return { keys: [] }
  if (value instanceof Map) return { keys: [...value.keys()], values: [...value.values()] }
  return { keys: value instanceof Set ? [...value] : [value as Atom] }
}

/** A datum as the client side of this package holds values. */
export const toValue = (type: ColumnType, { keys, values = [] }: Datum): Value => {
  if (keys.length === 0) return emptyValue(type)
  switch (shapeOf(type)) {
    case 'map':
      return new Map(keys.map((key, at) => [key, values[at] as Atom]))
    case 'set':
      return new Set(keys)
    default:
      return keys[0]
  }
}

/** Nothing, as one object for all: most columns of most rows hold it. */
const emptyValue = (type: ColumnType): Value => defaultValue({ ...type, min: 0 })

/** Puts pairs or elements in order; throws if a key stands there twice. */
const sorted = (keys: Atom[], values?: Atom[]): Datum => {
  const order = keys.map((_, at) => at).sort((a, b) => compareAtoms(keys[a] as Atom, keys[b] as Atom))
  const inOrder = order.map(at => keys[at] as Atom)
  if (inOrder.some((key, at) => at > 0 && key === inOrder[at - 1])) {
    throw new OperationError('ovsdb error', `${values ? 'map contains duplicate key' : 'set contains duplicate'}`)
  }
  return values ? { keys: inOrder, values: order.map(at => values[at] as Atom) } : { keys: inOrder }
}

/** Reads a datum of the given type from notation and checks its constraints; throws an OperationError. */
export const parseDatum = (type: ColumnType, json: Json | undefined, resolve: ResolveName): Datum => {
  const { key, value, min, max } = type
  const atom = (base: BaseType, element: Json | undefined): Atom => {
    const parsed = parseAtom(base.type, element, resolve)
    checkAtom(base, parsed)
    return parsed
  }
  const collection = isArray(json) && isArray(json[1]) && json[0] === (value ? 'map' : 'set') ? json[1] : undefined
  if (!collection) {
    if (value || json === undefined) throw syntaxError(type, json)
    return { keys: [atom(key, json)] }
  }
  if (collection.length < min || collection.length > max) {
    throw new OperationError('syntax error', `${excerpt(json)} has ${collection.length} members, not ${min} to ${max}`)
  }
  if (!value) return sorted(collection.map(element => atom(key, element)))
  const pairs = collection.map(pair => {
    if (!isArray(pair) || pair.length !== 2) throw syntaxError(type, pair)
    return [atom(key, pair[0]), atom(value, pair[1])] as const
  })
  return sorted(
    pairs.map(([k]) => k),
    pairs.map(([, v]) => v),
  )
}

const syntaxError = (type: ColumnType, json: Json | undefined): OperationError =>
  new OperationError('syntax error', `${excerpt(json)} is no ${describeType(type)}`)

const parseAtom = (type: AtomicType, json: Json | undefined, resolve: ResolveName): Atom => {
  if (type === 'uuid' && isArray(json) && json[0] === 'named-uuid' && typeof json[1] === 'string') {
    return resolve(json[1])
  }
  try {
    return decodeAtom(type, json)
  } catch {
    throw new OperationError('syntax error', `${excerpt(json)} is no ${type}`)
  }
}

/** Checks a value against its type's constraints; throws an OperationError. RFC 7047 § 3.2 `<base-type>`. */
export const checkAtom = (base: BaseType, atom: Atom): void => {
  const refuse = (why: string): never => {
    throw new OperationError('constraint violation', `${JSON.stringify(atom)} ${why}`)
  }
  if (base.enum && !base.enum.includes(atom)) refuse(`is not one of the allowed values ${base.enum.join(', ')}`)
  if (typeof atom === 'number') {
    const low = base.minInteger ?? base.minReal
    const high = base.maxInteger ?? base.maxReal
    if (low !== undefined && atom < low) refuse(`is less than ${low}`)
    if (high !== undefined && atom > high) refuse(`is greater than ${high}`)
  } else if (typeof atom === 'string' && base.type === 'string') {
    const length = base.minLength === undefined && base.maxLength === undefined ? 0 : [...atom].length
    if (length < (base.minLength ?? 0)) refuse(`is shorter than ${base.minLength} characters`)
    if (length > (base.maxLength ?? Number.POSITIVE_INFINITY)) refuse(`is longer than ${base.maxLength} characters`)
  }
}

const atomToJson = (type: AtomicType, atom: Atom): Json => (type === 'uuid' ? ['uuid', atom] : atom)

/** Writes a datum in notation: a set of exactly one element as that element, as ovsdb-server does. */
export const datumToJson = (type: ColumnType, { keys, values }: Datum): Json => {
  const { key, value } = type
  if (value) {
    return ['map', keys.map((k, at) => [atomToJson(key.type, k), atomToJson(value.type, values?.[at] as Atom)])]
  }
  if (keys.length === 1) return atomToJson(key.type, keys[0] as Atom)
  return ['set', keys.map(k => atomToJson(key.type, k))]
}

const sameAtoms = (a: readonly Atom[] = [], b: readonly Atom[] = []): boolean =>
  a === b || (a.length === b.length && a.every((atom, at) => atom === b[at]))

/** Whether two datums of one column are equal. */
export const sameDatum = (a: Datum, b: Datum): boolean =>
  a === b || (sameAtoms(a.keys, b.keys) && sameAtoms(a.values, b.values))

/** The position of a key in a datum, or -1. */
const find = (keys: readonly Atom[], key: Atom): number => {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareAtoms(keys[middle] as Atom, key) < 0) low = middle + 1
    else high = middle
  }
  return keys[low] === key ? low : -1
}

/** Whether a datum holds this key, with this value if one is given. */
export const holds = (datum: Datum, key: Atom, value?: Atom): boolean => {
  const at = find(datum.keys, key)
  return at >= 0 && (value === undefined || datum.values?.[at] === value)
}

/** Those pairs or elements of a datum for which `keep` says so. */
export const filterDatum = (datum: Datum, keep: (key: Atom, value: Atom | undefined) => boolean): Datum => {
  const { keys, values } = datum
  const kept = keys.map((key, at) => keep(key, values?.[at]))
  if (kept.every(Boolean)) return datum
  const filter = (atoms: readonly Atom[]): Atom[] => atoms.filter((_, at) => kept[at])
  return values ? { keys: filter(keys), values: filter(values) } : { keys: filter(keys) }
}

/** Both datums together; where both have a key, the pair of the first stays. */
export const union = (first: Datum, second: Datum): Datum => {
  if (first.keys.length === 0) return second
  const added = filterDatum(second, key => !holds(first, key))
  if (added.keys.length === 0) return first
  const keys: Atom[] = []
  const values: Atom[] = []
  const take = (datum: Datum, at: number): void => {
    keys.push(datum.keys[at] as Atom)
    if (datum.values) values.push(datum.values[at] as Atom)
  }
  let at = 0
  for (let next = 0; next < added.keys.length; next++) {
    while (at < first.keys.length && compareAtoms(first.keys[at] as Atom, added.keys[next] as Atom) < 0)
      take(first, at++)
    take(added, next)
  }
  while (at < first.keys.length) take(first, at++)
  return first.values ? { keys, values } : { keys }
}

/** The atoms that only one of two lists in order has, those of the first with `gone`, those of the second with `come`. */
export const compareLists = (
  first: readonly Atom[],
  second: readonly Atom[],
  gone: (atom: Atom) => void,
  come: (atom: Atom) => void,
): void => {
  let a = 0
  let b = 0
  while (a < first.length || b < second.length) {
    const order = a === first.length ? 1 : b === second.length ? -1 : compareAtoms(first[a] as Atom, second[b] as Atom)
    if (order <= 0) {
      if (order < 0) gone(first[a] as Atom)
      a++
    }
    if (order >= 0) {
      if (order > 0) come(second[b] as Atom)
      b++
    }
  }
}

/** What update2 says of a change: see `applyDifference` for its reading. ovsdb-server(7) § 4.1.14. */
export const difference = (type: ColumnType, before: Datum, after: Datum): Datum => {
  if (type.max === 1) return after
  if (!type.value) {
    const keys: Atom[] = []
    const differs = (atom: Atom): number => keys.push(atom)
    compareLists(before.keys, after.keys, differs, differs)
    return { keys }
  }
  const changed = filterDatum(after, (key, value) => !holds(before, key, value))
  return union(
    changed,
    filterDatum(before, key => !holds(after, key)),
  )
}
