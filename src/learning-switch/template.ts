import { encodeMessage, type Message, matchOf, NO_BUFFER, type Version, Writer } from 'node-openflow'

/**
 * Messages of which only numbers change: encoded once, then changed in place. Where those numbers are is asked of the codec, too: two
 * encodings that differ in one member differ where that member is.
 */

/** The length of a message. OpenFlow 1.5.1 § 7.1 */
const LENGTH = 2
/** Bytes of the largest message. */
const LONGEST = 0xffff
/** Bytes of a frame for which there is room from the start. */
const COMMON_FRAME = 1_600
const ALL_ONES = 0xffff_ffff
const MAC_ONES = 0xffff_ffff_ffff
const MAC_BYTES = 6

/** Transaction id of what is sent without waiting for an answer. */
export const NO_ANSWER = 0

function encode(message: Message, version: Version): Uint8Array {
  const writer = new Writer(256)
  encodeMessage(writer, message, version, NO_ANSWER)
  return writer.bytes()
}

/** Where a member begins: `zeros` has it all zero bits, `ones` all one bits. */
function placeOf(zeros: Message, ones: Message, version: Version): number {
  const other = encode(ones, version)
  return encode(zeros, version).findIndex((byte, at) => byte !== other[at])
}

function setUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

function getUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}

/** What is always the same about the flows that forward. */
export interface FlowForm {
  readonly cookie: bigint
  readonly priority: number
  /** s without a packet, and s at all. */
  readonly idleTimeout: number
  readonly hardTimeout: number
}

/** The flow_mod for the next frames of a pair of stations and the packet-out of this one, side by side so that one copy sends both. */
export class ForwardTemplate {
  /** Bytes of the largest frame that a packet-out can carry. */
  readonly largestFrame: number
  #bytes: Uint8Array
  readonly #flow: {
    readonly inPort: number
    readonly eth: number
    readonly ethSource: number
    readonly outPort: number
  }
  readonly #packet: {
    readonly start: number
    readonly bufferId: number
    readonly inPort: number
    readonly outPort: number
    readonly data: number
  }

  constructor(version: Version, { cookie, priority, idleTimeout, hardTimeout }: FlowForm) {
    const flowMod = ({ inPort = 0, destination = 0, source = 0, outPort = 0 }): Message => ({
      type: 'flow_mod',
      command: 'add',
      ...{ cookie, priority, idleTimeout, hardTimeout },
      match: matchOf({ in_port: inPort, eth_dst: destination, eth_src: source }),
      instructions: [{ type: 'apply_actions', actions: [{ type: 'output', port: outPort }] }],
    })
    const packetOut = ({ bufferId = 0, inPort = 0, outPort = 0, data = new Uint8Array() }): Message => ({
      type: 'packet_out',
      bufferId,
      match: matchOf({ in_port: inPort }),
      actions: [{ type: 'output', port: outPort }],
      data,
    })
    const flow = encode(flowMod({}), version)
    const packet = encode(packetOut({}), version)
    const start = flow.length
    this.#bytes = new Uint8Array(start + packet.length + COMMON_FRAME)
    this.largestFrame = LONGEST - packet.length
    this.#bytes.set(flow)
    this.#bytes.set(packet, start)
    const inFlow = (ones: Parameters<typeof flowMod>[0]) => placeOf(flowMod({}), flowMod(ones), version)
    const inPacket = (ones: Parameters<typeof packetOut>[0]) => start + placeOf(packetOut({}), packetOut(ones), version)
    this.#flow = {
      inPort: inFlow({ inPort: ALL_ONES }),
      eth: inFlow({ destination: MAC_ONES }),
      ethSource: inFlow({ source: MAC_ONES }),
      outPort: inFlow({ outPort: ALL_ONES }),
    }
    this.#packet = {
      start,
      bufferId: inPacket({ bufferId: ALL_ONES }),
      inPort: inPacket({ inPort: ALL_ONES }),
      outPort: inPacket({ outPort: ALL_ONES }),
      data: start + packet.length,
    }
  }

  /**
   * The flow from `inPort` to `outPort` for the addresses of the frame `bytes[at, end)`, and the frame itself out of `outPort`. Valid
   * until the next call, of any method.
   */
  flowAndPacket(
    inPort: number,
    outPort: number,
    bufferId: number,
    bytes: Uint8Array,
    at: number,
    end: number,
  ): Uint8Array {
    this.#setFlow(inPort, outPort, bytes, at)
    const upTo = this.#setPacket(inPort, outPort, bufferId, bytes, at, end)
    return this.#bytes.subarray(0, upTo)
  }

  /** The flow alone. */
  flow(inPort: number, outPort: number, bytes: Uint8Array, at: number): Uint8Array {
    this.#setFlow(inPort, outPort, bytes, at)
    return this.#bytes.subarray(0, this.#packet.start)
  }

  /** The frame alone. */
  packet(inPort: number, outPort: number, bufferId: number, bytes: Uint8Array, at: number, end: number): Uint8Array {
    const upTo = this.#setPacket(inPort, outPort, bufferId, bytes, at, end)
    return this.#bytes.subarray(this.#packet.start, upTo)
  }

  #setFlow(inPort: number, outPort: number, bytes: Uint8Array, at: number): void {
    const into = this.#bytes
    const flow = this.#flow
    setUint32(into, flow.inPort, inPort)
    setUint32(into, flow.outPort, outPort)
    // A frame begins with its two addresses, destination first. IEEE 802.3 § 3.1.1
    for (let index = 0; index < MAC_BYTES; index++) {
      into[flow.eth + index] = bytes[at + index]!
      into[flow.ethSource + index] = bytes[at + MAC_BYTES + index]!
    }
  }

  /** Returns where the packet-out ends. */
  #setPacket(inPort: number, outPort: number, bufferId: number, bytes: Uint8Array, at: number, end: number): number {
    const packet = this.#packet
    if (packet.data + end - at > this.#bytes.length) this.#grow()
    const into = this.#bytes
    setUint32(into, packet.bufferId, bufferId)
    setUint32(into, packet.inPort, inPort)
    setUint32(into, packet.outPort, outPort)
    let to = packet.data
    // A frame that the switch has kept need not be sent back.
    if (bufferId === NO_BUFFER) for (let from = at; from < end; from++) into[to++] = bytes[from]!
    const length = to - packet.start
    into[packet.start + LENGTH] = length >>> 8
    into[packet.start + LENGTH + 1] = length
    return to
  }

  #grow(): void {
    const bytes = new Uint8Array(this.#packet.start + LONGEST)
    bytes.set(this.#bytes)
    this.#bytes = bytes
  }
}

