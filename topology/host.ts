import { z } from 'zod'
import {
  endpoint,
  ipv4Address,
  mapping,
  name,
  oneOf,
  optional,
  type ResourceSchema,
  text,
  valueTypes,
} from './attribute.ts'
import type { Draft } from './document.ts'
import { ipv4 } from './ipv4.ts'
import { isOverlay } from './network.ts'
import type { Report } from './problem.ts'

/** A machine that runs Open vSwitch, everything filled in. */
export interface Host {
  readonly id: string
  readonly name: string
  /** Where its OVSDB listens, as `tcp:198.18.0.1:6640`; absent when the host dials in. */
  readonly ovsdb?: string
  /** Its tunnel endpoint (VTEP) in the underlay. */
  readonly tunnel_ip?: string
  readonly datapath_type: DatapathType
  /** Physical network -> the bridge that leads to it. */
  readonly bridge_mappings: Readonly<Record<string, string>>
  /** The endpoint its bridges are told to find the controller at, instead of the one given by `--advertise`. */
  readonly controller?: string
}

export type DatapathType = 'system' | 'netdev'

/** The bridges that Weft makes itself on every host. */
const OWN_BRIDGES = ['br-int', 'br-tun']

const bridgeName = () =>
  text('bridge name', value => {
    if (OWN_BRIDGES.includes(value)) return "is Weft's own bridge; a physical network has one of its own"
    return /^[^\s/]{1,15}$/.test(value) ? undefined : 'is not a bridge name (1..15 characters, no space, no "/")'
  })

const bridgeMappings = () =>
  z
    .record(name('name'), bridgeName(), {
      error: ({ input }) => (input === null ? 'is empty' : 'is not a mapping of physical networks to bridges'),
    })
    .superRefine((mappings, context) => {
      const mapped = new Map<string, string>()
      for (const [physnet, bridge] of Object.entries(mappings)) {
        const other = mapped.get(bridge)
        if (other !== undefined)
          context.addIssue({ code: 'custom', path: [physnet], message: `is already the bridge of ${other}` })
        mapped.set(bridge, physnet)
      }
    })
    .register(valueTypes, { type: 'mapping of physical network to bridge' })

const schema = mapping({
  ovsdb: optional(endpoint(), "where the host's OVSDB listens", 'the host dials in'),
  tunnel_ip: optional(
    ipv4Address(),
    'its tunnel endpoint (VTEP) in the underlay',
    'none; needed as soon as a vxlan or gre network exists',
  ),
  datapath_type: optional(oneOf(['system', 'netdev']), 'the datapath of its bridges, as in OVSDB', 'system'),
  bridge_mappings: optional(bridgeMappings(), 'the bridge that leads to each physical network', 'none'),
  controller: optional(endpoint(), 'where its bridges find the controller', 'what `--advertise` says'),
})

export type HostAttributes = z.infer<typeof schema>

export const hostSchema: ResourceSchema<HostAttributes> = { kind: 'host', schema, later: [] }

/** What must hold between hosts, and between hosts and networks. */
export function checkHosts(draft: Draft, report: Report): void {
  const overlay = [...draft.networks].find(([, network]) => isOverlay(network.network_type))
  for (const attribute of ['ovsdb', 'tunnel_ip'] as const) {
    const users = new Map<string, string>()
    for (const [name, host] of draft.hosts) {
      const value = host[attribute]
      if (value === undefined) continue
      const other = users.get(value)
      if (other === undefined) users.set(value, name)
      else
        report(
          ['hosts', name, attribute],
          `${attribute} ${value} is already that of host ${other} (${draft.at(['hosts', other, attribute])})`,
        )
    }
  }
  for (const [name, { tunnel_ip }] of draft.hosts) {
    if (tunnel_ip === undefined) {
      if (overlay && !draft.refused('hosts', name, 'tunnel_ip'))
        report(
          ['hosts', name, 'tunnel_ip'],
          `host ${name} has no tunnel_ip, and network ${overlay[0]} is ${overlay[1].network_type ?? 'vxlan'}`,
        )
    } else if (ipv4(tunnel_ip) < 0x01000000 || ipv4(tunnel_ip) >= 0xe0000000) {
      report(['hosts', name, 'tunnel_ip'], `tunnel_ip ${tunnel_ip} is no unicast address`)
    }
  }
}
