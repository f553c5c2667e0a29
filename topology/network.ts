import { z } from 'zod'
import {
  mapping,
  name,
  oneOf,
  optional,
  type ResourceSchema,
  rangeComplaint,
  text,
  valueTypes,
  wholeNumber,
} from './attribute.ts'
import type { Draft } from './document.ts'
import type { Report } from './problem.ts'

/** A layer 2 network of one project, everything filled in. */
export interface Network {
  readonly id: string
  readonly name: string
  readonly project: string
  readonly network_type: NetworkType
  /** Of flat and vlan networks. */
  readonly physical_network?: string
  /** VLAN id, GRE key or VXLAN network identifier; absent for flat and local networks. */
  readonly segmentation_id?: number
  /** Bytes of an IP packet that guests may send. */
  readonly mtu: number
  /** 1.. : the same on all hosts, shared with no other network of the fabric. */
  readonly number: number
  /** Without the final dot. */
  readonly dns_domain?: string
}

const NETWORK_TYPES = ['local', 'flat', 'vlan', 'gre', 'vxlan'] as const
export type NetworkType = (typeof NETWORK_TYPES)[number]

export const DEFAULT_NETWORK_TYPE: NetworkType = 'vxlan'
export const DEFAULT_PROJECT = 'default'

/** What sets one type of network apart from the others. */
interface Segmentation {
  /** Its frames leave through a bridge mapping. */
  readonly physical: boolean
  /** The lowest and highest segmentation id; absent where there is none. */
  readonly ids?: readonly [min: number, max: number]
  /** A segmentation id that is left out is allocated. */
  readonly allocated: boolean
  /** Bytes that the underlay's 1500 lose to encapsulation over IPv4. */
  readonly overhead: number
}

export const SEGMENTATION: Readonly<Record<NetworkType, Segmentation>> = {
  local: { physical: false, allocated: false, overhead: 0 },
  flat: { physical: true, allocated: false, overhead: 0 },
  vlan: { physical: true, ids: [1, 4094], allocated: false, overhead: 0 },
  // Outer IPv4 20, GRE with key 8, inner Ethernet 14 (RFC 2784, RFC 2890).
  gre: { physical: false, ids: [1, 0xffffffff], allocated: true, overhead: 42 },
  // Outer IPv4 20, UDP 8, VXLAN 8, inner Ethernet 14 (RFC 7348).
  vxlan: { physical: false, ids: [1, 0xffffff], allocated: true, overhead: 50 },
}

const UNDERLAY_MTU = 1500

/** The MTU of a network that names none. */
export function defaultMtu(type: NetworkType): number {
  return UNDERLAY_MTU - SEGMENTATION[type].overhead
}

/** Whether networks of this type (vxlan when left out) travel in tunnels. */
export function isOverlay(type: NetworkType = DEFAULT_NETWORK_TYPE): boolean {
  return SEGMENTATION[type].overhead > 0
}

const DOMAIN = /^(?=.{1,253}\.?$)[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?(?:\.[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?)*\.?$/i

const segmentationIds = Object.entries(SEGMENTATION).flatMap(([type, { ids }]) =>
  ids ? `${type} ${ids.join('..')}` : [],
)

const schema = mapping({
  project: optional(name('name'), 'the tenant it belongs to', DEFAULT_PROJECT),
  network_type: optional(oneOf(NETWORK_TYPES), 'how it travels between hosts', DEFAULT_NETWORK_TYPE),
  physical_network: optional(name('name'), 'flat and vlan: a key of the `bridge_mappings` of hosts', 'none'),
  segmentation_id: optional(
    z
      .number({ error: ({ input }) => (input === null ? 'is empty' : 'is not a whole number') })
      .register(valueTypes, { type: segmentationIds.join(', ') }),
    'what tells its frames from those of other networks, seen on the wire as it is',
    'gre and vxlan: allocated; vlan: must be given',
  ),
  mtu: optional(
    wholeNumber(68, 65535),
    'bytes of an IP packet that guests may send; told to them by DHCP',
    '1500, less 50 for vxlan, 42 for gre',
  ),
  dns_domain: optional(
    text('domain name', value => (DOMAIN.test(value) ? undefined : 'is not a domain name')),
    'the domain of its guests, told to them by DHCP',
    'none',
  ),
})

export type NetworkAttributes = z.infer<typeof schema>

export const networkSchema: ResourceSchema<NetworkAttributes> = {
  kind: 'network',
  schema,
  later: [
    'admin_state_up',
    'availability_zone_hints',
    'description',
    'port_security_enabled',
    'qos_policy',
    'router:external',
    'segments',
    'shared',
    'tags',
    'vlan_transparent',
  ],
}

/** What must hold within a network and between networks. */
export function checkNetworks(draft: Draft, report: Report): void {
  const segments = new Map<string, string>()
  for (const [name, network] of draft.networks) {
    const type = network.network_type ?? DEFAULT_NETWORK_TYPE
    const { physical_network, segmentation_id } = network
    const { physical, ids, allocated } = SEGMENTATION[type]
    const path = (attribute: string) => ['networks', name, attribute]
    const refused = (attribute: string) => draft.refused('networks', name, attribute)
    if (refused('network_type')) continue

    if (physical && physical_network === undefined && !refused('physical_network'))
      report(path('physical_network'), `network ${name} is ${type} and has no physical_network`)
    if (!physical && physical_network !== undefined)
      report(path('physical_network'), `physical_network ${physical_network} has no place in a ${type} network`)

    if (segmentation_id === undefined) {
      if (ids && !allocated && !refused('segmentation_id'))
        report(path('segmentation_id'), `network ${name} is ${type} and has no segmentation_id (${ids.join('..')})`)
    } else {
      const complaint = ids ? rangeComplaint(segmentation_id, ...ids) : `has no place in a ${type} network`
      if (complaint !== undefined) report(path('segmentation_id'), `segmentation_id ${segmentation_id} ${complaint}`)
    }

    const segment = segmentOf(type, physical_network, segmentation_id)
    if (segment === undefined) continue
    const other = segments.get(segment)
    const attribute = ids ? 'segmentation_id' : 'physical_network'
    if (other === undefined) segments.set(segment, name)
    else
      report(
        path(attribute),
        `segment ${segment} is already that of network ${other} (${draft.at(['networks', other, attribute])})`,
      )
  }
}

/** A segment in words; no two networks share one. Undefined for local networks and where a part is missing. */
function segmentOf(
  type: NetworkType,
  physicalNetwork: string | undefined,
  segmentationId: number | undefined,
): string | undefined {
  const { physical, ids } = SEGMENTATION[type]
  if (!physical && !ids) return undefined
  if (physical && physicalNetwork === undefined) return undefined
  if (ids && segmentationId === undefined) return undefined
  return [type, ...(physical ? [physicalNetwork] : []), ...(ids ? [segmentationId] : [])].join(' ')
}
