import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Writer } from './codec/writer.ts'

/** What one write hands to the stream at most: the progress that tells a slow peer from a dead one. */
const SLICE = 1 << 20
/** Writers wait here between ticks, so that an idle connection holds none. */
const idleWriters: Writer[] = []
const IDLE_WRITERS = 16
/** Bytes of the largest of them. */
const KEPT = 1 << 18

/**
 * The bytes on their way to a peer. What is appended in one turn of the event loop leaves in one write; while a write
 * is under way the next gathers, in a second buffer.
 */
export class Outgoing {
  readonly #stream: Duplex
  readonly #limit: number
  readonly #overflow: (queued: number) => void
  /** A socket is done with the buffer when its write is; any other stream may pass it on, so it gets a copy. */
  readonly #keepsNothing: boolean
  #gathering: Writer | undefined
  #held: Writer[] = []
  #scheduled = false
  #writing: Writer | undefined
  #written = 0
  #slices = 0
  #waiting: { below: number; resolve: () => void; reject: (reason: Error) => void }[] = []
  #closed: Error | undefined

  /** Calls `overflow` when more than `limit` bytes wait for a peer that does not read. */
  constructor(stream: Duplex, limit: number, overflow: (queued: number) => void) {
    this.#stream = stream
    this.#limit = limit
    this.#overflow = overflow
    this.#keepsNothing = stream instanceof Socket
  }

  /** Bytes appended and not yet taken by the stream. */
  get queued(): number {
    let bytes = this.#writing === undefined ? 0 : this.#writing.offset - this.#written
    bytes += this.#gathering?.offset ?? 0
    for (const { offset } of this.#held) bytes += offset
    return bytes
  }

  /** Counts the slices handed over; undefined while none is under way. The same number twice: no progress. */
  get progress(): number | undefined {
    return this.#writing === undefined ? undefined : this.#slices
  }

  /** Appends what `encode` writes, behind all that is held back; when it throws, nothing. */
  append(encode: (writer: Writer) => void): void {
    if (this.#closed === undefined) this.#append(this.#held.at(-1) ?? this.#open(), encode)
  }

  /** Appends what `encode` writes before anything that is held back. */
  appendNow(encode: (writer: Writer) => void): void {
    if (this.#closed === undefined) this.#append(this.#open(), encode)
  }

  /** Holds back what is appended from now on, until `release`. Several holds are released in their order. */
  hold(): void {
    this.#held.push(idleWriters.pop() ?? new Writer())
  }

  /** Lets go what the oldest hold keeps back. */
  release(): void {
    const held = this.#held.shift()
    if (held === undefined || this.#closed !== undefined) return
    if (held.offset > 0) this.appendNow(writer => writer.append(held.view()))
    recycle(held)
  }

  #open(): Writer {
    this.#gathering ??= idleWriters.pop() ?? new Writer()
    return this.#gathering
  }

  #append(writer: Writer, encode: (writer: Writer) => void): void {
    const start = writer.offset
    try {
      encode(writer)
    } catch (error) {
      writer.offset = start
      throw error
    }
    if (writer === this.#gathering && !this.#scheduled && this.#writing === undefined) {
      this.#scheduled = true
      setImmediate(() => this.flush())
    }
    const { queued } = this
    if (queued > this.#limit) this.#overflow(queued)
  }

  /** Resolves once at most `below` bytes are queued; rejects when the connection closes before. */
  drained(below: number): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed)
    if (this.queued <= below) return Promise.resolve()
    return new Promise((resolve, reject) => this.#waiting.push({ below, resolve, reject }))
  }

  /** Writes what gathered, unless a write is under way: its end does. */
  flush(): void {
    this.#scheduled = false
    if (this.#closed !== undefined || this.#writing !== undefined || this.#gathering === undefined) return
    this.#writing = this.#gathering
    this.#gathering = undefined
    this.#written = 0
    this.#write(this.#writing)
  }

  /** Takes nothing more; `deliver` says whether the stream still gets what is queued and not held back. */
  close(reason: Error, deliver: boolean): void {
    this.#closed = reason
    if (deliver) {
      // The slice under way is with the stream already. These writers are not reused, so it may have them whole.
      if (this.#writing !== undefined) this.#stream.write(this.#writing.view().subarray(this.#written + SLICE))
      if (this.#gathering !== undefined) this.#stream.write(this.#gathering.view())
    }
    this.#gathering = undefined
    this.#held = []
    this.#writing = undefined
    for (const { reject } of this.#waiting.splice(0)) reject(reason)
  }

  #write(writer: Writer): void {
    const slice = writer.view().subarray(this.#written, this.#written + SLICE)
    this.#slices++
    this.#stream.write(this.#keepsNothing ? slice : slice.slice(), error => {
      // A stream that failed says so by 'error' and 'close' too.
      if (error || this.#closed !== undefined) return
      this.#written += slice.length
      if (this.#written < writer.offset) {
        this.#write(writer)
      } else {
        this.#writing = undefined
        recycle(writer)
        this.flush()
      }
      const { queued } = this
      this.#waiting = this.#waiting.filter(({ below, resolve }) => {
        if (queued > below) return true
        resolve()
        return false
      })
    })
  }
}

function recycle(writer: Writer): void {
  // A writer that grew for a dump or a first fill is not kept: it would hold its megabytes for ever.
  if (idleWriters.length >= IDLE_WRITERS || writer.buffer.length > KEPT) return
  writer.reset()
  idleWriters.push(writer)
}
