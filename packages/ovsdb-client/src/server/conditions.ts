import { type ColumnType, describeType } from '../database-schema.ts'
import { excerpt, isArray, type Json } from '../json.ts'
import type { Atom } from '../notation.ts'
import { compareAtoms, type Datum, holds, parseDatum, type ResolveName, sameDatum } from './datum.ts'
import { OperationError } from './operation-error.ts'
import type { StoredRow, StoredTable } from './stored-table.ts'

/** A parsed `where`. */
export interface Clause {
  readonly test: (row: StoredRow) => boolean
  /** The only rows that can pass, where an index knows them. */
  readonly candidates: () => Iterable<StoredRow>
}

type Test = (datum: Datum, argument: Datum) => boolean

const includesAll: Test = (datum, { keys, values }) => keys.every((key, at) => holds(datum, key, values?.[at]))
const excludesAll: Test = (datum, { keys, values }) => !keys.some((key, at) => holds(datum, key, values?.[at]))
const ordered =
  (accept: (order: number) => boolean): Test =>
  (datum, argument) =>
    datum.keys.length === 1 && accept(compareAtoms(datum.keys[0] as Atom, argument.keys[0] as Atom))

const tests: Readonly<Record<string, Test>> = {
  '==': sameDatum,
  '!=': (datum, argument) => !sameDatum(datum, argument),
  includes: includesAll,
  excludes: excludesAll,
  '<': ordered(order => order < 0),
  '<=': ordered(order => order <= 0),
  '>': ordered(order => order > 0),
  '>=': ordered(order => order >= 0),
}

/** The type of a test's argument. RFC 7047 § 5.1 `<condition>`, ovsdb-server(7) § 5.1. */
const argumentType = (name: string, type: ColumnType, column: string): ColumnType => {
  const scalar = !type.value && type.min === 1 && type.max === 1
  if (name === 'includes' && !scalar) return { ...type, min: 0 }
  if (name === 'excludes' && !scalar) return { ...type, min: 0, max: Number.POSITIVE_INFINITY }
  if (!name.startsWith('<') && !name.startsWith('>')) return type
  if (type.value || type.max !== 1 || (type.key.type !== 'integer' && type.key.type !== 'real')) {
    throw new OperationError('syntax error', `${name} does not apply to ${column}, which is ${describeType(type)}`)
  }
  return { ...type, min: 1 }
}

/** Reads a `where`; rows must pass all its tests, or with `any` one of them; an empty one passes every row. */
export const parseWhere = (
  table: StoredTable,
  json: Json | undefined,
  resolve: ResolveName,
  combine: 'every' | 'some' = 'every',
): Clause => {
  if (!isArray(json)) throw new OperationError('syntax error', `where is ${excerpt(json)}, not an array`)
  let candidates: Clause['candidates'] = () => table.rows.values()
  const parsed = json.map((condition): ((row: StoredRow) => boolean) => {
    if (typeof condition === 'boolean') return () => condition
    const [column, name, value] = isArray(condition) && condition.length === 3 ? condition : []
    if (typeof column !== 'string' || typeof name !== 'string') {
      throw new OperationError('syntax error', `${excerpt(condition)} is no condition`)
    }
    const test = Object.hasOwn(tests, name) ? tests[name] : undefined
    if (!test) throw new OperationError('unknown function', `No function named ${name}.`)
    const field = table.field(column)
    const argument = parseDatum(argumentType(name, field.type, column), value, resolve)
    if (combine === 'every' && name === '==') candidates = table.lookUp(column, argument) ?? candidates
    return row => test(field.read(row), argument)
  })
  return {
    candidates,
    test: row =>
      combine === 'every' || parsed.length === 0 ? parsed.every(test => test(row)) : parsed.some(test => test(row)),
  }
}

/** The rows that pass, as they are now. */
export const matching = ({ candidates, test }: Clause): StoredRow[] => [...candidates()].filter(test)
