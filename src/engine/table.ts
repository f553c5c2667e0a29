import type { Unit } from './unit.ts'

/** One reader set: the units whose last run looked at this row or this index bucket. */
export type Readers = Set<Unit>

interface Bucket<Row> {
  readonly rows: Map<string, Row>
  readonly readers: Readers
}

/** What an index files a row under; `undefined` leaves the row out. */
export type IndexKey<Row> = (row: Row) => string | undefined

/**
 * Rows by id with declared indexes, and for each row and each index bucket the units that read it.
 *
 * A table is written through its `Engine` only, which marks the readers of what changed.
 */
export class Table<Row extends object, Index extends string = string> {
  readonly name: string
  readonly #rows = new Map<string, Row>()
  readonly #readers = new Map<string, Readers>()
  readonly #indexes: { readonly key: IndexKey<Row>; readonly buckets: Map<string, Bucket<Row>> }[] = []
  readonly #indexByName = new Map<string, { readonly key: IndexKey<Row>; readonly buckets: Map<string, Bucket<Row>> }>()

  constructor(name: string, indexes: { readonly [name in Index]: IndexKey<Row> }) {
    this.name = name
    for (const [indexName, key] of Object.entries<IndexKey<Row>>(indexes)) {
      const index = { key, buckets: new Map<string, Bucket<Row>>() }
      this.#indexes.push(index)
      this.#indexByName.set(indexName, index)
    }
  }

  get size(): number {
    return this.#rows.size
  }

  /** The row with this id, unrecorded: for callers outside units. */
  get(id: string): Row | undefined {
    return this.#rows.get(id)
  }

  entries(): IterableIterator<[string, Row]> {
    return this.#rows.entries()
  }

  values(): IterableIterator<Row> {
    return this.#rows.values()
  }

  /** The rows of one index bucket, unrecorded: for callers outside units. */
  where(index: Index, value: string): IterableIterator<Row> {
    return this.#index(index).buckets.get(value)?.rows.values() ?? emptyIterator()
  }

  /** Replaces, inserts (`row` given) or deletes (`undefined`) a row and reports every reader of what changed. */
  write(id: string, row: Row | undefined, changed: (readers: Readers) => void): void {
    const before = this.#rows.get(id)
    if (row === undefined) this.#rows.delete(id)
    else this.#rows.set(id, row)
    const readers = this.#readers.get(id)
    if (readers !== undefined) changed(readers)
    for (const index of this.#indexes) {
      const from = before === undefined ? undefined : index.key(before)
      const to = row === undefined ? undefined : index.key(row)
      if (from !== undefined && from !== to) {
        const bucket = index.buckets.get(from)
        if (bucket !== undefined) {
          bucket.rows.delete(id)
          changed(bucket.readers)
          if (bucket.rows.size === 0 && bucket.readers.size === 0) index.buckets.delete(from)
        }
      }
      if (to !== undefined && row !== undefined) {
        const bucket = this.#bucket(index.buckets, to)
        bucket.rows.set(id, row)
        changed(bucket.readers)
      }
    }
  }

  /** The reader set of a row, made when missing. */
  readersOfRow(id: string): Readers {
    let readers = this.#readers.get(id)
    if (readers === undefined) {
      readers = new Set()
      this.#readers.set(id, readers)
    }
    return readers
  }

  /** The rows and the reader set of an index bucket, made when missing. */
  bucket(index: Index, value: string): Bucket<Row> {
    return this.#bucket(this.#index(index).buckets, value)
  }

  /** Forgets reader sets nobody is in and buckets nobody needs. */
  prune(): void {
    for (const [id, readers] of this.#readers) if (readers.size === 0) this.#readers.delete(id)
    for (const { buckets } of this.#indexes) {
      for (const [value, bucket] of buckets) {
        if (bucket.rows.size === 0 && bucket.readers.size === 0) buckets.delete(value)
      }
    }
  }

  #index(name: string) {
    const index = this.#indexByName.get(name)
    if (index === undefined) throw new Error(`table ${this.name} has no index ${name}`)
    return index
  }

  #bucket(buckets: Map<string, Bucket<Row>>, value: string): Bucket<Row> {
    let bucket = buckets.get(value)
    if (bucket === undefined) {
      bucket = { rows: new Map(), readers: new Set() }
      buckets.set(value, bucket)
    }
    return bucket
  }
}

function* emptyIterator<T>(): IterableIterator<T> {}
