/** Bytes of the header every OpenFlow message starts with: version, type, length, xid. OpenFlow 1.5.1 § 7.1. */
export const HEADER_LENGTH = 8

/** The peer broke the framing or the state of the protocol; the connection cannot go on. */
export class ProtocolError extends Error {
  override name = 'ProtocolError'
}

/** Takes one whole message: the bytes [start, end) of `bytes`, valid for as long as the callee keeps them. */
export type Deliver = (bytes: Uint8Array, start: number, end: number) => void

/** Looks at the header at `start` as soon as it is there; throws ProtocolError where the rest is not worth waiting for. */
export type Check = (bytes: Uint8Array, start: number) => void

/**
 * Cuts a byte stream into OpenFlow messages, however it was chunked.
 *
 * A message that lies whole inside a chunk is delivered in place. One that spans chunks is gathered in a buffer of its
 * own, so at most one message (65,535 bytes) is ever held.
 */
export class Framer {
  readonly #deliver: Deliver
  readonly #check: Check
  #stopped = false
  /** The header, then the whole, of a message that began in an earlier chunk. */
  #partial: Uint8Array | undefined
  #filled = 0

  constructor(deliver: Deliver, check: Check = () => {}) {
    this.#deliver = deliver
    this.#check = check
  }

  /** Delivers nothing more, not even what is left of the chunk in hand. */
  stop(): void {
    this.#stopped = true
    this.#partial = undefined
  }

  /** Takes the next chunk, of any size. Throws ProtocolError where a header cannot be one. */
  push(chunk: Uint8Array): void {
    let at = this.#partial === undefined ? 0 : this.#resume(chunk)
    while (!this.#stopped && at < chunk.length) {
      const left = chunk.length - at
      const end = left < HEADER_LENGTH ? Number.POSITIVE_INFINITY : at + this.#length(chunk, at)
      if (end > chunk.length) {
        this.#begin(chunk, at, left)
        return
      }
      this.#deliver(chunk, at, end)
      at = end
    }
  }

  /** The length of the message whose header is at `at`. */
  #length(bytes: Uint8Array, at: number): number {
    const length = lengthAt(bytes, at)
    if (length < HEADER_LENGTH) throw new ProtocolError(`a message of length ${length}, less than its header`)
    this.#check(bytes, at)
    return length
  }

  #begin(chunk: Uint8Array, at: number, left: number): void {
    const partial = new Uint8Array(left < HEADER_LENGTH ? HEADER_LENGTH : lengthAt(chunk, at))
    partial.set(chunk.subarray(at))
    this.#partial = partial
    this.#filled = left
  }

  /** Completes the message begun earlier; returns where in `chunk` the next one starts. */
  #resume(chunk: Uint8Array): number {
    let at = 0
    while (this.#partial !== undefined) {
      const partial = this.#partial
      const take = Math.min(partial.length - this.#filled, chunk.length - at)
      partial.set(chunk.subarray(at, at + take), this.#filled)
      this.#filled += take
      at += take
      if (this.#filled < partial.length) return at
      const length = partial.length === HEADER_LENGTH ? this.#length(partial, 0) : partial.length
      if (length > partial.length) {
        // Only the header was whole so far: now the size is known.
        this.#partial = new Uint8Array(length)
        this.#partial.set(partial)
      } else {
        this.#partial = undefined
        this.#filled = 0
        this.#deliver(partial, 0, length)
      }
    }
    return at
  }
}

const lengthAt = (bytes: Uint8Array, at: number): number => (bytes[at + 2]! << 8) | bytes[at + 3]!
