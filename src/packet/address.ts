import { PacketError } from './error.ts'

/** An IPv4 address is a number of 32 bits; this one is the limited broadcast. */
export const BROADCAST_ADDRESS = 0xffff_ffff

/** Reads `10.0.0.1`: four decimal numbers, no leading zeros (which some take for octal). */
export function parseIpv4Address(text: string): number {
  const address = ipv4Number(text)
  if (address === undefined) throw new PacketError('address', `${JSON.stringify(text)} is not an IPv4 address`)
  return address
}

export const formatIpv4Address = (address: number): string =>
  `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`

function ipv4Number(text: string): number | undefined {
  const octets = text.split('.')
  if (octets.length !== 4) return undefined
  let address = 0
  for (const octet of octets) {
    if (!/^(0|[1-9]\d{0,2})$/.test(octet) || Number(octet) > 255) return undefined
    address = address * 256 + Number(octet)
  }
  return address
}

/** The netmask of a prefix length of 0 - 32, as a number of 32 bits. */
export const ipv4Netmask = (prefixLength: number): number =>
  prefixLength === 0 ? 0 : (0xffff_ffff << (32 - prefixLength)) >>> 0

/** The address with its host bits cleared. */
export const ipv4Network = (address: number, prefixLength: number): number =>
  (address & ipv4Netmask(prefixLength)) >>> 0

/** The directed broadcast address of the address's subnet; none in a /31 (RFC 3021) or /32. */
export const ipv4Broadcast = (address: number, prefixLength: number): number | undefined =>
  prefixLength > 30 ? undefined : (address | ~ipv4Netmask(prefixLength)) >>> 0

/** Reads `2001:db8::1`, `::ffff:10.0.0.1` as a number of 128 bits; no zone. RFC 4291 § 2.2 */
export function parseIpv6Address(text: string): bigint {
  const address = ipv6Number(text)
  if (address === undefined) throw new PacketError('address', `${JSON.stringify(text)} is not an IPv6 address`)
  return address
}

function ipv6Number(text: string): bigint | undefined {
  const [head = '', tail, ...more] = text.split('::')
  if (more.length > 0) return undefined
  const left = ipv6Groups(head, tail === undefined)
  const right = tail === undefined ? [] : ipv6Groups(tail, true)
  if (left === undefined || right === undefined) return undefined
  const missing = 8 - left.length - right.length
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  return [...left, ...Array<number>(missing).fill(0), ...right].reduce(
    (address, group) => (address << 16n) | BigInt(group),
    0n,
  )
}

/** The 16-bit groups of one side of a `::`; the last may be an IPv4 address where the address ends. */
function ipv6Groups(text: string, ends: boolean): number[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  const groups: number[] = []
  for (const [index, part] of parts.entries()) {
    const embedded = ends && index === parts.length - 1 ? ipv4Number(part) : undefined
    if (embedded !== undefined) groups.push(embedded >>> 16, embedded & 0xffff)
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16))
    else return undefined
  }
  return groups
}

/** Writes the canonical form: lower case, the longest run of zero groups as `::`. RFC 5952 § 4 */
export function formatIpv6Address(address: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => Number((address >> BigInt(112 - 16 * index)) & 0xffffn))
  let start = -1
  let length = 1 // a single zero group is not shortened
  for (let from = 0; from < 8; from++) {
    let to = from
    while (groups[to] === 0) to++
    if (to - from > length) [start, length] = [from, to - from]
  }
  const hex = groups.map(group => group.toString(16))
  return start < 0 ? hex.join(':') : `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`
}
