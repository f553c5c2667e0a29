import { getUint16 } from '../packet/bytes.ts'
import { EtherType } from '../packet/ethernet.ts'
import { IpProtocol } from '../packet/ipv4.ts'

/** The headers that fields lie in; `l4` stands for whichever of the transport ones is there. */
export type HeaderName = 'ethernet' | 'arp' | 'ipv4' | 'ipv6' | 'tcp' | 'udp' | 'sctp' | 'icmp' | 'icmpv6'

/** What Open vSwitch reads of a frame when it comes in; it does not look again before the frame has left. */
export interface Headers {
  /** Where each header starts that is there as a whole. */
  readonly at: { readonly [header in HeaderName]?: number }
  /** EtherType behind the tags that were read. */
  readonly type: number
  /** IP protocol; 0 without IP. */
  readonly protocol: number
  /** `ip_frag`: 1 any fragment, 3 one that is not the first (ovs-fields(7)). */
  readonly fragment: number
}

/** `eth_type` of a frame that has none: 802.3 without SNAP (ovs-fields(7)). */
const NO_TYPE = 0x05ff
const FIRST_TYPE = 0x600

const ETHERNET = 14
const ARP = 28
const IPV4 = 20
const IPV6 = 40
const RARP = 0x8035

const SIZES = { tcp: 20, udp: 8, sctp: 12, icmp: 8, icmpv6: 4 } as const
const TRANSPORTS: Readonly<Record<number, keyof typeof SIZES>> = {
  [IpProtocol.tcp]: 'tcp',
  [IpProtocol.udp]: 'udp',
  132: 'sctp',
  [IpProtocol.icmp]: 'icmp',
  [IpProtocol.icmpv6]: 'icmpv6',
}

/** Finds the headers of a frame whose tags have been taken off; what is malformed counts as not there. */
export function findHeaders(bytes: Uint8Array): Headers {
  const { type, payload } = etherType(bytes)
  const none = { at: { ethernet: 0 }, type, protocol: 0, fragment: 0 }
  if (type === EtherType.arp || type === RARP) {
    return isArp(bytes, payload) ? { ...none, at: { ethernet: 0, arp: payload } } : none
  }
  if (type === EtherType.ipv4) return ipv4Headers(bytes, payload, none)
  if (type === EtherType.ipv6) return ipv6Headers(bytes, payload, none)
  return none
}

function etherType(bytes: Uint8Array): { type: number; payload: number } {
  const type = getUint16(bytes, ETHERNET - 2)
  if (type >= FIRST_TYPE) return { type, payload: ETHERNET }
  // LLC and SNAP for Ethernet: aa aa 03, 00 00 00, then the type (RFC 1042).
  const snap = [0xaa, 0xaa, 3, 0, 0, 0].every((byte, index) => bytes[ETHERNET + index] === byte)
  if (!snap || bytes.length < ETHERNET + 8) return { type: NO_TYPE, payload: ETHERNET }
  const inner = getUint16(bytes, ETHERNET + 6)
  return { type: inner >= FIRST_TYPE ? inner : NO_TYPE, payload: ETHERNET + 8 }
}

const isArp = (bytes: Uint8Array, at: number): boolean =>
  bytes.length >= at + ARP &&
  getUint16(bytes, at) === 1 &&
  getUint16(bytes, at + 2) === EtherType.ipv4 &&
  bytes[at + 4] === 6 &&
  bytes[at + 5] === 4

function ipv4Headers(bytes: Uint8Array, ipv4: number, none: Headers): Headers {
  if (bytes.length < ipv4 + IPV4) return none
  const headerLength = (bytes[ipv4]! & 0xf) * 4
  const totalLength = getUint16(bytes, ipv4 + 2)
  if (headerLength < IPV4 || totalLength < headerLength || totalLength > bytes.length - ipv4) return none
  const control = getUint16(bytes, ipv4 + 6)
  const fragment = (control & 0x3fff) === 0 ? 0 : (control & 0x1fff) === 0 ? 1 : 3
  return withTransport(
    { ...none, at: { ethernet: 0, ipv4 }, protocol: bytes[ipv4 + 9]!, fragment },
    ipv4 + headerLength,
    ipv4 + totalLength,
  )
}

const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT = 44
const AUTHENTICATION = 51
const DESTINATION = 60
const MOBILITY = 135

function ipv6Headers(bytes: Uint8Array, ipv6: number, none: Headers): Headers {
  if (bytes.length < ipv6 + IPV6) return none
  const end = ipv6 + IPV6 + getUint16(bytes, ipv6 + 4)
  if (end > bytes.length) return none
  let protocol = bytes[ipv6 + 6]!
  let at = ipv6 + IPV6
  let fragment = 0
  for (;;) {
    let length: number
    if (protocol === FRAGMENT) length = 8
    else if ([HOP_BY_HOP, ROUTING, DESTINATION, MOBILITY].includes(protocol)) length = (bytes[at + 1]! + 1) * 8
    else if (protocol === AUTHENTICATION) length = (bytes[at + 1]! + 2) * 4
    else break
    if (end - at < 8 || end - at < length) return none
    if (protocol === FRAGMENT) {
      const control = getUint16(bytes, at + 2)
      if ((control & 0xfff9) !== 0) fragment = (control & 0xfff8) === 0 ? 1 : 3
    }
    protocol = bytes[at]!
    at += length
    if (fragment === 3) break
  }
  return withTransport({ ...none, at: { ethernet: 0, ipv6 }, protocol, fragment }, at, end)
}

/** Ports of a fragment other than the first read as zero, as those of a header that is cut off do. */
function withTransport(headers: Headers, at: number, end: number): Headers {
  const name = TRANSPORTS[headers.protocol]
  if (name === undefined || headers.fragment === 3 || end - at < SIZES[name]) return headers
  if ((name === 'icmp' || name === 'icmpv6') && (name === 'icmp') !== (headers.at.ipv4 !== undefined)) return headers
  return { ...headers, at: { ...headers.at, [name]: at } }
}
