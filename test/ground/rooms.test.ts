import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** A file of a room, what it may import and what it may not. */
interface Room {
  readonly file: string
  readonly allowed: readonly string[]
  readonly refused: readonly string[]
}

/** What no room but the wiring one may import, besides its own `refused`. */
const rooms: readonly Room[] = [
  {
    file: 'packages/node-openflow/src/example.ts',
    allowed: ['./codec/schema.ts', './protocol/multipart/flow.ts', 'node:net', 'node:fs/promises'],
    refused: ['../../ovsdb-client/src/index.ts', '../package.ts', 'ovsdb-client', 'weft-controller', 'winston', 'zod'],
  },
  {
    file: 'packages/node-openflow/src/protocol/example.ts',
    allowed: ['./flow-mod.ts', '../fields.ts', '../codec/schema.ts', 'node:events'],
    refused: ['../../../ovsdb-client/src/index.ts', '../../package.ts', '../../../../flows/br-int.ts', 'ovsdb-client'],
  },
  {
    file: 'packages/node-openflow/src/protocol/multipart/example.ts',
    allowed: ['./flow.ts', '../flow-mod.ts', '../../fields.ts', '../../codec/schema.ts'],
    refused: ['../../../../ovsdb-client/src/index.ts', '../../../test/hex.ts', 'winston'],
  },
  {
    file: 'packages/ovsdb-client/src/example.ts',
    allowed: ['./session.ts', './schema/vswitch.ts', 'node:tls'],
    refused: ['node-openflow', '../../node-openflow/src/index.ts', '../../../src/log.ts', 'zod'],
  },
  {
    file: 'packages/ovsdb-client/test/example.test.ts',
    allowed: ['../src/session.ts', '../src/schema/vswitch.ts', './real-server.ts', 'vitest', 'fast-check'],
    refused: ['../../node-openflow/src/index.ts', '../../../src/log.ts', 'node-openflow', 'weft-controller'],
  },
  {
    file: 'topology/example.ts',
    allowed: ['./network.ts', 'ip-address', 'yaml', 'zod'],
    refused: [
      '../flows/inputs.ts',
      '../src/endpoint.ts',
      'node:fs',
      'node:crypto',
      'fs',
      'node-openflow',
      'ovsdb-client',
    ],
  },
  {
    file: 'flows/example.ts',
    allowed: [
      './registers.ts',
      '../topology/network.ts',
      '../src/engine/table.ts',
      '../src/pipeline/item.ts',
      'node-openflow',
    ],
    refused: [
      '../src/fabric/fabric.ts',
      '../src/services/lease.ts',
      '../src/packet/arp.ts',
      '../src/log.ts',
      '../src/main.ts',
      'ovsdb-client',
      'node:fs',
      'node:crypto',
      'winston',
      'yaml',
      // Spellings that end in another room.
      './../src/fabric/fabric.ts',
      '../src/engine/../fabric/fabric.ts',
      './registers/../../src/fabric/fabric.ts',
      'node-openflow/dist/connection.js',
      '/srv/weft/src/fabric/fabric.ts',
      'file:///srv/weft/src/fabric/fabric.ts',
    ],
  },
  {
    file: 'src/engine/example.ts',
    allowed: ['./unit.ts'],
    refused: ['../pipeline/item.ts', '../log.ts', '../../flows/inputs.ts', 'node-openflow', 'node:events', 'zod'],
  },
  {
    file: 'src/pipeline/example.ts',
    allowed: ['./item.ts', 'node-openflow'],
    refused: ['../engine/table.ts', '../../flows/inputs.ts', '../log.ts', 'ovsdb-client', 'node:crypto'],
  },
  {
    file: 'src/interpreter/example.ts',
    allowed: ['./walk.ts', '../packet/frame.ts', 'node-openflow'],
    refused: ['../pipeline/item.ts', '../fabric/fabric.ts', '../../flows/br-int.ts', 'ovsdb-client', 'node:fs'],
  },
  {
    file: 'src/packet/example.ts',
    allowed: ['./mac.ts'],
    refused: ['../services/dhcp.ts', '../../topology/mac.ts', 'node-openflow', 'ip-address', 'node:buffer'],
  },
  {
    file: 'src/fabric/example.ts',
    allowed: [
      './host-view.ts',
      '../engine/engine.ts',
      '../pipeline/item.ts',
      '../log.ts',
      '../../flows/inputs.ts',
      '../../topology/host.ts',
      'node-openflow',
      'ovsdb-client',
      'node:crypto',
    ],
    refused: [
      '../services/lease.ts',
      '../store/store.ts',
      '../api/server.ts',
      '../cli/cli.ts',
      '../lab/lab.ts',
      '../main.ts',
      'fastify',
      'zod',
    ],
  },
  {
    file: 'src/services/example.ts',
    allowed: [
      './lease.ts',
      '../fabric/fabric.ts',
      '../packet/dhcp.ts',
      '../log.ts',
      '../../flows/inputs.ts',
      '../../topology/mac.ts',
    ],
    refused: [
      '../store/store.ts',
      '../engine/engine.ts',
      '../pipeline/item.ts',
      '../main.ts',
      '../api/server.ts',
      'node-openflow',
      'ovsdb-client',
    ],
  },
  {
    file: 'src/learning-switch/example.ts',
    allowed: ['./switch.ts', '../packet/frame.ts', '../log.ts', 'node-openflow'],
    refused: [
      '../fabric/fabric.ts',
      '../services/dhcp.ts',
      '../../flows/br-int.ts',
      '../../topology/host.ts',
      'ovsdb-client',
    ],
  },
  {
    file: 'src/store/example.ts',
    allowed: ['./schema.ts', '../../topology/allocation.ts', 'node:sqlite'],
    refused: [
      '../fabric/fabric.ts',
      '../../flows/inputs.ts',
      '../api/server.ts',
      '../main.ts',
      'node-openflow',
      'ovsdb-client',
    ],
  },
  {
    file: 'src/api/example.ts',
    allowed: [
      './server.ts',
      '../fabric/fabric.ts',
      '../services/lease.ts',
      '../../flows/br-int.ts',
      'node-openflow',
      'fastify',
    ],
    refused: ['../main.ts', '../cli/cli.ts', '../lab/lab.ts', '../engine/engine.ts', 'yargs'],
  },
  {
    file: 'src/web/example.ts',
    allowed: ['./page.ts', '../api/read-model.ts'],
    refused: ['../main.ts', '../cli/cli.ts', '../lab/lab.ts', 'yargs'],
  },
  {
    file: 'src/cli/example.ts',
    allowed: [
      './table.ts',
      '../main.ts',
      '../log.ts',
      '../api/read-model.ts',
      '../doctor/doctor.ts',
      '../lab/labs.ts',
      '../../topology/problem.ts',
      'yargs',
      'yaml',
    ],
    refused: [
      '../fabric/fabric.ts',
      '../services/lease.ts',
      '../store/store.ts',
      '../../flows/inputs.ts',
      'node-openflow',
      'ovsdb-client',
    ],
  },
  {
    file: 'src/doctor/example.ts',
    allowed: [
      './snapshot.ts',
      '../fabric/host-config.ts',
      '../../flows/br-int.ts',
      '../../topology/network.ts',
      'node-openflow',
      'ovsdb-client',
      'node:os',
    ],
    refused: ['../fabric/fabric.ts', '../api/read-model.ts', '../cli/cli.ts', '../lab/lab.ts', '../main.ts', 'yargs'],
  },
  {
    file: 'src/lab/example.ts',
    allowed: [
      './cage.ts',
      './fake-switch/flow-table.ts',
      '../endpoint.ts',
      '../../topology/topology.ts',
      'node:child_process',
      'node-openflow',
      'ovsdb-client/server',
    ],
    refused: [
      '../main.ts',
      '../fabric/fabric.ts',
      '../services/lease.ts',
      '../cli/cli.ts',
      '../../flows/inputs.ts',
      'yargs',
    ],
  },
  {
    file: 'src/lab/fake-switch/example.ts',
    allowed: ['./flow-table.ts', '../until.ts', 'node-openflow', 'node:net'],
    refused: ['../../main.ts', '../../fabric/fabric.ts', '../../../flows/br-int.ts', 'yargs'],
  },
  {
    file: 'src/example.ts',
    allowed: ['./endpoint.ts', './log.ts', '../topology/document.ts', 'node:fs', 'winston'],
    refused: ['./main.ts', './fabric/fabric.ts', './cli/cli.ts', '../flows/inputs.ts', 'ovsdb-client'],
  },
  { file: 'src/bin.ts', allowed: ['./cli/cli.ts'], refused: ['./main.ts', './log.ts', 'yargs'] },
  {
    file: 'src/main.ts',
    allowed: [
      './fabric/fabric.ts',
      './services/lease.ts',
      './store/store.ts',
      '../flows/units.ts',
      '../topology/document.ts',
      'node-openflow',
    ],
    refused: [],
  },
]

