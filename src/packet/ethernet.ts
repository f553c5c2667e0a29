import { getUint16, getUint48, setUint16, setUint48 } from './bytes.ts'
import { PacketError, requireBytes } from './error.ts'

/** IEEE 802 Numbers, as far as something here knows them. */
export const EtherType = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd, serviceVlan: 0x88a8 } as const

/** An 802.1Q (`tpid` 0x8100) or 802.1ad (0x88a8) tag. IEEE 802.1Q § 9.6 */
export interface VlanTag {
  tpid: number
  /** Priority code point, 0 - 7. */
  pcp: number
  /** Drop eligible indicator. */
  dei: boolean
  /** VLAN identifier, 0 - 4095; 0 is a priority tag. */
  vid: number
}

/** An Ethernet frame without preamble and check sequence. */
export interface Ethernet {
  destination: number
  source: number
  /** Outermost first. */
  vlans: readonly VlanTag[]
  /** EtherType behind the tags; below 0x600 an 802.3 length. */
  type: number
  /** All that follows, padding included. */
  payload: Uint8Array
}

const HEADER = 14
const TAG = 4
const NO_TAGS: readonly VlanTag[] = []

const isTag = (type: number): boolean => type === EtherType.vlan || type === EtherType.serviceVlan

/** Reads a frame; the payload is a view of `bytes`. */
export function parseEthernet(bytes: Uint8Array): Ethernet {
  requireBytes('ethernet', bytes, HEADER)
  let type = getUint16(bytes, 12)
  let at = HEADER
  let vlans = NO_TAGS
  if (isTag(type)) {
    const tags: VlanTag[] = []
    for (; isTag(type); at += TAG) {
      if (bytes.length < at + TAG) throw new PacketError('ethernet', 'ends inside a VLAN tag')
      const control = getUint16(bytes, at)
      tags.push({ tpid: type, pcp: control >> 13, dei: (control & 0x1000) !== 0, vid: control & 0xfff })
      type = getUint16(bytes, at + 2)
    }
    vlans = tags
  }
  return { destination: getUint48(bytes, 0), source: getUint48(bytes, 6), vlans, type, payload: bytes.subarray(at) }
}

/** Writes a frame; short ones are not padded, that is the sending interface's. */
export function encodeEthernet(frame: Ethernet): Uint8Array {
  const bytes = new Uint8Array(HEADER + TAG * frame.vlans.length + frame.payload.length)
  setUint48(bytes, 0, frame.destination)
  setUint48(bytes, 6, frame.source)
  let at = 12
  for (const { tpid, pcp, dei, vid } of frame.vlans) {
    if (!isTag(tpid)) throw new PacketError('ethernet', `0x${tpid.toString(16)} is no VLAN tag's EtherType`)
    if (vid > 0xfff || pcp > 7) throw new PacketError('ethernet', `VLAN ${vid}, priority ${pcp}: out of range`)
    setUint16(bytes, at, tpid)
    setUint16(bytes, at + 2, (pcp << 13) | (dei ? 0x1000 : 0) | vid)
    at += TAG
  }
  setUint16(bytes, at, frame.type)
  bytes.set(frame.payload, at + 2)
  return bytes
}
