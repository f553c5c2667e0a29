import { pipeline } from '../src/pipeline/pipeline.ts'
import { brIntRegisters } from './registers.ts'

/**
 * The bridge guests are plugged into.
 *
 * A packet walks the tables from top to bottom. Between `dhcp` and `l2_lookup` there is room for routing, the choice of a
 * conntrack zone and security groups.
 */
export const brInt = pipeline('br-int', brIntRegisters, {
  /** Which network: by the port a guest is plugged into, by local VLAN from br-tun. */
  classify: {
    id: 0,
    match: ['in_port', 'vlan_vid'],
    sets: ['network', 'origin'],
    next: ['port_security', 'l2_lookup'],
    miss: 'drop',
    missReason: 'drops what comes from a port or with a local VLAN that is nobody’s',
  },
  /** A guest sends with its own MAC and addresses only, untagged, and is no DHCP server. */
  port_security: {
    id: 10,
    match: [
      'in_port',
      'vlan_vid',
      'eth_src',
      'eth_type',
      'ip_proto',
      'ipv4_src',
      'ipv4_dst',
      'udp_src',
      'udp_dst',
      'arp_spa',
      'arp_sha',
    ],
    next: ['arp_responder', 'dhcp'],
    miss: 'drop',
    missReason: 'drops frames that do not carry the MAC and addresses of the port they come from',
  },
  /** ARP requests for known addresses are answered on the sender's host. */
  arp_responder: {
    id: 20,
    match: ['in_port', 'network', 'eth_type', 'arp_op', 'arp_tpa'],
    next: ['l2_lookup'],
    miss: 'l2_lookup',
    missReason: 'bridges ARP that asks for no known address',
  },
  /** DHCP requests of known ports go to the controller, as far as the port's meter lets them. */
  dhcp: {
    id: 30,
    match: ['in_port', 'eth_type', 'ip_proto', 'udp_src', 'udp_dst'],
    next: ['l2_lookup'],
    miss: 'l2_lookup',
    missReason: 'bridges what is not DHCP',
  },
  /** Where to: a port here, the other hosts, or everybody in the network. */
  l2_lookup: {
    id: 70,
    match: ['network', 'origin', 'eth_dst'],
    sets: ['out_port'],
    next: ['output', 'to_overlay'],
    miss: 'drop',
    missReason: 'drops what came from another host for a MAC that is not here',
  },
  /** The last table towards a guest. */
  output: {
    id: 80,
    match: [],
    next: [],
    miss: 'drop',
    missReason: 'drops what has no way out',
  },
  /** The last table towards other hosts: the network's local VLAN, then br-tun. */
  to_overlay: {
    id: 90,
    match: ['network'],
    next: [],
    miss: 'drop',
    missReason: 'drops what belongs to a network without an overlay',
  },
})
