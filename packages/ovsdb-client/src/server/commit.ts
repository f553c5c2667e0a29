import type { BaseType } from '../database-schema.ts'
import type { Atom } from '../notation.ts'
import type { Uuid } from '../schema.ts'
import { compareAtoms, compareLists, type Datum, filterDatum } from './datum.ts'
import { OperationError } from './operation-error.ts'
import { type Field, StoredRow, type StoredTable } from './stored-table.ts'
import type { StoredChange, Transaction } from './transaction.ts'

/** A column side whose atoms are ids of another table's rows. */
export interface Reference {
  readonly field: Field
  readonly side: 'keys' | 'values'
  readonly target: StoredTable
  readonly min: number
}

/** The references that leave each table. */
export interface References {
  readonly strong: ReadonlyMap<StoredTable, readonly Reference[]>
  readonly weak: ReadonlyMap<StoredTable, readonly Reference[]>
}

/** Finds the references in a schema. */
export const findReferences = (tables: ReadonlyMap<string, StoredTable>): References => {
  const ofType = (wanted: 'strong' | 'weak') =>
    new Map(
      Array.from(tables.values(), table => {
        const references = table.columns.flatMap((field): Reference[] => {
          const target = (base: BaseType | undefined): StoredTable | undefined =>
            base?.refTable !== undefined && (base.refType ?? 'strong') === wanted
              ? tables.get(base.refTable)
              : undefined
          const keys = target(field.type.key)
          const values = target(field.type.value)
          const { min } = field.type
          return [
            ...(keys ? [{ field, side: 'keys' as const, target: keys, min }] : []),
            ...(values ? [{ field, side: 'values' as const, target: values, min }] : []),
          ]
        })
        return [table, references] as const
      }).filter(([, references]) => references.length > 0),
    )
  return { strong: ofType('strong'), weak: ofType('weak') }
}

/**
 * Carries out what ovsdb-server does at the end of a transaction (RFC 7047 § 3.2, § 4.1.3): checks strong references, deletes
 * rows that nothing refers to any more, clears weak references to rows that are gone, checks `maxRows` and indexes.
 *
 * Returns the changes that the transaction then has; throws an OperationError, after which it is to be undone.
 */
export const commitTransaction = (transaction: Transaction, references: References): StoredChange[] => {
  const counts = new ReferenceCounts(transaction, references.strong)
  counts.settle()
  clearWeakReferences(transaction, references.weak)
  const changes = transaction.changes()
  checkRowLimits(changes)
  const applyIndexes = checkIndexes(changes)
  counts.apply()
  applyIndexes()
  return changes
}

/** The strong references as they are going to be. */
class ReferenceCounts {
  private readonly transaction: Transaction
  private readonly strong: References['strong']
  private readonly deltas = new Map<StoredTable, Map<Uuid, number>>()
  /** Rows that may have lost their last reference. */
  private readonly suspects: (readonly [StoredTable, Uuid])[] = []

  constructor(transaction: Transaction, strong: References['strong']) {
    this.transaction = transaction
    this.strong = strong
  }

  settle(): void {
    const changes = this.transaction.changes()
    for (const { table, before, after } of changes) {
      for (const reference of this.strong.get(table) ?? []) {
        const old = before?.data[reference.field.position]
        const now = after?.data[reference.field.position]
        if (old !== now) this.countDifference(reference, (after ?? before)?.uuid, old, now)
      }
      if (after && !before && !table.schema.isRoot) this.suspects.push([table, after.uuid])
    }
    for (const { table, before, after } of changes) {
      const remaining = before && !after ? this.of(table, before.uuid) : 0
      if (remaining === 0) continue
      throw new OperationError(
        'referential integrity violation',
        `cannot delete ${table.name} row ${before?.uuid} because of ${remaining} remaining reference(s)`,
      )
    }
    this.collectGarbage()
  }

  apply(): void {
    for (const [table, deltas] of this.deltas) {
      for (const uuid of deltas.keys()) {
        const count = this.of(table, uuid)
        if (count > 0) table.references.set(uuid, count)
        else table.references.delete(uuid)
        deltas.set(uuid, 0)
      }
    }
  }

  private of(table: StoredTable, uuid: Uuid): number {
    return (table.references.get(uuid) ?? 0) + (this.deltas.get(table)?.get(uuid) ?? 0)
  }

