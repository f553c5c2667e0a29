/**
 * Builds the published packages and checks what somebody who installs them gets.
 *
 * `--short` leaves out the older Node when the machine has none: it would have to be fetched.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { arch, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildPackages, libraries, type Package } from './package.ts'

/** A Node that weft refuses, fetched where the machine has none. */
const OLDER_NODE = '22'
/** The exit code of a machine that lacks something: EX_UNAVAILABLE, sysexits.h. */
const UNAVAILABLE = 69

/** Compiles only where the published types are known in depth: a declaration that is not found would be an `any`. */
const DEPTH = `
import type { Message } from 'node-openflow'
import type { Row, vswitch } from 'ovsdb-client'
import type { Controller } from 'weft-controller'
import type { FakeHost, Lab } from 'weft-controller/testing'

type IsAny<T> = 0 extends 1 & T ? true : false
type Port = Controller['topology']['ports'] extends ReadonlyMap<string, infer P> ? P : never
type Bridge = Row<(typeof vswitch)['tables']['Bridge']>
type Checks = [IsAny<Message>, IsAny<Bridge['fail_mode']>, IsAny<Controller['fabric']>, IsAny<Port['fixed_ips'][number]>, IsAny<FakeHost>, IsAny<Lab>]
const checks: Checks = [false, false, false, false, false, false]
console.log(checks)
`

const root = join(import.meta.dirname, '..')
const toolchain = join(root, '.toolchain')
const { values: options } = parseArgs({ options: { short: { type: 'boolean', default: false } } })

interface Manifest {
  readonly scripts?: unknown
  readonly bin?: unknown
  readonly engines?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: unknown
  readonly peerDependencies?: unknown
  readonly bundleDependencies?: readonly string[]
}

const folder = mkdtempSync(join(tmpdir(), 'weft-package-'))
try {
  const packages = await step('build', buildPackages)
  const [controller] = packages
  await step('manifests', () => packages.forEach(checkManifest))
  await step('publint', () => {
    for (const built of packages) execFileSync('publint', ['run', '--strict', built.folder], { stdio: 'inherit' })
  })
  const prefix = join(folder, 'prefix')
  await step('install', () => npm('install', '--global', '--prefix', prefix, controller.archive))
  const weft = join(prefix, 'bin/weft')
  await step('weft help', () => {
    const help = execFileSync(weft, ['help'], { encoding: 'utf8' })
    for (const command of ['run', 'validate', 'get', 'describe', 'lab']) expect(help.includes(`weft ${command}`), help)
  })
  await step('weft validate', () => {
    const examples = globSync('topology/examples/*.yaml', { cwd: root })
    expect(examples.length > 0, 'no examples')
    for (const example of examples)
      execFileSync(weft, ['validate', join(root, example)], { stdio: ['ignore', 'ignore', 'inherit'] })
  })
  await step('weft lab', () => checkLab(weft))
  const consumer = join(folder, 'consumer')
  await step('a consumer', () => checkConsumer(consumer, packages))
  await step('an older Node', () => checkOlderNode(weft, consumer))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function step<T>(name: string, work: () => T | Promise<T>): Promise<T> {
  const start = performance.now()
  const result = await work()
  console.log(`${name}: ${((performance.now() - start) / 1000).toFixed(1)} s`)
  return result
}

function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message)
}

