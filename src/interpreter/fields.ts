import { type Field, type FieldName, fields } from 'node-openflow'
import type { HeaderName } from './headers.ts'
import type { Packet } from './packet.ts'
import { rewrite } from './rewrite.ts'
import { writeTag } from './tags.ts'
import { Unsupported } from './unsupported.ts'

/** How a field of a packet is read and written. Values are bigints whatever the width. */
interface Access {
  read(packet: Packet): bigint
  /** Left out where Open vSwitch does not write. */
  write?(packet: Packet, value: bigint): void
}

/** A field's place in a header: `bytes` from `offset` on, its lowest bit `shift` above theirs. */
interface Place {
  readonly header: HeaderName
  readonly offset: number
  readonly bytes: number
  readonly shift?: number
  readonly readOnly?: true
}

const at = (header: HeaderName, offset: number, bytes: number, shift = 0): Place => ({ header, offset, bytes, shift })

/** Fields in headers. Where two places are given, the packet has at most one of them. */
const PLACES: { readonly [name in FieldName]?: readonly Place[] } = {
  eth_dst: [at('ethernet', 0, 6)],
  eth_src: [at('ethernet', 6, 6)],
  arp_op: [at('arp', 6, 2)],
  arp_sha: [at('arp', 8, 6)],
  arp_spa: [at('arp', 14, 4)],
  arp_tha: [at('arp', 18, 6)],
  arp_tpa: [at('arp', 24, 4)],
  ipv4_src: [at('ipv4', 12, 4)],
  ipv4_dst: [at('ipv4', 16, 4)],
  ipv6_label: [at('ipv6', 0, 4)],
  ipv6_src: [at('ipv6', 8, 16)],
  ipv6_dst: [at('ipv6', 24, 16)],
  ip_dscp: [at('ipv4', 1, 1, 2), at('ipv6', 0, 2, 6)],
  ip_ecn: [at('ipv4', 1, 1), at('ipv6', 0, 2, 4)],
  nw_ttl: [at('ipv4', 8, 1), at('ipv6', 7, 1)],
  tcp_src: [at('tcp', 0, 2)],
  tcp_dst: [at('tcp', 2, 2)],
  tcp_flags: [{ ...at('tcp', 12, 2), readOnly: true }],
  udp_src: [at('udp', 0, 2)],
  udp_dst: [at('udp', 2, 2)],
  // Writing would take SCTP's CRC32c.
  sctp_src: [{ ...at('sctp', 0, 2), readOnly: true }],
  sctp_dst: [{ ...at('sctp', 2, 2), readOnly: true }],
  icmpv4_type: [at('icmp', 0, 1)],
  icmpv4_code: [at('icmp', 1, 1)],
  icmpv6_type: [at('icmpv6', 0, 1)],
  icmpv6_code: [at('icmpv6', 1, 1)],
}

/** A field in a header; zero where the header is not there, and then not written. */
function inHeader(field: Field, places: readonly Place[]): Access {
  const ones = BigInt(field.ones)
  const find = ({ headers }: Packet) => places.find(({ header }) => headers.at[header] !== undefined)
  const access: Access = {
    read(packet) {
      const place = find(packet)
      if (place === undefined) return 0n
      return (read(packet, place) >> BigInt(place.shift ?? 0)) & ones
    },
  }
  if (places.some(({ readOnly }) => readOnly)) return access
  return {
    ...access,
    write(packet, value) {
      const place = find(packet)
      if (place === undefined) return
      const shift = BigInt(place.shift ?? 0)
      const rest = read(packet, place) & ~(ones << shift)
      rewrite(
        packet,
        place.header,
        packet.headers.at[place.header]! + place.offset,
        place.bytes,
        rest | (value << shift),
      )
    },
  }
}

function read({ bytes, headers }: Packet, { header, offset, bytes: count }: Place): bigint {
  const start = headers.at[header]! + offset
  let value = 0n
  for (let index = start; index < start + count; index++) value = (value << 8n) | BigInt(bytes[index]!)
  return value
}

