import { type FieldName, fieldList, fields, type MatchObject, matchOf } from 'node-openflow'
import { describe, expect, test } from 'vitest'
import { readField } from '../../src/interpreter/fields.ts'
import { FlowTable } from '../../src/interpreter/flow-table.ts'
import { Packet } from '../../src/interpreter/packet.ts'
import { Unsupported } from '../../src/interpreter/unsupported.ts'
import { buildFrame, type FrameInput } from '../../src/packet/frame.ts'

const ethernet = { source: 0xfa163e00000a, destination: 0x01005e0000fb }
const tagged = { ...ethernet, vlans: [{ tpid: 0x8100, pcp: 5, dei: true, vid: 7 }] }
const ipv4 = { source: 0x0a00000b, destination: 0x0a00000c, dscp: 46, ecn: 1, ttl: 9 }
const udp = { sourcePort: 68, destinationPort: 67 }
const tcp = {
  sourcePort: 80,
  destinationPort: 1024,
  sequence: 1,
  acknowledgment: 2,
  flags: 0x12,
  window: 3,
  urgentPointer: 0,
  options: new Uint8Array(),
}
const icmp = { type: 8, code: 3, rest: 1 }
const ipv6 = {
  source: 0xfe80n << 112n,
  destination: (0xff02n << 112n) | 1n,
  flowLabel: 0x12345,
  hopLimit: 3,
  trafficClass: 0xb9,
}
const arp = { operation: 2, senderMac: 0xa, senderAddress: 0x0a00000b, targetMac: 0xb, targetAddress: 0x0a00000c }
const sctp = Uint8Array.of(0, 80, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0)
const echo = Uint8Array.of(128, 4, 0, 0, 0, 0, 0, 0)
const snap = Uint8Array.of(0xaa, 0xaa, 3, 0, 0, 0, 0x88, 0xb5, 1)

const IP: MatchObject = { eth_type: 0x0800 }
const IP6: MatchObject = { eth_type: 0x86dd }

