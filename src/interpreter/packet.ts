import { type Field, VLAN_PRESENT } from 'node-openflow'
import { getUint16, setUint16 } from '../packet/bytes.ts'
import { EtherType } from '../packet/ethernet.ts'
import { findHeaders, type Headers } from './headers.ts'
import { NO_TAGS, presentTags, type Tags } from './tags.ts'

const HEADER = 14
const ADDRESSES = 12
const TAG = 4
const DROP_ELIGIBLE = 0x1000

/** A packet on its way through a switch: its frame as it stands, and what the switch keeps about it. */
export class Packet {
  /** The frame without `tags`. */
  readonly bytes: Uint8Array
  tags: Tags
  /** Metadata and registers that are not zero. */
  readonly context: Map<Field, bigint>
  readonly headers: Headers

  private constructor(bytes: Uint8Array, tags: Tags, context: Map<Field, bigint>, headers: Headers) {
    this.bytes = bytes
    this.tags = tags
    this.context = context
    this.headers = headers
  }

  /** Takes in a frame of at least 14 bytes, which is copied. */
  static of(frame: Uint8Array, context: Iterable<readonly [Field, bigint]> = []): Packet {
    if (frame.length < HEADER) throw new RangeError(`a frame of ${frame.length} bytes`)
    // Open vSwitch reads one tag unless `other_config:vlan-limit` says more: one behind it is payload.
    const isTagged = isTag(getUint16(frame, ADDRESSES)) && frame.length >= HEADER + TAG
    if (!isTagged) return new Packet(frame.slice(), NO_TAGS, new Map(context), findHeaders(frame))
    const control = getUint16(frame, ADDRESSES + 2)
    const tpid = getUint16(frame, ADDRESSES)
    const tag = { tpid, tci: control | VLAN_PRESENT, dei: (control & DROP_ELIGIBLE) !== 0 }
    const bytes = without(frame, ADDRESSES, TAG)
    return new Packet(bytes, [tag, NO_TAGS[1]], new Map(context), findHeaders(bytes))
  }

  clone(): Packet {
    return new Packet(this.bytes.slice(), this.tags, new Map(this.context), this.headers)
  }

  /** The frame as it would leave now. */
  frame(): Uint8Array {
    const tags = presentTags(this.tags)
    const frame = new Uint8Array(this.bytes.length + TAG * tags.length)
    frame.set(this.bytes.subarray(0, ADDRESSES))
    let at = ADDRESSES
    for (const { tpid, tci, dei } of tags) {
      setUint16(frame, at, tpid)
      setUint16(frame, at + 2, dei === true ? tci | DROP_ELIGIBLE : tci & ~DROP_ELIGIBLE)
      at += TAG
    }
    frame.set(this.bytes.subarray(ADDRESSES), at)
    return frame
  }
}

const isTag = (type: number): boolean => type === EtherType.vlan || type === EtherType.serviceVlan

function without(bytes: Uint8Array, at: number, count: number): Uint8Array {
  const rest = new Uint8Array(bytes.length - count)
  rest.set(bytes.subarray(0, at))
  rest.set(bytes.subarray(at + count), at)
  return rest
}
