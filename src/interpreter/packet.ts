import type { Field } from 'node-openflow'
import { getUint16, setUint16 } from '../packet/bytes.ts'
import { EtherType } from '../packet/ethernet.ts'
import { findHeaders, type Headers } from './headers.ts'

/** A VLAN tag: its EtherType and control information. */
export interface Tag {
  readonly tpid: number
  readonly tci: number
}

const HEADER = 14
const ADDRESSES = 12
const TAG = 4
/** `other_config:vlan-limit` of Open vSwitch: tags that are read of a frame that comes in. What lies behind is payload. */
const VLAN_LIMIT = 1

/** A packet on its way through a switch: its frame as it stands, and what the switch keeps about it. */
export class Packet {
  /** The frame without `tags`. */
  readonly bytes: Uint8Array
  /** Outermost first. */
  tags: readonly Tag[]
  /** Metadata and registers that are not zero. */
  readonly context: Map<Field, bigint>
  readonly headers: Headers

  private constructor(bytes: Uint8Array, tags: readonly Tag[], context: Map<Field, bigint>, headers: Headers) {
    this.bytes = bytes
    this.tags = tags
    this.context = context
    this.headers = headers
  }

  /** Takes in a frame of at least 14 bytes, which is copied. */
  static of(frame: Uint8Array, context: Iterable<readonly [Field, bigint]> = []): Packet {
    if (frame.length < HEADER) throw new RangeError(`a frame of ${frame.length} bytes`)
    const tags: Tag[] = []
    let at = ADDRESSES
    while (tags.length < VLAN_LIMIT && isTag(getUint16(frame, at)) && frame.length >= at + TAG + 2) {
      tags.push({ tpid: getUint16(frame, at), tci: getUint16(frame, at + 2) })
      at += TAG
    }
    const bytes = new Uint8Array(frame.length - (at - ADDRESSES))
    bytes.set(frame.subarray(0, ADDRESSES))
    bytes.set(frame.subarray(at), ADDRESSES)
    return new Packet(bytes, tags, new Map(context), findHeaders(bytes))
  }

  clone(): Packet {
    return new Packet(this.bytes.slice(), this.tags, new Map(this.context), this.headers)
  }

  /** The frame as it would leave now. */
  frame(): Uint8Array {
    const frame = new Uint8Array(this.bytes.length + TAG * this.tags.length)
    frame.set(this.bytes.subarray(0, ADDRESSES))
    let at = ADDRESSES
    for (const { tpid, tci } of this.tags) {
      setUint16(frame, at, tpid)
      setUint16(frame, at + 2, tci)
      at += TAG
    }
    frame.set(this.bytes.subarray(ADDRESSES), at)
    return frame
  }
}

const isTag = (type: number): boolean => type === EtherType.vlan || type === EtherType.serviceVlan
