import type { UntypedRow } from '../notation.ts'
import type { Change } from '../replica.ts'
import type { Database, Row, Tables, Uuid } from '../schema.ts'
import type { MemoryDatabase } from './database.ts'
import { toValue } from './datum.ts'
import type { Field, StoredRow, StoredTable } from './stored-table.ts'

/** The rows of a declared database, by table. */
export type DeclaredRows<T extends Tables> = { readonly [N in keyof T]: Row<T[N]> }

/** The server's own database, read with the types of a declared one. */
export class DatabaseView<T extends Tables> {
  private readonly database: MemoryDatabase
  private readonly declared: Database<T>
  private readonly read = new WeakMap<StoredRow, UntypedRow>()
  private readonly fields = new Map<StoredTable, readonly Field[]>()

  constructor(database: MemoryDatabase, declared: Database<T>) {
    this.database = database
    this.declared = declared
    for (const [name, { columns }] of Object.entries(declared.tables)) {
      const table = this.table(name)
      this.fields.set(
        table,
        Object.keys(columns).map(column => table.field(column)),
      )
    }
  }

  /** A table's rows. */
  rows<N extends keyof T & string>(table: N): Row<T[N]>[] {
    return Array.from(this.table(table).rows.values(), row => this.typed<N>(this.table(table), row))
  }

  /** The row with this id. */
  row<N extends keyof T & string>(table: N, uuid: Uuid): Row<T[N]> | undefined {
    const row = this.table(table).rows.get(uuid)
    return row && this.typed<N>(this.table(table), row)
  }

  /** Calls back after each commit that changed declared tables, with all its changes. */
  onCommit(callback: (changes: readonly Change<DeclaredRows<T>>[]) => void): void {
    this.database.listeners.add(stored => {
      const changes = stored
        .filter(({ table }) => Object.hasOwn(this.declared.tables, table.name))
        .map(({ table, before, after }) => ({
          table: table.name,
          uuid: (after ?? before)?.uuid,
          ...(before ? { before: this.typed(table, before) } : {}),
          ...(after ? { after: this.typed(table, after) } : {}),
        }))
      if (changes.length > 0) callback(changes as unknown as readonly Change<DeclaredRows<T>>[])
    })
  }

  private table(name: string): StoredTable {
    const table = this.database.tables.get(name)
    if (!table) throw new TypeError(`the server has no table ${name}`)
    return table
  }

  private typed<N extends keyof T & string>(table: StoredTable, stored: StoredRow): Row<T[N]> {
    let row = this.read.get(stored)
    if (!row) {
      const fields = this.fields.get(table) ?? []
      const entries = fields.map(({ name, type, read }) => [name, toValue(type, read(stored))])
      row = { ...Object.fromEntries(entries), _uuid: stored.uuid } as UntypedRow
      this.read.set(stored, row)
    }
    return row as unknown as Row<T[N]>
  }
}