/** The packet-in that says nothing about its frame but where it came in: what a table miss sends. Its members are at fixed places. */
export class PacketInTemplate {
  readonly #type: number
  /** The bytes from `#shape` to the ingress port: there the match says that nothing else follows. */
  readonly #shape: Uint8Array
  readonly #shapeAt: number
  readonly #bufferIdAt: number
  readonly #cookieAt: number
  readonly #inPortAt: number
  /** Where the frame starts. */
  readonly data: number

  constructor(version: Version) {
    const packetIn = ({ bufferId = 0, cookie = 0n, inPort = 0, tableId = 0, data = new Uint8Array() }): Message => ({
      ...{ type: 'packet_in', bufferId, totalLen: 0, reason: 'no_match', tableId, cookie, data },
      match: matchOf({ in_port: inPort }),
    })
    const place = (ones: Parameters<typeof packetIn>[0]) => placeOf(packetIn({}), packetIn(ones), version)
    const bytes = encode(packetIn({}), version)
    this.#type = bytes[1]!
    this.#bufferIdAt = place({ bufferId: ALL_ONES })
    this.#cookieAt = place({ cookie: 0xffff_ffff_ffff_ffffn })
    this.#inPortAt = place({ inPort: ALL_ONES })
    this.#shapeAt = this.#cookieAt + 8
    this.#shape = bytes.slice(this.#shapeAt, this.#inPortAt)
    this.data = bytes.length
  }

  /** Whether the message `bytes[start, end)` is one. */
  fits(bytes: Uint8Array, start: number, end: number): boolean {
    if (bytes[start + 1] !== this.#type || end - start < this.data) return false
    const shape = this.#shape
    const at = start + this.#shapeAt
    for (let index = 0; index < shape.length; index++) if (bytes[at + index] !== shape[index]) return false
    return true
  }

  bufferId(bytes: Uint8Array, start: number): number {
    return getUint32(bytes, start + this.#bufferIdAt)
  }

  inPort(bytes: Uint8Array, start: number): number {
    return getUint32(bytes, start + this.#inPortAt)
  }

  /** The upper and lower halves of the cookie of the flow that sent it. */
  cookieHigh(bytes: Uint8Array, start: number): number {
    return getUint32(bytes, start + this.#cookieAt)
  }

  cookieLow(bytes: Uint8Array, start: number): number {
    return getUint32(bytes, start + this.#cookieAt + 4)
  }
}
