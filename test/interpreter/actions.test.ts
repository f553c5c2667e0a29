import { type Action, fields, PORT } from 'node-openflow'
import { describe, expect, test } from 'vitest'
import type { Group } from '../../src/interpreter/bridge.ts'
import { Unsupported } from '../../src/interpreter/unsupported.ts'
import { buildFrame, type FrameInput } from '../../src/packet/frame.ts'
import { flow, frameOf, leaves, move, output, resubmit, set, through } from './one-bridge.ts'

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

const frame = frameOf()
const outputReg = (bits = 16): Action => ({ type: 'output_reg', field: fields.reg1, offset: 16, bits, maxLen: 0xffff })
const group = (groupId: number): Action => ({ type: 'group', groupId })

/** The ports by which a frame from port 1 leaves. */
const outputs: [what: string, actions: Action[], ports: string[], groups?: Group[]][] = [
  ['output', [output(2)], ['p2']],
  ['output twice', [output(3), output(2), output(3)], ['p3', 'p2', 'p3']],
  ['output to the port it came by', [output(1), output(2)], ['p2']],
  ['output to IN_PORT', [output(PORT.IN_PORT)], ['p1']],
  ['output to a port that is not there', [output(9), output(2)], ['p2']],
  ['output_reg', [set('reg1', 0x30000, 0xffff0000), outputReg()], ['p3']],
  ['output_reg to the port it came by', [set('reg1', 0x10000), outputReg()], []],
  ['output_reg to IN_PORT', [set('reg1', 0xfff80000), outputReg()], ['p1']],
  [
    'output_reg of more than a port number',
    [set('reg0', 1), set('reg1', 2), { ...outputReg(), field: fields.xreg0, offset: 0, bits: 64 } as Action],
    [],
  ],
  ['resubmit to another table', [resubmit(1), output(4)], ['p2', 'p4']],
  ['resubmit as another port', [resubmit(0, 3), output(4)], ['p2', 'p4']],
  ['resubmit of changed bits', [set('reg0', 5), resubmit(2)], ['p3']],
  ['clone', [{ type: 'clone', actions: [set('reg1', 0x20000), outputReg()] }, outputReg(), output(3)], ['p2', 'p3']],
  ['group without buckets', [group(1), output(2)], ['p2'], [{ groupId: 1, buckets: [] }]],
  [
    'group: each bucket a copy',
    [group(1), outputReg(), output(4)],
    ['p2', 'p3', 'p4'],
    [
      {
        groupId: 1,
        buckets: [{ actions: [set('reg0', 5), output(2)] }, { actions: [resubmit(2)] }, { actions: [output(3)] }],
      },
    ],
  ],
  [
    'group: in a bucket what is set is set before',
    [group(1)],
    ['p3'],
    [{ groupId: 1, buckets: [{ actions: [resubmit(2), set('reg0', 5)] }] }],
  ],
  [
    'group: of two ends the earlier kind counts',
    [group(1)],
    ['p2', 'p3'],
    [
      { groupId: 1, buckets: [{ actions: [output(2), resubmit(1)] }, { actions: [output(4), group(2)] }] },
      { groupId: 2, buckets: [{ actions: [output(2), output(3)] }] },
    ],
  ],
  ['group: a bucket without an end', [group(1)], [], [{ groupId: 1, buckets: [{ actions: [set('reg0', 5)] }] }]],
  ['meter', [{ type: 'meter', meterId: 1 }, output(2)], ['p2']],
  ['none', [], []],
]

test.each(outputs)('%s', (_what, actions, ports, groups = []) => {
  const flows = [
    flow({ in_port: 1 }, actions),
    flow({ in_port: 3 }, [output(2), output(1)]),
    flow({}, [output(2)], { table: 1 }),
    flow({ reg0: 5 }, [output(3)], { table: 2 }),
  ]
  expect(leaves(through(flows, frame, groups))).toEqual(ports)
})

test('a bucket has one push and one pop, and they come first', () => {
  const actions = [output(2), set('vlan_vid', 0x1009), push(0x88a8), push(), pop]
  const { departures } = through([flow({}, [group(1)])], buildFrame(withTags(tag(7))), [
    { groupId: 1, buckets: [{ actions }] },
  ])
  expect(hex(departures[0]!.frame)).toBe(hex(buildFrame(withTags(tag(9)))))
})

describe('to the controller', () => {
  const userdata = Uint8Array.of(1, 2)
  const controller: Action = {
    type: 'controller',
    maxLen: 0xffff,
    controllerId: 0,
    reason: 'action',
    userdata,
    meterId: 7,
  }

  test('the frame as it is then, with the userdata and meter of the action and the flow’s cookie', () => {
    const flows = [
      { ...flow({}, [set('eth_dst', 5), controller, set('eth_dst', 6), output(2)], { table: 3 }), cookie: 9n },
    ]
    const { packetIns, departures } = through([flow({}, [], { next: 3 }), ...flows], frame)
    const as = (destination: number) => frame.with(5, destination)
    expect(packetIns).toEqual([{ bridge: 'br', inPort: 1, tableId: 3, cookie: 9n, userdata, meterId: 7, frame: as(5) }])
    expect(departures.map(({ frame }) => frame)).toEqual([as(6)])
  })

  test('by output, cut to the length asked for', () => {
    const { packetIns } = through([flow({}, [{ type: 'output', port: PORT.CONTROLLER, maxLen: 14 }])], frame)
    expect(packetIns).toMatchObject([{ userdata: undefined, cookie: 0n, frame: frame.subarray(0, 14) }])
  })
})

describe('refused', () => {
  const refusals: [what: string, actions: Action[], complaint: string][] = [
    ['an unknown action', [{ type: 'dec_ttl' }], 'action dec_ttl'],
    ['conntrack', [{ type: 'ct', actions: [] }], 'action ct'],
    ['a continuation', [{ type: 'controller', pause: true } as Action], 'controller(pause)'],
    ['resubmit with the connection’s tuple', [{ type: 'resubmit', table: 1, ct: true }], 'resubmit(ct)'],
    ['NORMAL', [output(PORT.NORMAL)], '0xfffffffa'],
    ['an unknown field', [set('ct_mark', 1)], 'ct_mark'],
    ['writing what Open vSwitch does not', [set('eth_type', 1)], 'eth_type'],
    ['a third tag', [push(), push(), push()], 'a third VLAN tag'],
    ['what is no action of a set', [group(1)], 'output_reg'],
  ]
  test.each(refusals)('%s', (_what, actions, complaint) => {
    const run = () => through([flow({}, actions)], frame, [{ groupId: 1, buckets: [{ actions: [outputReg()] }] }])
    expect(run).toThrow(Unsupported)
    expect(run).toThrow(complaint)
  })

  test('not what no packet comes to', () => {
    const flows = [flow({}, [output(2)]), flow({ in_port: 2 }, [{ type: 'dec_ttl' }], { priority: 200 })]
    expect(leaves(through(flows, frame))).toEqual(['p2'])
  })

  test('an action that changes nothing is in the trace', () => {
    const { steps } = through([flow({}, [set('arp_op', 2), move('ipv4_src', 'reg0')])], frame)
    expect(steps.filter(({ kind }) => kind === 'unmet')).toMatchObject([{ field: 'arp_op' }, { field: 'ipv4_src' }])
  })
})
