import type { Uuid } from '../schema.ts'
import type { StoredRow, StoredTable } from './stored-table.ts'

/** A row that came (no before), changed, or went (no after). */
export interface StoredChange {
  readonly table: StoredTable
  readonly before: StoredRow | undefined
  readonly after: StoredRow | undefined
}

/** Changes rows in place and remembers what they were, so that all of it can be taken back. */
export class Transaction {
  private readonly touched = new Map<StoredTable, Map<Uuid, StoredRow | undefined>>()

  /** Inserts a row or replaces the one with its id. */
  put(table: StoredTable, row: StoredRow): void {
    this.remember(table, row.uuid)
    table.rows.set(row.uuid, row)
  }

  /** Deletes a row. */
  remove(table: StoredTable, uuid: Uuid): void {
    this.remember(table, uuid)
    table.rows.delete(uuid)
  }

  /** Whether a row was there before this transaction or is now. */
  existed(table: StoredTable, uuid: Uuid): boolean {
    return table.rows.has(uuid) || this.touched.get(table)?.get(uuid) !== undefined
  }

  /** Takes everything back. */
  undo(): void {
    for (const [table, rows] of this.touched) {
      for (const [uuid, before] of rows) {
        if (before) table.rows.set(uuid, before)
        else table.rows.delete(uuid)
      }
    }
  }

  /** What has changed so far. A row that was written back as it was counts as unchanged. */
  changes(): StoredChange[] {
    const changes: StoredChange[] = []
    for (const [table, rows] of this.touched) {
      for (const [uuid, before] of rows) {
        const after = table.rows.get(uuid)
        if (before !== after) changes.push({ table, before, after })
      }
    }
    return changes
  }

  private remember(table: StoredTable, uuid: Uuid): void {
    let rows = this.touched.get(table)
    if (!rows) {
      rows = new Map()
      this.touched.set(table, rows)
    }
    if (!rows.has(uuid)) rows.set(uuid, table.rows.get(uuid))
  }
}