const rows: [name: FieldName, layers: FrameInput, value: number | bigint, needs?: MatchObject][] = [
  ['in_port', { ethernet, arp }, 1],
  ['metadata', { ethernet, arp }, 0x1_0000_0002n],
  ['tunnel_id', { ethernet, arp }, 5001n],
  ['tun_ipv4_src', { ethernet, arp }, 0xc0000201],
  ['tun_ipv4_dst', { ethernet, arp }, 0xc0000202],
  ['tun_ipv6_src', { ethernet, arp }, 0xfd00n << 112n],
  ['pkt_mark', { ethernet, arp }, 3],
  ['reg0', { ethernet, arp }, 0x10],
  ['reg15', { ethernet, arp }, 0x11],
  ['xreg0', { ethernet, arp }, 0x10_0000_0020n],
  ['xxreg0', { ethernet, arp }, (0x10_0000_0020n << 64n) | 0x30n],
  ['eth_src', { ethernet, arp }, ethernet.source],
  ['eth_dst', { ethernet, arp }, ethernet.destination],
  ['eth_type', { ethernet, ipv4, udp }, 0x0800],
  ['eth_type', { ethernet: tagged, arp }, 0x0806],
  ['eth_type', { ethernet: { ...ethernet, type: 9, payload: snap } }, 0x88b5],
  ['eth_type', { ethernet: { ...ethernet, type: 3, payload: Uint8Array.of(1, 2, 3) } }, 0x05ff],
  // What lies behind the first tag is payload to Open vSwitch.
  [
    'eth_type',
    { ethernet: { ...ethernet, vlans: [...tagged.vlans, { ...tagged.vlans[0]!, tpid: 0x88a8 }] }, arp },
    0x88a8,
  ],
  ['vlan_vid', { ethernet: tagged, arp }, 0x1007],
  ['vlan_vid', { ethernet, arp }, 0],
  ['vlan_pcp', { ethernet: tagged, arp }, 5, { vlan_vid: [0x1000, 0x1000] }],
  ['vlan_tci', { ethernet: tagged, arp }, 0xb007],
  ['ip_proto', { ethernet, ipv4, udp }, 17, IP],
  ['ip_proto', { ethernet, ipv6, udp }, 17, IP6],
  ['ip_dscp', { ethernet, ipv4, udp }, 46, IP],
  ['ip_dscp', { ethernet, ipv6, udp }, 46, IP6],
  ['ip_ecn', { ethernet, ipv4, udp }, 1, IP],
  ['ip_ecn', { ethernet, ipv6, udp }, 1, IP6],
  ['nw_ttl', { ethernet, ipv4, udp }, 9, IP],
  ['nw_ttl', { ethernet, ipv6, udp }, 3, IP6],
  ['ip_frag', { ethernet, ipv4, udp }, 0, IP],
  ['ip_frag', { ethernet, ipv4: { ...ipv4, moreFragments: true, protocol: 17, payload: new Uint8Array(8) } }, 1, IP],
  ['ip_frag', { ethernet, ipv4: { ...ipv4, fragmentOffset: 8, protocol: 17, payload: new Uint8Array(8) } }, 3, IP],
  ['ipv4_src', { ethernet, ipv4, udp }, ipv4.source],
  ['ipv4_dst', { ethernet: tagged, ipv4, udp }, ipv4.destination],
  ['ipv6_src', { ethernet, ipv6, udp }, ipv6.source],
  ['ipv6_dst', { ethernet, ipv6, udp }, ipv6.destination],
  ['ipv6_label', { ethernet, ipv6, udp }, 0x12345],
  ['tcp_src', { ethernet, ipv4, tcp }, 80, IP],
  ['tcp_dst', { ethernet, ipv6, tcp }, 1024, IP6],
  ['tcp_flags', { ethernet, ipv4, tcp }, 0x12, IP],
  ['udp_src', { ethernet, ipv4, udp }, 68, IP],
  ['udp_dst', { ethernet, ipv4: { ...ipv4, options: Uint8Array.of(148, 4, 0, 0) }, udp }, 67, IP],
  // The ports of a fragment that is not the first are zero, and are matched as such.
  [
    'udp_dst',
    { ethernet, ipv4: { ...ipv4, fragmentOffset: 8, protocol: 17, payload: new Uint8Array(8).fill(1) } },
    0,
    IP,
  ],
  ['sctp_src', { ethernet, ipv4: { ...ipv4, protocol: 132, payload: sctp } }, 80, IP],
  ['sctp_dst', { ethernet, ipv4: { ...ipv4, protocol: 132, payload: sctp } }, 1024, IP],
  ['icmpv4_type', { ethernet, ipv4, icmp }, 8],
  ['icmpv4_code', { ethernet, ipv4, icmp }, 3],
  ['icmpv6_type', { ethernet, ipv6: { ...ipv6, nextHeader: 58, payload: echo } }, 128],
  ['icmpv6_code', { ethernet, ipv6: { ...ipv6, nextHeader: 58, payload: echo } }, 4],
  ['arp_op', { ethernet, arp }, 2],
  ['arp_spa', { ethernet, arp }, arp.senderAddress],
  ['arp_tpa', { ethernet, arp }, arp.targetAddress],
  ['arp_sha', { ethernet, arp }, arp.senderMac],
  ['arp_tha', { ethernet: tagged, arp }, arp.targetMac],
]

/** What a packet carries besides its frame. */
const context = [
  [fields.in_port, 1n],
  [fields.metadata, 0x1_0000_0002n],
  [fields.tunnel_id, 5001n],
  [fields.tun_ipv4_src, 0xc0000201n],
  [fields.tun_ipv4_dst, 0xc0000202n],
  [fields.tun_ipv6_src, 0xfd00n << 112n],
  [fields.pkt_mark, 3n],
  [fields.reg0, 0x10n],
  [fields.reg1, 0x20n],
  [fields.reg3, 0x30n],
  [fields.reg15, 0x11n],
] as const
const packetOf = (layers: FrameInput) => Packet.of(buildFrame(layers), context)

describe('every field', () => {
  test.each(rows)('%s', (name, layers, value, needs = {}) => {
    const packet = packetOf(layers)
    const field = fields[name]
    expect(readField(packet, field)).toBe(BigInt(value))

    const hits = (match: MatchObject) =>
      new FlowTable([{ match: matchOf({ ...needs, ...match }) }]).lookup(packet) !== undefined
    const flipped = (bits: bigint) => {
      const other = BigInt(value) ^ bits
      return field.wide ? other : Number(other)
    }
    expect(hits({ [name]: value } as MatchObject)).toBe(true)
    expect(hits({ [name]: flipped(1n) } as MatchObject)).toBe(false)
    if (!field.maskable || field.exactMasked) return
    const rest = field.wide ? BigInt(field.ones) ^ 1n : Number(field.ones) - 1
    const even = field.wide ? BigInt(value) & BigInt(rest) : Number(BigInt(value) & BigInt(rest))
    expect(hits({ [name]: [even, rest] } as MatchObject)).toBe(true)
    const odd = field.wide ? BigInt(even) ^ 2n : Number(BigInt(even) ^ 2n)
    expect(hits({ [name]: [odd, rest] } as MatchObject)).toBe(false)
  })

  test('that is not known is refused when the table is made', () => {
    const known = new Set(rows.map(([name]) => name))
    const unknown = fieldList.filter(({ name }) => /^(mpls|nd|ct)_|^(recirc|conj)_id$|^dp_hash$/.test(name))
    expect(unknown.filter(({ name }) => known.has(name as FieldName))).toEqual([])
    expect(unknown.length).toBeGreaterThan(10)
    for (const field of unknown) expect(() => new FlowTable([{ match: [{ field, value: 0 }] }])).toThrow(Unsupported)
  })
})

