import { type Inputs, presenceId } from '../../flows/inputs.ts'
import { writeTopology } from '../../flows/topology-rows.ts'
import type { Topology } from '../../topology/topology.ts'
import type { Delta } from '../engine/engine.ts'
import type { Item } from '../pipeline/item.ts'
import type { HostView } from './host-view.ts'
import { allocateLocalVlans } from './local-vlan.ts'

/**
 * What every bridge would have to change under another topology, with the hosts as they are now; nothing is changed.
 *
 * What is plugged and not known yet would bind; a host that the topology adds is not known before it is read.
 */
export function rehearseTopology(
  inputs: Inputs,
  views: ReadonlyMap<string, HostView>,
  topology: Topology,
): Delta<Item> {
  const { engine, hosts, bindings, presences } = inputs
  const names = new Set([...topology.hosts.values()].map(host => host.name))
  const ports = new Map(
    [...topology.ports.values()].flatMap(port => [[port.name, port] as const, [port.id, port] as const]),
  )
  return engine.rehearse(() => {
    writeTopology(inputs, topology)
    for (const [id, binding] of [...bindings.entries()]) {
      const port = topology.ports.get(id)
      if (port?.network_id !== binding.network || !names.has(binding.host)) engine.set(bindings, id, undefined)
    }
    for (const [name, view] of views) {
      if (!names.has(name)) {
        engine.set(hosts, name, undefined)
        continue
      }
      for (const plug of view.plugs) {
        const port = ports.get(plug.ifaceId)
        if (port === undefined || bindings.get(port.id) !== undefined) continue
        engine.set(bindings, port.id, { port: port.id, network: port.network_id, host: name, ofport: plug.ofport })
      }
      const present = new Set([...bindings.where('host', name)].map(binding => binding.network))
      const { added } = allocateLocalVlans(view.localVlans, present, network => topology.networks.has(network))
      for (const network of present) {
        const localVlan = view.localVlans.get(network) ?? added.get(network)
        if (localVlan !== undefined)
          engine.set(presences, presenceId(name, network), { host: name, network, localVlan })
      }
    }
    for (const [id, { host, network }] of [...presences.entries()]) {
      const alive = names.has(host) && topology.networks.has(network)
      if (!alive || [...bindings.where('place', id)].length === 0) engine.set(presences, id, undefined)
    }
  })
}
