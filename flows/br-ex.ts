import { pipeline } from '../src/pipeline/pipeline.ts'
import { brExRegisters } from './registers.ts'

/**
 * The bridge of a physical network: local VLAN <-> the VLAN on the wire, or none.
 *
 * Two walks that never meet: out by `local_vlan` and `wire`, in by `provider_vlan`. It is no switch between its uplinks.
 */
export const brEx = pipeline('br-ex', brExRegisters, {
  classify: {
    id: 0,
    does: 'From this host’s guests, or from the wire.',
    match: ['in_port'],
    next: ['local_vlan', 'provider_vlan'],
    miss: 'drop',
    missReason: 'drops what comes neither from br-int nor from the wire',
  },
  local_vlan: {
    id: 10,
    does: 'Local VLAN → the network’s VLAN on the wire, or no tag for a flat network.',
    match: ['vlan_vid'],
    next: ['wire'],
    miss: 'drop',
    missReason: 'drops a local VLAN that is no network of this physical network',
  },
  wire: {
    id: 20,
    does: 'Out of every uplink.',
    match: [],
    next: [],
    miss: 'drop',
    missReason: 'drops what has no uplink to leave by',
  },
  provider_vlan: {
    id: 50,
    does: 'VLAN on the wire → local VLAN.',
    match: ['vlan_vid'],
    next: [],
    miss: 'drop',
    missReason: 'drops a VLAN of the wire that is no network here',
  },
})
