import { Writer } from './codec/writer.ts'
import { BUNDLE_FLAG } from './constants.ts'
import { OpenFlowError } from './error.ts'
import type { Exchange } from './exchanges.ts'
import { type DecodedMessage, encodeMessage, type Message, type MessageOf, type Version } from './messages.ts'
import type { Outgoing } from './outgoing.ts'

/** A message, or the bytes of a whole encoded one, whose transaction id is replaced. */
export type BundlePart = Message | Uint8Array

export interface BundleOptions {
  /** All parts or none (default). Costs a second round trip; see Bundle. */
  atomic?: boolean
  /** Parts take effect in the order given. Default: true. */
  ordered?: boolean
}

/** The peer refused a bundle. */
export class BundleError extends Error {
  override name = 'BundleError'
  /** The first part that was refused; undefined when the peer did not name one. */
  readonly index: number | undefined
  /** What the peer said about it. */
  declare readonly cause: OpenFlowError

  constructor(index: number | undefined, cause: OpenFlowError) {
    super(index === undefined ? `bundle: ${cause.message}` : `bundle, message ${index}: ${cause.message}`, { cause })
    this.index = index
  }
}

/** What a bundle needs of its connection. */
export interface BundleCarrier {
  readonly version: Version
  readonly outgoing: Pick<Outgoing, 'append' | 'appendNow' | 'hold' | 'release'>
}

/** Transaction ids a bundle takes, in this order: the opening, each part, the closing, the decision. */
export const bundleXids = (parts: readonly BundlePart[]): number => parts.length + 3

/**
 * One bundle on its way. OpenFlow 1.5.1 § 7.3.9; with 1.3 the ONF extension 230.
 *
 * Open vSwitch refuses some parts when they are added (unknown instruction, goto backwards) and others when it commits
 * (unknown group). After a refused *add* the bundle stays open, and a commit applies the rest of it. So an atomic bundle
 * is closed first, and committed when the answer to that shows that every part got in, else discarded; what is sent
 * meanwhile is held back, so that it still takes effect after the bundle. One that is not atomic goes out whole, commit
 * included.
 */
export class Bundle implements Exchange {
  readonly #carrier: BundleCarrier
  readonly #first: number
  readonly #closing: number
  readonly #decision: number
  /** BUNDLE_FLAG. */
  readonly #flags: number
  readonly #resolve: () => void
  readonly #reject: (reason: Error) => void
  #refused: BundleError | undefined

  /** Sends the bundle. `first` is the first of its transaction ids. */
  constructor(
    carrier: BundleCarrier,
    first: number,
    parts: readonly BundlePart[],
    { atomic = true, ordered = true }: BundleOptions,
    resolve: () => void,
    reject: (reason: Error) => void,
  ) {
    this.#carrier = carrier
    this.#first = first
    this.#closing = first + parts.length + 1
    this.#decision = this.#closing + 1
    this.#flags = (atomic ? BUNDLE_FLAG.ATOMIC : 0) | (ordered ? BUNDLE_FLAG.ORDERED : 0)
    this.#resolve = resolve
    this.#reject = reject
    // In one go: when a part cannot be encoded, nothing is sent.
    carrier.outgoing.append(writer => {
      this.#control(writer, 'open_request', first)
      this.#add(writer, parts)
      if (atomic) this.#control(writer, 'close_request', this.#closing)
      else this.#control(writer, 'commit_request', this.#decision)
    })
    if (atomic) carrier.outgoing.hold()
  }

  take(message: DecodedMessage, xid: number): boolean {
    if (message.type === 'error') {
      const index = xid > this.#first && xid < this.#closing ? xid - this.#first - 1 : undefined
      this.#refused ??= new BundleError(index, new OpenFlowError(message))
    }
    if (xid === this.#closing) {
      const decision = this.#refused === undefined ? 'commit_request' : 'discard_request'
      this.#carrier.outgoing.appendNow(writer => this.#control(writer, decision, this.#decision))
      this.#carrier.outgoing.release()
    }
    if (xid !== this.#decision) return false
    if (this.#refused === undefined) this.#resolve()
    else this.#reject(this.#refused)
    return true
  }

  fail(reason: Error): void {
    this.#reject(reason)
  }

  #control(writer: Writer, kind: MessageOf<'bundle_control'>['kind'], xid: number): void {
    const message: Message = { type: 'bundle_control', bundleId: this.#first, kind, flags: this.#flags }
    encodeMessage(writer, message, this.#carrier.version, xid)
  }

  #add(writer: Writer, parts: readonly BundlePart[]): void {
    const { version } = this.#carrier
    const wrapper = this.#wrapper(version)
    let xid = this.#first
    for (const part of parts) {
      xid++
      const start = writer.offset
      writer.append(wrapper)
      const inner = writer.offset
      if (!(part instanceof Uint8Array)) encodeMessage(writer, part, version, xid)
      else if (part[0] === version) writer.append(part)
      else throw new TypeError(`a bundle part encoded for version ${part[0]}, sent with version ${version}`)
      const length = writer.offset - start
      if (length > 0xffff) throw new RangeError(`a bundle part of ${length} bytes`)
      writer.data.setUint16(start + 2, length)
      writer.data.setUint32(start + 4, xid)
      writer.data.setUint32(inner + 4, xid)
    }
  }

  /** What stands before the inner message of each add: its length and transaction id are still to be set. */
  #wrapper(version: Version): Uint8Array {
    const writer = new Writer(64)
    const message: Message = { type: 'barrier_request' }
    encodeMessage(writer, message, version, 0)
    const inner = writer.offset
    encodeMessage(
      writer,
      { type: 'bundle_add_message', bundleId: this.#first, flags: this.#flags, message },
      version,
      0,
    )
    return writer.view(inner).subarray(0, -inner)
  }
}
