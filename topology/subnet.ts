import { z } from 'zod'
import {
  flag,
  ipv4Address,
  ipv4Prefix,
  list,
  mapping,
  name,
  optional,
  type ResourceSchema,
  required,
  valueTypes,
} from './attribute.ts'
import type { Draft } from './document.ts'
import { contains, formatIpv4, hostRange, ipv4, overlap, type Prefix, type Range, readCidr } from './ipv4.ts'
import { didYouMean } from './nearest.ts'
import type { Report } from './problem.ts'

/** An IPv4 prefix of a network, everything filled in. */
export interface Subnet {
  readonly id: string
  readonly name: string
  readonly network_id: string
  readonly cidr: string
  readonly gateway_ip: string | null
  /** The file says `gateway_ip: ADDRESS`: somebody answers there. Otherwise the address is only kept free. */
  readonly gateway_declared: boolean
  readonly enable_dhcp: boolean
  readonly dns_nameservers: readonly string[]
  readonly allocation_pools: readonly AllocationPool[]
  readonly host_routes: readonly HostRoute[]
  /** Who the DHCP server says it is; present when `enable_dhcp`. */
  readonly dhcp_server?: { readonly ip_address: string; readonly mac_address: string }
}

/** Addresses from `start` to `end`, both included. */
export interface AllocationPool {
  readonly start: string
  readonly end: string
}

export interface HostRoute {
  readonly destination: string
  readonly nexthop: string
}

const ipVersion = () =>
  z
    .literal(4, {
      error: ({ input }) => (input === 6 ? 'is not served yet' : input === null ? 'is empty' : 'is not 4'),
    })
    .register(valueTypes, { type: '4' })

const schema = mapping({
  network: required(name('name'), 'the network it belongs to'),
  ip_version: optional(ipVersion(), 'as in Neutron', '4'),
  cidr: required(ipv4Prefix(), 'all its addresses'),
  gateway_ip: optional(
    ipv4Address().nullable(),
    'the router of its guests; `null`: there is none',
    'the first address, kept free but not declared',
  ),
  enable_dhcp: optional(flag(), 'guests get their addresses from Weft', 'true'),
  dns_nameservers: optional(list(ipv4Address()), 'told to guests by DHCP', 'none'),
  allocation_pools: optional(
    list(
      mapping({
        start: required(ipv4Address(), 'the first address'),
        end: required(ipv4Address(), 'the last address'),
      }),
    ),
    'where allocated addresses come from',
    'all addresses that guests can have, but the gateway',
  ),
  host_routes: optional(
    list(
      mapping({
        destination: required(ipv4Prefix(), 'where to'),
        nexthop: required(ipv4Address(), 'through whom'),
      }),
    ),
    'told to guests by DHCP',
    'none',
  ),
})

export type SubnetAttributes = z.infer<typeof schema>

export const subnetSchema: ResourceSchema<SubnetAttributes> = {
  kind: 'subnet',
  schema,
  later: [
    'description',
    'dns_publish_fixed_ip',
    'ipv6_address_mode',
    'ipv6_ra_mode',
    'segment',
    'service_types',
    'subnetpool',
    'tags',
  ],
}

/** The addresses of a subnet as numbers, defaults filled in. */
export interface AddressPlan {
  readonly prefix: Prefix
  /** What a guest can have. */
  readonly hosts: Range
  readonly gateway: number | undefined
  readonly pools: readonly Range[]
}

export function addressPlan(subnet: SubnetAttributes): AddressPlan {
  const prefix = readCidr(subnet.cidr)!
  const hosts = hostRange(prefix)
  // The one address of a /32 is its guest's.
  const first = prefix.length === 32 ? undefined : hosts.start
  const gateway =
    subnet.gateway_ip === undefined ? first : subnet.gateway_ip === null ? undefined : ipv4(subnet.gateway_ip)
  const pools = subnet.allocation_pools?.map(pool => ({ start: ipv4(pool.start), end: ipv4(pool.end) }))
  return { prefix, hosts, gateway, pools: pools ?? without(hosts, gateway) }
}

function without({ start, end }: Range, address: number | undefined): Range[] {
  if (address === undefined || !contains({ start, end }, address)) return [{ start, end }]
  return [
    { start, end: address - 1 },
    { start: address + 1, end },
  ].filter(range => range.start <= range.end)
}

