import { pipeline } from '../src/pipeline/pipeline.ts'
import { brIntRegisters } from './registers.ts'

/**
 * The bridge guests are plugged into.
 *
 * A packet walks the tables from top to bottom. Between `dhcp` and `l2_lookup` there is room for routing, the choice of a
 * conntrack zone and security groups.
 */
export const brInt = pipeline('br-int', brIntRegisters, {
  classify: {
    id: 0,
    does: 'Which network: by the port a guest is plugged into, by local VLAN from the other bridges.',
    match: ['in_port', 'vlan_vid'],
    sets: ['network', 'origin'],
    next: ['port_security', 'learn', 'l2_lookup'],
    miss: 'drop',
    missReason: 'drops what comes from a port or with a local VLAN that is nobody’s',
  },
  port_security: {
    id: 10,
    does: 'A guest sends with its own MAC and addresses only, untagged, and is no DHCP server.',
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
  learn: {
    id: 15,
    does: 'Instead of port security where a port’s MACs are not known beforehand: the controller hears of new ones, once.',
    match: ['network', 'in_port', 'vlan_vid', 'eth_src'],
    next: ['arp_responder'],
    miss: 'drop',
    missReason: 'drops tagged frames: an access port’s guests send none',
  },
  arp_responder: {
    id: 20,
    does: 'ARP requests for known addresses are answered on the sender’s host.',
    match: ['in_port', 'network', 'eth_type', 'arp_op', 'arp_tpa'],
    next: ['dhcp', 'l2_lookup'],
    miss: 'dhcp',
    missReason: 'passes on what asks for no known address',
  },
  dhcp: {
    id: 30,
    does: 'DHCP requests of known ports go to the controller, as far as the port’s meter lets them.',
    match: ['in_port', 'eth_src', 'eth_type', 'ip_proto', 'udp_src', 'udp_dst'],
    next: ['l2_lookup'],
    miss: 'l2_lookup',
    missReason: 'bridges what is not DHCP',
  },
  l2_lookup: {
    id: 70,
    does: 'Where to: a port here, elsewhere in the network, or everybody in it.',
    match: ['network', 'origin', 'eth_dst'],
    sets: ['out_port'],
    next: ['output', 'to_elsewhere'],
    miss: 'drop',
    missReason: 'drops what is for a MAC that is not here, and has nowhere else to go',
  },
  output: {
    id: 80,
    does: 'The last table towards a guest.',
    match: [],
    next: [],
    miss: 'drop',
    missReason: 'drops what has no way out',
  },
  to_elsewhere: {
    id: 90,
    does: 'The last table towards the rest of the network: its local VLAN, then br-tun or the bridge of its physical network.',
    match: ['network'],
    next: [],
    miss: 'drop',
    missReason: 'drops what belongs to a network that is on this host only',
  },
})
