import { type Action, fields } from 'node-openflow'
import { describe, expect, test } from 'vitest'
import { buildFrame, type FrameInput } from '../../src/packet/frame.ts'
import { flow, move, output, set, through } from './one-bridge.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

const ethernet = { source: 0xfa163e00000a, destination: 0xfa163e00000b }
const tag = (vid: number, pcp = 0, tpid = 0x8100) => ({ tpid, pcp, dei: false, vid })
const withTags = (...vlans: readonly ReturnType<typeof tag>[]) => ({ ethernet: { ...ethernet, vlans }, arp })
const arp = { operation: 1, senderMac: 0xa, senderAddress: 0x0a00000b, targetMac: 0xb, targetAddress: 0x0a00000c }
const ipv4 = { source: 0x0a00000b, destination: 0x0a00000c, ttl: 64, dscp: 10, ecn: 1 }
const ipv6 = {
  source: 0xfe80n << 112n,
  destination: (0xfe80n << 112n) | 1n,
  trafficClass: 0x29,
  flowLabel: 7,
  hopLimit: 64,
}
const udp = { sourcePort: 1024, destinationPort: 53, payload: Uint8Array.of(1, 2, 3) }
const tcp = {
  sourcePort: 1024,
  destinationPort: 80,
  sequence: 1,
  acknowledgment: 2,
  flags: 0x18,
  window: 3,
  urgentPointer: 0,
  options: new Uint8Array(),
  payload: Uint8Array.of(1, 2, 3),
}
const icmp = { type: 8, code: 0, rest: 1, payload: Uint8Array.of(4) }
const inArp = { ethernet, arp }
const inUdp = { ethernet, ipv4, udp }
const inTcp = { ethernet, ipv4, tcp }

const push = (ethertype = 0x8100): Action => ({ type: 'push_vlan', ethertype })
const pop: Action = { type: 'pop_vlan' }
const load = (bits: number, offset: number, value: bigint): Action => ({
  type: 'load',
  field: fields.eth_dst,
  bits,
  offset,
  value,
})

