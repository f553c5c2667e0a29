import { type Inputs, presenceId } from '../../flows/inputs.ts'
import type { Topology } from '../../topology/topology.ts'
import type { Fabric } from '../fabric/fabric.ts'
import type { Logger } from '../log.ts'
import type { DhcpCounters } from '../services/dhcp-service.ts'
import type { Leases } from '../services/lease.ts'
import type { EventLog } from './event-log.ts'

/** What the API and the command show, read from the running controller. */
export interface Sources {
  readonly topology: () => Topology
  readonly inputs: Inputs
  readonly fabric: Fabric
  readonly leases: Leases
  readonly dhcp: Readonly<DhcpCounters>
  readonly events: EventLog
  readonly log: Logger
}

export interface HostView {
  readonly name: string
  /** `releasing` and `released`: Weft is to leave nothing on it, until it is adopted. */
  readonly state: 'managed' | 'releasing' | 'released'
  readonly ovsdb: string
  readonly tunnel_ip: string | null
  readonly datapath_type: string
  readonly connected: boolean
  readonly settled: boolean
  readonly bridges: number
  readonly ports: number
  readonly transactions: number
  readonly problems: readonly string[]
}

export interface BridgeView {
  readonly host: string
  readonly name: string
  readonly datapath_id: string
  readonly connected: boolean
  readonly synced: boolean
  /** Items the bridge is to hold: flows, groups, buckets and meters. */
  readonly wanted: number
  /** Sent in this session. */
  readonly flow_mods: number
  readonly group_mods: number
  readonly meter_mods: number
  readonly bundles: number
  readonly errors: number
  readonly foreign_flows: number
}

export interface NetworkView {
  readonly id: string
  readonly name: string
  readonly project: string
  readonly network_type: string
  readonly segmentation_id: number | null
  readonly physical_network: string | null
  readonly mtu: number
  readonly number: number
  readonly subnets: readonly string[]
  readonly ports: number
  /** Host -> local VLAN. */
  readonly local_vlans: Readonly<Record<string, number>>
}

export interface SubnetView {
  readonly id: string
  readonly name: string
  readonly network: string
  readonly cidr: string
  readonly gateway_ip: string | null
  readonly enable_dhcp: boolean
  readonly dhcp_server: string | null
  readonly dns_nameservers: readonly string[]
  readonly allocation_pools: readonly { readonly start: string; readonly end: string }[]
  readonly ports: number
}

export interface PortView {
  readonly id: string
  readonly name: string
  readonly network: string
  readonly project: string
  readonly mac_address: string
  readonly fixed_ips: readonly string[]
  readonly status: 'ACTIVE' | 'DOWN'
  readonly host: string | null
  readonly ofport: number | null
}

export interface LeaseView {
  readonly port: string
  readonly network: string
  readonly mac_address: string
  readonly ip_address: string
  readonly host: string
  readonly hostname: string | null
  readonly since: string
  readonly expires: string
}

export function hostViews({ topology, inputs, fabric }: Sources): HostView[] {
  return [...topology().hosts.values()].map(host => {
    const session = fabric.hosts.get(host.name)
    return {
      name: host.name,
      state: !fabric.isReleased(host.name) ? 'managed' : session?.clean ? 'released' : 'releasing',
      ovsdb: host.ovsdb ?? 'dials in',
      tunnel_ip: host.tunnel_ip ?? null,
      datapath_type: host.datapath_type,
      connected: session?.connected ?? false,
      settled: session?.settled ?? false,
      bridges: fabric.views.get(host.name)?.bridges.size ?? 0,
      ports: [...inputs.bindings.where('host', host.name)].length,
      transactions: session?.transactions ?? 0,
      problems: session?.problems ?? [],
    }
  })
}

