import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { runCli } from '../../src/cli/cli.ts'
import { type Controller, createController, FakeHost } from '../../src/testing.ts'

export const run = promisify(execFile)

const argvOf = (argv: readonly string[]) => [
  '--conditions=weft-source',
  join(import.meta.dirname, '../../src/bin.ts'),
  ...argv,
]

export interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** The command in a process of its own, as an admin types it. */
export async function weft(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Result> {
  try {
    return { code: 0, ...(await run(process.execPath, argvOf(argv), { env: { ...process.env, ...env } })) }
  } catch (error) {
    const { code, stdout, stderr } = error as Result
    return { code, stdout, stderr }
  }
}

/** The command in this process: the same words and exit codes, without the start. One at a time. */
export async function inProcess(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Result> {
  const said = { stdout: '', stderr: '' }
  const restore: (() => void)[] = []
  for (const [name, value] of Object.entries(env)) {
    const before = process.env[name]
    restore.push(() => {
      delete process.env[name]
      if (before !== undefined) process.env[name] = before
    })
    process.env[name] = value
  }
  for (const stream of ['stdout', 'stderr'] as const) {
    const { write } = process[stream]
    restore.push(() => (process[stream].write = write))
    process[stream].write = (text: string | Uint8Array) => {
      said[stream] += text
      return true
    }
  }
  try {
    return { code: await runCli(argv), ...said }
  } finally {
    for (const undo of restore) undo()
  }
}

/** A command that goes on: its lines as they come, until it is interrupted as by Ctrl-C. */
export function follow(argv: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, argvOf(argv), {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | null>(resolve => child.once('exit', resolve))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    /** The next line that matches; those before it are dropped. */
    async line(pattern: RegExp): Promise<string> {
      for (;;) {
        const { value, done } = await lines.next()
        if (done) throw new Error(`it ended without a line like ${pattern}`)
        if (pattern.test(value)) return value
      }
    },
    interrupt(): Promise<number | null> {
      child.kill('SIGINT')
      return ended
    },
  }
}

/** A controller with one fake host, and two tenants that use the same addresses; `red-a` and `blue-a` are plugged in. */
export class Site implements AsyncDisposable {
  readonly host: FakeHost
  readonly controller: Controller

  private constructor(host: FakeHost, controller: Controller) {
    this.host = host
    this.controller = controller
  }

  static async open(): Promise<Site> {
    const host = await FakeHost.listen()
    const text = `
hosts: { h1: { ovsdb: "${host.endpoint}", tunnel_ip: 192.0.2.1 } }
networks:
  red: { project: red, network_type: vxlan, segmentation_id: 5001 }
  blue: { project: blue, network_type: gre, segmentation_id: 6001 }
subnets:
  red-v4: { network: red, cidr: 10.0.0.0/24 }
  blue-v4: { network: blue, cidr: 10.0.0.0/24 }
ports:
  red-a: { network: red, mac_address: "fa:16:3e:00:00:0a", fixed_ips: [{ ip_address: 10.0.0.11 }] }
  red-b: { network: red }
  blue-a: { network: blue, mac_address: "fa:16:3e:00:00:0a", fixed_ips: [{ ip_address: 10.0.0.11 }] }
`
    const topology = [{ text, file: 'topology.yaml' }]
    const controller = await createController({ topology, api: 'tcp:127.0.0.1:0' })
    await controller.settled(5_000)
    const site = new Site(host, controller)
    host.plug('red-a')
    host.plug('blue-a')
    await controller.fabric.until(() => controller.inputs.presences.size === 2, 5_000)
    await controller.settled(5_000)
    return site
  }

  get env(): { readonly WEFT_API: string } {
    return { WEFT_API: this.controller.endpoints.api }
  }

  weft(...argv: readonly string[]): Promise<Result> {
    return inProcess(argv, this.env)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.controller.close()
    await this.host.close()
  }
}
