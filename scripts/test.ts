/**
 * Runs the layers named in the arguments (default: all) and closes with one line, `N passed, N failed, N skipped`.
 *
 * Linter, compiler and published package count as one check each. Exit code 1 when anything failed or nothing ran.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import {
  FAILED,
  formatTally,
  PASSED,
  SKIPPED,
  skippedTests,
  succeeded,
  sum,
  type Tally,
  tallyOf,
  type VitestReport,
} from './tally.ts'

/** ms for all layers together; a layer that is still running then has failed. */
const BUDGET = 14 * 60_000
const deadline = performance.now() + BUDGET

const layers: Readonly<Record<string, () => Promise<Tally>>> = {
  lint: () => check('biome', 'check', '--error-on-warnings', '.'),
  types: () => check('tsc', '-p', '.'),
  unit: () => tests('unit'),
  e2e: async () => {
    if (process.getuid?.() === 0) return tests('e2e')
    console.log('skipped: network namespaces need root')
    return SKIPPED
  },
  package: () => check('scripts/package-test', '--short'),
}

/** Runs a command and resolves with its exit code; not 0 when it had to be stopped. */
async function run(command: string, ...args: string[]): Promise<number> {
  const timeout = Math.max(1, Math.round(deadline - performance.now()))
  const child = spawn(command, args, { stdio: 'inherit', timeout })
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  if (signal !== null) console.log(`${command} was ended by ${signal}`)
  return code ?? 1
}

async function check(command: string, ...args: string[]): Promise<Tally> {
  return (await run(command, ...args)) === 0 ? PASSED : FAILED
}

async function tests(project: string): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-test-'))
  const file = join(folder, 'report.json')
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
    const exitCode = await run('vitest', 'run', '--project', project, ...reporters)
    // No report: no test file was found, or vitest itself fell over.
    if (!existsSync(file)) return FAILED
    const report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport
    for (const name of skippedTests(report)) console.log(`skipped: ${relative(process.cwd(), name)}`)
    return tallyOf(report, exitCode)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(layers)
const tallies: Tally[] = []
for (const [index, name] of wanted.entries()) {
  const layer = layers[name]
  if (layer === undefined) {
    console.error(`no layer ${name}: ${Object.keys(layers).join(', ')}`)
    process.exit(64)
  }
  const start = performance.now()
  console.log(`\n== ${index + 1}/${wanted.length} ${name}`)
  const tally = await layer().catch((error: unknown) => {
    console.error(error)
    return FAILED
  })
  tallies.push(tally)
  console.log(`== ${name}: ${formatTally(tally)}, ${((performance.now() - start) / 1000).toFixed(1)} s`)
}
const total = sum(tallies)
console.log(`\n${formatTally(total)}`)
process.exitCode = succeeded(total) ? 0 : 1