export function bridgeViews({ inputs, fabric }: Sources): BridgeView[] {
  return [...fabric.views].flatMap(([host, view]) =>
    [...view.bridges].map(([name, datapathId]) => {
      const target = `${host}/${name}`
      const session = fabric.bridges.get(target)
      const counters = session?.counters
      return {
        host,
        name,
        datapath_id: datapathId,
        connected: session !== undefined,
        synced: session?.synced ?? false,
        wanted: inputs.engine.desired(target).size,
        flow_mods: counters?.flowMods ?? 0,
        group_mods: counters?.groupMods ?? 0,
        meter_mods: counters?.meterMods ?? 0,
        bundles: counters?.bundles ?? 0,
        errors: counters?.errors ?? 0,
        foreign_flows: session?.foreignFlows ?? 0,
      }
    }),
  )
}

export function networkViews({ topology, inputs }: Sources): NetworkView[] {
  const { networks, subnets, ports } = topology()
  return [...networks.values()].map(network => ({
    id: network.id,
    name: network.name,
    project: network.project,
    network_type: network.network_type,
    segmentation_id: network.segmentation_id ?? null,
    physical_network: network.physical_network ?? null,
    mtu: network.mtu,
    number: network.number,
    subnets: [...subnets.values()].filter(subnet => subnet.network_id === network.id).map(subnet => subnet.name),
    ports: [...ports.values()].filter(port => port.network_id === network.id).length,
    local_vlans: Object.fromEntries(
      [...inputs.presences.where('network', network.id)].map(presence => [presence.host, presence.localVlan]),
    ),
  }))
}

export function subnetViews({ topology }: Sources): SubnetView[] {
  const { networks, subnets, ports } = topology()
  return [...subnets.values()].map(subnet => ({
    id: subnet.id,
    name: subnet.name,
    network: networks.get(subnet.network_id)?.name ?? subnet.network_id,
    cidr: subnet.cidr,
    gateway_ip: subnet.gateway_ip,
    enable_dhcp: subnet.enable_dhcp,
    dhcp_server: subnet.dhcp_server?.ip_address ?? null,
    dns_nameservers: subnet.dns_nameservers,
    allocation_pools: subnet.allocation_pools,
    ports: [...ports.values()].filter(port => port.fixed_ips.some(fixed => fixed.subnet_id === subnet.id)).length,
  }))
}

export function portViews({ topology, inputs }: Sources): PortView[] {
  const { networks, ports } = topology()
  return [...ports.values()].map(port => {
    const binding = inputs.bindings.get(port.id)
    const network = networks.get(port.network_id)
    const wired = binding !== undefined && inputs.presences.get(presenceId(binding.host, port.network_id)) !== undefined
    return {
      id: port.id,
      name: port.name,
      network: network?.name ?? port.network_id,
      project: network?.project ?? '',
      mac_address: port.mac_address,
      fixed_ips: port.fixed_ips.map(fixed => fixed.ip_address),
      status: wired ? 'ACTIVE' : 'DOWN',
      host: binding?.host ?? null,
      ofport: binding?.ofport ?? null,
    }
  })
}

export function leaseViews({ topology, leases }: Sources): LeaseView[] {
  const { ports, networks } = topology()
  return [...leases.values()].map(lease => {
    const port = ports.get(lease.port)
    return {
      port: port?.name ?? lease.port,
      network: networks.get(port?.network_id ?? '')?.name ?? '',
      mac_address: lease.mac_address,
      ip_address: lease.ip_address,
      host: lease.host,
      hostname: lease.hostname ?? null,
      since: new Date(lease.since).toISOString(),
      expires: new Date(lease.expires).toISOString(),
    }
  })
}

export interface StatusView {
  /** Whether every bridge holds what it is to hold. */
  readonly settled: boolean
  /** Who lags behind, one sentence each. */
  readonly laggards: readonly string[]
  readonly units_run: number
  readonly bridges: number
  readonly dhcp: Readonly<DhcpCounters>
}

export function statusView({ fabric, inputs, dhcp }: Sources): StatusView {
  const laggards = fabric.laggards()
  return {
    settled: laggards.length === 0,
    laggards,
    units_run: inputs.engine.runs,
    bridges: fabric.bridges.size,
    dhcp,
  }
}