  private countDifference(reference: Reference, from: Uuid | undefined, old?: Datum, now?: Datum): void {
    // The keys of a datum are in order; of a map's values any may be anywhere, and more than once.
    const inOrder = (datum?: Datum): readonly Atom[] => {
      if (reference.side === 'keys') return datum?.keys ?? []
      return [...(datum?.values ?? [])].sort(compareAtoms)
    }
    compareLists(
      inOrder(old),
      inOrder(now),
      atom => this.count(reference, from, atom as Uuid, -1),
      atom => this.count(reference, from, atom as Uuid, +1),
    )
  }

  private count({ field, target }: Reference, from: Uuid | undefined, to: Uuid, by: 1 | -1): void {
    // A row does not keep itself alive.
    if (to === from) return
    if (by === 1 && !this.transaction.existed(target, to)) {
      throw new OperationError(
        'referential integrity violation',
        `column ${field.name} of row ${from} references nonexistent row ${to} in table ${target.name}`,
      )
    }
    let deltas = this.deltas.get(target)
    if (!deltas) {
      deltas = new Map()
      this.deltas.set(target, deltas)
    }
    deltas.set(to, (deltas.get(to) ?? 0) + by)
    if (by === -1 && !target.schema.isRoot) this.suspects.push([target, to])
  }

  private collectGarbage(): void {
    for (let suspect = this.suspects.pop(); suspect; suspect = this.suspects.pop()) {
      const [table, uuid] = suspect
      const row = table.rows.get(uuid)
      if (!row || this.of(table, uuid) > 0) continue
      this.transaction.remove(table, uuid)
      for (const reference of this.strong.get(table) ?? []) {
        this.countDifference(reference, uuid, row.data[reference.field.position])
      }
    }
  }
}

const clearWeakReferences = (transaction: Transaction, weak: References['weak']): void => {
  if (weak.size === 0) return
  const changes = transaction.changes()
  const lostRows = new Set(changes.filter(({ after }) => !after).map(({ table }) => table))
  for (const [table, references] of weak) {
    for (const { field, side, target, min } of references) {
      const rows = lostRows.has(target)
        ? [...table.rows.values()]
        : changes.flatMap(({ table: changed, after }) => (changed === table && after ? [after] : []))
      for (const { uuid } of rows) {
        const row = table.rows.get(uuid) as StoredRow
        const datum = field.read(row)
        const kept = filterDatum(datum, (key, value) => target.rows.has((side === 'keys' ? key : value) as Uuid))
        if (kept === datum) continue
        if (kept.keys.length < min) {
          throw new OperationError(
            'constraint violation',
            `clearing weak references of column ${field.name} in ${table.name} row ${uuid} leaves too few elements`,
          )
        }
        transaction.put(table, new StoredRow(uuid, row.data.with(field.position, kept)))
      }
    }
  }
}

const checkRowLimits = (changes: readonly StoredChange[]): void => {
  for (const { name, rows, schema } of new Set(changes.map(({ table }) => table))) {
    if (rows.size <= schema.maxRows) continue
    throw new OperationError(
      'constraint violation',
      `transaction causes "${name}" table to contain ${rows.size} rows, greater than the schema-defined limit of ${schema.maxRows} row(s)`,
    )
  }
}

/** Checks the unique indexes; returns what brings them up to date. */
const checkIndexes = (changes: readonly StoredChange[]): (() => void) => {
  const updates: (() => void)[] = []
  for (const table of new Set(changes.map(change => change.table))) {
    const tableChanges = changes.filter(change => change.table === table)
    for (const { columns, uuids } of table.indexes) {
      const keyOf = (row: StoredRow | undefined): string | undefined =>
        row && JSON.stringify(columns.map(column => column.read(row)))
      const moves = tableChanges
        .map(({ before, after }) => ({ from: keyOf(before), to: keyOf(after), uuid: after?.uuid }))
        .filter(({ from, to }) => from !== to)
      const freed = new Set(moves.map(({ from }) => from))
      const taken = new Set<string>()
      for (const { to } of moves) {
        if (to === undefined) continue
        if (taken.has(to) || (uuids.has(to) && !freed.has(to))) {
          const names = columns.map(({ name }) => name).join(', ')
          throw new OperationError(
            'constraint violation',
            `Transaction causes multiple rows in "${table.name}" table to have identical values for index on ${names}.`,
          )
        }
        taken.add(to)
      }
      updates.push(() => {
        for (const { from } of moves) if (from !== undefined) uuids.delete(from)
        for (const { to, uuid } of moves) if (to !== undefined && uuid) uuids.set(to, uuid)
      })
    }
  }
  return () => {
    for (const update of updates) update()
  }
}
