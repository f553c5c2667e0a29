import type { ColumnType } from './database-schema.ts'
import { ProtocolError } from './errors.ts'
import { excerpt, isObject, type Json, member } from './json.ts'
import { applyDifference, decodeValue, namingColumn, type RowReader, type UntypedRow, type Value } from './notation.ts'
import { isUuid, type Uuid } from './schema.ts'

/** A row that came (no before), changed, or went (no after). */
export interface UntypedChange {
  readonly table: string
  readonly uuid: Uuid
  readonly before?: UntypedRow
  readonly after?: UntypedRow
}

/** The rows known so far, and how to read further ones. */
export interface KnownTable {
  readonly reader: RowReader
  readonly rows: ReadonlyMap<Uuid, UntypedRow>
}

/** Reads one row of an update against what is known of it. */
export type RowUpdateReader = (
  table: KnownTable,
  where: string,
  uuid: Uuid,
  update: Json,
) => Omit<UntypedChange, 'table' | 'uuid'>

/**
 * Reads an update message against the rows known so far, changing nothing; throws a ProtocolError that names the place if a
 * value has the wrong type or the message does not fit what is known.
 */
export const readTableUpdates = (
  tables: ReadonlyMap<string, KnownTable>,
  json: Json | undefined,
  readRow: RowUpdateReader,
): UntypedChange[] => {
  const changes: UntypedChange[] = []
  if (!isObject(json)) throw new ProtocolError(`${excerpt(json)} is no update of tables`)
  for (const [name, rows] of Object.entries(json)) {
    const table = tables.get(name)
    if (!table) throw new ProtocolError(`an update of ${excerpt(name)}, which is not monitored`)
    if (!isObject(rows)) throw new ProtocolError(`${name}: ${excerpt(rows)} is no update of a table`)
    for (const [uuid, update] of Object.entries(rows)) {
      if (!isUuid(uuid)) throw new ProtocolError(`${name}: ${excerpt(uuid)} is no UUID`)
      changes.push({ table: name, uuid, ...readRow(table, name, uuid, update) })
    }
  }
  return changes
}

/** Reads `<row-update>`: `old` and `new`. RFC 7047 § 4.1.6. */
export const readRowUpdate: RowUpdateReader = (table, where, uuid, update) => {
  const before = table.rows.get(uuid)
  const newRow = isObject(update) ? member(update, 'new') : undefined
  const oldRow = isObject(update) ? member(update, 'old') : undefined
  if (newRow !== undefined && oldRow === undefined) {
    if (before) throw new ProtocolError(`${where} ${uuid}: inserted twice`)
    return { after: table.reader.complete(uuid, newRow) }
  }
  if (!before) throw new ProtocolError(`${where} ${uuid}: a change of an unknown row`)
  if (newRow === undefined) return { before }
  if (!isObject(oldRow) || !isObject(newRow))
    throw new ProtocolError(`${where} ${uuid}: ${excerpt(update)} is no update`)
  // `old` holds the changed columns only: what did not change stays the same object.
  return {
    before,
    after: changed(table, where, before, Object.keys(oldRow), (type, column) =>
      decodeValue(type, member(newRow, column)),
    ),
  }
}

/** Reads `<row-update2>`: `initial`, `insert`, `modify` or `delete`. ovsdb-server(7) § 4.1.14. */
export const readRowUpdate2: RowUpdateReader = (table, where, uuid, update) => {
  const [kind, row] = (isObject(update) ? Object.entries(update)[0] : undefined) ?? []
  const before = table.rows.get(uuid)
  if (kind === 'initial' || kind === 'insert') {
    if (before) throw new ProtocolError(`${where} ${uuid}: inserted twice`)
    return { after: table.reader.withDefaults(uuid, row) }
  }
  if (!before) throw new ProtocolError(`${where} ${uuid}: a change of an unknown row`)
  if (kind === 'delete') return { before }
  if (kind !== 'modify' || !isObject(row)) throw new ProtocolError(`${where} ${uuid}: ${excerpt(update)} is no update`)
  return {
    before,
    after: changed(table, where, before, Object.keys(row), (type, column) =>
      applyDifference(type, before[column], row[column]),
    ),
  }
}

const changed = (
  table: KnownTable,
  where: string,
  before: UntypedRow,
  columns: readonly string[],
  read: (type: ColumnType, column: string) => Value,
): UntypedRow => {
  const after: { _uuid: Uuid; [column: string]: Value } = { ...before }
  for (const column of columns) {
    const schema = table.reader.columns.get(column)
    if (!schema) throw new ProtocolError(`${where}: an update of column ${excerpt(column)}, which is not monitored`)
    after[column] = namingColumn(ProtocolError, where, column, () => read(schema.type, column))
  }
  return after
}
