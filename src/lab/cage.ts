import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { type CommandOptions, type CommandResult, completion, succeed } from './command.ts'
import { LabError } from './error.ts'
import { ended, identify, isRunning, type ProcessIdentity } from './process-identity.ts'
import { PATH } from './requirements.ts'

/**
 * The first process of a cage. It lives as long as its standard input stays open, until it reads a line; then until it is
 * killed. bash, because it collects the orphans of the cage while it waits, and starts the waiting anew after each.
 */
const INIT = `
set -e
read -r pid _ < /proc/self/stat
mount -t proc proc /proc
ip link set lo up
echo "$pid"
read -r _ || exit 0
exec env --ignore-signal=CHLD sleep infinity
`

/** The cage's own namespaces, to be used as a member of it: the pid of its first process, seen from inside. */
export const OUTSIDE_ALL_MEMBERS = 1

/**
 * A pid, mount and network namespace of their own, held by one process: when it dies, the kernel ends every process inside
 * and with them every namespace, mount and link. Members are further namespaces within (network, mount, host name), each
 * held by a process of the cage and known by its pid there.
 */
export class Cage {
  readonly init: ProcessIdentity
  readonly #stdin: Socket | undefined

  private constructor(init: ProcessIdentity, stdin?: Socket) {
    this.init = init
    this.#stdin = stdin
  }

  /** A new cage that ends with this process, however that ends. */
  static async open(): Promise<Cage> {
    const argv = ['--mount', '--net', '--pid', '--fork', '--kill-child', 'bash', '-c', INIT]
    // A session of its own: a Ctrl-C is for us to answer.
    const child = spawn('unshare', argv, { stdio: 'pipe', detached: true, env: environment() })
    let complaint = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text
    })
    child.stdin.on('error', () => {})
    const pid = await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', () => reject(new LabError(`no namespaces to be had: ${complaint.trim()}`)))
      child.stdout.setEncoding('utf8').once('data', (line: string) => resolve(Number(line)))
    })
    for (const handle of [child, child.stdin, child.stdout, child.stderr] as Socket[]) handle.unref()
    const init = identify(pid)
    if (init === undefined) throw new LabError(`the lab's first process died at once: ${complaint.trim()}`)
    return new Cage(init, child.stdin as Socket)
  }

  /** A cage that another process opened. */
  static attach(init: ProcessIdentity): Cage {
    return new Cage(init)
  }

  get open(): boolean {
    return isRunning(this.init)
  }

  /** Lets the cage live on when this process ends. */
  async release(): Promise<void> {
    const stdin = this.#stdin
    if (stdin === undefined || stdin.writableEnded) return
    stdin.ref()
    await new Promise<void>(resolve => stdin.end('stay\n', resolve))
  }

  /** Ends everything inside. */
  async close(): Promise<void> {
    if (!this.open) return
    process.kill(this.init.pid, 'SIGKILL')
    await ended(this.init)
  }

  /**
   * Starts a program in a member. It ends with the cage. The child that is returned stands for it: ends with its exit code,
   * and `kill` signals it.
   */
  spawn(member: number, argv: readonly string[], options: SpawnOptions = {}): ChildProcess {
    if (!this.open) throw new LabError('the lab is gone')
    const holder = `/proc/${this.init.pid}/root/proc/${member}`
    const { stdio = 'pipe', env, folder, detached = false, terminal = false } = options
    // Its root, too: where a lab is made in a chroot, that is not the root of its mounts.
    const enter = [
      ...[`--mount=${holder}/ns/mnt`, `--net=${holder}/ns/net`, `--pid=${holder}/ns/pid`, `--uts=${holder}/ns/uts`],
      `--root=${holder}/root`,
    ]
    const [command, ...rest] = [
      ...(terminal ? ['env', '--ignore-signal=INT,QUIT'] : []),
      ...['nsenter', ...enter, '--', 'setpriv', '--pdeathsig', 'KILL', '--'],
      ...(terminal ? ['env', '--default-signal=INT,QUIT'] : []),
      ...(folder === undefined ? [] : ['sh', '-c', 'cd "$0" 2>/dev/null; exec "$@"', folder]),
      ...argv,
    ]
    const child = spawn(command!, rest, { stdio, env: environment(env), detached })
    // nsenter(1) waits for the program, but passes no signal on. Killed itself, it would leave the program to be buried by the
    // machine's first process; and until then, where that takes its time, the cage cannot end.
    const kill = child.kill.bind(child)
    child.kill = signal => {
      const program = child.exitCode === null && child.signalCode === null ? childOf(child.pid) : undefined
      if (program === undefined) return kill(signal)
      try {
        return process.kill(program, signal)
      } catch {
        // It ended in this very moment.
        return false
      }
    }
    return child
  }

  /** Runs a program in a member to its end. */
  run(member: number, argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return completion(this.spawn(member, argv, { env: options.env }), argv.join(' '), options)
  }

  /** The standard output of a shell script that must succeed; `what` names it to people. */
  async script(member: number, what: string, script: string, options: CommandOptions = {}): Promise<string> {
    const child = this.spawn(member, ['sh', '-ec', script, what], { env: options.env })
    return succeed(await completion(child, what, options), what)
  }

  /**
   * Adds a member: runs a shell script in namespaces of its own, which stay when it has succeeded.
   *
   * @returns the pid, inside the cage, of the process that holds them.
   */
  async add(what: string, script: string, env: Readonly<Record<string, string>>): Promise<number> {
    const held = `${script}\nsleep infinity </dev/null >/dev/null 2>&1 & echo $!`
    const argv = ['unshare', '--mount', '--net', '--uts', 'sh', '-ec', held, what]
    const child = this.spawn(OUTSIDE_ALL_MEMBERS, argv, { env })
    return Number(
      succeed(await completion(child, what), what)
        .trimEnd()
        .split('\n')
        .at(-1),
    )
  }
}

export interface SpawnOptions {
  readonly stdio?: StdioOptions
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Its working directory, where the member has it; default the root. */
  readonly folder?: string
  readonly detached?: boolean
  /** It has our terminal: what is typed there to interrupt reaches it, and only it. */
  readonly terminal?: boolean
}

/** The first child of a process; undefined when it has none. */
function childOf(pid: number | undefined): number | undefined {
  let children: string
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code!)) return undefined
    throw error
  }
  return children === '' ? undefined : Number.parseInt(children, 10)
}

function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...process.env, PATH, ...more }
}
