import { getUint16, setUint16 } from './bytes.ts'
import { type ChecksumVerdict, type Endpoints, internetChecksum, judgeChecksum, pseudoHeaderSum } from './checksum.ts'
import { PacketError, requireBytes } from './error.ts'
import { IpProtocol } from './ipv4.ts'

/** A UDP datagram. RFC 768 */
export interface Udp {
  sourcePort: number
  destinationPort: number
  payload: Uint8Array
}

const HEADER = 8

/** Reads a datagram; its checksum needs the IP addresses and is judgeUdp's. */
export function parseUdp(bytes: Uint8Array): Udp {
  const length = datagramLength(bytes)
  return {
    sourcePort: getUint16(bytes, 0),
    destinationPort: getUint16(bytes, 2),
    payload: bytes.subarray(HEADER, length),
  }
}

/** Writes a datagram with its checksum. */
export function encodeUdp(datagram: Udp, ends: Endpoints): Uint8Array {
  const length = HEADER + datagram.payload.length
  if (length > 0xffff) throw new PacketError('udp', `${length} bytes in a datagram`)
  const bytes = new Uint8Array(length)
  setUint16(bytes, 0, datagram.sourcePort)
  setUint16(bytes, 2, datagram.destinationPort)
  setUint16(bytes, 4, length)
  bytes.set(datagram.payload, HEADER)
  // A sum of zero goes as all ones: zero says that there is no checksum.
  setUint16(bytes, 6, internetChecksum(bytes, pseudoHeaderSum(ends, IpProtocol.udp, length)) || 0xffff)
  return bytes
}

/** Judges a datagram's checksum; `absent` where the sender made none (not allowed over IPv6). */
export function judgeUdp(bytes: Uint8Array, ends: Endpoints): ChecksumVerdict | 'absent' {
  const length = datagramLength(bytes)
  if (getUint16(bytes, 6) === 0) return typeof ends.source === 'number' ? 'absent' : 'wrong'
  return judgeChecksum(bytes.subarray(0, length), 6, pseudoHeaderSum(ends, IpProtocol.udp, length))
}

function datagramLength(bytes: Uint8Array): number {
  requireBytes('udp', bytes, HEADER)
  const length = getUint16(bytes, 4)
  if (length < HEADER) throw new PacketError('udp', `length ${length} is less than the header's ${HEADER}`)
  requireBytes('udp', bytes, length)
  return length
}
