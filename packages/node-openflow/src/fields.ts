import {
  decimal,
  ethernet,
  type Format,
  flags,
  fragment,
  hexadecimal,
  hexadecimalOf,
  ipv4,
  ipv6,
  packetType,
  port,
  shifted,
  signedFlags,
  unmasked,
} from './text/values.ts'

/** A place of a field on the wire: OXM class, number in it, experimenter for class 0xffff. */
interface Wire {
  readonly class: number
  readonly number: number
  readonly experimenter: number
  /** First version that has it; the last one that a version has is sent. */
  readonly from: number
  /** ovs-ofctl's name for it, without the class prefix, where it is not the field's own. */
  readonly label: string | undefined
  readonly prefix: string
}
const wire =
  (prefix: string, oxmClass: number, experimenter = 0) =>
  (number: number, options: { label?: string; from?: number } = {}): Wire => ({
    class: oxmClass,
    number,
    experimenter,
    from: options.from ?? 0,
    label: options.label,
    prefix,
  })
const oxm = wire('OXM_OF_', 0x8000)
const nxmOf = wire('NXM_OF_', 0x0000)
const nxmNx = wire('NXM_NX_', 0x0001)
const ericsson = wire('ERICOXM_OF_', 0x1000)
const packetRegister = wire('OXM_OF_', 0x8001)
const onf = wire('ONFOXM_ET_', 0xffff, 0x4f4e4600)

/** What must be matched beside a field (OpenFlow 1.5.1 § 7.2.3.6): one of `values` of another one; `implied` is added where missing. */
export interface Prerequisite {
  readonly field: string
  readonly values: readonly number[]
  /** Bits of the other field that count; all where missing. */
  readonly mask?: number
  readonly implied?: number
}
const one = (field: string, value: number, ...others: number[]): Prerequisite => ({
  field,
  values: [value, ...others],
  implied: value,
})
const anyOf = (field: string, ...values: number[]): Prerequisite => ({ field, values })
const IPV4 = [one('eth_type', 0x0800)]
const IPV6 = [one('eth_type', 0x86dd)]
const IP = [anyOf('eth_type', 0x0800, 0x86dd)]
const ARP = [one('eth_type', 0x0806, 0x8035)]
const MPLS = [anyOf('eth_type', 0x8847, 0x8848)]
const VLAN = [{ field: 'vlan_vid', values: [0x1000], mask: 0x1000, implied: 0x1000 }]
const TCP = [...IP, one('ip_proto', 6)]
const UDP = [...IP, one('ip_proto', 17)]
const SCTP = [...IP, one('ip_proto', 132)]
const ICMPV4 = [...IPV4, one('ip_proto', 1)]
const ICMPV6 = [...IPV6, one('ip_proto', 58)]
const ND = [...ICMPV6, anyOf('icmpv6_type', 135, 136)]
const ND_SOLICIT = [...ICMPV6, one('icmpv6_type', 135)]
const ND_ADVERT = [...ICMPV6, one('icmpv6_type', 136)]
const CT_PORT = [...IP, anyOf('ct_nw_proto', 1, 6, 17, 58, 132)]

interface Options {
  /** ovs-ofctl's name in actions, where it is not the field's own. */
  readonly name?: string
  /** ovs-ofctl's name in matches, where it is not the one in actions. */
  readonly match?: string
  readonly needs?: readonly Prerequisite[]
  readonly maskable?: false
  /** An exact match has a mask all the same, since the wire has more bits than there are. */
  readonly exactMasked?: true
  /** Bytes on the wire, where they are more than the bits need. */
  readonly bytes?: number
  /** Bits that a subfield can address, where they are fewer. */
  readonly subfield?: number
}
interface Row<V> extends Options {
  readonly bits: number
  readonly wires: readonly [Wire, ...Wire[]]
  readonly rank: number
  readonly format: Format
  readonly value?: V
}
/** A field: width in bits, its places on the wire (what subfields name first), its rank in the text of a match, how its values are written. */
const field = <const B extends number>(
  bits: B,
  wires: readonly [Wire, ...Wire[]],
  rank: number,
  format: Format,
  options: Options = {},
): Row<B extends 64 | 128 ? bigint : number> => ({ bits, wires, rank, format, ...options })

type Numbered<P extends string, N extends number, V> = { readonly [I in N as `${P}${I}`]: Row<V> }
/** Fields that differ in their number only: `reg0`, `reg1`, ... */
const numbered = <const P extends string, const N extends number, V>(
  prefix: P,
  numbers: readonly N[],
  row: (number: number) => Row<V>,
) => Object.fromEntries(numbers.map(number => [`${prefix}${number}`, row(number)])) as Numbered<P, N, V>

