import { excerpt, isArray, isObject, type Json, type JsonObject, member } from '../json.ts'
import { type Clause, matching, parseWhere } from './conditions.ts'
import { datumToJson, defaultDatum, difference, sameDatum } from './datum.ts'
import { rowToJson } from './execute.ts'
import { OperationError } from './operation-error.ts'
import type { Field, StoredRow, StoredTable } from './stored-table.ts'
import type { StoredChange } from './transaction.ts'

/** The kinds of change a monitor may ask for. RFC 7047 § 4.1.5 `<monitor-select>`. */
type Kind = 'initial' | 'insert' | 'delete' | 'modify'

/** The columns asked for, for each kind of change that is asked for; none of them still tells that there is a row. */
type SelectedColumns = { readonly [K in Kind]: readonly Field[] | undefined }

interface MonitoredTable {
  readonly columns: SelectedColumns
  where: Clause
}

/** The spelling of updates: RFC 7047 § 4.1.6 (1) or ovsdb-server(7) § 4.1.14 (2). */
export type UpdateFormat = 1 | 2

/** What one client watches. */
export class Monitor {
  private readonly format: UpdateFormat
  private readonly tables = new Map<StoredTable, MonitoredTable>()

  /** Reads the requests of `monitor`, `monitor_cond` or `monitor_cond_since`; throws an OperationError. */
  constructor(tables: ReadonlyMap<string, StoredTable>, requests: Json | undefined, format: UpdateFormat) {
    this.format = format
    if (!isObject(requests)) throw new OperationError('syntax error', `${excerpt(requests)} is no monitor request`)
    for (const [name, request] of Object.entries(requests)) {
      const table = tables.get(name)
      if (!table) throw new OperationError('syntax error', `no table named ${name}`)
      const parts = (isArray(request) ? request : [request]).map(part => parseRequest(table, part))
      const columns = (kind: Kind): readonly Field[] | undefined => {
        const selected = parts.flatMap(part => part.columns[kind] ?? [])
        return parts.some(part => part.columns[kind]) ? [...new Set(selected)] : undefined
      }
      this.tables.set(table, {
        columns: {
          initial: columns('initial'),
          insert: columns('insert'),
          delete: columns('delete'),
          modify: columns('modify'),
        },
        where: parseWhere(
          table,
          parts.flatMap(({ where }) => where),
          noNames,
          'some',
        ),
      })
    }
  }

  /** The rows there are now. */
  initial(): JsonObject {
    const update = new UpdateMessage()
    for (const [table, { columns, where }] of this.tables) {
      const { initial } = columns
      if (!initial) continue
      for (const row of matching(where)) update.add(table, row, this.newRow(row, initial, 'initial'))
    }
    return update.json
  }

  /** What the client is to be told of these changes; undefined for nothing. */
  update(changes: readonly StoredChange[]): JsonObject | undefined {
    const update = new UpdateMessage()
    for (const { table, before, after } of changes) {
      const monitored = this.tables.get(table)
      if (!monitored) continue
      const was = before && monitored.where.test(before) ? before : undefined
      const is = after && monitored.where.test(after) ? after : undefined
      const row = this.rowUpdate(monitored, was, is)
      if (row !== undefined) update.add(table, (is ?? was) as StoredRow, row)
    }
    return update.isEmpty ? undefined : update.json
  }

  /** Changes the tests of `monitor_cond`; returns the update that follows from it. ovsdb-server(7) § 4.1.13. */
  changeConditions(tables: ReadonlyMap<string, StoredTable>, requests: Json | undefined): JsonObject | undefined {
    if (!isObject(requests)) throw new OperationError('syntax error', `${excerpt(requests)} is no monitor request`)
    const update = new UpdateMessage()
    for (const [name, request] of Object.entries(requests)) {
      const table = tables.get(name)
      const monitored = table && this.tables.get(table)
      if (!monitored) throw new OperationError('syntax error', `no monitored table named ${name}`)
      const before = monitored.where
      const parts = (isArray(request) ? request : [request]).map(part => parseRequest(table, part))
      monitored.where = parseWhere(
        table,
        parts.flatMap(({ where }) => where),
        noNames,
        'some',
      )
      for (const row of table.rows.values()) {
        const was = before.test(row)
        const is = monitored.where.test(row)
        const change = was === is ? undefined : this.rowUpdate(monitored, was ? row : undefined, is ? row : undefined)
        if (change !== undefined) update.add(table, row, change)
      }
    }
    return update.isEmpty ? undefined : update.json
  }

  private rowUpdate({ columns }: MonitoredTable, before?: StoredRow, after?: StoredRow): Json | undefined {
    if (before && after) return columns.modify && this.modifiedRow(before, after, columns.modify)
    if (after) return columns.insert && this.newRow(after, columns.insert, 'insert')
    if (!before || !columns.delete) return undefined
    return this.format === 1 ? { old: rowToJson(before, columns.delete) } : { delete: null }
  }

  private newRow(row: StoredRow, columns: readonly Field[], kind: 'initial' | 'insert'): Json {
    if (this.format === 1) return { new: rowToJson(row, columns) }
    return {
      [kind]: rowToJson(
        row,
        columns.filter(column => !isDefault(column, row)),
      ),
    }
  }

  private modifiedRow(before: StoredRow, after: StoredRow, columns: readonly Field[]): Json | undefined {
    const changed = columns.filter(({ read }) => !sameDatum(read(before), read(after)))
    // A new _version alone is not worth a message.
    if (changed.every(({ name }) => name === '_version')) return undefined
    if (this.format === 1) return { old: rowToJson(before, changed), new: rowToJson(after, columns) }
    const entries = changed.map(({ name, type, read }) => [
      name,
      datumToJson(type, difference(type, read(before), read(after))),
    ])
    return { modify: Object.fromEntries(entries) }
  }
}

const noNames = (name: string): never => {
  throw new OperationError('syntax error', `named-uuid ${name} in a monitor request`)
}

const isDefault = ({ position, type, read }: Field, row: StoredRow): boolean =>
  position >= 0 && sameDatum(read(row), defaultDatum(type))

const parseRequest = (
  table: StoredTable,
  json: Json,
): { readonly columns: SelectedColumns; readonly where: readonly Json[] } => {
  if (!isObject(json)) throw new OperationError('syntax error', `${excerpt(json)} is no monitor request`)
  const names = member(json, 'columns')
  const select = member(json, 'select') ?? {}
  const where = member(json, 'where') ?? []
  const fields = isArray(names) ? names.map(name => table.field(String(name))) : table.allButUuid
  const selected = (kind: Kind): readonly Field[] => (isObject(select) && member(select, kind) === false ? [] : fields)
  return {
    columns: {
      initial: selected('initial'),
      insert: selected('insert'),
      delete: selected('delete'),
      modify: selected('modify'),
    },
    where: isArray(where) ? where : [where],
  }
}

/** Collects rows by table. */
class UpdateMessage {
  private readonly tables = new Map<string, Map<string, Json>>()

  get isEmpty(): boolean {
    return this.tables.size === 0
  }

  get json(): JsonObject {
    return Object.fromEntries(Array.from(this.tables, ([name, rows]) => [name, Object.fromEntries(rows)]))
  }

  add(table: StoredTable, row: StoredRow, update: Json): void {
    const rows = this.tables.get(table.name)
    if (rows) rows.set(row.uuid, update)
    else this.tables.set(table.name, new Map([[row.uuid, update]]))
  }
}