describe('what is not there is zero', () => {
  const cut = (layers: FrameInput, bytes: number) => buildFrame(layers).subarray(0, -bytes)
  const changed = (layers: FrameInput, at: number, byte: number) => buildFrame(layers).with(at, byte)
  const missing: [what: string, frame: Uint8Array, ...names: FieldName[]][] = [
    ['ARP fields of an IP packet', buildFrame({ ethernet, ipv4, udp }), 'arp_op', 'arp_spa', 'arp_sha'],
    ['IP fields of an ARP packet', buildFrame({ ethernet, arp }), 'ipv4_src', 'ip_proto', 'nw_ttl', 'udp_src'],
    ['the tag of an untagged frame', buildFrame({ ethernet, arp }), 'vlan_tci', 'vlan_vid', 'vlan_pcp'],
    ['ARP that is cut off', cut({ ethernet, arp }, 1), 'arp_op', 'arp_spa'],
    ['ARP for something else than Ethernet', changed({ ethernet, arp }, 15, 6), 'arp_op', 'arp_spa'],
    ['IP that is cut off', cut({ ethernet, ipv4, udp }, 1), 'ipv4_src', 'ip_proto', 'udp_src'],
    ['IP with a header of 16 bytes', changed({ ethernet, ipv4, udp }, 14, 0x44), 'ipv4_src', 'ip_proto'],
    ['IPv6 that is cut off', cut({ ethernet, ipv6, udp }, 1), 'ipv6_src', 'ip_proto', 'udp_src'],
    [
      'UDP of 7 bytes',
      buildFrame({ ethernet, ipv4: { ...ipv4, protocol: 17, payload: new Uint8Array(7).fill(1) } }),
      'udp_src',
    ],
    [
      'what an IPv6 packet would be an ICMP one by',
      buildFrame({ ethernet, ipv6: { ...ipv6, nextHeader: 1, payload: echo } }),
      'icmpv4_type',
    ],
  ]
  test.each(missing)('%s', (_what, frame, ...names) => {
    const packet = Packet.of(frame)
    for (const name of names) expect(`${name} ${readField(packet, fields[name])}`).toBe(`${name} 0`)
  })
})

describe('IPv6 extension headers', () => {
  const options = Uint8Array.of(17, 0, 1, 4, 0, 0, 0, 0)
  const datagram = Uint8Array.of(0, 68, 0, 67, 0, 8, 0, 0)
  const read = (nextHeader: number, ...parts: Uint8Array[]) => {
    const payload = new Uint8Array(Buffer.concat(parts))
    const packet = packetOf({ ethernet, ipv6: { ...ipv6, nextHeader, payload } })
    return (['ip_proto', 'ip_frag', 'udp_src'] as const).map(name => Number(readField(packet, fields[name])))
  }
  test.each([
    ['none', 17, [datagram], [17, 0, 68]],
    ['hop by hop', 0, [options, datagram], [17, 0, 68]],
    ['two', 60, [options.with(0, 43), options, datagram], [17, 0, 68]],
    ['authentication', 51, [Uint8Array.of(17, 0, 0, 0, 0, 0, 0, 0), datagram], [17, 0, 68]],
    ['the first fragment', 44, [Uint8Array.of(17, 0, 0, 1, 0, 0, 0, 0), datagram], [17, 1, 68]],
    ['a later fragment', 44, [Uint8Array.of(17, 0, 0, 8, 0, 0, 0, 0), datagram], [17, 3, 0]],
    ['a later fragment, behind which is no header', 44, [Uint8Array.of(60, 0, 0, 8, 0, 0, 0, 0), options], [60, 3, 0]],
    ['a fragment that is all', 44, [Uint8Array.of(17, 0, 0, 0, 0, 0, 0, 0), datagram], [17, 0, 68]],
    ['one longer than the packet', 0, [options.with(1, 9), datagram], [0, 0, 0]],
  ] as const)('%s', (_what, nextHeader, parts, expected) => {
    expect(read(nextHeader, ...parts)).toEqual(expected)
  })
})