const exact = { maskable: false } as const
const TCP_FLAGS = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr', 'ns', '[200]', '[400]', '[800]']
const CT_STATE = ['new', 'est', 'rel', 'rpl', 'inv', 'trk', 'snat', 'dnat']

/**
 * Every field that Weft and node-openflow know: one line each, in the order in which OVS sends them (prerequisites first).
 * Widths, numbers, masks, prerequisites: OpenFlow 1.5.1 § 7.2.3.7, ovs-fields(7).
 */
const rows = {
  packet_type: field(32, [oxm(44)], 4, packetType, exact),
  dp_hash: field(32, [nxmNx(35)], 2, hexadecimal),
  recirc_id: field(32, [nxmNx(36)], 2, hexadecimal, exact),
  conj_id: field(32, [nxmNx(37)], 2, decimal, exact),
  in_port: field(32, [oxm(0)], 9, port, { ...exact, name: 'in_port_oxm', match: 'in_port' }),
  actset_output: field(32, [onf(43), oxm(43, { from: 6 })], 2.5, port, exact),
  eth_src: field(48, [nxmOf(2), oxm(4)], 11, ethernet, { match: 'dl_src' }),
  eth_dst: field(48, [nxmOf(1), oxm(3)], 11, ethernet, { match: 'dl_dst' }),
  eth_type: field(16, [nxmOf(3), oxm(5)], 12, hexadecimalOf(4), { ...exact, match: 'dl_type' }),
  vlan_tci: field(16, [nxmOf(4)], 10, hexadecimalOf(4)),
  vlan_vid: field(13, [oxm(6)], 10, decimal, { subfield: 12 }),
  vlan_pcp: field(3, [oxm(7)], 10, decimal, { ...exact, match: 'dl_vlan_pcp', needs: VLAN }),
  mpls_tc: field(3, [oxm(35)], 17.1, decimal, { ...exact, needs: MPLS }),
  mpls_bos: field(1, [oxm(36)], 17.3, decimal, { ...exact, needs: MPLS }),
  mpls_ttl: field(8, [nxmNx(30)], 17.2, decimal, { ...exact, needs: MPLS }),
  mpls_label: field(20, [oxm(34)], 17, decimal, { ...exact, needs: MPLS }),
  ipv4_src: field(32, [nxmOf(7, { label: 'IP_SRC' }), oxm(11)], 13, ipv4, {
    name: 'ip_src',
    match: 'nw_src',
    needs: IPV4,
  }),
  ipv4_dst: field(32, [nxmOf(8, { label: 'IP_DST' }), oxm(12)], 13, ipv4, {
    name: 'ip_dst',
    match: 'nw_dst',
    needs: IPV4,
  }),
  ipv6_src: field(128, [nxmNx(19), oxm(26)], 13, ipv6, { needs: IPV6 }),
  ipv6_dst: field(128, [nxmNx(20), oxm(27)], 13, ipv6, { needs: IPV6 }),
  ip_frag: field(2, [nxmNx(26)], 18, fragment, { match: 'nw_frag', needs: IP }),
  ip_dscp: field(6, [oxm(8)], 16, shifted(2), { ...exact, match: 'nw_tos', needs: IP }),
  ip_ecn: field(2, [nxmNx(28), oxm(9)], 16, decimal, { ...exact, name: 'nw_ecn', needs: IP }),
  nw_ttl: field(8, [nxmNx(29, { label: 'IP_TTL' })], 16, decimal, { ...exact, needs: IP }),
  ipv6_label: field(20, [nxmNx(27), oxm(28)], 13.1, hexadecimalOf(5), { needs: IPV6 }),
  ip_proto: field(8, [nxmOf(6), oxm(10)], 14, decimal, { ...exact, name: 'nw_proto', needs: IP }),
  tcp_src: field(16, [nxmOf(9), oxm(13)], 19, decimal, { match: 'tp_src', needs: TCP }),
  tcp_dst: field(16, [nxmOf(10), oxm(14)], 19, decimal, { match: 'tp_dst', needs: TCP }),
  tcp_flags: field(12, [nxmNx(34), onf(42), oxm(42, { from: 6 })], 20, flags(0xfff, TCP_FLAGS), { needs: TCP }),
  udp_src: field(16, [nxmOf(11), oxm(15)], 19, decimal, { match: 'tp_src', needs: UDP }),
  udp_dst: field(16, [nxmOf(12), oxm(16)], 19, decimal, { match: 'tp_dst', needs: UDP }),
  sctp_src: field(16, [oxm(17)], 19, decimal, { match: 'tp_src', needs: SCTP }),
  sctp_dst: field(16, [oxm(18)], 19, decimal, { match: 'tp_dst', needs: SCTP }),
  icmpv4_type: field(8, [nxmOf(13, { label: 'ICMP_TYPE' }), oxm(19)], 19, decimal, {
    ...exact,
    name: 'icmp_type',
    needs: ICMPV4,
  }),
  icmpv4_code: field(8, [nxmOf(14, { label: 'ICMP_CODE' }), oxm(20)], 19, decimal, {
    ...exact,
    name: 'icmp_code',
    needs: ICMPV4,
  }),
  icmpv6_type: field(8, [nxmNx(21), oxm(29)], 19, decimal, { ...exact, match: 'icmp_type', needs: ICMPV6 }),
  icmpv6_code: field(8, [nxmNx(22), oxm(30)], 19, decimal, { ...exact, match: 'icmp_code', needs: ICMPV6 }),
  nd_reserved: field(32, [ericsson(1, { label: 'ICMPV6_ND_RESERVED' })], 19.3, decimal, { ...exact, needs: ND }),
  nd_target: field(128, [nxmNx(23), oxm(31)], 19.1, ipv6, { needs: ND }),
  nd_options_type: field(8, [ericsson(2, { label: 'ICMPV6_ND_OPTIONS_TYPE' })], 19.4, decimal, { ...exact, needs: ND }),
  nd_sll: field(48, [nxmNx(24), oxm(32)], 19.2, ethernet, { needs: ND_SOLICIT }),
  nd_tll: field(48, [nxmNx(25), oxm(33)], 19.2, ethernet, { needs: ND_ADVERT }),
  arp_op: field(16, [nxmOf(15), oxm(21)], 14, decimal, { ...exact, needs: ARP }),
  arp_spa: field(32, [nxmOf(16), oxm(22)], 13, ipv4, { needs: ARP }),
  arp_tpa: field(32, [nxmOf(17), oxm(23)], 13, ipv4, { needs: ARP }),
  arp_sha: field(48, [nxmNx(17), oxm(24)], 15, ethernet, { needs: ARP }),
  arp_tha: field(48, [nxmNx(18), oxm(25)], 15, ethernet, { needs: ARP }),
  tunnel_id: field(64, [nxmNx(16, { label: 'TUN_ID' }), oxm(38)], 7, hexadecimal, { name: 'tun_id' }),
  tun_flags: field(1, [nxmNx(104)], 7.3, signedFlags(1, ['oam']), { bytes: 2, exactMasked: true }),
  tun_ipv4_src: field(32, [nxmNx(31)], 7, ipv4, { name: 'tun_src' }),
  tun_ipv4_dst: field(32, [nxmNx(32)], 7, ipv4, { name: 'tun_dst' }),
  tun_ipv6_src: field(128, [nxmNx(109)], 7, ipv6),
  tun_ipv6_dst: field(128, [nxmNx(110)], 7, ipv6),
  tun_gbp_id: field(16, [nxmNx(38)], 7.1, decimal),
  tun_gbp_flags: field(8, [nxmNx(39)], 7.2, unmasked(hexadecimal)),
  ...numbered('reg', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], i =>
    field(32, [nxmNx(i)], 6, hexadecimal),
  ),
  ...numbered('xreg', [0, 1, 2, 3, 4, 5, 6, 7], i =>
    field(64, [packetRegister(i, { label: `PKT_REG${i}` })], 6, hexadecimal),
  ),
  ...numbered('xxreg', [0, 1, 2, 3], i => field(128, [nxmNx(111 + i)], 6, hexadecimal)),
  pkt_mark: field(32, [nxmNx(33)], 1, hexadecimal),
  ct_state: field(8, [nxmNx(105)], 3, flags(0xff, CT_STATE), { bytes: 4, exactMasked: true, subfield: 32 }),
  ct_zone: field(16, [nxmNx(106)], 3, decimal, exact),
  ct_mark: field(32, [nxmNx(107)], 3, hexadecimal),
  ct_label: field(128, [nxmNx(108)], 3, hexadecimal),
  ct_nw_src: field(32, [nxmNx(120)], 3.1, ipv4, { needs: IPV4 }),
  ct_ipv6_src: field(128, [nxmNx(122)], 3.1, ipv6, { needs: IPV6 }),
  ct_nw_dst: field(32, [nxmNx(121)], 3.1, ipv4, { needs: IPV4 }),
  ct_ipv6_dst: field(128, [nxmNx(123)], 3.1, ipv6, { needs: IPV6 }),
  ct_nw_proto: field(8, [nxmNx(119)], 3.2, decimal, { ...exact, needs: IP }),
  ct_tp_src: field(16, [nxmNx(124)], 3.3, decimal, { needs: CT_PORT }),
  ct_tp_dst: field(16, [nxmNx(125)], 3.3, decimal, { needs: CT_PORT }),
  metadata: field(64, [oxm(2)], 8, hexadecimal),
}

