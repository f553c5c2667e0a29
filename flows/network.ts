import type { Item } from '../src/pipeline/item.ts'
import { floodGroup } from '../src/pipeline/pipeline.ts'
import { brInt } from './br-int.ts'
import { brTun } from './br-tun.ts'
import type { HostRow, NetworkRow, PresenceRow } from './inputs.ts'
import { ORIGIN } from './registers.ts'

/** Group addresses: the multicast bit of the destination. */
export const MULTICAST = [0x010000000000, 0x010000000000] as const

/** The VLAN id as OpenFlow matches a tagged frame (OFPVID_PRESENT, OpenFlow 1.5.1 § 7.2.3.8). */
export const tagged = (vlan: number) => 0x1000 | vlan

export const ownerOf = (network: NetworkRow, host: HostRow) => `network ${network.name} on ${host.name}`

/** Whether the network's hosts reach each other through tunnels. */
export const isOverlay = (network: NetworkRow) => network.type === 'vxlan' || network.type === 'gre'

/** The patch port of br-int through which the rest of the network is reached; a `local` network has none. */
export function portElsewhere(network: NetworkRow, host: HostRow): number | undefined {
  if (isOverlay(network)) return host.brInt.patchTun
  return network.physicalNetwork === undefined ? undefined : host.providers[network.physicalNetwork]?.intPort
}

/** A network on a host's br-int: it comes in by its local VLAN, is flooded to its guests, and leaves for elsewhere. */
export function brIntNetworkItems(network: NetworkRow, host: HostRow, presence: PresenceRow): Item[] {
  const t = brInt.tables
  const owner = ownerOf(network, host)
  const number = network.number
  const flood = (origin: keyof typeof ORIGIN) =>
    t.l2_lookup({ network: number, origin: ORIGIN[origin], eth_dst: MULTICAST }, 'specific').group(number)
  const items: Item[] = [
    floodGroup(number, owner, 'the guests of the network on this host'),
    flood('elsewhere').because(owner, 'broadcast from elsewhere goes to the guests here and nowhere else'),
  ]
  const elsewhere = portElsewhere(network, host)
  if (elsewhere === undefined) {
    items.push(flood('guest').because(owner, 'broadcast of a guest goes to the guests here'))
    return items
  }
  items.push(
    flood('guest')
      .goto('to_elsewhere')
      .because(owner, 'broadcast of a guest goes to the guests here and to the rest of the network'),
    t
      .classify({ in_port: elsewhere, vlan_vid: tagged(presence.localVlan) })
      .popVlan()
      .set({ network: number, origin: ORIGIN.elsewhere })
      .goto('l2_lookup')
      .because(owner, 'comes from elsewhere in the network'),
    t
      .to_elsewhere({ network: number })
      .pushVlan(presence.localVlan)
      .output(elsewhere)
      .because(owner, 'leaves br-int under its local VLAN'),
  )
  if (!network.learning) {
    items.push(
      t
        .l2_lookup({ network: number, origin: ORIGIN.guest })
        .goto('to_elsewhere')
        .because(owner, 'a MAC that is not here is looked for elsewhere in the network'),
    )
  }
  return items
}

/** A network on a host's br-tun: local VLAN <-> segmentation id, and the flood over the other hosts. */
export function brTunNetworkItems(network: NetworkRow, host: HostRow, presence: PresenceRow): Item[] {
  const t = brTun.tables
  const { patchInt } = host.brTun
  const tunnel = tunnelPort(network, host)
  if (tunnel === undefined || patchInt === undefined || network.segment === undefined) return []
  const owner = ownerOf(network, host)
  const number = network.number
  const segment = BigInt(network.segment)
  return [
    t
      .local_vlan({ vlan_vid: tagged(presence.localVlan) })
      .popVlan()
      .set({ network: number })
      .setField('tunnel_id', segment)
      .goto('unicast')
      .because(owner, 'goes out under its segmentation id'),
    floodGroup(number, owner, 'the other hosts that have the network'),
    t
      .unicast({ network: number, eth_dst: MULTICAST })
      .group(number)
      .because(owner, 'broadcast goes to the other hosts that have the network'),
    t.tunnel_output({ network: number }).output(tunnel).because(owner, `leaves by the ${network.type} port`),
    t
      .segment({ in_port: tunnel, tunnel_id: segment })
      .pushVlan(presence.localVlan)
      .output(patchInt)
      .because(owner, 'goes to br-int under its local VLAN'),
  ]
}

/** What the other hosts of a network hold of one that has it: a member of their flood. */
export function remoteHostBucket(network: NetworkRow, host: HostRow, tunnelIp: number): Item {
  return (
    brTun
      .bucket()
      .setField('tun_ipv4_dst', tunnelIp)
      .resubmit('tunnel_output')
      // The address is unique in the fabric, and unicast addresses lie below the reserved bucket ids.
      .inGroup(network.number, tunnelIp, ownerOf(network, host), 'a copy of the broadcast for this host')
  )
}

/** The OpenFlow port for networks of this kind; `undefined` when they use no tunnel or it is not there yet. */
function tunnelPort(network: NetworkRow, host: HostRow): number | undefined {
  if (network.type === 'vxlan') return host.brTun.vxlan
  if (network.type === 'gre') return host.brTun.gre
  return undefined
}
