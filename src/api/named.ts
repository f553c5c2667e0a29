import { nearest } from '../../topology/nearest.ts'
import { NotFound } from './refusal.ts'

/** The row of this name or id. @throws {NotFound} with the nearest name when there is none. */
export function named<Row extends { readonly id: string; readonly name: string }>(
  kind: string,
  rows: ReadonlyMap<string, Row>,
  wanted: string,
): Row {
  const found = rows.get(wanted) ?? rows.values().find(row => row.name === wanted)
  if (found === undefined)
    throw unknown(
      kind,
      wanted,
      rows.values().map(row => row.name),
    )
  return found
}

/** That there is no such thing, with the nearest of the names there are. */
export function unknown(kind: string, wanted: string, names: Iterable<string>): NotFound {
  const near = nearest(wanted, names)
  return new NotFound(`there is no ${kind} ${wanted}${near === undefined ? '' : `: did you mean ${near}?`}`)
}
