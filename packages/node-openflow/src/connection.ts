import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Bundle, type BundleCarrier, type BundleOptions, type BundlePart, bundleXids } from './bundle.ts'
import { type CloseCode, ConnectionClosed } from './closed.ts'
import { DecodeError } from './codec/reader.ts'
import { OpenFlowError } from './error.ts'
import { Exchanges } from './exchanges.ts'
import { Framer, ProtocolError } from './framer.ts'
import { encodeHello, HELLO, negotiate } from './hello.ts'
import {
  type DecodedMessage,
  type DecodedMessageOf,
  decodeMessage,
  encodeMessage,
  type Message,
  type MessageType,
  VERSIONS,
  type Version,
} from './messages.ts'
import { gather, type MultipartEntry, type MultipartKind, type MultipartRequest } from './multipart.ts'
import { Outgoing } from './outgoing.ts'
import { nodeTimers, type Timers } from './timers.ts'

// OpenFlow 1.5.1 § 7.1.1: the types the connection itself reads; the numbers are the same in every version.
const ERROR = 1
const ECHO_REQUEST = 2
const ECHO_REPLY = 3

/** What the owner of a connection hears. Both are called synchronously and must not block. */
export interface ConnectionHandlers {
  /** Every message but echoes, undecoded, in bytes [start, end); true: it needs no decoding, it has been dealt with. */
  raw?(bytes: Uint8Array, start: number, end: number): boolean
  /** A message that answers none of our requests: packet-ins, port status, errors about what was merely sent, ... */
  message?(message: DecodedMessage, xid: number): void
  /** The end; nothing comes after it. */
  close?(reason: ConnectionClosed): void
}

export interface ConnectionOptions {
  /** Versions offered. Default: all. */
  versions?: readonly Version[]
  /** Called once the version is agreed, before any further message is read; returns who hears those. */
  onOpen?: (connection: OpenFlowConnection) => ConnectionHandlers | undefined
  /** Silence (ms) after which we send an echo request; after as much again the connection closes. 0: never. Default 5,000. */
  probeInterval?: number
  /** Time (ms) within which the peer's HELLO must come. Default 10,000. */
  handshakeTimeout?: number
  /** Bytes that may wait for a peer that does not read; one more closes the connection. Default 64 MiB. */
  maxQueuedBytes?: number
  /** Entries that the answer to a multipart request may have over all its parts. Default 4,194,304. */
  maxMultipartEntries?: number
  timers?: Timers
}

/** ms. */
export const HANDSHAKE_TIMEOUT = 10_000

const DEFAULTS = {
  versions: VERSIONS,
  probeInterval: 5_000,
  handshakeTimeout: HANDSHAKE_TIMEOUT,
  maxQueuedBytes: 64 << 20,
  maxMultipartEntries: 1 << 22,
  timers: nodeTimers,
}

/** Time (ms) a closed connection has to hand over its last bytes. */
const LINGER = 1_000

/** After these the peer still gets what was sent before: it may be there to read it. */
const DELIVERED: ReadonlySet<CloseCode> = new Set(['closed', 'refused', 'protocol', 'undecodable', 'handler'])
/** OFPET_HELLO_FAILED, OFPHFC_INCOMPATIBLE. */
const INCOMPATIBLE = { errorType: 0, code: 0, experimenter: 0 }
const NO_BYTES = new Uint8Array()

/** One OpenFlow session, either end, over any byte stream. OpenFlow 1.5.1 § 6.3. */
export class OpenFlowConnection {
  /** What carries the session: a net.Socket, a tls.TLSSocket, ... */
  readonly stream: Duplex
  /** Resolves with the connection when the version is agreed; rejects with ConnectionClosed when it never is. */
  readonly opened: Promise<this>
  /** Resolves with the reason when the connection is gone. */
  readonly closed: Promise<ConnectionClosed>

  readonly #options: typeof DEFAULTS
  readonly #onOpen: ConnectionOptions['onOpen']
  readonly #framer: Framer
  readonly #outgoing: Outgoing
  readonly #exchanges = new Exchanges()
  #handlers: ConnectionHandlers | undefined
  #version: Version | undefined
  #reason: ConnectionClosed | undefined
  #settleOpened!: { resolve: () => void; reject: (reason: Error) => void }
  #settleClosed!: (reason: ConnectionClosed) => void
  #cancelTimer = (): void => {}
  /** Something came in since the last look at it. */
  #heard = false

