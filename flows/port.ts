import type { Flow, Item } from '../src/pipeline/item.ts'
import { brInt } from './br-int.ts'
import { brTun } from './br-tun.ts'
import type { BindingRow, HostRow, NetworkRow, PortRow } from './inputs.ts'
import { ORIGIN } from './registers.ts'

const ownerOf = (port: PortRow) => `port ${port.name}`

const ARP = 0x0806
const UDP = 17
const BROADCAST_IP = 0xffffffff

/** A guest plugged into this br-int: whose network it is in, and how frames reach it. */
export function localPortItems(port: PortRow, network: NetworkRow, binding: BindingRow): Item[] {
  const t = brInt.tables
  const owner = ownerOf(port)
  const at = { in_port: binding.ofport }
  const items: Item[] = [
    t
      .classify(at)
      .set({ network: network.number, origin: ORIGIN.guest })
      .goto(port.learning ? 'learn' : 'port_security')
      .because(owner, 'comes from the guest'),
    t
      .l2_lookup({ network: network.number, eth_dst: port.mac }, 'specific')
      .set({ out_port: binding.ofport })
      .goto('output')
      .because(owner, 'its MAC is here'),
    brInt
      .bucket()
      .set({ out_port: binding.ofport })
      .resubmit('output')
      .inGroup(network.number, binding.ofport, owner, 'a copy of the broadcast for this guest'),
  ]
  for (const { ip } of port.addresses) {
    items.push(
      // Otherwise the answer to its own probe would tell the guest that its address is taken.
      t
        .arp_responder({ ...at, eth_type: ARP, arp_tpa: ip }, 'specific')
        .goto('l2_lookup')
        .because(owner, 'the guest announces or probes its own address'),
    )
  }
  return items
}

/** What a guest may send: its own MAC and addresses. */
export function portSecurityFlows(port: PortRow, binding: BindingRow): Flow[] {
  const t = brInt.tables
  const owner = ownerOf(port)
  // OFPVID_NONE: an access port's guest sends no tags.
  const own = { in_port: binding.ofport, vlan_vid: 0, eth_src: port.mac }
  return [
    t
      .port_security({ ...own, eth_type: ARP, arp_spa: 0, arp_sha: port.mac })
      .goto('arp_responder')
      .because(owner, 'the guest may probe for an address (RFC 5227)'),
    t
      .port_security({ ...own, ipv4_src: 0, ipv4_dst: BROADCAST_IP, ip_proto: UDP, udp_src: 68, udp_dst: 67 })
      .goto('dhcp')
      .because(owner, 'the guest may ask for its address'),
    ...port.addresses.flatMap(({ ip }) => [
      t
        .port_security({ ...own, eth_type: ARP, arp_spa: ip, arp_sha: port.mac })
        .goto('arp_responder')
        .because(owner, 'the guest may speak ARP for its own address'),
      t
        .port_security({ ...own, ipv4_src: ip })
        .goto('dhcp')
        .because(owner, 'the guest may send from its own address'),
    ]),
  ]
}

/** The answer to ARP requests for an address, given on every host that has the network. */
export function arpAnswer(
  network: NetworkRow,
  address: { readonly ip: number; readonly mac: number },
  owner: string,
): Flow {
  return brInt.tables
    .arp_responder({ network: network.number, eth_type: ARP, arp_op: 1, arp_tpa: address.ip })
    .move('eth_src', 'eth_dst')
    .setField('eth_src', address.mac)
    .setField('arp_op', 2)
    .move('arp_sha', 'arp_tha')
    .move('arp_spa', 'arp_tpa')
    .setField('arp_sha', address.mac)
    .setField('arp_spa', address.ip)
    .output('in_port')
    .because(owner, 'ARP for its address is answered on the sender’s host')
}

/** ARP for each address of a port that is plugged somewhere. */
export function portArpAnswers(port: PortRow, network: NetworkRow): Flow[] {
  return port.addresses.map(({ ip }) => arpAnswer(network, { ip, mac: port.mac }, ownerOf(port)))
}

/** What the other hosts of the network hold of a port: its MAC, or one behind it, is on that host. */
export function remotePortFlow(
  port: PortRow,
  network: NetworkRow,
  host: HostRow,
  tunnelIp: number,
  mac: number = port.mac,
): Flow {
  return brTun.tables
    .unicast({ network: network.number, eth_dst: mac }, 'specific')
    .setField('tun_ipv4_dst', tunnelIp)
    .goto('tunnel_output')
    .because(`port ${port.name} on ${host.name}`, 'its MAC is on that host')
}
