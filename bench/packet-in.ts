import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Version } from 'node-openflow'
import { median, report, round } from './figure.ts'
import { AskingSwitch, type Tally } from './packet-in-generator.ts'

// Packet-ins answered a second by `weft run --unmanaged learn`, against ovs-testcontroller (C; Debian's openvswitch-testcontroller) in the
// same run: 16 switches of 1,000 stations, 64 frames of each outstanding. An answer is the packet-out that carries that frame to the port of
// its destination; both send a flow_mod with each. The controller has one core, the generator another. ovs-testcontroller does not survive
// OpenFlow 1.5.

const SWITCHES = 16
const STATIONS = 1_000
const OUTSTANDING = 64
const WARM_UP = 1_000
const CONTROLLER_CORE = '0'
const GENERATOR_CORE = '1'
const RELEASES = ['1.3', '1.5'] as const
const OPENFLOW: Readonly<Record<(typeof RELEASES)[number], Version>> = { '1.3': 4, '1.5': 6 }

if (process.argv[2] !== 'inside') {
  const argv = ['-c', GENERATOR_CORE, process.execPath, ...process.execArgv, import.meta.filename, 'inside']
  spawn('taskset', [...argv, ...process.argv.slice(2)], { stdio: 'inherit' }).on('exit', code =>
    process.exit(code ?? 1),
  )
} else {
  await measure(Number(process.argv[3] ?? 5), Number(process.argv[4] ?? 2_000))
}

interface Figures extends Tally {
  readonly perSecond: number
  /** CPU time of the controller for one answer. */
  readonly cpuUs: number
  /** Share of its core that the controller used. */
  readonly load: number
}

async function measure(rounds: number, ms: number): Promise<void> {
  const theirs: Figures[] = []
  const ours = { '1.3': [] as Figures[], '1.5': [] as Figures[] }
  for (let n = 0; n < rounds; n++) {
    theirs.push(await run(testController, OPENFLOW['1.3'], ms))
    for (const release of RELEASES) ours[release].push(await run(weft, OPENFLOW[release], ms))
  }
  for (const release of RELEASES) {
    report('packet-in to flow-mod and packet-out', {
      ...{ openflow: release, switches: SWITCHES, stations: STATIONS, outstanding: OUTSTANDING, rounds },
      weft: summary(ours[release]),
      ovs_testcontroller_openflow13: summary(theirs),
      // Both of one round, so that whatever else the machine does weighs on both.
      ratio: round(median(ours[release].map(({ perSecond }, n) => perSecond / theirs[n]!.perSecond))),
      ratio_of_cpu: round(median(ours[release].map(({ cpuUs }, n) => theirs[n]!.cpuUs / cpuUs))),
    })
  }
}

function summary(runs: readonly Figures[]) {
  const sum = (key: keyof Tally) => runs.reduce((total, one) => total + one[key], 0)
  return {
    per_s: Math.round(median(runs.map(({ perSecond }) => perSecond))),
    cpu_us_each: round(median(runs.map(({ cpuUs }) => cpuUs))),
    load: round(median(runs.map(({ load }) => load))),
    flow_mods_each: round(sum('flowMods') / sum('answers')),
    wrong: sum('wrong'),
    lost: sum('lost'),
    stale: sum('stale'),
  }
}

async function run(start: (folder: string) => Promise<Running>, version: Version, ms: number): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-bench-'))
  const { child, port } = await start(folder)
  const switches: AskingSwitch[] = []
  // Once what has come in has been read.
  const lookAll = () => {
    for (const one of switches) one.look()
  }
  const look = setInterval(() => setImmediate(lookAll), 250)
  try {
    for (let n = 1; n <= SWITCHES; n++) {
      switches.push(await AskingSwitch.connect(port, version, BigInt(n), STATIONS, OUTSTANDING))
    }
    await Promise.all(switches.map(({ learned }) => learned))
    await new Promise(resolve => setTimeout(resolve, WARM_UP))
    const [before, cpu, time] = [total(switches), cpuMs(child), performance.now()]
    await new Promise(resolve => setTimeout(resolve, ms))
    const [after, used, elapsed] = [total(switches), cpuMs(child) - cpu, performance.now() - time]
    const answers = after.answers - before.answers
    return {
      answers,
      flowMods: after.flowMods - before.flowMods,
      // From the start: a wrong answer is wrong at any time.
      wrong: after.wrong,
      lost: after.lost,
      stale: after.stale,
      perSecond: (answers / elapsed) * 1000,
      cpuUs: (used / answers) * 1000,
      load: used / elapsed,
    }
  } finally {
    clearInterval(look)
    for (const one of switches) one.close()
    child.kill()
    await once(child, 'exit')
    rmSync(folder, { recursive: true })
  }
}

function total(switches: readonly AskingSwitch[]): Tally {
  const sum: Tally = { answers: 0, wrong: 0, flowMods: 0, lost: 0, stale: 0 }
  for (const { tally } of switches) for (const key of Object.keys(sum) as (keyof Tally)[]) sum[key] += tally[key]
  return sum
}

interface Running {
  readonly child: ChildProcess
  readonly port: number
}

async function weft(folder: string): Promise<Running> {
  const topology = join(folder, 'topology.yaml')
  writeFileSync(topology, '{}\n')
  const bin = join(import.meta.dirname, '../src/bin.ts')
  const profile = process.execArgv.filter(arg => arg.startsWith('--cpu-prof'))
  const node = [process.execPath, '--conditions=weft-source', '--no-warnings', ...profile, bin]
  const options = ['--unmanaged', 'learn', '--topology', topology, '--state', join(folder, 'state'), '--print-ready']
  const endpoints = ['--openflow', 'tcp:127.0.0.1:0', '--ovsdb', 'none', '--api', 'none', '--log-level', 'error']
  const child = spawn('taskset', ['-c', CONTROLLER_CORE, ...node, 'run', ...options, ...endpoints], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return { child, port: Number(/"openflow":"tcp:127\.0\.0\.1:(\d+)"/.exec(line)?.[1]) }
}

async function testController(folder: string): Promise<Running> {
  const port = await freePort()
  const argv = ['-O', 'OpenFlow13', `ptcp:${port}:127.0.0.1`, `--unixctl=${join(folder, 'ctl')}`, '-voff']
  const child = spawn('taskset', ['-c', CONTROLLER_CORE, 'ovs-testcontroller', ...argv], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  child.once('exit', code => {
    if (code === 127) process.stderr.write('apt-get install openvswitch-testcontroller\n')
  })
  await reachable(port)
  return { child, port }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

async function reachable(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const socket = connect({ host: '127.0.0.1', port })
    const isThere = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    if (isThere) return
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error(`nobody listens on port ${port}`)
}

/** CPU time of a process, ms. proc_pid_stat(5): utime and stime, in ticks of 10 ms. */
function cpuMs({ pid }: ChildProcess): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
  return (Number(user) + Number(system)) * 10
}
