import type { Emission } from './audience.ts'
import type { Readers, Table } from './table.ts'

/**
 * A function from rows to items, run once for each row of its table.
 *
 * It is synchronous, does no I/O and depends on nothing but the rows it reads through its context.
 */
export interface UnitDefinition<Item, Row extends object> {
  readonly name: string
  readonly each: Table<Row>
  run(context: UnitContext<Item>, row: Row, id: string): void
}

/** What a unit sees of the engine: recorded reads, and the places its items go to. */
export interface UnitContext<Item> {
  /** The row with this id; the unit runs again when that row comes, changes or goes. */
  get<Row extends object>(table: Table<Row>, id: string): Row | undefined
  /** The rows of an index bucket; the unit runs again when one of them comes, changes or goes. */
  where<Row extends object, Index extends string>(table: Table<Row, Index>, index: Index, value: string): Iterable<Row>
  /** Gives an item to every member of an audience, save the one target in `except`. */
  emit(audience: string, item: Item, except?: string): void
  /** Makes a target a member of an audience: it is to hold whatever is emitted there. */
  join(audience: string, target: string): void
}

/** One unit: a definition applied to one row. It owns what its last run emitted and joined. */
export interface Unit {
  /** `definition/row id`: stable, unique, and the order in which rival emissions of one key are ranked. */
  readonly id: string
  readonly definition: UnitDefinition<never, never>
  readonly row: string
  reads: Readers[]
  emissions: Emission[]
  joins: Membership[]
  gone: boolean
}

export interface Membership {
  readonly audience: string
  readonly target: string
}
