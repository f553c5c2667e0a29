import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { migrate } from '../../src/store/schema.ts'
import { openStore, StoreError } from '../../src/store/store.ts'
import type { Allocation } from '../../topology/allocation.ts'
import type { Lease } from '../../topology/lease.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-store-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const number: Allocation = { kind: 'network_number', scope: 'fabric', owner: 'red', value: 1 }
const address: Allocation = { kind: 'ip_address', scope: 'red-v4', owner: 'red-a', value: '10.0.0.2' }
const lease: Lease = {
  port: 'red-a',
  mac_address: 'fa:16:3e:00:00:0a',
  ip_address: '10.0.0.2',
  host: 'h1',
  hostname: 'web',
  since: 1_700_000_000_000,
  expires: 1_700_000_600_000,
}

/** Why the folder is refused, without the folder's name. */
function refusal(): string {
  try {
    openStore(folder).close()
  } catch (error) {
    expect(error).toBeInstanceOf(StoreError)
    const { message } = error as StoreError
    expect(message).not.toContain('\n')
    return message.replaceAll(folder, 'STATE')
  }
  return 'not refused'
}

/** A process that opens the folder, runs a line of code on `store`, and says `done`. */
async function elsewhere(code: string): Promise<ChildProcess> {
  const module = new URL('../../src/store/store.ts', import.meta.url).href
  const script = `const { openStore } = await import('${module}')
    const store = openStore(${JSON.stringify(folder)})
    ${code}
    console.log('done')
    setInterval(() => {}, 60_000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface(child.stdout)) if (line === 'done') return child
  throw new Error('the other process ended early')
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

test('a released host is released until it is adopted, also in the next process', () => {
  {
    using store = openStore(folder)
    store.setReleased('h1', 1_700_000_000_000)
    store.setReleased('h2', 1_700_000_000_000)
    store.setReleased('h1', 1_700_000_000_001)
    store.setReleased('h2', undefined)
  }
  using store = openStore(folder)
  expect(store.releasedHosts()).toEqual(['h1'])
})

describe.each([
  ['in a folder', () => openStore(folder)],
  ['in memory', () => openStore(':memory:')],
])('%s', (_, open) => {
  test('allocations are as they were recorded, until they are released', () => {
    using store = open()
    expect(store.allocations()).toEqual([])
    store.record({ added: [number, address], released: [] })
    expect(store.allocations()).toEqual([address, number])
    const moved = { ...address, value: '10.0.0.3' }
    store.record({ added: [moved], released: [address] })
    expect(store.allocations()).toEqual([moved, number])
    store.record({ added: [], released: [moved, number] })
    expect(store.allocations()).toEqual([])
  })

  test('a value changes hands in one record', () => {
    using store = open()
    store.record({ added: [address], released: [] })
    const other = { ...address, owner: 'red-b' }
    store.record({ added: [other], released: [address] })
    expect(store.allocations()).toEqual([other])
  })

  test('a record that would give a value to two is refused as a whole', () => {
    using store = open()
    store.record({ added: [number, address], released: [] })
    const both = {
      added: [
        { ...number, value: 2 },
        { ...address, owner: 'red-b' },
      ],
      released: [number],
    }
    expect(() => store.record(both)).toThrow(/UNIQUE/)
    expect(store.allocations()).toEqual([address, number])
    store.record({ added: [{ ...address, scope: 'blue-v4' }], released: [] })
    expect(store.allocations()).toHaveLength(3)
  })

  test('leases are replaced and removed by port', () => {
    using store = open()
    const { hostname: _, ...nameless } = { ...lease, port: 'red-b', ip_address: '10.0.0.3' }
    store.saveLeases([nameless, lease], [])
    expect(store.leases()).toEqual([lease, nameless])
    const renewed = { ...lease, expires: lease.expires + 1 }
    store.saveLeases([renewed], ['red-b', 'nobody'])
    expect(store.leases()).toEqual([renewed])
  })
})

describe('durable', () => {
  test('what was recorded is there after the folder was closed and opened', () => {
    {
      using store = openStore(join(folder, 'new', 'state'))
      store.record({ added: [number, address], released: [] })
      store.saveLeases([lease], [])
      store.close()
    }
    using store = openStore(join(folder, 'new', 'state'))
    expect(store.allocations()).toEqual([address, number])
    expect(store.leases()).toEqual([lease])
  })

  test('what was acknowledged is there after kill -9', async () => {
    await kill(await elsewhere(`store.record({ added: ${JSON.stringify([number, address])}, released: [] })`))
    await kill(await elsewhere(`store.saveLeases([${JSON.stringify(lease)}], [])`))
    using store = openStore(folder)
    expect(store.allocations()).toEqual([address, number])
    expect(store.leases()).toEqual([lease])
  })

  test('others may read along with sqlite3, and see whole numbers', () => {
    using store = openStore(folder)
    store.record({ added: [number], released: [] })
    const database = new DatabaseSync(join(folder, 'state.db'), { readOnly: true })
    expect(database.prepare('SELECT typeof(value) AS type FROM allocations').get()).toEqual({ type: 'integer' })
    database.close()
  })

  test('a crash while the database was made leaves nothing in the way', () => {
    writeFileSync(join(folder, 'state.db.new'), 'half')
    using store = openStore(folder)
    expect(store.allocations()).toEqual([])
    expect(existsSync(join(folder, 'state.db.new'))).toBe(false)
  })
})

describe('one controller a folder', () => {
  test('a second one is refused, in this process', () => {
    const first = openStore(folder)
    expect(refusal()).toBe(`STATE is in use by process ${process.pid}`)
    first.record({ added: [number], released: [] })
    first.close()
    using second = openStore(folder)
    expect(second.allocations()).toEqual([number])
  })

  test('a second one is refused, in another process; the lock dies with its holder', async () => {
    const child = await elsewhere('')
    try {
      expect(refusal()).toBe(`STATE is in use by process ${child.pid}`)
    } finally {
      await kill(child)
    }
    expect(readFileSync(join(folder, 'pid'), 'utf8')).toBe(`${child.pid}\n`)
    openStore(folder).close()
  })

  test('a folder that was refused is not kept locked', () => {
    writeFileSync(join(folder, 'state.db'), 'no database')
    refusal()
    rmSync(join(folder, 'state.db'))
    openStore(folder).close()
  })

  test('nothing is left behind but the state and the name of the lock', () => {
    openStore(folder).close()
    expect(readdirSync(folder).sort()).toEqual(['lock', 'state.db'])
  })
})

describe('refused, and left as it is', () => {
  const path = () => join(folder, 'state.db')

  /** A folder as a crash leaves it: some of it in the database, some in its log. */
  async function crashed(): Promise<void> {
    using store = openStore(folder)
    store.record({ added: Array.from({ length: 500 }, (_, value) => ({ ...number, value })), released: [] })
    store.close()
    await kill(await elsewhere(`store.record({ added: [${JSON.stringify(address)}], released: [] })`))
  }

  const files = () => ['state.db', 'state.db-wal'].map(name => readFileSync(join(folder, name)))

  test.each([
    ['not a database', () => writeFileSync(path(), 'x'.repeat(9000)), 'file is not a database'],
    ['empty', () => truncateSync(path(), 0), 'it is empty'],
    [
      'overwritten in the middle',
      () => {
        const bytes = readFileSync(path())
        writeFileSync(path(), bytes.fill(0xff, 8192, 12288))
      },
      'in database main',
    ],
    ['cut short', () => truncateSync(path(), readFileSync(path()).length - 5000), ''],
  ])('%s', async (_, spoil, finding) => {
    await crashed()
    // The log holds the newest copy of the pages it names: without it the damage shows.
    writeFileSync(join(folder, 'state.db-wal'), '')
    spoil()
    const before = files()
    const told = refusal()
    expect(told).toMatch(
      /^STATE\/state\.db: damaged, left as it is \(.+\); restore it from a copy, or move the folder away/,
    )
    expect(told).toContain(finding)
    expect(files()).toEqual(before)
  })

  test("somebody else's database", () => {
    const database = new DatabaseSync(path())
    database.exec('CREATE TABLE theirs (a)')
    database.close()
    const before = readFileSync(path())
    expect(refusal()).toBe("STATE/state.db: not Weft's database")
    expect(readFileSync(path())).toEqual(before)
  })

  test('a newer schema', () => {
    openStore(folder).close()
    const database = new DatabaseSync(path())
    database.exec('INSERT INTO schema_version VALUES (99, 0)')
    database.close()
    expect(refusal()).toBe('STATE/state.db: written by a newer Weft (schema 99, this one knows 3)')
  })

  test('a log without its database', async () => {
    await crashed()
    const log = readFileSync(join(folder, 'state.db-wal'))
    rmSync(path())
    expect(refusal()).toMatch('STATE/state.db: missing, but its log state.db-wal is there')
    expect(readFileSync(join(folder, 'state.db-wal'))).toEqual(log)
    expect(existsSync(path())).toBe(false)
  })

  test('a file in place of the folder', () => {
    const file = join(folder, 'file')
    copyFileSync(new URL(import.meta.url), file)
    expect(() => openStore(file)).toThrow(/cannot be made a folder/)
  })
})

describe('migrations', () => {
  const steps = ['CREATE TABLE a (x)', 'CREATE TABLE b (x); INSERT INTO b SELECT x FROM a']

  test('only the missing steps are taken, and each is written down', () => {
    const database = new DatabaseSync(':memory:')
    migrate(database, steps.slice(0, 1))
    database.exec('INSERT INTO a VALUES (7)')
    migrate(database, steps)
    migrate(database, steps)
    expect(database.prepare('SELECT x FROM b').all()).toEqual([{ x: 7 }])
    expect(database.prepare('SELECT version FROM schema_version').all()).toEqual([{ version: 1 }, { version: 2 }])
  })

  test('a step that fails is not half taken', () => {
    const database = new DatabaseSync(':memory:')
    expect(() => migrate(database, [steps[0]!, 'CREATE TABLE b (x); INSERT INTO c VALUES (1)'])).toThrow(
      /no such table: c/,
    )
    expect(database.prepare('SELECT version FROM schema_version').all()).toEqual([{ version: 1 }])
    migrate(database, steps)
  })
})
