import fc from 'fast-check'
import {
  type Action,
  type Field,
  type FieldName,
  fields,
  type Instruction,
  type MatchObject,
  matchOf,
  PORT,
} from 'node-openflow'
import type { Group } from '../../src/interpreter/bridge.ts'
import type { Flow } from '../../src/interpreter/flow-table.ts'
import { IPS, MACS } from '../interpreter/arbitraries.ts'
import { move as moveOf } from '../interpreter/one-bridge.ts'

// Flows of no pipeline: any match, any actions. Values are few, so that packets meet them.

/** What a flow's packets are for sure, so that actions on their headers are allowed. */
const KINDS = {
  any: { match: {}, sets: [], matches: {} },
  tagged: { match: { vlan_vid: [0x1000, 0x1000] }, sets: ['vlan_vid', 'vlan_pcp'], matches: { vlan_pcp: [0, 5] } },
  arp: {
    match: { eth_type: 0x0806 },
    sets: ['arp_op', 'arp_spa', 'arp_tpa', 'arp_sha', 'arp_tha'],
    matches: { arp_op: [1, 2], arp_tpa: [...IPS], arp_sha: [...MACS] },
  },
  ip: {
    match: { eth_type: 0x0800 },
    sets: ['ipv4_src', 'ipv4_dst', 'ip_dscp', 'ip_ecn', 'nw_ttl'],
    matches: {
      ipv4_src: [...IPS],
      ipv4_dst: [...IPS],
      ip_dscp: [0, 46],
      nw_ttl: [1, 64],
      ip_frag: [0, 1, 3],
      ip_proto: [1, 6, 17],
    },
  },
  ipv6: {
    match: { eth_type: 0x86dd },
    sets: ['ipv6_src', 'ipv6_dst', 'ipv6_label', 'ip_dscp', 'ip_ecn', 'nw_ttl'],
    matches: { ip_proto: [17, 58], nw_ttl: [1, 64], ip_dscp: [0, 46] },
  },
  udp: {
    match: { eth_type: 0x0800, ip_proto: 17 },
    sets: ['udp_src', 'udp_dst', 'ipv4_src', 'ipv4_dst'],
    matches: { udp_src: [0, 67, 68, 1024], udp_dst: [0, 67, 68] },
  },
  tcp: {
    match: { eth_type: 0x0800, ip_proto: 6 },
    sets: ['tcp_src', 'tcp_dst', 'ipv4_src', 'nw_ttl'],
    matches: { tcp_src: [80, 1024], tcp_flags: [2, 0x10] },
  },
  icmp: {
    match: { eth_type: 0x0800, ip_proto: 1 },
    sets: ['icmpv4_type', 'ipv4_dst'],
    matches: { icmpv4_type: [0, 8] },
  },
} as const satisfies Record<
  string,
  { match: MatchObject; sets: readonly FieldName[]; matches: { readonly [name in FieldName]?: readonly number[] } }
>
type Kind = keyof typeof KINDS
const ALL = Object.keys(KINDS) as Kind[]

/** Settable whatever the packet is. */
const ALWAYS: readonly FieldName[] = [
  'eth_src',
  'eth_dst',
  'vlan_tci',
  'reg0',
  'reg1',
  'xreg0',
  'xxreg0',
  'pkt_mark',
  'metadata',
  'tunnel_id',
  'tun_ipv4_dst',
]

/** Values that are in packets, or that lead somewhere. */
const VALUES: { readonly [name in FieldName]?: readonly (number | bigint)[] } = {
  eth_src: MACS,
  eth_dst: [...MACS, 0xffffffffffff],
  arp_sha: MACS,
  arp_tha: MACS,
  arp_op: [1, 2],
  arp_spa: IPS,
  arp_tpa: IPS,
  ipv4_src: IPS,
  ipv4_dst: IPS,
  vlan_vid: [0x1001, 0x1005],
  vlan_tci: [0, 0x1001, 0x1005, 0xb005],
  reg0: [0, 1, 10, 11],
  reg1: [10, 12, 0xfff8, 0x10000],
  xreg0: [0x1_0000_000an, 11n],
  xxreg0: [0n, (12n << 64n) | 11n],
  pkt_mark: [0, 1],
  metadata: [0n, 1n, 0x1_0000_0001n],
  tunnel_id: [5n, 0x1_0000_0006n],
  tun_ipv4_dst: [0, 0xc0000201, 0xc0000202],
  nw_ttl: [1, 64, 255],
  ipv6_src: [0n, (0xfe80n << 112n) | 7n],
  ipv6_dst: [0n, (0xff02n << 112n) | 7n],
  ipv6_label: [0, 0xfffff],
}