export type FieldName = keyof typeof rows
/** Values up to 48 bits are numbers, wider ones bigints. */
export type FieldValue<N extends FieldName> = NonNullable<(typeof rows)[N]['value']>

/** A field's place on the wire in one version. */
export interface FieldHeader {
  /** Class, number and size in bytes as the first four bytes of an OXM TLV, without the mask bit. */
  readonly header: number
  /** 0, or what follows the header of class 0xffff. */
  readonly experimenter: number
}

/** A header field, metadata or register that flows match and actions set (OpenFlow 1.5.1 § 7.2.3.7). */
export interface Field {
  readonly name: string
  /** Bits that a value may use. */
  readonly bits: number
  /** Bytes that a value takes on the wire. */
  readonly bytes: number
  /** Position in the order in which OVS sends fields; matches are sorted by it. */
  readonly index: number
  /** Values are bigints. */
  readonly wide: boolean
  readonly maskable: boolean
  readonly prerequisites: readonly Prerequisite[]
  /** Every bit set. */
  readonly ones: number | bigint
  /** The same where values are numbers, else 0. */
  readonly limit: number
  /** An exact match has a mask all the same, as OVS has it. */
  readonly exactMasked: boolean
  /** Bits that a subfield can address. */
  readonly subfieldBits: number
  /** ovs-ofctl's names: in actions, in matches, in subfields (`NXM_NX_REG0[0..15]`), and the rank in a match. */
  readonly text: {
    readonly name: string
    readonly match: string
    readonly subfield: string
    readonly rank: number
    readonly format: Format
  }
  /** Where it stands in version 4, 5, 6; where Nicira's actions, which are of no version, name it. */
  readonly headers: readonly [FieldHeader, FieldHeader, FieldHeader]
  readonly nicira: FieldHeader
}

