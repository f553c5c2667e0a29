import { brInt } from '../../flows/br-int.ts'
import { formatMac } from '../../topology/mac.ts'
import { portViews, type Sources } from './read-model.ts'

/** A MAC that Weft knows, and where it is. */
export interface MacView {
  readonly mac_address: string
  readonly network: string
  readonly project: string
  /** The port it belongs to; null for Weft's own. */
  readonly port: string | null
  readonly host: string | null
  readonly bridge: string | null
  readonly ofport: number | null
  /** How it is known: as a port's own, as that of a subnet's DHCP server, or by a packet from behind a port. */
  readonly source: 'port' | 'dhcp server' | 'learned'
}

/** The MACs that are known beforehand, then those that were learned. */
export function macViews(sources: Sources): MacView[] {
  const { networks, subnets } = sources.topology()
  const views = portViews(sources)
  const ports = views.map(({ mac_address, network, project, name, host, ofport }) => {
    const bridge = host === null ? null : brInt.name
    return { mac_address, network, project, port: name, host, bridge, ofport, source: 'port' as const }
  })
  const servers = [...subnets.values()].flatMap(({ network_id, dhcp_server }) => {
    const network = networks.get(network_id)
    if (dhcp_server === undefined || network === undefined) return []
    const place = { port: null, host: null, bridge: null, ofport: null, source: 'dhcp server' as const }
    return [{ mac_address: dhcp_server.mac_address, network: network.name, project: network.project, ...place }]
  })
  const behind = new Map(views.map(view => [view.id, view]))
  const learned = [...sources.inputs.learned.values()].flatMap(({ mac, port }) => {
    const view = behind.get(port)
    if (view === undefined || view.host === null) return []
    const { network, project, name, host, ofport } = view
    const place = { port: name, host, bridge: brInt.name, ofport, source: 'learned' as const }
    return [{ mac_address: formatMac(mac), network, project, ...place }]
  })
  return [...ports, ...servers, ...learned]
}
