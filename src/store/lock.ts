import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StoreError } from './store-error.ts'

const SQLITE_BUSY = 5

/**
 * Takes a folder for this process until it is disposed of or the process ends, however it ends: the lock is SQLite's own
 * on an empty database, which the kernel drops with the process. The holder's pid stands beside it.
 *
 * @throws {StoreError} naming the holder, when another one has it.
 */
export function lockFolder(folder: string): Disposable {
  const holder = join(folder, 'pid')
  let lock: DatabaseSync | undefined
  try {
    lock = new DatabaseSync(join(folder, 'lock'), { timeout: 0 })
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    writeFileSync(holder, `${process.pid}\n`)
  } catch (error) {
    lock?.close()
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY)
      throw new StoreError(`${folder} is in use by ${nameOf(holder)}`)
    throw new StoreError(`${folder} cannot be locked: ${(error as Error).message}`)
  }
  return {
    [Symbol.dispose]: () => {
      rmSync(holder, { force: true })
      lock.close()
    },
  }
}

function nameOf(holder: string): string {
  try {
    return `process ${readFileSync(holder, 'utf8').trim()}`
  } catch {
    return 'another process'
  }
}
