import type { ColumnSchema } from './database-schema.ts'
import { ProtocolError } from './errors.ts'
import type { Json } from './json.ts'
import { type Atom, rowReader, type UntypedRow, type Value } from './notation.ts'
import type { ColumnName, Database, Row, Table, Tables, Uuid } from './schema.ts'
import { type KnownTable, type RowUpdateReader, readTableUpdates, type UntypedChange } from './table-updates.ts'

/** Which tables and columns to monitor; `true` stands for all declared columns. */
export type Selection<T extends Tables> = { readonly [N in keyof T]?: readonly ColumnName<T[N]>[] | true }

/** The rows a selection yields, by table. */
export type SelectedRows<T extends Tables, S extends Selection<T>> = {
  readonly [N in keyof S & keyof T]: S[N] extends readonly (infer C)[] ? Row<T[N], C & ColumnName<T[N]>> : Row<T[N]>
}

/** Row types by table name. */
export type RowTypes = Readonly<Record<string, { readonly _uuid: Uuid }>>

/** A row that came (no `before`), changed, or went (no `after`). */
export type Change<Rows extends RowTypes> = {
  readonly [N in keyof Rows & string]: {
    readonly table: N
    readonly uuid: Uuid
    readonly before?: Rows[N]
    readonly after?: Rows[N]
  }
}[keyof Rows & string]

/** Finds rows by the value of a column, of an element of its set, or of one key of its map. */
export interface RowIndex<R> {
  /** The rows with this value; empty if there is none. */
  get(value: Atom): readonly R[]
}

/** What an index of a column is looked up by. */
type IndexKeys = (value: Value) => Iterable<Atom>

interface LiveIndex {
  readonly column: string
  readonly keys: IndexKeys
  readonly uuids: Map<Atom, Set<Uuid>>
}

interface LiveTable extends KnownTable {
  readonly rows: Map<Uuid, UntypedRow>
  readonly indexes: Map<string, LiveIndex>
}

/** A copy of monitored tables, kept current by the server's updates. A row object never changes: a change is a new object. */
export class Replica<Rows extends RowTypes = RowTypes> {
  /** The rows by table and id. */
  readonly tables: { readonly [N in keyof Rows]: ReadonlyMap<Uuid, Rows[N]> }
  /** Called after each update message has been applied, with all its changes; in one message lies one transaction. */
  onChange: ((changes: readonly Change<Rows>[]) => void) | undefined
  private readonly live = new Map<string, LiveTable>()

  constructor(database: Database, columns: ReadonlyMap<string, readonly string[]>) {
    for (const [name, names] of columns) {
      const reader = rowReader(name, columnSchemas(database.tables[name], names))
      this.live.set(name, { reader, rows: new Map(), indexes: new Map() })
    }
    this.tables = Object.fromEntries(
      Array.from(this.live, ([name, { rows }]) => [name, rows]),
    ) as unknown as this['tables']
  }

  /**
   * An index of a monitored column: by its value, by each element if it is a set, or by the value of `key` if it is a map.
   * Kept current from now on; asking twice gives the same one.
   */
  index<N extends keyof Rows & string>(table: N, column: keyof Rows[N] & string, key?: Atom): RowIndex<Rows[N]> {
    const live = this.live.get(table)
    if (!live?.reader.columns.has(column)) throw new TypeError(`${table}.${column} is not monitored`)
    const name = JSON.stringify([column, key])
    let index = live.indexes.get(name)
    if (!index) {
      index = { column, keys: indexKeys(key), uuids: new Map() }
      live.indexes.set(name, index)
      for (const row of live.rows.values()) updateIndex(index, row._uuid, undefined, row)
    }
    const { uuids } = index
    return { get: value => Array.from(uuids.get(value) ?? [], uuid => live.rows.get(uuid)) as unknown as Rows[N][] }
  }

  /** Applies an update message as a whole, or throws a ProtocolError and changes nothing. For sessions. */
  apply(json: Json | undefined, readRow: RowUpdateReader): void {
    const changes = readTableUpdates(this.live, json, readRow)
    for (const change of changes) this.applyChange(change)
    if (changes.length > 0) this.onChange?.(changes as unknown as readonly Change<Rows>[])
  }

  private applyChange({ table, uuid, before, after }: UntypedChange): void {
    const live = this.live.get(table)
    if (!live) throw new ProtocolError(`${table} is not monitored`)
    if (after) live.rows.set(uuid, after)
    else live.rows.delete(uuid)
    for (const index of live.indexes.values()) updateIndex(index, uuid, before, after)
  }
}

const columnSchemas = (table: Table | undefined, names: readonly string[]): ReadonlyMap<string, ColumnSchema> =>
  new Map(
    names.map(name => {
      const schema = table?.columns[name]
      if (!schema) throw new TypeError(`column ${name} is not declared`)
      return [name, schema]
    }),
  )

const indexKeys =
  (key: Atom | undefined): IndexKeys =>
  value => {
    if (value instanceof Map) {
      const found = key === undefined ? undefined : value.get(key)
      return found === undefined ? [] : [found]
    }
    if (value instanceof Set) return value
    return value === undefined ? [] : [value as Atom]
  }

const updateIndex = (
  { column, keys, uuids }: LiveIndex,
  uuid: Uuid,
  before: UntypedRow | undefined,
  after: UntypedRow | undefined,
): void => {
  // An unchanged column is the same object in both rows.
  if (before && after && before[column] === after[column]) return
  if (before) {
    for (const value of keys(before[column])) {
      const found = uuids.get(value)
      if (found?.delete(uuid) && found.size === 0) uuids.delete(value)
    }
  }
  if (!after) return
  for (const value of keys(after[column])) {
    const found = uuids.get(value)
    if (found) found.add(uuid)
    else uuids.set(value, new Set([uuid]))
  }
}
