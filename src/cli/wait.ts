import { setTimeout as delay } from 'node:timers/promises'
import { ask } from './client.ts'
import { CommandError, EXIT } from './exit-code.ts'

/** How long one question to the controller may take, and how long to wait before asking again one that is not there, ms. */
const QUESTION = 10_000
const AGAIN = 200

/**
 * Resolves when every bridge holds what it is to hold. A controller that is still to come is waited for, too.
 *
 * @param timeout ms.
 * @throws {CommandError} `timeout`, naming who lags behind.
 */
export async function waitForSynced(api: string, timeout: number): Promise<void> {
  const end = performance.now() + timeout
  let laggards: readonly string[] = []
  do {
    const left = Math.max(0, Math.round(end - performance.now()))
    try {
      const path = `/v1/settled?timeout=${Math.min(left, QUESTION)}`
      const answer = await ask<{ readonly settled: boolean; readonly laggards: readonly string[] }>(api, path)
      if (answer.settled) return
      laggards = answer.laggards
    } catch (error) {
      if (!(error instanceof CommandError) || error.code !== EXIT.unreachable) throw error
      laggards = [error.message]
      await delay(Math.min(AGAIN, left))
    }
  } while (performance.now() < end)
  throw new CommandError(`not synced after ${timeout / 1_000} s:\n${laggards.join('\n')}`, EXIT.timeout)
}
