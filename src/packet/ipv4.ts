import { getUint16, getUint32, setUint16, setUint32 } from './bytes.ts'
import { checksumHolds, internetChecksum } from './checksum.ts'
import { PacketError, requireBytes } from './error.ts'

/** IANA Assigned Internet Protocol Numbers, as far as something here knows them. */
export const IpProtocol = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const

/** An IPv4 packet. RFC 791 § 3.1 */
export interface Ipv4 {
  /** Differentiated services code point, 0 - 63. RFC 2474 */
  dscp: number
  /** Explicit congestion notification, 0 - 3. RFC 3168 */
  ecn: number
  identification: number
  dontFragment: boolean
  moreFragments: boolean
  /** In bytes, a multiple of 8. */
  fragmentOffset: number
  ttl: number
  protocol: number
  source: number
  destination: number
  /** Header options as on the wire, a multiple of 4 bytes. */
  options: Uint8Array
  payload: Uint8Array
}

/** What must be said of a packet to be sent; the rest is that of an ordinary unfragmented one. */
export type Ipv4Input = Partial<Ipv4> & Pick<Ipv4, 'protocol' | 'source' | 'destination' | 'payload'>

const HEADER = 20
const NO_OPTIONS = new Uint8Array()

/** Whether the packet is a part of a larger one. */
export const isFragment = (packet: Ipv4): boolean => packet.moreFragments || packet.fragmentOffset > 0

/** Reads a packet and checks the header's checksum; what lies behind the total length is padding and left out. */
export function parseIpv4(bytes: Uint8Array): Ipv4 {
  requireBytes('ipv4', bytes, HEADER)
  const version = bytes[0]! >> 4
  const headerLength = (bytes[0]! & 0xf) * 4
  const totalLength = getUint16(bytes, 2)
  if (version !== 4) throw new PacketError('ipv4', `version ${version}`)
  if (headerLength < HEADER) throw new PacketError('ipv4', `header of ${headerLength} bytes`)
  if (totalLength < headerLength) {
    throw new PacketError('ipv4', `total length ${totalLength} is less than the header's ${headerLength}`)
  }
  requireBytes('ipv4', bytes, totalLength)
  if (!checksumHolds(bytes.subarray(0, headerLength))) throw new PacketError('ipv4', 'wrong header checksum')
  const fragment = getUint16(bytes, 6)
  return {
    dscp: bytes[1]! >> 2,
    ecn: bytes[1]! & 3,
    identification: getUint16(bytes, 4),
    dontFragment: (fragment & 0x4000) !== 0,
    moreFragments: (fragment & 0x2000) !== 0,
    fragmentOffset: (fragment & 0x1fff) * 8,
    ttl: bytes[8]!,
    protocol: bytes[9]!,
    source: getUint32(bytes, 12),
    destination: getUint32(bytes, 16),
    options: headerLength === HEADER ? NO_OPTIONS : bytes.subarray(HEADER, headerLength),
    payload: bytes.subarray(headerLength, totalLength),
  }
}

/** Writes a packet with its lengths and header checksum. */
export function encodeIpv4(packet: Ipv4Input): Uint8Array {
  const { options = NO_OPTIONS, fragmentOffset = 0, payload } = packet
  const headerLength = HEADER + options.length
  const totalLength = headerLength + payload.length
  if (headerLength > 60 || headerLength % 4 !== 0) throw new PacketError('ipv4', `${options.length} bytes of options`)
  if (totalLength > 0xffff) throw new PacketError('ipv4', `${totalLength} bytes in a packet`)
  if (fragmentOffset % 8 !== 0) throw new PacketError('ipv4', `fragment offset ${fragmentOffset}`)
  const bytes = new Uint8Array(totalLength)
  bytes[0] = 0x40 | (headerLength / 4)
  bytes[1] = ((packet.dscp ?? 0) << 2) | (packet.ecn ?? 0)
  setUint16(bytes, 2, totalLength)
  setUint16(bytes, 4, packet.identification ?? 0)
  setUint16(bytes, 6, (packet.dontFragment ? 0x4000 : 0) | (packet.moreFragments ? 0x2000 : 0) | (fragmentOffset / 8))
  bytes[8] = packet.ttl ?? 64
  bytes[9] = packet.protocol
  setUint32(bytes, 12, packet.source)
  setUint32(bytes, 16, packet.destination)
  bytes.set(options, HEADER)
  setUint16(bytes, 10, internetChecksum(bytes.subarray(0, headerLength)))
  bytes.set(payload, headerLength)
  return bytes
}