/** Every way to name a module that must be seen. */
const spellings: Readonly<Record<string, string>> = {
  import: "import { a } from 'node:fs'",
  'type import': "import type { a } from 'node:fs'",
  'side effect': "import 'node:fs'",
  export: "export { a } from 'node:fs'",
  'export all': "export * from 'node:fs'",
  'dynamic import': "export const a = await import('node:fs')",
  require: "export const a = require('node:fs')",
}

/** What a pure room may not name: I/O, clock and random come in by imports, or as these. */
const impurities: Readonly<Record<string, string>> = {
  clock: 'export const a = Date.now()',
  date: 'export const a = new Date()',
  performance: 'export const a = performance.now()',
  timer: 'setTimeout(() => {}, 1)',
  network: "export const a = fetch('http://localhost')",
  environment: "export const a = process.env['HOME']",
  random: 'export const a = crypto.randomUUID()',
  output: "console.log('a')",
  'by the back door': 'export const a = globalThis.Date.now()',
}
const pureFolders = ['src/engine', 'src/packet', 'src/pipeline', 'src/interpreter', 'topology', 'flows']

let folder: string
const refusedLines = new Map<string, Set<number>>()

/** Files of lines that stand alone, checked in one run. */
const files = new Map<string, readonly string[]>()
for (const room of rooms) {
  files.set(
    room.file,
    [...room.allowed, ...room.refused].map(module => `import '${module}'`),
  )
}
for (const path of pureFolders) files.set(`${path}/impure.ts`, Object.values(impurities))
files.set('src/engine/spelling.ts', Object.values(spellings))
files.set('src/default-export.ts', ['export default 1'])

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-rooms-'))
  await Promise.all(['biome.json', '.gitignore'].map(name => cp(join(root, name), join(folder, name))))
  for (const [path, lines] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), `${lines.join('\n')}\n`)
  }
  const rules = ['noRestrictedImports', 'noRestrictedGlobals', 'noCommonJs', 'noDefaultExport']
  const { stdout } = await promisify(execFile)(
    join(root, 'node_modules/.bin/biome'),
    ['lint', '--reporter=rdjson', '--max-diagnostics=none', ...rules.map(rule => `--only=style/${rule}`)],
    { cwd: folder, maxBuffer: 1 << 26 },
  ).catch((error: unknown) => error as { stdout: string })
  const report = JSON.parse(stdout) as {
    diagnostics: { location: { path: string; range: { start: { line: number } } } }[]
  }
  for (const { location } of report.diagnostics) {
    const lines = refusedLines.get(location.path) ?? new Set()
    refusedLines.set(location.path, lines.add(location.range.start.line))
  }
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** The lines of a file that were refused. */
function refused(path: string): string[] {
  const lines = refusedLines.get(path) ?? new Set()
  return (files.get(path) ?? []).filter((_, index) => lines.has(index + 1))
}

describe('what a room may import', () => {
  test.each(rooms)('$file', room => {
    expect(refused(room.file)).toEqual(room.refused.map(module => `import '${module}'`))
  })

  test('however it is written', () => {
    expect(refused('src/engine/spelling.ts')).toEqual(Object.values(spellings))
  })

  test.each(pureFolders)('%s: no I/O, no clock, no random', path => {
    expect(refused(`${path}/impure.ts`)).toEqual(Object.values(impurities))
  })

  test('no default exports', () => {
    expect(refused('src/default-export.ts')).toHaveLength(1)
  })
})

test('every folder of src and packages is one of the rooms above', async () => {
  const folders = async (path: string) =>
    (await readdir(join(root, path), { withFileTypes: true }))
      .filter(entry => entry.isDirectory())
      .map(entry => `${path}/${entry.name}`)
  const known = rooms.map(room => room.file)
  const unknown = [...(await folders('src')), ...(await folders('packages'))].filter(
    path => !known.some(file => file.startsWith(`${path}/`)),
  )
  expect(unknown).toEqual([])
})
