import { getUint16, getUint32, setUint16, setUint32 } from './bytes.ts'
import { type ChecksumVerdict, type Endpoints, internetChecksum, judgeChecksum, pseudoHeaderSum } from './checksum.ts'
import { PacketError, requireBytes } from './error.ts'
import { IpProtocol } from './ipv4.ts'

export const TcpFlag = {
  fin: 0x001,
  syn: 0x002,
  rst: 0x004,
  psh: 0x008,
  ack: 0x010,
  urg: 0x020,
  ece: 0x040,
  cwr: 0x080,
} as const

/** A TCP segment. RFC 9293 § 3.1 */
export interface Tcp {
  sourcePort: number
  destinationPort: number
  sequence: number
  acknowledgment: number
  /** TcpFlag bits; 12 bits with the reserved ones, as Open vSwitch matches them. */
  flags: number
  window: number
  urgentPointer: number
  /** As on the wire, a multiple of 4 bytes. */
  options: Uint8Array
  payload: Uint8Array
}

const HEADER = 20

/** Reads a segment; its checksum needs the IP addresses and is judgeTcp's. */
export function parseTcp(bytes: Uint8Array): Tcp {
  requireBytes('tcp', bytes, HEADER)
  const headerLength = (bytes[12]! >> 4) * 4
  if (headerLength < HEADER) throw new PacketError('tcp', `header of ${headerLength} bytes`)
  requireBytes('tcp', bytes, headerLength)
  return {
    sourcePort: getUint16(bytes, 0),
    destinationPort: getUint16(bytes, 2),
    sequence: getUint32(bytes, 4),
    acknowledgment: getUint32(bytes, 8),
    flags: getUint16(bytes, 12) & 0xfff,
    window: getUint16(bytes, 14),
    urgentPointer: getUint16(bytes, 18),
    options: bytes.subarray(HEADER, headerLength),
    payload: bytes.subarray(headerLength),
  }
}

/** Writes a segment with its checksum. */
export function encodeTcp(segment: Tcp, ends: Endpoints): Uint8Array {
  const headerLength = HEADER + segment.options.length
  if (headerLength > 60 || headerLength % 4 !== 0) {
    throw new PacketError('tcp', `${segment.options.length} bytes of options`)
  }
  const bytes = new Uint8Array(headerLength + segment.payload.length)
  setUint16(bytes, 0, segment.sourcePort)
  setUint16(bytes, 2, segment.destinationPort)
  setUint32(bytes, 4, segment.sequence)
  setUint32(bytes, 8, segment.acknowledgment)
  setUint16(bytes, 12, ((headerLength / 4) << 12) | segment.flags)
  setUint16(bytes, 14, segment.window)
  setUint16(bytes, 18, segment.urgentPointer)
  bytes.set(segment.options, HEADER)
  bytes.set(segment.payload, headerLength)
  setUint16(bytes, 16, internetChecksum(bytes, pseudoHeaderSum(ends, IpProtocol.tcp, bytes.length)))
  return bytes
}

/** Judges a segment's checksum. */
export function judgeTcp(bytes: Uint8Array, ends: Endpoints): ChecksumVerdict {
  requireBytes('tcp', bytes, HEADER)
  return judgeChecksum(bytes, 16, pseudoHeaderSum(ends, IpProtocol.tcp, bytes.length))
}
