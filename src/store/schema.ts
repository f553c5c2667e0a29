import type { DatabaseSync } from 'node:sqlite'
import { StoreError } from './store-error.ts'

/**
 * The steps from an empty database to today's schema. A step that was released is never changed; a new one is added.
 *
 * A value is unique in its kind and scope: what two resources must not share, two rows cannot say.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE allocations (
     kind  TEXT NOT NULL,
     scope TEXT NOT NULL,
     value ANY NOT NULL,
     owner TEXT NOT NULL,
     PRIMARY KEY (kind, scope, value)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE leases (
     port        TEXT NOT NULL PRIMARY KEY,
     mac_address TEXT NOT NULL,
     ip_address  TEXT NOT NULL,
     host        TEXT NOT NULL,
     hostname    TEXT,
     since       INTEGER NOT NULL,
     expires     INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;`,
  `CREATE TABLE revisions (
     number     INTEGER NOT NULL PRIMARY KEY,
     time       INTEGER NOT NULL,
     origin     TEXT NOT NULL,
     texts      TEXT NOT NULL,
     file_hash  TEXT NOT NULL,
     confirm_by INTEGER
   ) STRICT;`,
  `CREATE TABLE released_hosts (
     host  TEXT NOT NULL PRIMARY KEY,
     since INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;`,
]

/** SQLite's mark of whose database it is (`PRAGMA application_id`): "Weft" in ASCII. */
export const APPLICATION_ID = 0x57656674

/** The number of steps a database has taken; 0 for a new one. */
function schemaVersion(database: DatabaseSync): number {
  const known = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'").get()
  if (!known) return 0
  return Number(database.prepare('SELECT max(version) AS version FROM schema_version').get()?.['version'] ?? 0)
}

/**
 * The number of steps still to take.
 *
 * @throws {StoreError} when the database has taken steps that this program does not know.
 */
export function checkVersion(database: DatabaseSync, steps = MIGRATIONS): number {
  const version = schemaVersion(database)
  if (version > steps.length)
    throw new StoreError(`written by a newer Weft (schema ${version}, this one knows ${steps.length})`)
  return steps.length - version
}

/** Takes the steps that are missing, each in a transaction of its own. */
export function migrate(database: DatabaseSync, steps = MIGRATIONS): void {
  const version = steps.length - checkVersion(database, steps)
  for (let next = version; next < steps.length; next++) {
    transaction(database, () => {
      database.exec(
        'CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied INTEGER NOT NULL) STRICT',
      )
      database.exec(steps[next]!)
      database.prepare('INSERT INTO schema_version VALUES (?, ?)').run(next + 1, Date.now())
    })
  }
}

/** All of the work or none of it. */
export function transaction(database: DatabaseSync, work: () => void): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    work()
    database.exec('COMMIT')
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
