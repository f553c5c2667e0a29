import { type BaseType, type ColumnType, describeType } from '../database-schema.ts'
import { excerpt, isArray, type Json } from '../json.ts'
import type { Atom } from '../notation.ts'
import {
  checkAtom,
  compareAtoms,
  type Datum,
  filterDatum,
  holds,
  parseDatum,
  type ResolveName,
  union,
} from './datum.ts'
import { OperationError } from './operation-error.ts'
import type { Field, StoredTable } from './stored-table.ts'

/** A parsed mutation of one column. */
export interface ParsedMutation {
  readonly field: Field
  readonly apply: (datum: Datum) => Datum
}

type Arithmetic = (left: number, right: number, type: BaseType['type']) => number

const nonZero = (divisor: number): number => {
  if (divisor === 0) throw new OperationError('domain error', 'Division by zero.')
  return divisor
}

const arithmetic: Readonly<Record<string, Arithmetic>> = {
  '+=': (left, right) => left + right,
  '-=': (left, right) => left - right,
  '*=': (left, right) => left * right,
  '/=': (left, right, type) => {
    const quotient = left / nonZero(right)
    return type === 'integer' ? Math.trunc(quotient) : quotient
  },
  '%=': (left, right) => left % nonZero(right),
}

const isCollection = (type: ColumnType): boolean => type.value !== undefined || type.min !== 1 || type.max !== 1

/** Reads one mutation; throws an OperationError. RFC 7047 § 5.1 `<mutation>`. */
export const parseMutation = (table: StoredTable, json: Json, resolve: ResolveName): ParsedMutation => {
  const [column, mutator, value] = isArray(json) && json.length === 3 ? json : []
  if (typeof column !== 'string' || typeof mutator !== 'string') {
    throw new OperationError('syntax error', `${excerpt(json)} is no mutation`)
  }
  const field = table.field(column)
  const { type } = field
  if (!field.mutable) {
    throw new OperationError('constraint violation', `Cannot mutate immutable column ${column} in table ${table.name}.`)
  }
  const mismatch = (): OperationError =>
    new OperationError('syntax error', `${mutator} does not apply to ${column}, which is ${describeType(type)}`)
  if (mutator === 'insert' || mutator === 'delete') {
    if (!isCollection(type)) throw mismatch()
    const apply = mutator === 'insert' ? insertion(type, value, resolve) : deletion(type, value, resolve)
    return { field, apply }
  }
  const calculate = Object.hasOwn(arithmetic, mutator) ? arithmetic[mutator] : undefined
  if (!calculate) throw new OperationError('unknown mutator', `No mutator named ${mutator}.`)
  const numeric = type.key.type === 'integer' || (type.key.type === 'real' && mutator !== '%=')
  if (!numeric || type.value) throw mismatch()
  const operand = parseDatum({ key: { type: type.key.type }, min: 1, max: 1 }, value, resolve).keys[0] as number
  return { field, apply: datum => calculated(type, datum, left => calculate(left, operand, type.key.type)) }
}

const insertion = (type: ColumnType, value: Json | undefined, resolve: ResolveName): ParsedMutation['apply'] => {
  const added = parseDatum({ ...type, min: 0 }, value, resolve)
  return datum => checkCount(type, union(datum, added))
}

const deletion = (type: ColumnType, value: Json | undefined, resolve: ResolveName): ParsedMutation['apply'] => {
  const { value: _, ...keysOnly } = type
  const wide = { min: 0, max: Number.POSITIVE_INFINITY } as const
  const byKey = type.value && !(isArray(value) && value[0] === 'map')
  const removed = parseDatum(byKey ? { ...keysOnly, ...wide } : { ...type, ...wide }, value, resolve)
  return datum =>
    checkCount(
      type,
      filterDatum(datum, (key, own) => !holds(removed, key, removed.values ? own : undefined)),
    )
}

const checkCount = ({ min, max }: ColumnType, datum: Datum): Datum => {
  const { length } = datum.keys
  if (length >= min && length <= max) return datum
  throw new OperationError('constraint violation', `Attempted to store ${length} elements, not ${min} to ${max}.`)
}

const calculated = ({ key }: ColumnType, datum: Datum, calculate: (left: number) => number): Datum => {
  const keys = datum.keys.map(atom => {
    const result = calculate(atom as number)
    const inRange = key.type === 'integer' ? Number.isSafeInteger(result) : Number.isFinite(result)
    if (!inRange) throw new OperationError('range error', 'The result is out of range.')
    checkAtom(key, result)
    return result
  })
  keys.sort(compareAtoms)
  if (keys.some((atom: Atom, at) => at > 0 && atom === keys[at - 1])) {
    throw new OperationError('constraint violation', 'Result of mutation contains duplicates.')
  }
  return { keys }
}