/** What a frame is after the actions. Its checksums are right before and after. */
const rewrites: [what: string, before: FrameInput, actions: Action[], after: FrameInput][] = [
  ['set_field eth_dst', inArp, [set('eth_dst', 5)], { ...inArp, ethernet: { ...ethernet, destination: 5 } }],
  [
    'set_field eth_src, some bits',
    inArp,
    [set('eth_src', 0x020000000000, 0xff0000000000)],
    { ...inArp, ethernet: { ...ethernet, source: 0x02163e00000a } },
  ],
  ['push_vlan', withTags(), [push()], withTags(tag(0))],
  ['push_vlan with id', withTags(), [push(), set('vlan_vid', 0x1007)], withTags(tag(7))],
  [
    'push_vlan before another',
    withTags(tag(7, 5)),
    [push(0x88a8), set('vlan_vid', 0x1009)],
    withTags(tag(9, 0, 0x88a8), tag(7, 5)),
  ],
  ['pop_vlan', withTags(tag(7)), [pop], withTags()],
  ['pop_vlan of one of two', withTags(tag(9), tag(7)), [pop], withTags(tag(7))],
  ['pop_vlan of what was pushed', withTags(tag(7)), [push(), pop], withTags(tag(7))],
  ['pop_vlan of an untagged frame', withTags(), [pop], withTags()],
  ['set_field vlan_vid', withTags(tag(7, 5)), [set('vlan_vid', 0x1009)], withTags(tag(9, 5))],
  [
    'set_field vlan_vid of the outer of two',
    withTags(tag(7), tag(8)),
    [set('vlan_vid', 0x1009)],
    withTags(tag(9), tag(8)),
  ],
  ['set_field vlan_pcp', withTags(tag(7, 5)), [set('vlan_pcp', 2)], withTags(tag(7, 2))],
  ['set_field vlan_pcp of an untagged frame', withTags(), [set('vlan_pcp', 2)], withTags()],
  ['set_field vlan_tci', withTags(), [set('vlan_tci', 0xb007)], withTags(tag(7, 5))],
  ['set_field vlan_tci to nothing', withTags(tag(7, 5)), [set('vlan_tci', 0)], withTags()],
  ['set_field arp_op', inArp, [set('arp_op', 2)], { ...inArp, arp: { ...arp, operation: 2 } }],
  ['set_field arp_spa', inArp, [set('arp_spa', 7)], { ...inArp, arp: { ...arp, senderAddress: 7 } }],
  ['set_field arp_tpa', inArp, [set('arp_tpa', 7)], { ...inArp, arp: { ...arp, targetAddress: 7 } }],
  ['set_field arp_sha', inArp, [set('arp_sha', 7)], { ...inArp, arp: { ...arp, senderMac: 7 } }],
  ['set_field arp_tha', inArp, [set('arp_tha', 7)], { ...inArp, arp: { ...arp, targetMac: 7 } }],
  ['set_field arp_tha of what is no ARP', inUdp, [set('arp_tha', 7)], inUdp],
  ['set_field ipv4_src of UDP', inUdp, [set('ipv4_src', 7)], { ...inUdp, ipv4: { ...ipv4, source: 7 } }],
  [
    'set_field ipv4_dst of TCP',
    inTcp,
    [set('ipv4_dst', 0xffffffff)],
    { ...inTcp, ipv4: { ...ipv4, destination: 0xffffffff } },
  ],
  [
    'set_field ipv4_src, some bits',
    inTcp,
    [set('ipv4_src', 0xac100000, 0xffff0000)],
    { ...inTcp, ipv4: { ...ipv4, source: 0xac10000b } },
  ],
  [
    'set_field ipv4_src of ICMP',
    { ethernet, ipv4, icmp },
    [set('ipv4_src', 7)],
    { ethernet, ipv4: { ...ipv4, source: 7 }, icmp },
  ],
  ['set_field ip_dscp', inUdp, [set('ip_dscp', 46)], { ...inUdp, ipv4: { ...ipv4, dscp: 46 } }],
  ['set_field ip_ecn', inUdp, [set('ip_ecn', 2)], { ...inUdp, ipv4: { ...ipv4, ecn: 2 } }],
  ['set_field nw_ttl', inUdp, [set('nw_ttl', 1)], { ...inUdp, ipv4: { ...ipv4, ttl: 1 } }],
  ['set_field udp_src', inUdp, [set('udp_src', 9)], { ...inUdp, udp: { ...udp, sourcePort: 9 } }],
  ['set_field udp_dst', inUdp, [set('udp_dst', 9)], { ...inUdp, udp: { ...udp, destinationPort: 9 } }],
  ['set_field tcp_src', inTcp, [set('tcp_src', 9)], { ...inTcp, tcp: { ...tcp, sourcePort: 9 } }],
  ['set_field tcp_dst of UDP', inUdp, [set('tcp_dst', 9)], inUdp],
  [
    'set_field icmpv4_type',
    { ethernet, ipv4, icmp },
    [set('icmpv4_type', 0), set('icmpv4_code', 1)],
    { ethernet, ipv4, icmp: { ...icmp, type: 0, code: 1 } },
  ],
  [
    'set_field ipv6_src and ipv6_dst',
    { ethernet, ipv6, udp },
    [set('ipv6_src', 1n), set('ipv6_dst', 2n)],
    { ethernet, ipv6: { ...ipv6, source: 1n, destination: 2n }, udp },
  ],
  [
    'set_field of the rest of IPv6',
    { ethernet, ipv6, tcp },
    [set('ip_dscp', 46), set('ip_ecn', 3), set('nw_ttl', 9), set('ipv6_label', 0xfffff)],
    { ethernet, ipv6: { ...ipv6, trafficClass: (46 << 2) | 3, hopLimit: 9, flowLabel: 0xfffff }, tcp },
  ],
  ['load', inArp, [load(8, 8, 0x77n)], { ...inArp, ethernet: { ...ethernet, destination: 0xfa163e00770b } }],
  [
    'move eth_src to eth_dst',
    inArp,
    [move('eth_src', 'eth_dst')],
    { ...inArp, ethernet: { ...ethernet, destination: ethernet.source } },
  ],
  [
    'move of some bits',
    inArp,
    [move('eth_src', 'eth_dst', 8, [16, 40])],
    { ...inArp, ethernet: { ...ethernet, destination: 0x00163e00000b } },
  ],
  ['move from what is not there', inUdp, [move('arp_spa', 'ipv4_src')], inUdp],
  ['move to what is not there', inUdp, [move('ipv4_src', 'arp_spa')], inUdp],
  [
    'move through a register',
    inUdp,
    [move('ipv4_src', 'reg0'), move('ipv4_dst', 'ipv4_src'), move('reg0', 'ipv4_dst')],
    { ...inUdp, ipv4: { ...ipv4, source: ipv4.destination, destination: ipv4.source } },
  ],
  ['note', inArp, [{ type: 'note', data: Uint8Array.of(1) }], inArp],
]

