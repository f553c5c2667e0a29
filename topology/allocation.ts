/**
 * Fills in what a document leaves out. docs/topology.md repeats this order for users:
 *
 * 1. What the file gives is taken first. What was recorded for a resource stays as long as the document allows it. The
 *    rest is allocated in the order of the document.
 * 2. Network number: the lowest free from 1. segmentation_id of gre and vxlan networks: the lowest free from 1 in that
 *    type. Neither goes to another network in the very step that takes it from one: hosts do not change at the same
 *    instant, and two tenants would meet.
 * 3. mac_address: fa:16:3e and the low 24 bits of the port's id, or the next one free in the network.
 * 4. fixed_ips: the lowest free address of the pools, in the order of the pools, of the subnet that is named, else of the
 *    network's first subnet. The pools bound new addresses only; a recorded one stays when they shrink.
 * 5. The DHCP server of a subnet, after all ports: the highest free address of the pools, else the gateway's; fa:16:3e and
 *    the low 24 bits of the subnet's id, or the next one free in the network. It makes way for a port that needs either.
 */
import { assignAddresses } from './addressing.ts'
import { type Allocation, AllocationBook } from './allocation-book.ts'
import type { TopologyDocument } from './document.ts'
import type { Host } from './host.ts'
import { formatIpv4 } from './ipv4.ts'
import { DEFAULT_NETWORK_TYPE, DEFAULT_PROJECT, defaultMtu, type Network } from './network.ts'
import { numberNetworks } from './numbering.ts'
import type { Port } from './port.ts'
import { type Problem, ProblemList } from './problem.ts'
import { resourceId } from './resource-id.ts'
import { addressPlan, type Subnet } from './subnet.ts'
import type { Topology } from './topology.ts'

export type { Allocation, AllocationKind } from './allocation-book.ts'

/** A topology and what to record before it is used; or problems, and then nothing changes. */
export interface Resolution {
  readonly topology?: Topology
  readonly added: Allocation[]
  readonly released: Allocation[]
  readonly problems: Problem[]
}

/** The document with everything filled in. Pure: the caller makes `added` and `released` durable before it uses the topology. */
export function resolveTopology(document: TopologyDocument, recorded: readonly Allocation[]): Resolution {
  const problems = new ProblemList()
  const report = problems.reporter(document.locate)
  const book = new AllocationBook(recorded)
  const numbers = numberNetworks(document, book, report)
  const addresses = assignAddresses(document, book, report)
  if (problems.size > 0) return { added: [], released: [], problems: problems.sorted(document.files) }

  const hosts = Array.from(document.hosts, ([name, host]): Host => {
    return { id: resourceId('host', name), name, datapath_type: 'system', bridge_mappings: {}, ...host }
  })
  const networks = Array.from(document.networks, ([name, network]): Network => {
    const { network_type = DEFAULT_NETWORK_TYPE, dns_domain, ...given } = network
    return {
      id: resourceId('network', name),
      name,
      project: DEFAULT_PROJECT,
      mtu: defaultMtu(network_type),
      ...given,
      network_type,
      ...numbers.get(name)!,
      ...(dns_domain === undefined ? {} : { dns_domain: dns_domain.replace(/\.$/, '') }),
    }
  })
  const subnets = Array.from(document.subnets, ([name, subnet]): Subnet => {
    const { gateway, pools } = addressPlan(subnet)
    const server = addresses.servers.get(name)
    return {
      id: resourceId('subnet', name),
      name,
      network_id: resourceId('network', subnet.network),
      cidr: subnet.cidr,
      gateway_ip: gateway === undefined ? null : formatIpv4(gateway),
      gateway_declared: typeof subnet.gateway_ip === 'string',
      enable_dhcp: subnet.enable_dhcp ?? true,
      dns_nameservers: subnet.dns_nameservers ?? [],
      allocation_pools: pools.map(({ start, end }) => ({ start: formatIpv4(start), end: formatIpv4(end) })),
      host_routes: subnet.host_routes ?? [],
      ...(server === undefined ? {} : { dhcp_server: server }),
    }
  })
  const networkIds = new Map(networks.map(({ id, name }) => [name, id]))
  const hostIds = new Map(hosts.map(({ id, name }) => [name, id]))
  const ports = Array.from(document.ports, ([name, port]): Port => {
    const { dns_name, port_security_enabled = true, 'binding:host_id': host } = port
    return {
      ...addresses.ports.get(name)!,
      name,
      network_id: networkIds.get(port.network)!,
      port_security_enabled,
      ...(dns_name === undefined ? {} : { dns_name }),
      ...(host === undefined ? {} : { host_id: hostIds.get(host)! }),
    }
  })
  return {
    topology: { hosts: byId(hosts), networks: byId(networks), subnets: byId(subnets), ports: byId(ports) },
    ...book.difference(),
    problems: [],
  }
}

function byId<Row extends { readonly id: string }>(rows: readonly Row[]): ReadonlyMap<string, Row> {
  return new Map(rows.map(row => [row.id, row]))
}
