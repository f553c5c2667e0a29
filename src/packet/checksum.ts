// The Internet checksum: the one's complement of the one's complement sum of 16-bit words. RFC 1071

/** Adds the bytes as 16-bit words, an odd last byte as if a zero followed; `sum` is what other bytes came to. */
export function addWords(bytes: Uint8Array, sum = 0): number {
  const even = bytes.length & ~1
  for (let at = 0; at < even; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!
  return even === bytes.length ? sum : sum + (bytes[even]! << 8)
}

/** Brings a sum of words back to 16 bits by adding its carries. */
export function foldSum(sum: number): number {
  while (sum > 0xffff) sum = (sum % 0x1_0000) + Math.floor(sum / 0x1_0000)
  return sum
}

/** The checksum of bytes whose checksum field holds zero, `sum` being that of a pseudo header. */
export const internetChecksum = (bytes: Uint8Array, sum = 0): number => ~foldSum(addWords(bytes, sum)) & 0xffff

/** Whether bytes that contain their checksum add up. */
export const checksumHolds = (bytes: Uint8Array, sum = 0): boolean => foldSum(addWords(bytes, sum)) === 0xffff

/** The two ends of an IP packet: numbers for IPv4, bigints for IPv6. */
export interface Endpoints {
  source: number | bigint
  destination: number | bigint
}

/** The sum of the pseudo header that TCP and UDP checksums cover. RFC 9293 § 3.1, RFC 768, RFC 8200 § 8.1 */
export const pseudoHeaderSum = (ends: Endpoints, protocol: number, length: number): number =>
  addAddress(ends.source) +
  addAddress(ends.destination) +
  protocol +
  (length % 0x1_0000) +
  Math.floor(length / 0x1_0000)

function addAddress(address: number | bigint): number {
  if (typeof address === 'number') return (address >>> 16) + (address & 0xffff)
  let sum = 0
  for (let rest = address; rest > 0n; rest >>= 16n) sum += Number(rest & 0xffffn)
  return sum
}

/**
 * What a TCP or UDP checksum says. `partial`: the field holds the sum of the pseudo header only, as a guest's kernel leaves it
 * to hardware that is not there (a veth or tap with tx checksum offload); such a packet never crossed a wire and is sound.
 */
export type ChecksumVerdict = 'right' | 'partial' | 'wrong'

/** Judges a segment whose checksum field lies at byte `at`. */
export function judgeChecksum(segment: Uint8Array, at: number, pseudo: number): ChecksumVerdict {
  if (checksumHolds(segment, pseudo)) return 'right'
  return ((segment[at]! << 8) | segment[at + 1]!) === foldSum(pseudo) ? 'partial' : 'wrong'
}
