import { setTimeout as delay } from 'node:timers/promises'
import { LabError } from './error.ts'

const INTERVAL_MS = 5

/**
 * Resolves when `condition` holds: for what nobody sends an event of.
 *
 * @throws {LabError} when it does not within the time.
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new LabError(`waited ${timeoutMs} ms in vain for ${what}`)
    await delay(INTERVAL_MS)
  }
}