  constructor(stream: Duplex, options: ConnectionOptions = {}) {
    this.stream = stream
    this.#options = { ...DEFAULTS, ...options }
    this.#onOpen = options.onOpen
    this.opened = new Promise((resolve, reject) => {
      this.#settleOpened = { resolve: () => resolve(this), reject }
    })
    this.opened.catch(() => {}) // whoever only waits for `closed` need not hear it twice
    this.closed = new Promise(resolve => {
      this.#settleClosed = resolve
    })
    this.#framer = new Framer(
      (bytes, start, end) => this.#receive(bytes, start, end),
      (bytes, start) => this.#check(bytes, start),
    )
    this.#outgoing = new Outgoing(stream, this.#options.maxQueuedBytes, queued =>
      this.#close('slow', `${queued} bytes wait for a peer that does not read`),
    )
    if (stream instanceof Socket) stream.setNoDelay() // batches are made here
    stream.on('data', chunk => this.#read(chunk))
    stream.on('end', () => this.#close('ended', 'the peer closed the connection'))
    stream.on('close', () => this.#close('ended', 'the connection was cut'))
    stream.on('error', error => this.#close('failed', error.message, error))
    this.sendBytes(encodeHello(this.#options.versions, this.#exchanges.allocate()))
    this.#cancelTimer = this.#options.timers.after(this.#options.handshakeTimeout, () =>
      this.#close('silent', `no HELLO within ${this.#options.handshakeTimeout} ms`),
    )
  }

  /** The agreed version, as on the wire: 4 is 1.3, 6 is 1.5. Throws before there is one. */
  get version(): Version {
    if (this.#version === undefined) throw new Error('the OpenFlow version is not agreed yet')
    return this.#version
  }

  /** Why the connection is gone; undefined while it is not. */
  get reason(): ConnectionClosed | undefined {
    return this.#reason
  }

  /** Bytes sent and not yet taken by the stream. */
  get queued(): number {
    return this.#outgoing.queued
  }

  /**
   * Sends a message, with a transaction id of its own unless one is given, and returns the id. All that is sent in one
   * turn of the event loop leaves in one write. On a closed connection it goes nowhere.
   */
  send(message: Message, xid = this.#exchanges.allocate()): number {
    this.#outgoing.append(writer => encodeMessage(writer, message, this.version, xid))
    return xid
  }

  /** Sends whole encoded messages as they are. */
  sendBytes(bytes: Uint8Array): void {
    this.#outgoing.append(writer => writer.append(bytes))
  }

  /** Resolves once at most `below` bytes wait to be taken by the stream (default 1 MiB); rejects when the connection closes. */
  drained(below = 1 << 20): Promise<void> {
    return this.#outgoing.drained(below)
  }

  /**
   * Sends a message that the peer answers, and resolves with the answer. Rejects with OpenFlowError when that is an error
   * and with ConnectionClosed when none comes.
   */
  request(message: Message): Promise<DecodedMessage>
  /** Likewise, and an answer of another type than `reply` is refused. */
  request<T extends MessageType>(message: Message, reply: T): Promise<DecodedMessageOf<T>>
  request(message: Message, reply?: MessageType): Promise<DecodedMessage> {
    return new Promise((resolve, reject) => {
      if (this.#reason !== undefined) return reject(this.#reason)
      const xid = this.send(message)
      this.#exchanges.expect(xid, {
        take(answer) {
          if (answer.type === 'error') reject(new OpenFlowError(answer))
          else if (reply !== undefined && answer.type !== reply)
            reject(new ProtocolError(`${answer.type} in answer to ${message.type}`))
          else resolve(answer)
          return true
        },
        fail: reject,
      })
    })
  }

  /** Resolves when the peer has processed all that was sent before. OpenFlow 1.5.1 § 7.3.8. */
  async barrier(): Promise<void> {
    await this.request({ type: 'barrier_request' }, 'barrier_reply')
  }

  /**
   * Sends a multipart request and resolves with what all parts of the answer hold, in one list. Rejects with OpenFlowError
   * when a part is an error. OpenFlow 1.5.1 § 7.3.5.
   */
  multipart<K extends MultipartKind>(request: MultipartRequest & { readonly kind: K }): Promise<MultipartEntry<K>[]> {
    return new Promise((resolve, reject) => {
      if (this.#reason !== undefined) return reject(this.#reason)
      const exchange = gather(request.kind, this.#options.maxMultipartEntries, resolve, reject)
      this.#exchanges.expect(this.send(request), exchange)
    })
  }

  /**
   * Has the peer apply all of `parts`, or none. A part given as bytes is a whole encoded message; its transaction id is
   * replaced. Rejects with BundleError, which names the part that was refused.
   */
  bundle(parts: readonly BundlePart[], options: BundleOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#reason !== undefined) return reject(this.#reason)
      const { version } = this
      const carrier: BundleCarrier = { version, outgoing: this.#outgoing }
      const xids = bundleXids(parts)
      const first = this.#exchanges.allocate(xids)
      const bundle = new Bundle(carrier, first, parts, options, resolve, reject)
      this.#exchanges.expectRange(first, first + xids - 1, bundle)
    })
  }

  /** Hands over what was sent, then closes the stream. */
  close(message = 'closed by us'): void {
    this.#close('closed', message)
  }

  #read(chunk: Uint8Array): void {
    if (this.#reason !== undefined) return
    this.#heard = true
    try {
      // Not as a Buffer, whose subarray() costs several times as much and whose slice() does not copy.
      this.#framer.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    } catch (error) {
      this.#close(codeOf(error), error instanceof Error ? error.message : String(error), error)
    }
  }

  #check(bytes: Uint8Array, start: number): void {
    const [version, type] = [bytes[start], bytes[start + 1]!]
    if (this.#version === undefined) {
      if (type > ECHO_REPLY) throw new ProtocolError(`a message of type ${type} before HELLO`)
    } else if (version !== this.#version && type !== HELLO) {
      throw new ProtocolError(`version ${version} on a session of version ${this.#version}`)
    }
  }

  #receive(bytes: Uint8Array, start: number, end: number): void {
    const type = bytes[start + 1]
    if (type === ECHO_REQUEST) {
      const reply = bytes.slice(start, end)
      reply[1] = ECHO_REPLY
      this.#outgoing.appendNow(writer => writer.append(reply))
    } else if (this.#version === undefined) {
      this.#handshake(bytes, start, end)
    } else if (type !== HELLO) {
      if (this.#handlers?.raw?.(bytes, start, end)) return
      const { message, xid } = decodeMessage(bytes.subarray(start, end))
      if (this.#exchanges.dispatch(message, xid)) return
      if (type !== ECHO_REPLY) this.#handlers?.message?.(message, xid)
    }
  }

  #handshake(bytes: Uint8Array, start: number, end: number): void {
    const { versions } = this.#options
    if (bytes[start + 1] === ECHO_REPLY) return
    if (bytes[start + 1] === ERROR) {
      const { message } = decodeMessage(bytes.subarray(start, end))
      const said = message.type === 'error' ? new OpenFlowError(message).message : message.type
      this.#close('refused', `the peer refused us: ${said}`)
      return
    }
    const version = negotiate(versions, bytes, start, end)
    if (version === undefined) {
      const why = `no common version: we speak ${versions.join(', ')}, the HELLO is of version ${bytes[start]}`
      const data = new TextEncoder().encode(why)
      const refusal: Message = { type: 'error', ...INCOMPATIBLE, data }
      this.#outgoing.append(writer => encodeMessage(writer, refusal, versions[0]!, 0))
      this.#close('refused', why)
      return
    }
    this.#version = version
    this.#cancelTimer()
    this.#watch()
    this.#handlers = this.#onOpen?.(this)
    this.#settleOpened.resolve()
  }

  /** Looks every interval whether the peer still talks, and still reads. */
  #watch(): void {
    const { probeInterval, timers } = this.#options
    if (probeInterval === 0) return
    let silent = 0
    let stalled = 0
    let progress: number | undefined
    const look = (): void => {
      silent = this.#heard ? 0 : silent + 1
      this.#heard = false
      stalled = progress !== undefined && progress === this.#outgoing.progress ? stalled + 1 : 0
      progress = this.#outgoing.progress
      if (silent === 1) this.#probe()
      if (silent > 1) this.#close('silent', `nothing heard for ${silent * probeInterval} ms`)
      else if (stalled > 1) this.#close('slow', `the peer has read nothing for ${stalled * probeInterval} ms`)
      else this.#cancelTimer = timers.after(probeInterval, look)
    }
    this.#cancelTimer = timers.after(probeInterval, look)
  }

  #probe(): void {
    const xid = this.#exchanges.allocate()
    this.#outgoing.appendNow(writer =>
      encodeMessage(writer, { type: 'echo_request', data: NO_BYTES }, this.version, xid),
    )
  }

  #close(code: CloseCode, message: string, cause?: unknown): void {
    if (this.#reason !== undefined) return
    const reason = new ConnectionClosed(code, message, cause)
    this.#reason = reason
    this.#cancelTimer()
    this.#framer.stop()
    const deliver = DELIVERED.has(code)
    this.#outgoing.close(reason, deliver)
    if (deliver && !this.stream.destroyed) {
      this.stream.end()
      this.#options.timers.after(LINGER, () => this.stream.destroy())
    } else {
      this.stream.destroy()
    }
    this.#settleOpened.reject(reason)
    this.#exchanges.close(reason)
    this.#settleClosed(reason)
    this.#handlers?.close?.(reason)
  }
}

function codeOf(error: unknown): CloseCode {
  if (error instanceof DecodeError) return 'undecodable'
  return error instanceof ProtocolError ? 'protocol' : 'handler'
}