test.each(rewrites)('%s', (_what, before, actions, after) => {
  const { departures } = through([flow({}, [...actions, output(2)])], buildFrame(before))
  expect(departures.map(({ frame }) => hex(frame))).toEqual([hex(buildFrame(after))])
})

describe('checksums', () => {
  const at = { ipv4: 24, udp: 40 }
  const udpChecksum = (frame: Uint8Array) => (frame[at.udp]! << 8) | frame[at.udp + 1]!
  const sent = (before: Uint8Array, ...actions: Action[]) =>
    through([flow({}, [...actions, output(2)])], before).departures[0]!.frame

  test('a UDP datagram without one stays without', () => {
    const before = buildFrame(inUdp)
      .with(at.udp, 0)
      .with(at.udp + 1, 0)
    expect(udpChecksum(sent(before, set('ipv4_src', 7), set('udp_src', 9)))).toBe(0)
  })

  test('one that comes to zero is written as all ones', () => {
    const zeroes = Array.from({ length: 0x10000 }, (_, port) =>
      buildFrame({ ...inUdp, udp: { ...udp, sourcePort: port } }),
    )
    const port = zeroes.findIndex(frame => udpChecksum(frame) === 0xffff)
    expect(port).toBeGreaterThan(0)
    expect(hex(sent(buildFrame(inUdp), set('udp_src', port)))).toBe(hex(zeroes[port]!))
  })

  test('a wrong one stays as wrong as it was', () => {
    const wrong = (layers: FrameInput) => {
      const frame = buildFrame(layers)
      return frame.with(at.ipv4, frame[at.ipv4]! ^ 1).with(at.udp, frame[at.udp]! ^ 1)
    }
    const after = sent(wrong(inUdp), set('ipv4_src', 0x0a00000d))
    expect(hex(after)).not.toBe(hex(buildFrame({ ...inUdp, ipv4: { ...ipv4, source: 0x0a00000d } })))
    expect(hex(sent(after, set('ipv4_src', ipv4.source)))).toBe(hex(wrong(inUdp)))
  })
})

describe('drop eligible', () => {
  const marked = buildFrame({ ...withTags({ ...tag(7), dei: true }) })
  const sent = (...actions: Action[]) => through([flow({}, [...actions, output(2)])], marked).departures[0]!.frame
  test.each([
    ['stays where nothing is written', [], true],
    ['stays where the same is written', [set('vlan_vid', 0x1007)], true],
    ['goes with the tag that is rewritten', [set('vlan_vid', 0x1008)], false],
  ] as const)('%s', (_what, actions, stays) => {
    expect((sent(...actions)[14]! & 0x10) !== 0).toBe(stays)
  })
})
