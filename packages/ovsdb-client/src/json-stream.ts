import { ProtocolError } from './errors.ts'
import type { JsonObject } from './json.ts'

/** What one message may cost the reader. */
export interface JsonLimits {
  /** Longest message in bytes; default 64 MiB. */
  readonly maxBytes?: number
  /** Deepest nesting of objects and arrays; default 64 (a monitor reply needs 9). */
  readonly maxDepth?: number
  /** Most values in one message, since `[[],[],...]` takes twenty times its length in memory; default 8,388,608. */
  readonly maxValues?: number
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/**
 * Cuts a byte stream into the JSON objects that follow each other in it without any delimiter (RFC 7047 § 4).
 *
 * Each byte is looked at once, however the stream is cut into chunks; a message that lies in one chunk is not copied.
 * At most twice `maxBytes` are held.
 */
export class JsonStream {
  private readonly maxBytes: number
  private readonly maxDepth: number
  private readonly maxValues: number
  private depth = 0
  private values = 0
  private inString = false
  private escaped = false
  /** The beginning of a message whose end has not come yet: `held` bytes of `buffer`. */
  private buffer: Buffer = Buffer.alloc(0)
  private held = 0

  constructor(limits: JsonLimits = {}) {
    this.maxBytes = limits.maxBytes ?? 64 * 1024 * 1024
    this.maxDepth = limits.maxDepth ?? 64
    this.maxValues = limits.maxValues ?? 8 * 1024 * 1024
  }

  /**
   * Takes the next bytes and gives each message that they complete to `emit`; stops early if `emit` returns false.
   * Throws a ProtocolError at text that is no JSON object or exceeds a limit; the stream is then of no more use.
   */
  push(chunk: Buffer, emit: (message: JsonObject) => boolean | undefined): void {
    let start = 0
    for (let at = 0; at < chunk.length; at++) {
      if (this.depth === 0) {
        start = at
        this.begin(chunk[at] as number)
      } else if (this.inString) {
        at = this.skipString(chunk, at)
      } else if (this.structure(chunk[at] as number)) {
        const message = this.take(chunk, start, at + 1)
        if (emit(message) === false) return
      }
    }
    if (this.depth > 0) this.hold(chunk, start)
  }

  private begin(byte: number): void {
    if (isSpace(byte)) return
    if (byte !== OPEN_BRACE) throw new ProtocolError(`a JSON object must begin with {, not with byte ${byte}`)
    this.depth = 1
    this.values = 1
  }

  /** Goes on inside a string; returns the position of its last byte within the chunk. */
  private skipString(chunk: Buffer, from: number): number {
    let at = from
    if (this.escaped) {
      this.escaped = false
      at++
    }
    for (; at < chunk.length; at++) {
      const byte = chunk[at]
      if (byte === QUOTE) {
        this.inString = false
        return at
      }
      // The escaped byte may be a quote or lie in the next chunk.
      if (byte === BACKSLASH && ++at === chunk.length) this.escaped = true
    }
    return at
  }

  /** Takes a byte outside of strings; returns whether it ends the message. */
  private structure(byte: number): boolean {
    switch (byte) {
      case QUOTE:
        this.inString = true
        return false
      case OPEN_BRACE:
      case OPEN_BRACKET:
        if (++this.depth > this.maxDepth) throw new ProtocolError(`JSON nested deeper than ${this.maxDepth}`)
        if (++this.values > this.maxValues) throw this.tooManyValues()
        return false
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        return --this.depth === 0
      case COMMA:
        if (++this.values > this.maxValues) throw this.tooManyValues()
        return false
      default:
        return false
    }
  }

  private tooManyValues(): ProtocolError {
    return new ProtocolError(`a JSON message of more than ${this.maxValues} values`)
  }

  private tooLong(): ProtocolError {
    return new ProtocolError(`a JSON message longer than ${this.maxBytes} bytes`)
  }

  private take(chunk: Buffer, start: number, end: number): JsonObject {
    let text: string
    if (this.held > 0) {
      this.hold(chunk.subarray(0, end), 0)
      text = this.buffer.toString('utf8', 0, this.held)
      this.held = 0
      // A buffer that one long message needed is not kept for the short ones after it.
      if (this.buffer.length > 1024 * 1024) this.buffer = Buffer.alloc(0)
    } else {
      if (end - start > this.maxBytes) throw this.tooLong()
      text = chunk.toString('utf8', start, end)
    }
    try {
      return JSON.parse(text) as JsonObject
    } catch (error) {
      throw new ProtocolError(`not JSON: ${(error as Error).message}`)
    }
  }

  private hold(chunk: Buffer, start: number): void {
    const length = this.held + chunk.length - start
    if (length > this.maxBytes) throw this.tooLong()
    if (length > this.buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(4096, Math.min(2 * length, this.maxBytes)))
      this.buffer.copy(grown, 0, 0, this.held)
      this.buffer = grown
    }
    chunk.copy(this.buffer, this.held, start)
    this.held = length
  }
}
