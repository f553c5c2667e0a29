import { once } from 'node:events'
import { closeSync, openSync, readFileSync, statSync, watch } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { join, resolve } from 'node:path'
import { json } from 'node:stream/consumers'
import { type Cage, OUTSIDE_ALL_MEMBERS } from './cage.ts'
import { LabError } from './error.ts'
import type { LabLayout } from './layout.ts'

/** The command that takes `run`: that of the checkout, or of the package, that this file is part of. */
export function ownWeft(): string[] {
  if (import.meta.filename.endsWith('.ts')) return [resolve(import.meta.dirname, '../../weft')]
  return [process.execPath, resolve(import.meta.dirname, '../weft.cjs')]
}

/** Where the controller's API listens, also for programs outside the lab. */
export function apiPath(folder: string): string {
  return join(folder, 'api.sock')
}

export const PID_FILE = 'controller.pid'

/**
 * Starts `weft run` in a lab, outside all members; it lives on when this process ends.
 *
 * @throws {LabError} with its last words when it ends, or is not ready in time.
 */
export async function startController(
  cage: Cage,
  folder: string,
  layout: LabLayout,
  topology: string,
  weft: readonly string[],
  timeoutMs = 30_000,
): Promise<void> {
  const state = join(folder, 'state')
  await mkdir(state, { recursive: true })
  const openflow = `tcp:${layout.controller}:6653`
  const dialsIn = layout.hosts.some(host => host.ovsdbPort === undefined)
  const argv = [
    ...[...weft, 'run', '--topology', topology, '--state', state, '--openflow', openflow, '--advertise', openflow],
    ...['--ovsdb', dialsIn ? `tcp:${layout.controller}:6640` : 'none', '--api', `unix:${apiPath(folder)}`],
    '--print-ready',
  ]
  const [out, log] = [join(folder, 'controller.out'), join(folder, 'controller.log')]
  // Files, not pipes: they outlive this process.
  const files = [openSync(out, 'a'), openSync(log, 'a')] as const
  const from = statSync(out).size
  try {
    const child = cage.spawn(
      OUTSIDE_ALL_MEMBERS,
      ['sh', '-c', 'echo $$ > "$0"; exec "$@"', join(folder, PID_FILE), ...argv],
      { stdio: ['ignore', ...files], detached: true },
    )
    child.unref()
    await new Promise<void>((ready, fail) => {
      const watcher = watch(out, () => {
        if (/^READY /m.test(readFileSync(out, 'utf8').slice(from))) settle(ready)
      })
      const timer = setTimeout(
        () => settle(() => fail(new LabError(`the controller is not ready after ${timeoutMs} ms`))),
        timeoutMs,
      )
      const settle = (outcome: () => void) => {
        watcher.close()
        clearTimeout(timer)
        child.removeAllListeners()
        outcome()
      }
      child.once('error', error => settle(() => fail(error)))
      child.once('exit', () => {
        const words = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-5).join('\n')
        settle(() => fail(new LabError(`the controller did not start:\n${words}`)))
      })
    })
  } finally {
    for (const file of files) closeSync(file)
  }
}

/** Whether the controller has nothing left to do. */
export async function isSettled(folder: string): Promise<boolean> {
  const [response] = (await once(get({ socketPath: apiPath(folder), path: '/v1/status' }), 'response')) as [
    IncomingMessage,
  ]
  return ((await json(response)) as { settled: boolean }).settled
}