/** What must hold within a subnet and between the subnets of a network. */
export function checkSubnets(draft: Draft, report: Report): void {
  const siblings = new Map<string, Sibling[]>()
  for (const [name, given] of draft.subnets) {
    const subnet = {
      ...given,
      ...(draft.refused('subnets', name, 'gateway_ip') ? { gateway_ip: null } : {}),
      ...(draft.refused('subnets', name, 'enable_dhcp') ? { enable_dhcp: false } : {}),
    }
    if (!draft.names.networks.has(subnet.network))
      report(['subnets', name, 'network'], `network ${subnet.network} is not in this topology`, {
        hint: didYouMean(subnet.network, draft.names.networks),
      })
    const plan = addressPlan(subnet)
    checkPrefix(name, subnet, plan, report)
    checkGateway(name, subnet, plan, report)
    checkPools(name, subnet, plan, report)
    const list = siblings.get(subnet.network) ?? []
    list.push({ name, cidr: subnet.cidr, order: list.length, ...plan.prefix })
    siblings.set(subnet.network, list)
  }
  for (const list of siblings.values()) checkOverlap(list, draft, report)
}

/** 0/8, 127/8 and from 224/3 on: this host, loopback, multicast and reserved (RFC 6890). */
const UNUSABLE: readonly Range[] = [
  { start: 0x00000000, end: 0x00ffffff },
  { start: 0x7f000000, end: 0x7fffffff },
  { start: 0xe0000000, end: 0xffffffff },
]

function checkPrefix(
  name: string,
  { cidr, enable_dhcp = true }: SubnetAttributes,
  { prefix }: AddressPlan,
  report: Report,
): void {
  const path = ['subnets', name, 'cidr']
  if (UNUSABLE.some(range => overlap(range, prefix)))
    report(path, `cidr ${cidr} holds addresses that no guest can have (0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/3)`)
  if (enable_dhcp && prefix.length > 30)
    report(path, `cidr ${cidr} is too small for DHCP`, {
      hint: () => 'write enable_dhcp: false, or a prefix of at most 30 bits',
    })
}

function checkGateway(name: string, { cidr, gateway_ip }: SubnetAttributes, plan: AddressPlan, report: Report): void {
  if (typeof gateway_ip !== 'string') return
  const complaint = addressComplaint(ipv4(gateway_ip), plan, cidr)
  if (complaint !== undefined) report(['subnets', name, 'gateway_ip'], `gateway_ip ${gateway_ip} ${complaint}`)
}

function checkPools(
  name: string,
  { cidr, gateway_ip, allocation_pools = [] }: SubnetAttributes,
  plan: AddressPlan,
  report: Report,
): void {
  for (const [index, pool] of allocation_pools.entries()) {
    const path = ['subnets', name, 'allocation_pools', index]
    const range = plan.pools[index]!
    const complaints = (['start', 'end'] as const).flatMap(edge => {
      const complaint = addressComplaint(range[edge], plan, cidr)
      return complaint === undefined ? [] : { edge, complaint }
    })
    for (const { edge, complaint } of complaints) report([...path, edge], `${edge} ${pool[edge]} ${complaint}`)
    if (complaints.length > 0) continue
    const words = `pool ${pool.start}-${pool.end}`
    if (range.start > range.end) {
      report(path, `${words} is reversed`, { hint: () => `did you mean "start: ${pool.end}, end: ${pool.start}"?` })
      continue
    }
    if (plan.gateway !== undefined && contains(range, plan.gateway)) {
      report(path, `${words} holds the gateway ${formatIpv4(plan.gateway)}`, {
        hint: () => (gateway_ip === undefined ? 'write gateway_ip: null when the subnet has no gateway' : undefined),
      })
    }
    const other = plan.pools.findIndex((earlier, at) => at < index && overlap(earlier, range))
    if (other !== -1)
      report(path, `${words} overlaps pool ${allocation_pools[other]!.start}-${allocation_pools[other]!.end}`)
  }
}

/** Why nobody in a subnet can have an address, as the end of a sentence. */
export function addressComplaint(address: number, { prefix, hosts }: AddressPlan, cidr: string): string | undefined {
  if (!contains(prefix, address)) return `is outside ${cidr}`
  if (contains(hosts, address)) return undefined
  return `is the ${address === prefix.start ? 'network' : 'broadcast'} address of ${cidr}`
}

interface Sibling extends Prefix {
  readonly name: string
  readonly cidr: string
  /** Position in the file. */
  readonly order: number
}

function checkOverlap(siblings: readonly Sibling[], draft: Draft, report: Report): void {
  let widest: Sibling | undefined
  for (const subnet of siblings.toSorted((a, b) => a.start - b.start || a.order - b.order)) {
    if (widest && overlap(widest, subnet)) {
      const [first, second] = widest.order < subnet.order ? [widest, subnet] : [subnet, widest]
      report(
        ['subnets', second.name, 'cidr'],
        `cidr ${second.cidr} overlaps ${first.cidr} of subnet ${first.name} in the same network (${draft.at(['subnets', first.name, 'cidr'])})`,
      )
    }
    if (!widest || subnet.end > widest.end) widest = subnet
  }
}
