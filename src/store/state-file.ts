import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { lockFolder } from './lock.ts'
import { APPLICATION_ID, checkVersion, migrate } from './schema.ts'
import { StoreError } from './store-error.ts'

/** An open database, and what else is to be let go of with it. */
export interface StateFile {
  readonly database: DatabaseSync
  readonly lock?: Disposable
}

/** How long a write waits for someone who reads along with `sqlite3`, ms: OVS hangs up on a controller that is mute for seconds. */
const BUSY_TIMEOUT = 1000

/** A database that lives as long as the process. */
export function openInMemory(): StateFile {
  const database = new DatabaseSync(':memory:')
  migrate(database)
  return { database }
}

/**
 * Opens `state.db` of a folder, made when there is none, for this process alone.
 *
 * @throws {StoreError} when it is in use, damaged, not Weft's or of a newer Weft; it is left as it is.
 */
export function openStateFile(folder: string): StateFile {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new StoreError(`${folder} cannot be made a folder: ${(error as Error).message}`)
  }
  const lock = lockFolder(folder)
  const path = join(folder, 'state.db')
  let database: DatabaseSync | undefined
  try {
    if (existsSync(path)) check(path)
    else create(path)
    database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT })
    // FULL: what was acknowledged is on disk, not only in the page cache.
    database.exec('PRAGMA synchronous = FULL')
    migrate(database)
    return { database, lock }
  } catch (error) {
    database?.close()
    lock[Symbol.dispose]()
    throw new StoreError(`${path}: ${(error as Error).message}`)
  }
}

/** Makes a whole database under another name first: a `state.db` without a schema is then no crash of ours, but damage. */
function create(path: string): void {
  // SQLite would take a log that was left behind for one of the new database.
  if (existsSync(`${path}-wal`))
    throw new StoreError('missing, but its log state.db-wal is there; bring it back, or remove the log too')
  const draft = `${path}.new`
  for (const suffix of ['', '-wal', '-shm']) rmSync(draft + suffix, { force: true })
  const database = new DatabaseSync(draft)
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA application_id = ${APPLICATION_ID}`)
  migrate(database)
  database.close()
  renameSync(draft, path)
  const folder = openSync(dirname(path), 'r')
  fsyncSync(folder)
  closeSync(folder)
}

/** Reads a database through before anything may write to it, be it only SQLite's own clearing up. */
function check(path: string): void {
  if (statSync(path).size === 0) throw new StoreError(damaged('it is empty'))
  const database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT })
  try {
    const application = database.prepare('PRAGMA application_id').get()?.['application_id']
    const findings = database.prepare('PRAGMA quick_check(1)').all()
    const finding = String(findings[0]?.['quick_check'])
    if (finding !== 'ok') throw new StoreError(damaged(finding.split('\n').slice(0, 2).join(' ')))
    if (application !== APPLICATION_ID) throw new StoreError("not Weft's database")
    checkVersion(database)
  } catch (error) {
    throw error instanceof StoreError ? error : new StoreError(damaged((error as Error).message))
  } finally {
    database.close()
  }
}

function damaged(finding: string): string {
  return `damaged, left as it is (${finding}); restore it from a copy, or move the folder away to start anew`
}
