import { formatMessage, type Message, type OpenFlowConnection } from 'node-openflow'
import type { Change } from '../engine/engine.ts'
import type { EventKind } from '../event.ts'
import type { Logger } from '../log.ts'
import { type Item, sameItem } from '../pipeline/item.ts'
import { messagesFor } from './message.ts'
import { type Held, readBack } from './readback.ts'

/** Flows in one bundle of the first fill: committing a bundle stalls OVS 1.4 ms per 1,000 flows. */
const FILL = 10_000

/** How long a bridge that refused a change is left in peace before it is read again, ms. */
const RETRY = 1_000

/** What became of the changes sent over one session. */
export interface BridgeCounters {
  flowMods: number
  groupMods: number
  meterMods: number
  bundles: number
  errors: number
}

export interface BridgeSessionOptions {
  /** `host/bridge`. */
  readonly target: string
  readonly connection: OpenFlowConnection
  readonly log: Logger
  readonly onEvent: (kind: EventKind, message: string) => void
  /** What the bridge is to hold, complete at the time of the call. */
  readonly desired: () => Map<string, Item>
  /** The bridge has been read: `reconcile` may follow as soon as what it is to hold is known. */
  readonly onRead: () => void
  /** The last part of the first fill is on its way. */
  readonly onFilled: () => void
  /** Something that `settled` depends on changed. */
  readonly onProgress: () => void
}

/**
 * Makes one bridge hold what it is to hold, over one OpenFlow session.
 *
 * It reads first, sends the difference, and from then on what it is told to change. On any refusal it reads again.
 */
export class BridgeSession {
  readonly target: string
  readonly connection: OpenFlowConnection
  readonly counters: BridgeCounters = { flowMods: 0, groupMods: 0, meterMods: 0, bundles: 0, errors: 0 }
  readonly #options: BridgeSessionOptions
  readonly #log: Logger
  /** What the bridge held beyond what it is to hold, while it is not known yet whether that is stale. */
  #withheld = new Map<string, Item>()
  /** What is left of the first fill: sent a bundle at a time, the next one when the last is acknowledged. */
  readonly #backlog = new Map<string, Change<Item>>()
  #held: Held | undefined
  #state: 'reading' | 'read' | 'following' | 'closed' = 'reading'
  #pending = 0
  #retry: NodeJS.Timeout | undefined
  #foreignFlows = 0

  constructor(options: BridgeSessionOptions) {
    this.target = options.target
    this.connection = options.connection
    this.#options = options
    this.#log = options.log
    this.connection.send({ type: 'set_packet_in_format', format: 'nxt_packet_in2' })
    this.#read()
  }

  get state(): 'reading' | 'read' | 'following' | 'closed' {
    return this.#state
  }

  /** Whether the bridge has acknowledged all it was sent. */
  get synced(): boolean {
    return this.#state === 'following' && this.#pending === 0 && this.#backlog.size === 0
  }

  /** Whether the first fill is under way. */
  get filling(): boolean {
    return this.#backlog.size > 0
  }

  /** Flows on the bridge that are not Weft's, when it was last read. */
  get foreignFlows(): number {
    return this.#foreignFlows
  }

  /** How many stale items wait until every host is known. */
  get withheldCount(): number {
    return this.#withheld.size
  }

  /** What the bridge held when it was last read, until `reconcile`. */
  get held(): ReadonlyMap<string, Item> | undefined {
    return this.#held?.items
  }

