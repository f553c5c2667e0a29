import type { Table } from '../src/engine/table.ts'
import { ipv4 } from '../topology/ipv4.ts'
import { mac } from '../topology/mac.ts'
import type { Topology } from '../topology/topology.ts'
import type { Inputs, NetworkRow, PortRow, SubnetRow } from './inputs.ts'

/** Makes the rows of networks, subnets and ports say what the topology says; what it lacks goes. */
export function writeTopology(inputs: Inputs, topology: Topology): void {
  const { engine } = inputs
  const learning = new Set<string>()
  for (const port of topology.ports.values()) if (!port.port_security_enabled) learning.add(port.network_id)
  replace(inputs.networks, topology.networks, (network): NetworkRow => {
    return {
      name: network.name,
      type: network.network_type,
      number: network.number,
      segment: network.segmentation_id,
      physicalNetwork: network.physical_network,
      learning: learning.has(network.id),
    }
  })
  replace(inputs.subnets, topology.subnets, (subnet): SubnetRow => {
    const server = subnet.dhcp_server
    return {
      name: subnet.name,
      network: subnet.network_id,
      dhcp: server && { ip: ipv4(server.ip_address), mac: mac(server.mac_address) },
    }
  })
  replace(inputs.ports, topology.ports, (port): PortRow => {
    return {
      name: port.name,
      network: port.network_id,
      mac: mac(port.mac_address),
      addresses: port.fixed_ips.map(fixed => ({ ip: ipv4(fixed.ip_address), subnet: fixed.subnet_id })),
      learning: !port.port_security_enabled,
    }
  })

  function replace<Resource, Row extends object, Index extends string>(
    table: Table<Row, Index>,
    resources: ReadonlyMap<string, Resource>,
    rowOf: (resource: Resource) => Row,
  ): void {
    for (const [id] of [...table.entries()]) if (!resources.has(id)) engine.set(table, id, undefined)
    for (const [id, resource] of resources) engine.set(table, id, rowOf(resource))
  }
}