function npm(...args: string[]): void {
  execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

/** Nothing runs at install, and nothing is fetched besides the package. */
function checkManifest({ name, archive }: Package): void {
  const text = execFileSync('tar', ['-xzOf', archive, 'package/package.json'], { encoding: 'utf8' })
  const manifest = JSON.parse(text) as Manifest
  expect(manifest.scripts === undefined, `${name} has scripts`)
  expect(manifest.engines?.['node'] !== undefined, `${name} does not say which Node it needs`)
  expect((manifest.optionalDependencies ?? manifest.peerDependencies) === undefined, `${name} depends on others`)
  const expected = name === 'weft-controller' ? [...libraries] : []
  const dependencies = Object.keys(manifest.dependencies ?? {})
  expect(dependencies.join() === expected.join(), `${name} depends on ${dependencies.join()}`)
  expect((manifest.bundleDependencies ?? []).join() === expected.join(), `${name} must bundle what it depends on`)
  const files = execFileSync('tar', ['-tzf', archive], { encoding: 'utf8' }).split('\n')
  for (const file of ['LICENSE', 'README.md']) expect(files.includes(`package/${file}`), `${name} has no ${file}`)
}

/** The installed command starts a lab, whose controller is the installed one, and its guests reach each other. */
function checkLab(weft: string): void {
  if (process.getuid?.() !== 0 || spawnSync('ovs-vswitchd', ['--version']).status !== 0) {
    console.log('needs root and Open vSwitch: left out')
    return
  }
  const name = `package-${process.pid}`
  const run = (...args: string[]) => execFileSync(weft, ['lab', ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
  try {
    run('up', join(root, 'topology/examples/two-tenants.yaml'), '--name', name)
    run('ping', '--lab', name, 'red-a', 'red-b')
  } finally {
    run('down', name)
  }
}

/** Under a Node that is too old for it, the command says so in one line; the libraries load in what they say they need. */
function checkOlderNode(weft: string, consumer: string): void {
  const node = olderNode()
  if (node === undefined) {
    console.log('this machine has no older Node: left out of the short form')
    return
  }
  const { status, stdout, stderr } = spawnSync(node, [weft, 'help'], { encoding: 'utf8' })
  console.log(stderr.trimEnd())
  expect(status === UNAVAILABLE, `exit code ${status} instead of ${UNAVAILABLE}`)
  expect(
    stdout === '' && /^weft needs Node \d+ or newer, this is \S+\n$/.test(stderr),
    `unexpected: ${stdout}${stderr}`,
  )
  for (const library of libraries) {
    const { engines } = JSON.parse(
      readFileSync(join(consumer, 'node_modules', library, 'package.json'), 'utf8'),
    ) as Manifest
    if (versionOf(node) < Number(/\d+/.exec(engines?.['node'] ?? '')?.[0])) continue
    const program = `import * as library from '${library}'; if (Object.keys(library).length === 0) process.exit(1)`
    execFileSync(node, ['--input-type=module', '--eval', program], { cwd: consumer, stdio: 'inherit' })
  }
}

/** The major version of a Node; NaN where there is none. */
function versionOf(node: string): number {
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' })
  return Number(/^v(\d+)/.exec(stdout ?? '')?.[1])
}

/** The machine's own Node where it is older, or else one from npm; undefined where it would have to be fetched for `--short`. */
function olderNode(): string | undefined {
  const candidates = (process.env['PATH'] ?? '').split(delimiter).map(path => join(path, 'node'))
  const fetched = join(toolchain, `older-${OLDER_NODE}`)
  const own = join(fetched, `node_modules/node-linux-${arch()}/bin/node`)
  const wanted = Number(process.versions.node.split('.')[0])
  const older = [...candidates, own].find(node => versionOf(node) < wanted)
  if (older !== undefined || options.short) return older
  mkdirSync(fetched, { recursive: true })
  writeFileSync(join(fetched, 'package.json'), '{ "private": true }\n')
  npm('install', '--prefix', fetched, '--no-save', `node-linux-${arch()}@${OLDER_NODE}`)
  return own
}

/** A strict TypeScript program that uses all that is exported compiles against the archives, and runs. */
function checkConsumer(home: string, packages: readonly Package[]): void {
  mkdirSync(home)
  writeFileSync(join(home, 'package.json'), '{ "private": true, "type": "module" }\n')
  npm('install', '--prefix', home, '--no-save', '--offline', ...packages.map(built => built.archive))
  // What a consumer brings along; the versions are the checkout's.
  mkdirSync(join(home, 'node_modules/@types'), { recursive: true })
  for (const name of ['@types/node', 'undici-types'])
    symlinkSync(join(root, 'node_modules', name), join(home, 'node_modules', name))
  const compilerOptions = {
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable', 'esnext.iterator'],
    module: 'nodenext',
    strict: true,
    types: ['node'],
    skipLibCheck: false,
    outDir: 'out',
    rootDir: '.',
  }
  writeFileSync(join(home, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  for (const example of globSync('docs/examples/*.ts', { cwd: root })) {
    writeFileSync(join(home, example.replace(/^.*\//, '')), readFileSync(join(root, example)))
  }
  writeFileSync(join(home, 'depth.ts'), DEPTH)
  const compiled = spawnSync('tsc', ['-p', home], { encoding: 'utf8' })
  expect(compiled.status === 0, compiled.stdout)
  for (const program of globSync('out/*.js', { cwd: home })) {
    const output = execFileSync(process.execPath, [join(home, program)], { encoding: 'utf8', timeout: 30_000 })
    expect(output !== '', `${program} printed nothing`)
  }
}
