import { getUint32, setUint16, setUint32 } from './bytes.ts'
import { checksumHolds, internetChecksum } from './checksum.ts'
import { PacketError, requireBytes } from './error.ts'

export const IcmpType = { echoReply: 0, destinationUnreachable: 3, echoRequest: 8, timeExceeded: 11 } as const

/** An ICMP message. RFC 792 */
export interface Icmp {
  type: number
  code: number
  /** The four bytes behind the checksum: of an echo the identifier (high 16 bits) and sequence number, of errors mostly unused. */
  rest: number
  payload: Uint8Array
}

const HEADER = 8

/** Reads a message and checks its checksum. */
export function parseIcmp(bytes: Uint8Array): Icmp {
  requireBytes('icmp', bytes, HEADER)
  if (!checksumHolds(bytes)) throw new PacketError('icmp', 'wrong checksum')
  return { type: bytes[0]!, code: bytes[1]!, rest: getUint32(bytes, 4), payload: bytes.subarray(HEADER) }
}

export function encodeIcmp(message: Icmp): Uint8Array {
  const bytes = new Uint8Array(HEADER + message.payload.length)
  bytes[0] = message.type
  bytes[1] = message.code
  setUint32(bytes, 4, message.rest)
  bytes.set(message.payload, HEADER)
  setUint16(bytes, 2, internetChecksum(bytes))
  return bytes
}
