import { pipeline } from '../src/pipeline/pipeline.ts'
import { brTunRegisters } from './registers.ts'

/**
 * The tunnel bridge: local VLAN <-> segmentation id.
 *
 * Two walks that never meet: `local_vlan` to `tunnel_output` for what leaves the host, `vtep` and `segment` for what comes in. No
 * flow leads from the second to a tunnel: nothing that came from a tunnel goes back into one, be it of another kind.
 */
export const brTun = pipeline('br-tun', brTunRegisters, {
  classify: {
    id: 0,
    does: 'From this host’s guests, or from a tunnel.',
    match: ['in_port'],
    next: ['local_vlan', 'vtep'],
    miss: 'drop',
    missReason: 'drops what comes neither from br-int nor from a tunnel',
  },
  local_vlan: {
    id: 10,
    does: 'Local VLAN -> network and segmentation id.',
    match: ['vlan_vid'],
    sets: ['network'],
    next: ['unicast'],
    miss: 'drop',
    missReason: 'drops a local VLAN that is no network here',
  },
  unicast: {
    id: 20,
    does: 'A known MAC goes straight to its host, broadcast to every host that has the network.',
    match: ['network', 'eth_dst'],
    next: ['tunnel_output'],
    miss: 'drop',
    missReason: 'drops unicast to a MAC that no port of the network has',
  },
  tunnel_output: {
    id: 30,
    does: 'The tunnel port of the network’s kind.',
    match: ['network'],
    next: [],
    miss: 'drop',
    missReason: 'drops what has no tunnel port',
  },
  vtep: {
    id: 50,
    does: 'Only hosts of this fabric are listened to.',
    match: ['tun_ipv4_src'],
    next: ['segment'],
    miss: 'drop',
    missReason: 'drops what comes from an address that is no host’s tunnel endpoint',
  },
  segment: {
    id: 60,
    does: 'Kind of tunnel and segmentation id -> local VLAN.',
    match: ['in_port', 'tunnel_id'],
    next: [],
    miss: 'drop',
    missReason: 'drops a segmentation id that is no network here',
  },
})
