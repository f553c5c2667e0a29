import { formatFlow, type OpenFlowConnection } from 'node-openflow'
import { brInt } from '../../flows/br-int.ts'
import { brTun } from '../../flows/br-tun.ts'
import { brIntOf, type Inputs, presenceId } from '../../flows/inputs.ts'
import type { Topology } from '../../topology/topology.ts'
import type { Fabric } from '../fabric/fabric.ts'
import { isOurs } from '../pipeline/cookie.ts'
import { encodeFlow, flowKey } from '../pipeline/flow-bytes.ts'
import type { DhcpCounters } from '../services/dhcp-service.ts'
import type { Leases } from '../services/lease.ts'

/** What the API and the command show, read from the running controller. */
export interface Sources {
  readonly topology: () => Topology
  readonly inputs: Inputs
  readonly fabric: Fabric
  readonly leases: Leases
  readonly dhcp: Readonly<DhcpCounters>
}

export interface HostView {
  readonly name: string
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

export interface FlowView {
  readonly host: string
  readonly bridge: string
  readonly table: string
  readonly table_id: number
  /** 16 hex digits; `describe flow 0x...` finds the flow, its owner and its reason. */
  readonly cookie: string
  readonly owner: string
  readonly reason: string
  readonly packets: number
  readonly bytes: number
  /** ovs-ofctl(8) syntax with table names. */
  readonly flow: string
  /** ovs-ofctl(8) syntax as the host's own `ovs-ofctl add-flow` takes it. */
  readonly ofctl: string
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

const TABLE_NAMES: ReadonlyMap<string, ReadonlyMap<number, string>> = new Map([
  [brInt.name, brInt.tableNames],
  [brTun.name, brTun.tableNames],
])

export function hostViews({ topology, inputs, fabric }: Sources): HostView[] {
  return [...topology().hosts.values()].map(host => {
    const session = fabric.hosts.get(host.name)
    return {
      name: host.name,
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

/** What the bridges really hold, read from them now, with the owner of each flow. */
export async function flowViews(
  sources: Sources,
  wanted: {
    readonly host?: string | undefined
    readonly bridge?: string | undefined
    readonly owner?: string | undefined
  } = {},
): Promise<FlowView[]> {
  const { fabric } = sources
  const reads = [...fabric.bridges].flatMap(([target, session]) => {
    const [host = '', bridge = ''] = target.split('/')
    if (wanted.host !== undefined && wanted.host !== host) return []
    if (wanted.bridge !== undefined && wanted.bridge !== bridge) return []
    return [readFlows(sources, session.connection, host, bridge)]
  })
  const flows = (await Promise.all(reads)).flat()
  const matching =
    wanted.owner === undefined
      ? flows
      : flows.filter(flow => flow.owner === wanted.owner || flow.owner.startsWith(`${wanted.owner} on `))
  return matching.sort(
    (a, b) =>
      compare(a.host, b.host) || compare(a.bridge, b.bridge) || a.table_id - b.table_id || compare(a.flow, b.flow),
  )
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

async function readFlows(
  { inputs }: Sources,
  connection: OpenFlowConnection,
  host: string,
  bridge: string,
): Promise<FlowView[]> {
  const entries = await connection.multipart({ type: 'multipart_request', kind: 'flow', body: {} })
  const tableNames = TABLE_NAMES.get(bridge)
  const names = { tables: (id: number) => tableNames?.get(id) }
  return entries.map(entry => {
    const { tableId, priority, cookie, flags, match, instructions } = entry
    const flow = { tableId, priority, cookie, flags, match, instructions }
    const bytes = encodeFlow(flow)
    const found = inputs.engine.find(`${host}/${bridge}`, flowKey(bytes))
    const ours = isOurs(cookie)
    return {
      host,
      bridge,
      table: tableNames?.get(tableId) ?? String(tableId),
      table_id: tableId,
      cookie: `0x${cookie.toString(16)}`,
      owner: ours ? (found?.item.owner ?? 'nobody (stale)') : 'foreign',
      reason: ours ? (found?.item.reason ?? 'is no longer wanted') : 'was not made by Weft',
      packets: Number(entry.packetCount ?? 0),
      bytes: Number(entry.byteCount ?? 0),
      flow: formatFlow(flow, names),
      ofctl: formatFlow(flow),
    }
  })
}

/** Everything about one resource, for `describe`; `undefined` when there is none of that name or id. */
export async function describe(sources: Sources, kind: string, name: string): Promise<object | undefined> {
  const called = <View extends { readonly name: string; readonly id?: string }>(views: readonly View[]) =>
    views.find(view => view.name === name || view.id === name)
  switch (kind) {
    case 'host': {
      const host = called(hostViews(sources))
      if (host === undefined) return undefined
      return {
        ...host,
        bridge_list: bridgeViews(sources).filter(bridge => bridge.host === host.name),
        port_list: portViews(sources).filter(port => port.host === host.name),
      }
    }
    case 'bridge': {
      const bridge = bridgeViews(sources).find(one => `${one.host}/${one.name}` === name)
      if (bridge === undefined) return undefined
      return { ...bridge, flows: await flowViews(sources, { host: bridge.host, bridge: bridge.name }) }
    }
    case 'network': {
      const network = called(networkViews(sources))
      if (network === undefined) return undefined
      return {
        ...network,
        subnet_list: subnetViews(sources).filter(subnet => subnet.network === network.name),
        port_list: portViews(sources).filter(port => port.network === network.name),
        flows: await flowViews(sources, { owner: `network ${network.name}` }),
      }
    }
    case 'subnet': {
      const subnet = called(subnetViews(sources))
      if (subnet === undefined) return undefined
      return { ...subnet, flows: await flowViews(sources, { owner: `subnet ${subnet.name}` }) }
    }
    case 'port': {
      const port = called(portViews(sources))
      if (port === undefined) return undefined
      const network = networkViews(sources).find(one => one.name === port.network)
      return {
        ...port,
        bridge: port.host === null ? null : brIntOf(port.host),
        local_vlan: port.host === null ? null : (network?.local_vlans[port.host] ?? null),
        network_type: network?.network_type ?? null,
        segmentation_id: network?.segmentation_id ?? null,
        lease: leaseViews(sources).find(lease => lease.port === port.name) ?? null,
        flows: await flowViews(sources, { owner: `port ${port.name}` }),
      }
    }
    case 'flow': {
      const flows = (await flowViews(sources)).filter(flow => flow.cookie === name.toLowerCase())
      const [first] = flows
      if (first === undefined) return undefined
      return { cookie: first.cookie, owner: first.owner, reason: first.reason, flows }
    }
    default:
      return undefined
  }
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
