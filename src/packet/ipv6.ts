import { getUint16, getUint32, getUint128, setUint16, setUint32, setUint128 } from './bytes.ts'
import { PacketError, requireBytes } from './error.ts'

/** An IPv6 packet; extension headers are part of the payload. RFC 8200 § 3 */
export interface Ipv6 {
  trafficClass: number
  flowLabel: number
  nextHeader: number
  hopLimit: number
  source: bigint
  destination: bigint
  payload: Uint8Array
}

/** What must be said of a packet to be sent. */
export type Ipv6Input = Partial<Ipv6> & Pick<Ipv6, 'nextHeader' | 'source' | 'destination' | 'payload'>

const HEADER = 40

/** Reads a packet; what lies behind the payload length is padding and left out. */
export function parseIpv6(bytes: Uint8Array): Ipv6 {
  requireBytes('ipv6', bytes, HEADER)
  const first = getUint32(bytes, 0)
  if (first >>> 28 !== 6) throw new PacketError('ipv6', `version ${first >>> 28}`)
  const end = HEADER + getUint16(bytes, 4)
  requireBytes('ipv6', bytes, end)
  return {
    trafficClass: (first >>> 20) & 0xff,
    flowLabel: first & 0xf_ffff,
    nextHeader: bytes[6]!,
    hopLimit: bytes[7]!,
    source: getUint128(bytes, 8),
    destination: getUint128(bytes, 24),
    payload: bytes.subarray(HEADER, end),
  }
}

export function encodeIpv6(packet: Ipv6Input): Uint8Array {
  const { trafficClass = 0, flowLabel = 0, payload } = packet
  if (payload.length > 0xffff) throw new PacketError('ipv6', `${payload.length} bytes in a packet`)
  const bytes = new Uint8Array(HEADER + payload.length)
  setUint32(bytes, 0, ((6 << 28) | (trafficClass << 20) | flowLabel) >>> 0)
  setUint16(bytes, 4, payload.length)
  bytes[6] = packet.nextHeader
  bytes[7] = packet.hopLimit ?? 64
  setUint128(bytes, 8, packet.source)
  setUint128(bytes, 24, packet.destination)
  bytes.set(payload, HEADER)
  return bytes
}