const valueFor = (name: FieldName): fc.Arbitrary<number | bigint> => {
  const field: Field = fields[name]
  const known = VALUES[name]
  if (known !== undefined) return fc.constantFrom(...known)
  return field.wide ? fc.bigInt({ min: 0n, max: BigInt(field.ones) }) : fc.nat({ max: Number(field.ones) })
}
const maskFor = (name: FieldName): fc.Arbitrary<number | bigint> => {
  const field: Field = fields[name]
  return field.wide ? fc.bigInt({ min: 1n, max: BigInt(field.ones) }) : fc.integer({ min: 1, max: Number(field.ones) })
}

const both = (value: number | bigint, mask: number | bigint) =>
  typeof value === 'bigint' ? value & BigInt(mask) : Number(BigInt(value) & BigInt(mask))

/** Fields that take a mask in set_field. */
const MASKED = new Set<FieldName>([
  'eth_src',
  'eth_dst',
  'ipv4_src',
  'ipv4_dst',
  'reg0',
  'reg1',
  'pkt_mark',
  'metadata',
  'tunnel_id',
  'arp_spa',
  'arp_sha',
  'udp_src',
  'vlan_tci',
])

const setField = (kind: Kind): fc.Arbitrary<Action> =>
  fc.constantFrom<FieldName>(...ALWAYS, ...KINDS[kind].sets, ...KINDS[kind].sets).chain(name => {
    const whole = valueFor(name).map((value): Action => ({ type: 'set_field', field: fields[name], value }))
    if (!MASKED.has(name)) return whole
    const part = fc
      .tuple(valueFor(name), maskFor(name))
      .map(([value, mask]): Action => ({ type: 'set_field', field: fields[name], value: both(value, mask), mask }))
    return fc.oneof(whole, part)
  })

/** What may be moved where, and in which packets. */
const MOVES: readonly (readonly [kinds: readonly Kind[], ...Parameters<typeof moveOf>])[] = [
  [ALL, 'eth_src', 'eth_dst'],
  [ALL, 'reg0', 'reg1', 16],
  [ALL, 'eth_dst', 'reg0', 8, [0, 8]],
  [ALL, 'metadata', 'reg1', 32],
  [ALL, 'xreg0', 'tunnel_id', 32, [32, 0]],
  [['tagged'], 'vlan_vid', 'reg0', 12],
  [['arp'], 'arp_spa', 'arp_tpa'],
  [['arp'], 'arp_sha', 'arp_tha'],
  [['ip', 'udp', 'tcp', 'icmp'], 'ipv4_src', 'ipv4_dst'],
  [['ip', 'udp', 'tcp', 'icmp'], 'ipv4_src', 'reg0'],
  [['udp'], 'udp_src', 'udp_dst'],
  [['ipv6'], 'ipv6_src', 'ipv6_dst'],
  [['ipv6'], 'ipv6_src', 'xreg0', 64, [64, 0]],
]
const move = (kind: Kind): fc.Arbitrary<Action> =>
  fc
    .constantFrom(...MOVES.filter(([kinds]) => kinds.includes(kind)))
    .map(([, from, to, bits, at]) => moveOf(from, to, bits, at))

const TABLES = [0, 1, 2, 3]
const GROUPS = [1, 2]
const outputs: fc.Arbitrary<Action> = fc.oneof(
  fc.constantFrom(1, 2, 3, 10, 11, 12, 99, PORT.IN_PORT).map((port): Action => ({ type: 'output', port })),
  fc.constant<Action>({ type: 'output_reg', field: fields.reg1, offset: 0, bits: 16, maxLen: 0xffff }),
)
const resubmit: fc.Arbitrary<Action> = fc
  .record({ port: fc.constantFrom(PORT.IN_PORT, PORT.IN_PORT, 11), table: fc.constantFrom(...TABLES) })
  .map((one): Action => ({ type: 'resubmit', ...one }))
const vlan: fc.Arbitrary<Action> = fc.oneof(
  fc.constantFrom(0x8100, 0x88a8).map((ethertype): Action => ({ type: 'push_vlan', ethertype })),
  fc.constant<Action>({ type: 'pop_vlan' }),
)
/** Without a meter, and no `meter` either: ofproto/trace 3.1 never ends when a packet passes two and its ARP is rewritten. */
const controller = fc.constant<Action>({
  type: 'controller',
  maxLen: 0xffff,
  controllerId: 0,
  reason: 'action',
  userdata: Uint8Array.of(1),
})

const flat = (kind: Kind): fc.Arbitrary<Action> =>
  fc.oneof(
    { weight: 4, arbitrary: setField(kind) },
    { weight: 4, arbitrary: outputs },
    { weight: 2, arbitrary: vlan },
    { weight: 1, arbitrary: move(kind) },
  )
const action = (kind: Kind): fc.Arbitrary<Action> =>
  fc.oneof(
    { weight: 10, arbitrary: flat(kind) },
    { weight: 1, arbitrary: resubmit },
    { weight: 1, arbitrary: controller },
    { weight: 1, arbitrary: fc.constantFrom(...GROUPS).map((groupId): Action => ({ type: 'group', groupId })) },
    {
      weight: 1,
      arbitrary: fc.array(flat(kind), { maxLength: 3 }).map((actions): Action => ({ type: 'clone', actions })),
    },
  )

