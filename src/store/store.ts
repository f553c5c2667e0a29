import type { StatementSync } from 'node:sqlite'
import type { Allocation } from '../../topology/allocation.ts'
import type { TopologyText } from '../../topology/document.ts'
import type { Lease } from '../../topology/lease.ts'
import { transaction } from './schema.ts'
import { openInMemory, openStateFile, type StateFile } from './state-file.ts'

export { StoreError } from './store-error.ts'

/** The durable state of a controller: what returned without an error is on disk. */
export interface Store extends Disposable {
  /** Every allocation that holds, by kind, scope and value. */
  allocations(): Allocation[]
  /** Lets go of `released` and takes down `added`, all or nothing. */
  record(difference: { readonly added: readonly Allocation[]; readonly released: readonly Allocation[] }): void
  /** Every lease, by port. */
  leases(): Lease[]
  /** Takes down leases, in place of those their ports had, and removes those of the ports `removed`; all or nothing. */
  saveLeases(leases: readonly Lease[], removed: readonly string[]): void
  /** The names of the hosts that were released and not adopted again. */
  releasedHosts(): string[]
  /** Takes down that a host was released at a time (ms since 1970), or with `undefined` that it was adopted again. */
  setReleased(host: string, since: number | undefined): void
  /** The topologies that were applied, the newest first, at most `limit`. */
  revisions(limit?: number): Revision[]
  /** Takes down a revision and forgets all but the newest hundred. */
  addRevision(revision: Revision): void
  /** Takes the condition off a revision: it stays. */
  confirmRevision(number: number): void
  /** Lets go of the folder. A second call does nothing. */
  close(): void
}

/** A topology that was applied. */
export interface Revision {
  /** 1, 2, 3, ... */
  readonly number: number
  /** ms since 1970. */
  readonly time: number
  /** Where it came from: the file that `run` was given, `apply`, or the rollback to an earlier revision. */
  readonly origin: 'file' | 'apply' | 'rollback'
  readonly texts: readonly TopologyText[]
  /** What the file of `run` held at that time: when it is edited later, the file counts again. */
  readonly fileHash: string
  /** ms since 1970; unless it is confirmed by then, the revision before it comes back. */
  readonly confirmBy?: number | undefined
}

/**
 * Opens a state folder for this process alone, made when there is none; `:memory:` keeps nothing.
 *
 * @throws {StoreError} when the folder is in use, or what it holds cannot be used; nothing is changed then.
 */
export function openStore(folder: string): Store {
  return new SqliteStore(folder === ':memory:' ? openInMemory() : openStateFile(folder))
}

class SqliteStore implements Store {
  readonly #file: StateFile
  readonly #statements: Readonly<Record<keyof typeof SQL, StatementSync>>
  #open = true

  constructor(file: StateFile) {
    this.#file = file
    const prepared = Object.entries(SQL).map(([name, sql]) => [name, file.database.prepare(sql)])
    this.#statements = Object.fromEntries(prepared)
  }

  allocations(): Allocation[] {
    return this.#statements.allocations.all().map(row => ({ ...row }) as unknown as Allocation)
  }

  record({
    added,
    released,
  }: {
    readonly added: readonly Allocation[]
    readonly released: readonly Allocation[]
  }): void {
    if (added.length === 0 && released.length === 0) return
    const { release, allocate } = this.#statements
    transaction(this.#file.database, () => {
      for (const { kind, scope, value, owner } of released) release.run(kind, scope, stored(value), owner)
      for (const { kind, scope, value, owner } of added) allocate.run(kind, scope, stored(value), owner)
    })
  }

  leases(): Lease[] {
    return this.#statements.leases.all().map(({ hostname, ...row }) => {
      return { ...row, ...(hostname === null ? {} : { hostname }) } as unknown as Lease
    })
  }

  saveLeases(leases: readonly Lease[], removed: readonly string[]): void {
    if (leases.length === 0 && removed.length === 0) return
    const { removeLease, saveLease } = this.#statements
    transaction(this.#file.database, () => {
      for (const port of removed) removeLease.run(port)
      for (const { port, mac_address, ip_address, host, hostname, since, expires } of leases)
        saveLease.run(port, mac_address, ip_address, host, hostname ?? null, since, expires)
    })
  }

  releasedHosts(): string[] {
    return this.#statements.releasedHosts.all().map(row => String(row['host']))
  }

  setReleased(host: string, since: number | undefined): void {
    const { releaseHost, adoptHost } = this.#statements
    if (since === undefined) adoptHost.run(host)
    else releaseHost.run(host, stored(since))
  }

  revisions(limit = REVISIONS): Revision[] {
    return this.#statements.revisions.all(limit).map(row => ({
      number: Number(row['number']),
      time: Number(row['time']),
      origin: row['origin'] as Revision['origin'],
      texts: JSON.parse(String(row['texts'])) as TopologyText[],
      fileHash: String(row['file_hash']),
      ...(row['confirm_by'] === null ? {} : { confirmBy: Number(row['confirm_by']) }),
    }))
  }

  addRevision({ number, time, origin, texts, fileHash, confirmBy }: Revision): void {
    transaction(this.#file.database, () => {
      this.#statements.addRevision.run(number, time, origin, JSON.stringify(texts), fileHash, confirmBy ?? null)
      this.#statements.forgetRevisions.run(number - REVISIONS)
    })
  }

  confirmRevision(number: number): void {
    this.#statements.confirmRevision.run(number)
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#file.database.close()
    this.#file.lock?.[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** How many revisions are kept. */
const REVISIONS = 100

const SQL = {
  releasedHosts: 'SELECT host FROM released_hosts ORDER BY host',
  releaseHost: 'INSERT OR IGNORE INTO released_hosts VALUES (?, ?)',
  adoptHost: 'DELETE FROM released_hosts WHERE host = ?',
  revisions: 'SELECT number, time, origin, texts, file_hash, confirm_by FROM revisions ORDER BY number DESC LIMIT ?',
  addRevision: 'INSERT INTO revisions VALUES (?, ?, ?, ?, ?, ?)',
  forgetRevisions: 'DELETE FROM revisions WHERE number <= ?',
  confirmRevision: 'UPDATE revisions SET confirm_by = NULL WHERE number = ?',
  allocations: 'SELECT kind, scope, owner, value FROM allocations ORDER BY kind, scope, value',
  release: 'DELETE FROM allocations WHERE kind = ? AND scope = ? AND value = ? AND owner = ?',
  allocate: 'INSERT INTO allocations (kind, scope, value, owner) VALUES (?, ?, ?, ?)',
  leases: 'SELECT port, mac_address, ip_address, host, hostname, since, expires FROM leases ORDER BY port',
  removeLease: 'DELETE FROM leases WHERE port = ?',
  saveLease: 'INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?, ?, ?)',
}

/** node:sqlite would store a number as REAL; people who look with `sqlite3` expect 5001, not 5001.0. */
function stored(value: string | number): string | bigint {
  return typeof value === 'number' ? BigInt(value) : value
}
