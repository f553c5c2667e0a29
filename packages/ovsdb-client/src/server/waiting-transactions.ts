import type { Json } from '../json.ts'
import type { IncomingRequest } from '../jsonrpc.ts'
import type { Timers } from '../timers.ts'
import type { MemoryDatabase } from './database.ts'
import type { ServerSession } from './server-session.ts'

interface Waiting {
  readonly session: ServerSession
  readonly request: IncomingRequest
  readonly started: number
  timer: unknown
}

/** Carries out transactions, and again those whose `wait` is not fulfilled, after each commit until their time is up. */
export class WaitingTransactions {
  private readonly database: MemoryDatabase
  private readonly timers: Timers
  private readonly ownsLock: (session: ServerSession, lock: string) => boolean
  private readonly waiting = new Set<Waiting>()

  constructor(database: MemoryDatabase, timers: Timers, ownsLock: (session: ServerSession, lock: string) => boolean) {
    this.database = database
    this.timers = timers
    this.ownsLock = ownsLock
  }

  /** Carries out a `transact` request; it is answered now or later. */
  execute(session: ServerSession, request: IncomingRequest): void {
    this.attempt({ session, request, started: this.timers.now(), timer: undefined })
  }

  /** Tries all again. */
  retry(): void {
    for (const waiting of [...this.waiting]) if (this.waiting.has(waiting)) this.attempt(waiting)
  }

  /** Drops a client's waiting transaction. RFC 7047 § 4.1.4. */
  cancel(session: ServerSession, id: Json): void {
    for (const waiting of [...this.waiting]) {
      if (waiting.session !== session || waiting.request.id !== id) continue
      this.forget(waiting)
      waiting.request.fail('canceled')
    }
  }

  /** Drops all of a client's. */
  leave(session: ServerSession): void {
    for (const waiting of [...this.waiting]) if (waiting.session === session) this.forget(waiting)
  }

  private attempt(waiting: Waiting): void {
    const { session, request, started } = waiting
    this.forget(waiting)
    const outcome = this.database.execute(request.params.slice(1), {
      elapsed: Math.floor(this.timers.now() - started),
      ownsLock: lock => this.ownsLock(session, lock),
    })
    if ('results' in outcome) {
      request.reply(outcome.results)
      return
    }
    this.waiting.add(waiting)
    if (Number.isFinite(outcome.waiting)) {
      waiting.timer = this.timers.set(() => this.attempt(waiting), outcome.waiting)
    }
  }

  private forget(waiting: Waiting): void {
    this.waiting.delete(waiting)
    this.timers.clear(waiting.timer)
    waiting.timer = undefined
  }
}
