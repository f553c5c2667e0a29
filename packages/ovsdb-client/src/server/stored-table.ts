import { randomUUID } from 'node:crypto'
import type { ColumnType, TableSchema } from '../database-schema.ts'
import type { Uuid } from '../schema.ts'
import { type Datum, defaultDatum } from './datum.ts'
import { OperationError } from './operation-error.ts'

/** A row as the server holds it; it never changes, a change is a new one. */
export class StoredRow {
  readonly uuid: Uuid
  /** The datums in the order of the table's columns. */
  readonly data: readonly Datum[]
  private ownVersion: Uuid | undefined

  constructor(uuid: Uuid, data: readonly Datum[]) {
    this.uuid = uuid
    this.data = data
  }

  /** The `_version` of RFC 7047 § 3.2, made when first asked for. */
  get version(): Uuid {
    this.ownVersion ??= newUuid()
    return this.ownVersion
  }
}

/** A new random id. */
export const newUuid = (): Uuid => randomUUID() as string as Uuid

/** A column as operations see it, `_uuid` and `_version` included. */
export interface Field {
  readonly name: string
  readonly type: ColumnType
  readonly mutable: boolean
  /** Its place in a row's data; -1 for `_uuid` and `_version`. */
  readonly position: number
  readonly read: (row: StoredRow) => Datum
}

const UUID_TYPE: ColumnType = { key: { type: 'uuid' }, min: 1, max: 1 }

/** A table's rows, with what is kept about them to make commits cheap. */
export class StoredTable {
  readonly name: string
  readonly schema: TableSchema
  readonly rows = new Map<Uuid, StoredRow>()
  /** How many strong references each row has; no entry for none. */
  readonly references = new Map<Uuid, number>()
  /** For each unique index, the row that holds each key. */
  readonly indexes: readonly { readonly columns: readonly Field[]; readonly uuids: Map<string, Uuid> }[]
  /** The columns in the order of a row's data. */
  readonly columns: readonly Field[]
  readonly blank: readonly Datum[]
  private readonly fields = new Map<string, Field>()

  constructor(name: string, schema: TableSchema) {
    this.name = name
    this.schema = schema
    this.columns = Array.from(schema.columns, ([column, { type, mutable }], position) => ({
      name: column,
      type,
      mutable,
      position,
      read: row => row.data[position] as Datum,
    }))
    const id = { type: UUID_TYPE, mutable: false, position: -1 }
    const pseudo: readonly Field[] = [
      { ...id, name: '_uuid', read: row => ({ keys: [row.uuid] }) },
      { ...id, name: '_version', read: row => ({ keys: [row.version] }) },
    ]
    for (const field of [...this.columns, ...pseudo]) this.fields.set(field.name, field)
    this.blank = this.columns.map(({ type }) => defaultDatum(type))
    this.indexes = schema.indexes.map(columns => ({
      columns: columns.map(column => this.field(column)),
      uuids: new Map(),
    }))
  }

  /** The column of this name; throws an OperationError if there is none. */
  field(name: string): Field {
    const field = this.fields.get(name)
    if (!field) throw new OperationError('unknown column', `No column ${name} in table ${this.name}.`)
    return field
  }

  /** All columns but `_uuid`: what is meant where a request names none. */
  get allButUuid(): readonly Field[] {
    return [...this.columns, this.field('_version')]
  }

  /** The way to the rows whose column equals the datum, if it is shorter than all rows. */
  lookUp(column: string, { keys }: Datum): (() => Iterable<StoredRow>) | undefined {
    if (column !== '_uuid') return undefined
    return () => {
      const row = this.rows.get(keys[0] as Uuid)
      return row ? [row] : []
    }
  }
}
