import type { DecodedMessage } from './messages.ts'

/** Something of ours that waits for the peer's answer. */
export interface Exchange {
  /** Takes a message that answers `xid`; true once nothing more is to come. */
  take(message: DecodedMessage, xid: number): boolean
  /** The connection closed first. */
  fail(reason: Error): void
}

/** Transaction ids given out, and who waits for an answer to which. */
export class Exchanges {
  #next = 1
  readonly #waiting = new Map<number, Exchange>()
  /** Exchanges whose ids are too many to list one by one: the messages of a bundle, which answer only by an error. */
  #ranges: { first: number; last: number; exchange: Exchange }[] = []

  /** The first of `count` consecutive transaction ids. Never 0, which a switch's own messages carry. */
  allocate(count = 1): number {
    if (this.#next + count > 0xffffffff) this.#next = 1
    const first = this.#next
    this.#next += count
    return first
  }

  expect(xid: number, exchange: Exchange): void {
    this.#waiting.set(xid, exchange)
  }

  expectRange(first: number, last: number, exchange: Exchange): void {
    this.#ranges.push({ first, last, exchange })
  }

  forget(exchange: Exchange): void {
    this.#ranges = this.#ranges.filter(range => range.exchange !== exchange)
  }

  /** Hands the message to whom it answers; false when it answers nobody. */
  dispatch(message: DecodedMessage, xid: number): boolean {
    const exchange = this.#waiting.get(xid)
    if (exchange !== undefined) {
      if (exchange.take(message, xid)) this.#waiting.delete(xid)
      return true
    }
    const range = this.#ranges.find(({ first, last }) => first <= xid && xid <= last)
    if (range?.exchange.take(message, xid)) this.forget(range.exchange)
    return range !== undefined
  }

  close(reason: Error): void {
    const exchanges = new Set([...this.#waiting.values(), ...this.#ranges.map(({ exchange }) => exchange)])
    this.#waiting.clear()
    this.#ranges = []
    for (const exchange of exchanges) exchange.fail(reason)
  }
}
