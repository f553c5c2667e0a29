import { isIPv6 } from 'node:net'
import { brInt } from '../../flows/br-int.ts'
import { formatIpv4, readIpv4 } from '../../topology/ipv4.ts'
import { formatMac, readMac } from '../../topology/mac.ts'
import { type LeaseView, leaseViews, networkViews, portViews, type Sources } from './read-model.ts'
import { BadRequest } from './refusal.ts'

/** Who has a MAC or an address. What does not apply is null. */
export interface MatchView {
  readonly what: 'port' | 'dhcp server' | 'gateway' | 'tunnel endpoint'
  /** The port, the subnet, or the host. */
  readonly name: string
  readonly network: string | null
  readonly project: string | null
  readonly mac_address: string | null
  readonly ip_addresses: readonly string[]
  readonly host: string | null
  readonly bridge: string | null
  readonly ofport: number | null
  readonly local_vlan: number | null
  readonly lease: LeaseView | null
}

/**
 * Everybody who has a MAC or an address: tenants may use the same ones.
 *
 * @param wanted a MAC with colons, hyphens or dots, or an IPv4 or IPv6 address.
 */
export function find(sources: Sources, wanted: string): MatchView[] {
  const address = normal(wanted)
  if (address === undefined) throw new BadRequest(`"${wanted}" is neither a MAC nor an IP address`)
  const is = (text: string | null | undefined) => typeof text === 'string' && normal(text) === address
  const { topology } = sources
  const networks = new Map(networkViews(sources).map(network => [network.id, network]))
  const nobody = { mac_address: null, host: null, bridge: null, ofport: null, local_vlan: null, lease: null }
  const matches: MatchView[] = []

  for (const port of portViews(sources)) {
    if (!is(port.mac_address) && !port.fixed_ips.some(is)) continue
    const network = [...networks.values()].find(one => one.name === port.network)
    matches.push({
      what: 'port',
      name: port.name,
      network: port.network,
      project: port.project,
      mac_address: port.mac_address,
      ip_addresses: port.fixed_ips,
      host: port.host,
      bridge: port.host === null ? null : brInt.name,
      ofport: port.ofport,
      local_vlan: port.host === null ? null : (network?.local_vlans[port.host] ?? null),
      lease: leaseViews(sources).find(lease => lease.port === port.name) ?? null,
    })
  }
  for (const subnet of topology().subnets.values()) {
    const network = networks.get(subnet.network_id)
    const place = { ...nobody, name: subnet.name, network: network?.name ?? null, project: network?.project ?? null }
    const { dhcp_server: server, gateway_ip: gateway } = subnet
    if (server !== undefined && (is(server.ip_address) || is(server.mac_address))) {
      matches.push({
        ...place,
        what: 'dhcp server',
        mac_address: server.mac_address,
        ip_addresses: [server.ip_address],
      })
    }
    if (is(gateway)) matches.push({ ...place, what: 'gateway', ip_addresses: gateway === null ? [] : [gateway] })
  }
  for (const host of topology().hosts.values()) {
    if (!is(host.tunnel_ip)) continue
    const place = { ...nobody, name: host.name, host: host.name, network: null, project: null }
    matches.push({ ...place, what: 'tunnel endpoint', ip_addresses: [host.tunnel_ip ?? ''] })
  }
  return matches
}

/** One spelling for all of a MAC or an address; undefined for what is neither. */
function normal(text: string): string | undefined {
  const ipv4 = readIpv4(text)
  if (ipv4 !== undefined) return formatIpv4(ipv4)
  if (isIPv6(text)) return new URL(`http://[${text}]`).hostname
  if (!/^([\da-f]{2}([:-])[\da-f]{2}(\2[\da-f]{2}){4}|[\da-f]{4}(\.[\da-f]{4}){2}|[\da-f]{12})$/i.test(text)) {
    return undefined
  }
  const mac = readMac(text.replaceAll(/[:.-]/g, '').replaceAll(/..(?=.)/g, '$&:'))
  return mac === undefined ? undefined : formatMac(mac)
}
