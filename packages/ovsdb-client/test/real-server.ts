import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Address } from '../src/index.ts'

/** Runs a program; returns what it prints. */
export const run = async (program: string, ...args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(program, args, { maxBuffer: 64 * 1024 * 1024 })).stdout

/** Where Debian's openvswitch-switch puts the schema. */
export const SCHEMA_FILE = '/usr/share/openvswitch/vswitch.ovsschema'

/** Whether Open vSwitch is installed here. */
export const hasOvs = existsSync(SCHEMA_FILE)

/** A real ovsdb-server with an empty Open_vSwitch database in a directory of its own. */
export class RealServer {
  readonly directory: string
  readonly unix: Address
  private readonly child: ChildProcess
  private readonly ready: Promise<ReadonlyMap<string, number>>
  private readonly exited: Promise<void>
  private ports: ReadonlyMap<string, number> = new Map()

  private constructor(extra: readonly string[], schemaFile: string, directory: string) {
    this.directory = directory
    const db = join(directory, 'conf.db')
    execFileSync('ovsdb-tool', ['create', db, schemaFile])
    this.unix = { transport: 'unix', path: join(directory, 'db.sock') }
    this.child = spawn(
      'ovsdb-server',
      [
        db,
        `--remote=punix:${directory}/db.sock`,
        '--remote=ptcp:0:127.0.0.1',
        `--unixctl=${directory}/ctl`,
        '-vconsole:info',
        '-vsyslog:off',
        '-vfile:off',
        ...extra,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    this.exited = new Promise(resolve => this.child.once('exit', () => resolve()))
    this.ready = new Promise((resolve, reject) => {
      let log = ''
      this.child.once('exit', () => reject(new Error(`ovsdb-server ended: ${log}`)))
      this.child.stderr?.on('data', (text: Buffer) => {
        log += text
        // Its version is the last thing it says before it serves.
        if (!log.includes('(Open vSwitch)')) return
        const ports = log.matchAll(/0:([\d.]+): listening on port (\d+)/g)
        resolve(new Map(Array.from(ports, ([, host = '', port]) => [host, Number(port)])))
      })
    })
  }

  /** Starts one and waits until it serves; `extra` are further arguments. */
  static async start(
    extra: readonly string[] = [],
    schemaFile = SCHEMA_FILE,
    directory = temporaryDirectory(),
  ): Promise<RealServer> {
    const server = new RealServer(extra, schemaFile, directory)
    server.ports = await server.ready
    return server
  }

  /** Where it listens on TCP. */
  get tcp(): Address {
    return { transport: 'tcp', host: '127.0.0.1', port: this.ports.get('127.0.0.1') ?? 0 }
  }

  /** The port of its `pssl:0:127.0.0.2`, if it was told to have one. */
  get tlsPort(): number {
    return this.ports.get('127.0.0.2') ?? 0
  }

  /** Sends it a signal. */
  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  /** Ends it and removes its directory. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.child.kill(signal)
    await this.exited
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** A new directory under the system's temporary one. */
export const temporaryDirectory = (): string => mkdtempSync(join(tmpdir(), 'ovsdb-'))
