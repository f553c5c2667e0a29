import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LabError } from './error.ts'
import type { LabLayout } from './layout.ts'
import { isRunning, type ProcessIdentity } from './process-identity.ts'

export const STATE_DIR = '/run/weft/labs'

/** What another process needs to enter a lab or to end it: `lab.json` in the lab's folder. */
export interface LabRecord {
  readonly name: string
  /** The first process of the lab's cage: the lab lives when it does. */
  readonly init: ProcessIdentity
  /** The pids, inside the cage, that hold the namespaces of hosts and guests, by name. */
  readonly members: Readonly<Record<string, number>>
  readonly layout: LabLayout
  /** The topology's file or folder. */
  readonly topology: string
  /** The command that takes `run`; absent for a lab without controller. */
  readonly weft?: readonly string[]
  /** Hosts and guests are complete. */
  readonly up: boolean
}

const RECORD = 'lab.json'
/** Folders on their way in or out: of no name yet or any more, but of a process that tells whether they are forgotten. */
const UNNAMED = '.'

export function folderOf(stateDir: string, name: string): string {
  return join(stateDir, name)
}

/**
 * Makes the folder of a new lab, with its record in it from the first moment on.
 *
 * @throws {LabError} when a lab of that name is up.
 */
export async function claimFolder(stateDir: string, record: LabRecord): Promise<string> {
  const folder = folderOf(stateDir, record.name)
  await mkdir(stateDir, { recursive: true })
  // What was complete under another name appears in one step, or not at all when the name is taken.
  const claim = await unnamed(stateDir, record.init)
  try {
    await writeFile(join(claim, RECORD), JSON.stringify(record))
    await rename(claim, folder)
    return folder
  } catch (error) {
    await rm(claim, { recursive: true, force: true })
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTEMPTY' || code === 'EEXIST') throw new LabError(`lab ${record.name} is already up`)
    throw error
  }
}

export async function writeRecord(folder: string, record: LabRecord): Promise<void> {
  const temporary = join(folder, `.${RECORD}`)
  await writeFile(temporary, JSON.stringify(record))
  await rename(temporary, join(folder, RECORD))
}

/** The records of all labs, living and dead, in the order of their names. */
export async function readRecords(stateDir: string): Promise<LabRecord[]> {
  const names = await foldersIn(stateDir)
  const records = await Promise.all(
    names.filter(name => !name.startsWith(UNNAMED)).map(name => readRecord(folderOf(stateDir, name))),
  )
  return records.filter(record => record !== undefined)
}

export async function readRecord(folder: string): Promise<LabRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, RECORD), 'utf8')) as LabRecord
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

/** Removes a lab's folder and the record in it. */
export async function discard(stateDir: string, { name, init }: LabRecord): Promise<void> {
  // A folder that is half gone must not be taken for a lab.
  const grave = await unnamed(stateDir, init)
  try {
    await rename(folderOf(stateDir, name), grave)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  await rm(grave, { recursive: true, force: true })
}

/** Removes the folders of labs that died, and says which. Their processes and namespaces went when they did. */
export async function sweep(stateDir: string): Promise<string[]> {
  const dead = (await readRecords(stateDir)).filter(({ init }) => !isRunning(init))
  const forgotten = (await foldersIn(stateDir)).filter(name => {
    if (!name.startsWith(UNNAMED)) return false
    const [pid, startTime] = name.slice(UNNAMED.length).split('-').map(Number)
    return !isRunning({ pid: pid!, startTime: startTime! })
  })
  await Promise.all([
    ...dead.map(record => discard(stateDir, record)),
    ...forgotten.map(name => rm(folderOf(stateDir, name), { recursive: true, force: true })),
  ])
  return dead.map(({ name }) => name)
}

function unnamed(stateDir: string, { pid, startTime }: ProcessIdentity): Promise<string> {
  return mkdtemp(join(stateDir, `${UNNAMED}${pid}-${startTime}-`))
}

async function foldersIn(stateDir: string): Promise<string[]> {
  try {
    return (await readdir(stateDir)).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