/** A term of a match, exact or masked. */
const term = (kind: Kind): fc.Arbitrary<MatchObject> => {
  const own = Object.entries(KINDS[kind].matches) as [FieldName, readonly number[]][]
  const exact = (name: FieldName, ...values: readonly (number | bigint)[]) =>
    fc.constantFrom(...values).map(value => ({ [name]: value }) as MatchObject)
  const masked = (name: FieldName) =>
    fc
      .tuple(valueFor(name), maskFor(name))
      .map(([value, mask]) => ({ [name]: [both(value, mask), mask] }) as MatchObject)
  return fc.oneof(
    { weight: 2, arbitrary: exact('in_port', 1, 10, 11, 12) },
    exact('eth_dst', ...MACS),
    fc.constant<MatchObject>({ eth_dst: [0x010000000000, 0x010000000000] }),
    masked('eth_src'),
    exact('reg0', 0, 1, 10),
    masked('reg1'),
    exact('xreg0', 0n, 11n),
    exact('metadata', 0n, 1n),
    exact('pkt_mark', 0, 1),
    masked('tunnel_id'),
    exact('tun_ipv4_src', 0, 0xc0000201),
    ...(kind === 'tagged' ? [exact('vlan_vid', 0x1001, 0x1005)] : [exact('vlan_vid', 0, 0x1001, 0x1005)]),
    ...own.map(([name, values]) => ({ weight: 2, arbitrary: exact(name, ...values) })),
    ...(kind === 'ipv6' ? [masked('ipv6_src'), masked('ipv6_dst')] : []),
    ...(kind === 'ip' || kind === 'udp' ? [masked('ipv4_src'), masked('ipv4_dst')] : []),
  )
}

/** The terms as one match: the last word on a field counts, and `xreg0` has none where its halves are spoken of. */
function merged(terms: readonly MatchObject[]): MatchObject {
  const { xreg0, ...others }: MatchObject = Object.assign({}, ...terms)
  if (xreg0 === undefined || others.reg0 !== undefined || others.reg1 !== undefined) return others
  return { ...others, xreg0 }
}

/** One flow of a table; some are none that Open vSwitch would take. */
const flow: fc.Arbitrary<Flow> = fc
  .record({ kind: fc.constantFrom(...ALL), tableId: fc.constantFrom(0, 0, ...TABLES) })
  .chain(({ kind, tableId }) =>
    fc
      .record({
        terms: fc.array(term(kind), { maxLength: 2 }),
        actions: fc.array(action(kind), { maxLength: 5 }),
        next: fc.option(fc.constantFrom(...TABLES.filter(table => table > tableId), tableId + 1), { freq: 2 }),
        metadata: fc.option(fc.tuple(valueFor('metadata'), maskFor('metadata')), { freq: 4 }),
      })
      .map(({ terms, actions, next, metadata }) => {
        const instructions: Instruction[] = [{ type: 'apply_actions', actions }]
        if (metadata !== null) {
          const [value, mask] = metadata as [bigint, bigint]
          instructions.push({ type: 'write_metadata', metadata: value & mask, mask })
        }
        if (next !== null) instructions.push({ type: 'goto_table', tableId: next })
        return { tableId, match: matchOf(merged([...terms, KINDS[kind].match])), instructions }
      }),
  )

const group: fc.Arbitrary<Omit<Group, 'groupId'>> = fc
  .array(
    fc
      .array(fc.oneof({ weight: 3, arbitrary: flat('any') }, { weight: 1, arbitrary: resubmit }), { maxLength: 4 })
      .map(actions => ({ actions: actions.filter(({ type }) => type !== 'output_reg') })),
    { maxLength: 3 },
  )
  .map(buckets => ({ buckets }))

/** The last flow of a table, so that few packets end there. */
const lastFlow = (tableId: number): fc.Arbitrary<Flow> =>
  fc.tuple(fc.array(action('any'), { maxLength: 3 }), outputs).map(([actions, output]) => ({
    tableId,
    priority: 0,
    match: [],
    instructions: [{ type: 'apply_actions', actions: [...actions, output] }],
  }))

/** What a bridge may hold. Priorities differ: which of two equal ones wins is up to the switch. */
export const bridgeContents: fc.Arbitrary<{ readonly flows: readonly Flow[]; readonly groups: readonly Group[] }> =
  fc.record({
    flows: fc
      .tuple(fc.array(flow, { minLength: 4, maxLength: 16 }), ...TABLES.map(lastFlow))
      .map(([flows, ...last]) => [
        ...flows.map((one, index) => ({ ...one, priority: 100 - index, cookie: BigInt(index) })),
        ...last,
      ]),
    groups: fc.tuple(...GROUPS.map(groupId => group.map((one): Group => ({ groupId, ...one })))),
  })