/** Some bits of the outermost tag's control information, which without a tag is zero (ovs-fields(7), VLAN Fields). */
const inTag = (mask: bigint, shift = 0n): Access => ({
  read: ({ tags: [{ tci }] }) => (BigInt(tci) & mask) >> shift,
  write(packet, value) {
    const rest = BigInt(packet.tags[0].tci) & ~mask
    packet.tags = writeTag(packet.tags, Number(rest | (value << shift)))
  },
})

/** Metadata: not in the frame. */
const inContext = (field: Field): Access => ({
  read: ({ context }) => context.get(field) ?? 0n,
  write: ({ context }, value) => {
    if (value === 0n) context.delete(field)
    else context.set(field, value)
  },
})

/** The 32-bit registers under a wide one, most significant first. */
function inRegisters(first: number, count: number): Access {
  const words = Array.from({ length: count }, (_, index) => fields[`reg${first + index}` as FieldName])
  return {
    read: ({ context }) => words.reduce((value, word) => (value << 32n) | (context.get(word) ?? 0n), 0n),
    write({ context }, value) {
      for (const [index, word] of words.entries())
        context.set(word, (value >> BigInt(32 * (count - 1 - index))) & 0xffff_ffffn)
    },
  }
}

const REGISTERS = [...Array(16).keys()].map(number => fields[`reg${number}` as FieldName])

/** What tells about a tunnel that the packet came through, or is to go through. */
const TUNNEL = [
  fields.tunnel_id,
  fields.tun_ipv4_src,
  fields.tun_ipv4_dst,
  fields.tun_ipv6_src,
  fields.tun_ipv6_dst,
  fields.tun_flags,
  fields.tun_gbp_id,
  fields.tun_gbp_flags,
]

/** What Open vSwitch forgets at a patch port. */
const FORGOTTEN: readonly Field[] = [...REGISTERS, ...TUNNEL, fields.metadata]

const ACCESS = new Map<Field, Access>([
  [fields.in_port, { read: inContext(fields.in_port).read }],
  [fields.pkt_mark, inContext(fields.pkt_mark)],
  [fields.eth_type, { read: ({ headers }) => BigInt(headers.type) }],
  [fields.ip_proto, { read: ({ headers }) => BigInt(headers.protocol) }],
  [fields.ip_frag, { read: ({ headers }) => BigInt(headers.fragment) }],
  [fields.vlan_tci, inTag(0xffffn)],
  [fields.vlan_vid, inTag(0x1fffn)],
  [fields.vlan_pcp, inTag(0xe000n, 13n)],
])
for (const field of FORGOTTEN) ACCESS.set(field, inContext(field))
for (let n = 0; n < 8; n++) ACCESS.set(fields[`xreg${n}` as FieldName], inRegisters(2 * n, 2))
for (let n = 0; n < 4; n++) ACCESS.set(fields[`xxreg${n}` as FieldName], inRegisters(4 * n, 4))
for (const [name, places] of Object.entries(PLACES)) {
  const field: Field = fields[name as FieldName]
  ACCESS.set(field, inHeader(field, places))
}

/** How a field is read. @throws {Unsupported} */
export function reader(field: Field): (packet: Packet) => bigint {
  const access = ACCESS.get(field)
  if (access === undefined) throw new Unsupported(`field ${field.name}`)
  return access.read
}

/** The value of a field, zero where the packet has none. @throws {Unsupported} */
export const readField = (packet: Packet, field: Field): bigint => reader(field)(packet)

/** Writes the bits of `mask`; a packet that does not have the field stays as it is. @throws {Unsupported} */
export function writeField(packet: Packet, field: Field, value: bigint, mask = BigInt(field.ones)): void {
  const access = ACCESS.get(field)
  if (access?.write === undefined) throw new Unsupported(`writing field ${field.name}`)
  access.write(packet, (access.read(packet) & ~mask) | (value & mask))
}

/** Whether a packet has a field, judged by the prerequisites of OpenFlow (OpenFlow 1.5.1 § 7.2.3.6). */
export function hasField(packet: Packet, field: Field): boolean {
  return field.prerequisites.every(({ field: name, values, mask }) => {
    const value = readField(packet, fields[name as FieldName])
    return values.includes(Number(mask === undefined ? value : value & BigInt(mask)))
  })
}

/** Takes from a packet what it loses when it crosses a patch port. */
export function forget({ context }: Packet): void {
  for (const field of FORGOTTEN) context.delete(field)
}
