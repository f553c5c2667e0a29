import type { DatabaseSchema } from '../database-schema.ts'
import type { Json } from '../json.ts'
import { commitTransaction, findReferences, type References } from './commit.ts'
import { type Execution, executeOperation, StillWaiting } from './execute.ts'
import { OperationError } from './operation-error.ts'
import { StoredTable } from './stored-table.ts'
import { type StoredChange, Transaction } from './transaction.ts'

/** How a transaction ended: with results as RFC 7047 § 4.1.3 has them, or waiting for `waiting` more milliseconds. */
export type Outcome = { readonly results: readonly Json[] } | { readonly waiting: number }

/** A database in memory. */
export class MemoryDatabase {
  readonly schema: DatabaseSchema
  readonly tables: ReadonlyMap<string, StoredTable>
  /** Called after each commit that changed something. */
  readonly listeners = new Set<(changes: readonly StoredChange[]) => void>()
  private readonly references: References

  constructor(schema: DatabaseSchema) {
    this.schema = schema
    this.tables = new Map(Array.from(schema.tables, ([name, table]) => [name, new StoredTable(name, table)]))
    this.references = findReferences(this.tables)
  }

  /** Carries out all operations or none. */
  execute(operations: readonly Json[], context: Partial<Pick<Execution, 'elapsed' | 'ownsLock'>> = {}): Outcome {
    const transaction = new Transaction()
    const execution: Execution = {
      tables: this.tables,
      transaction,
      symbols: new Map(),
      elapsed: context.elapsed ?? Number.POSITIVE_INFINITY,
      ownsLock: context.ownsLock ?? (() => true),
    }
    const results: Json[] = []
    let changes: readonly StoredChange[] = []
    try {
      for (const operation of operations) results.push(executeOperation(execution, operation))
      changes = commitTransaction(transaction, this.references)
    } catch (error) {
      transaction.undo()
      if (error instanceof StillWaiting) return { waiting: error.remaining }
      if (!(error instanceof OperationError)) throw error
      results.push(error.wire)
      while (results.length < operations.length) results.push(null)
    }
    if (changes.length > 0) for (const listener of this.listeners) listener(changes)
    return { results }
  }
}
