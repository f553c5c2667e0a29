/** IPv4 addresses as unsigned 32-bit numbers: ten thousand ports are compared and counted, not parsed again and again. */

/** Addresses from `start` to `end`, both included. */
export interface Range {
  readonly start: number
  readonly end: number
}

const DOTTED = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/

/** The number of a dotted quad; undefined for anything else, leading zeros (octal to some) included. */
export function readIpv4(text: string): number | undefined {
  const match = DOTTED.exec(text)
  if (!match) return undefined
  let address = 0
  for (let i = 1; i <= 4; i++) {
    const octet = Number(match[i])
    if (octet > 255) return undefined
    address = address * 256 + octet
  }
  return address
}

/** The number of text that a schema has already let through. */
export function ipv4(text: string): number {
  const address = readIpv4(text)
  if (address === undefined) throw new TypeError(`not an IPv4 address: ${text}`)
  return address
}

export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`
}

/** An IPv4 prefix: all its addresses, network and broadcast address included. */
export interface Prefix extends Range {
  /** Bits of the mask. */
  readonly length: number
}

/** The prefix around an address in `ADDRESS/LENGTH`, and that address; undefined for anything else. */
export function readCidr(text: string): (Prefix & { readonly address: number }) | undefined {
  const match = /^([\d.]+)\/(\d|[12]\d|3[0-2])$/.exec(text)
  const address = match ? readIpv4(match[1]!) : undefined
  if (address === undefined) return undefined
  const length = Number(match![2])
  const size = 2 ** (32 - length)
  const start = address - (address % size)
  return { address, start, end: start + size - 1, length }
}

/** The addresses of a prefix that a guest can have: without network and broadcast address, but for /31 (RFC 3021) and /32. */
export function hostRange({ start, end, length }: Prefix): Range {
  return length >= 31 ? { start, end } : { start: start + 1, end: end - 1 }
}

export function contains(range: Range, address: number): boolean {
  return address >= range.start && address <= range.end
}

export function overlap(a: Range, b: Range): boolean {
  return a.start <= b.end && b.start <= a.end
}