  /**
   * Sends the difference between what was read and what is wanted, and follows from here on.
   *
   * @param mayRemove whether what is not wanted is stale; otherwise it stays until `sweep`.
   */
  reconcile(mayRemove: boolean): void {
    if (this.#state !== 'read' || this.#held === undefined) return
    const held = this.#held.items
    this.#held = undefined
    this.#state = 'following'
    const changes: Change<Item>[] = []
    this.#withheld = new Map()
    for (const [key, after] of this.#options.desired()) {
      const before = held.get(key)
      held.delete(key)
      if (before === undefined || !sameItem(before, after)) changes.push({ key, before, after })
    }
    for (const [key, before] of held) {
      if (mayRemove) changes.push({ key, before, after: undefined })
      else this.#withheld.set(key, before)
    }
    const foreign = this.#foreignFlows === 0 ? '' : `; ${this.#foreignFlows} flows are not Weft’s`
    this.#options.onEvent('bridge-reconciled', `${changes.length} items differed${foreign}`)
    const empty = held.size === 0 && changes.every(change => change.before === undefined)
    this.#log.info('bridge reconciled', {
      bridge: this.target,
      changes: changes.length,
      withheld: this.#withheld.size,
      foreign: this.#foreignFlows || undefined,
    })
    this.#backlog.clear()
    if (!empty || changes.length <= FILL) {
      this.#send(changes)
    } else {
      // An empty bridge forwards nothing that a half-filled one could break; groups come first, for flows refer to them.
      for (const change of changes) if (change.after?.kind === 'flow') this.#backlog.set(change.key, change)
      this.#send(changes.filter(change => change.after?.kind !== 'flow'))
      this.#fill()
    }
    this.#options.onProgress()
  }

  /** Sends changes of what the bridge is to hold. Before `reconcile` there is nothing to send: it will see them. */
  apply(changes: readonly Change<Item>[]): void {
    if (this.#state !== 'following') return
    if (this.#withheld.size === 0 && this.#backlog.size === 0) {
      this.#send(changes)
      return
    }
    const wanted: Change<Item>[] = []
    for (const change of changes) {
      const { key, after } = change
      const there = this.#withheld.get(key)
      if (this.#backlog.has(key)) {
        if (after === undefined) this.#backlog.delete(key)
        else this.#backlog.set(key, { key, before: undefined, after })
      } else if (there === undefined || after === undefined) {
        wanted.push(change)
      } else {
        this.#withheld.delete(key)
        if (!sameItem(there, after)) wanted.push({ key, before: there, after })
      }
    }
    this.#send(wanted)
  }

  /** Removes what was withheld: every host is known now, so it is stale. */
  sweep(): void {
    const changes = [...this.#withheld].map(([key, before]) => ({ key, before, after: undefined }))
    this.#withheld = new Map()
    if (this.#state === 'following') this.#send(changes)
  }

  /** An error that answers nothing we wait for: something we sent was refused. */
  refused(message: Message): void {
    this.counters.errors++
    const error = formatMessage(message, 6, 0)
    this.#log.error('bridge refused a message', { bridge: this.target, error })
    this.#options.onEvent('bridge-refused', error)
    this.#readAgain()
  }

  /** A flow that is wanted is gone, such as the last one of a table: somebody has emptied it. */
  emptied(): void {
    if (this.#state !== 'following') return
    this.#log.warn('bridge was emptied; reading it again', { bridge: this.target })
    this.#options.onEvent('bridge-emptied', 'flows are gone that are wanted; the bridge is read again')
    this.#read()
  }

  /**
   * Removes all that is Weft's from the bridge and follows nothing from here on; resolves when the bridge has acknowledged it.
   *
   * @throws {Error} when it refuses, or the session ends.
   */
  async withdraw(): Promise<void> {
    this.closed()
    const { items } = await readBack(this.connection)
    const changes = [...items].map(([key, before]) => ({ key, before, after: undefined }))
    if (changes.length > 0) await this.#post(changes)
  }

  closed(): void {
    this.#state = 'closed'
    this.#backlog.clear()
    clearTimeout(this.#retry)
    this.#options.onProgress()
  }

  #read(): void {
    this.#state = 'reading'
    this.#backlog.clear()
    readBack(this.connection).then(
      held => {
        if (this.#state !== 'reading') return
        this.#held = held
        this.#foreignFlows = held.foreignFlows
        this.#state = 'read'
        this.#options.onRead()
      },
      (error: unknown) => this.#failed(error),
    )
  }

  #readAgain(): void {
    if (this.#state === 'closed' || this.#retry !== undefined) return
    this.#state = 'reading'
    this.#options.onProgress()
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      if (this.#state === 'reading') this.#read()
    }, RETRY)
    this.#retry.unref()
  }

  #failed(error: unknown): void {
    if (this.#state === 'closed' || this.connection.reason !== undefined) return
    this.counters.errors++
    const reason = error instanceof Error ? error.message : String(error)
    this.#log.error('bridge refused a change', { bridge: this.target, error: reason })
    this.#options.onEvent('bridge-refused', reason)
    this.#readAgain()
  }

  #fill(): void {
    const chunk: Change<Item>[] = []
    for (const [key, change] of this.#backlog) {
      if (chunk.length === FILL) break
      this.#backlog.delete(key)
      chunk.push(change)
    }
    this.#send(chunk)
    if (this.#backlog.size === 0) this.#options.onFilled()
  }

  #send(changes: readonly Change<Item>[]): void {
    if (changes.length === 0) return
    if (this.#log.enabled('debug')) {
      for (const { before, after } of changes) {
        const item = after ?? before
        const what = after === undefined ? 'remove' : before === undefined ? 'add' : 'change'
        this.#log.debug(`${what} ${item?.kind}`, { bridge: this.target, owner: item?.owner, reason: item?.reason })
      }
    }
    this.#pending++
    this.#post(changes)
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#pending--
        if (this.#pending === 0 && this.#state === 'following' && this.#backlog.size > 0) this.#fill()
        this.#options.onProgress()
      })
  }

  /** Sends changes; resolves when the bridge has acknowledged them. */
  #post(changes: readonly Change<Item>[]): Promise<unknown> {
    const { before, bundle, after } = messagesFor(changes)
    for (const message of before) this.connection.send(message)
    const answers: Promise<void>[] = []
    if (bundle.length > 1) {
      this.counters.bundles++
      answers.push(this.connection.bundle(bundle, { atomic: true, ordered: true }))
    } else if (bundle.length === 1) {
      // One message is atomic by itself.
      const [only] = bundle
      if (only instanceof Uint8Array) this.connection.sendBytes(only)
      else if (only !== undefined) this.connection.send(only)
    }
    for (const message of after) this.connection.send(message)
    // A commit is answered; whatever went outside of one is proved by a barrier.
    if (bundle.length < 2 || before.length > 0 || after.length > 0) answers.push(this.connection.barrier())
    for (const part of bundle) {
      if (part instanceof Uint8Array) this.counters.flowMods++
      else this.counters.groupMods++
    }
    this.counters.meterMods += before.length + after.length
    return Promise.all(answers)
  }
}