/** Bytes of a value: OXM has no widths between. */
const widthOf = (bits: number) => [1, 2, 4, 6, 8, 16].find(bytes => bytes * 8 >= bits)!

const headerOf = (wire: Wire, bytes: number): FieldHeader => ({
  header: ((wire.class << 16) | (wire.number << 9) | (bytes + (wire.experimenter === 0 ? 0 : 4))) >>> 0,
  experimenter: wire.experimenter,
})

const fieldOf = (name: string, row: Row<unknown>, index: number): Field => {
  const bytes = row.bytes ?? widthOf(row.bits)
  const wide = bytes > 6
  const [first] = row.wires
  const header = (version: number) => headerOf(row.wires.findLast(({ from }) => from <= version) ?? first, bytes)
  const textName = row.name ?? name
  return {
    name,
    bits: row.bits,
    bytes,
    index,
    wide,
    maskable: row.maskable ?? true,
    prerequisites: row.needs ?? [],
    ones: wide ? (1n << BigInt(row.bits)) - 1n : 2 ** row.bits - 1,
    limit: wide ? 0 : 2 ** row.bits - 1,
    exactMasked: row.exactMasked ?? false,
    subfieldBits: row.subfield ?? row.bits,
    text: {
      name: textName,
      match: row.match ?? textName,
      subfield: `${first.prefix}${first.label ?? name.toUpperCase()}`,
      rank: row.rank,
      format: row.format,
    },
    headers: [header(4), header(5), header(6)],
    nicira: headerOf(first, bytes),
  }
}

/** The fields by name. */
export const fields = Object.fromEntries(
  Object.entries<Row<unknown>>(rows).map(([name, row], index) => [name, fieldOf(name, row, index)]),
) as { readonly [N in FieldName]: Field & { readonly name: N } }

export const fieldList: readonly Field[] = Object.values(fields)
