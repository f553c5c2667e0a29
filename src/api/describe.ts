import { brIntOf } from '../../flows/inputs.ts'
import { flowViews } from './flow-view.ts'
import { bridgeViews, hostViews, leaseViews, networkViews, portViews, type Sources, subnetViews } from './read-model.ts'

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
