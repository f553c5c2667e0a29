import { setTimeout as delay } from 'node:timers/promises'
import type { EventView } from '../api/event-log.ts'
import { follow } from './client.ts'
import { CommandError, EXIT } from './exit-code.ts'
import { type GetArguments, isWanted, readRows } from './get.ts'
import { KINDS, type Kind } from './kind.ts'
import type { Fate, Listing, View } from './listing.ts'

/** How long to wait for a controller that went away before asking again, ms. */
const AGAIN = 1_000

type Print = (text: string) => void

/** Shows a list, then each of its rows that changes, until it is interrupted. */
export async function watch(args: GetArguments, listing: Listing, print: Print): Promise<void> {
  const { signal } = untilInterrupted()
  const nameOf = (KINDS[args.kind] as unknown as Kind).nameOf ?? identity
  let before: ReadonlyMap<string, View> | undefined
  const patience = new Patience()
  while (!signal.aborted) {
    try {
      const now = new Map((await readRows(args)).map(row => [nameOf(row), row]))
      patience.renew()
      const lines = await listing.lines(changes(before, now, row => listing.shown(row)))
      if (lines.length > 0) print(lines.join('\n'))
      before = now
    } catch (error) {
      patience.use(error)
    }
    await delay(args.interval * 1_000, undefined, { signal }).catch(() => {})
  }
}

/** Shows the events so far, then each new one as it happens, until it is interrupted. */
export async function watchEvents(args: GetArguments, listing: Listing, print: Print): Promise<void> {
  const { signal } = untilInterrupted()
  const patience = new Patience()
  let since = 0
  while (!signal.aborted) {
    try {
      const path = `/v1/events/stream?since=${since}`
      for await (const event of follow<EventView>(args.api, path, signal)) {
        patience.renew()
        since = event.revision
        const row = event as unknown as View
        if (!isWanted(args, row)) continue
        print((await listing.lines([{ fate: 'added', row }])).join('\n'))
      }
    } catch (error) {
      if (signal.aborted) return
      patience.use(error)
    }
    await delay(AGAIN, undefined, { signal }).catch(() => {})
  }
}

/** What became of rows between two looks; of the first look everything is `present`. */
export function changes(
  before: ReadonlyMap<string, View> | undefined,
  now: ReadonlyMap<string, View>,
  shown: (row: View) => string,
): { readonly fate: Fate; readonly row: View }[] {
  if (before === undefined) return [...now.values()].map(row => ({ fate: 'present', row }))
  const found: { readonly fate: Fate; readonly row: View }[] = []
  for (const [name, row] of before) if (!now.has(name)) found.push({ fate: 'removed', row })
  for (const [name, row] of now) {
    const known = before.get(name)
    if (known === undefined) found.push({ fate: 'added', row })
    else if (shown(known) !== shown(row)) found.push({ fate: 'changed', row })
  }
  return found
}

/** A flow is the same one as long as bridge and match are. */
function identity(row: unknown): string {
  const { host, bridge, ofctl } = row as { readonly host?: string; readonly bridge?: string; readonly ofctl?: string }
  return `${host}/${bridge} ${ofctl?.replace(/^cookie=[^,]*, */, '').replace(/ *actions=.*/, '')}`
}

/** A controller that was there before may be away for a while: it is being restarted. */
class Patience {
  #met = false
  #said = false

  renew(): void {
    this.#met = true
    this.#said = false
  }

  /** @throws {unknown} what is no passing absence. */
  use(error: unknown): void {
    if (!this.#met || !(error instanceof CommandError) || error.code !== EXIT.unreachable) throw error
    if (!this.#said) process.stderr.write(`${error.message}; trying again\n`)
    this.#said = true
  }
}

function untilInterrupted(): AbortController {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort())
  return controller
}
