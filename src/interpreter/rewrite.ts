import { getUint16, setUint16 } from '../packet/bytes.ts'
import { addWords, foldSum } from '../packet/checksum.ts'
import type { HeaderName } from './headers.ts'
import type { Packet } from './packet.ts'

/** Where the checksum is. */
const CHECKSUM = { ipv4: 10, tcp: 16, udp: 6, icmp: 2, icmpv6: 2 } as const
const IPV4_ADDRESSES = 12
const IPV6_ADDRESSES = 8

/** Writes bytes of a header and corrects the checksums over them by the difference, so that a wrong one stays wrong (RFC 1624). */
export function rewrite(packet: Packet, header: HeaderName, at: number, count: number, value: bigint): void {
  const { bytes } = packet
  const words = bytes.subarray(at & ~1, (at + count + 1) & ~1)
  const before = foldSum(addWords(words))
  let rest = value
  for (let index = at + count - 1; index >= at; index--) {
    bytes[index] = Number(rest & 0xffn)
    rest >>= 8n
  }
  const difference = foldSum(addWords(words, ~before & 0xffff))
  for (const covering of covers(packet, header, at)) correct(packet, covering, difference)
}

type Checked = keyof typeof CHECKSUM

/** The headers whose checksums cover a byte of a header: its own, and of an address the transport's. */
function* covers({ headers }: Packet, header: HeaderName, at: number): Generator<Checked> {
  if (header in CHECKSUM) yield header as Checked
  const { ipv4, ipv6 } = headers.at
  const isAddress =
    (header === 'ipv4' && at >= ipv4! + IPV4_ADDRESSES) || (header === 'ipv6' && at >= ipv6! + IPV6_ADDRESSES)
  if (!isAddress) return
  for (const name of ['tcp', 'udp', 'icmpv6'] as const) if (headers.at[name] !== undefined) yield name
}

function correct({ bytes, headers }: Packet, header: Checked, difference: number): void {
  const at = headers.at[header]! + CHECKSUM[header]
  const checksum = getUint16(bytes, at)
  // A UDP datagram may go without; then none is made, and a sum of zero is written as its other form (RFC 768).
  if (header === 'udp' && checksum === 0) return
  const corrected = ~foldSum((~checksum & 0xffff) + difference) & 0xffff
  setUint16(bytes, at, header === 'udp' && corrected === 0 ? 0xffff : corrected)
}
