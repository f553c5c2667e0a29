import type { Flow } from '../src/pipeline/item.ts'
import { brEx } from './br-ex.ts'
import type { HostRow, NetworkRow, PresenceRow, ProviderRow } from './inputs.ts'
import { ownerOf, tagged } from './network.ts'

/** OFPVID_NONE (OpenFlow 1.5.1 § 7.2.3.8): the frame carries no tag. */
const UNTAGGED = 0

/** What the bridge of a physical network holds whatever networks there are: the end of every table, and where frames come in. */
export function brExFlows(host: HostRow, provider: ProviderRow): Flow[] {
  const t = brEx.tables
  const owner = `host ${host.name}`
  const flows = brEx.missFlows(owner)
  const { phyPort, uplinks } = provider
  if (phyPort === undefined) return flows
  flows.push(t.classify({ in_port: phyPort }).goto('local_vlan').because(owner, 'comes from this host’s guests'))
  for (const uplink of uplinks) {
    flows.push(t.classify({ in_port: uplink }).goto('provider_vlan').because(owner, 'comes from the wire'))
  }
  if (uplinks.length > 0) {
    const wire = t.wire({})
    for (const uplink of uplinks) wire.output(uplink)
    flows.push(wire.because(owner, 'leaves by the uplinks'))
  }
  return flows
}

/** A network on the bridge of its physical network: its local VLAN <-> its VLAN on the wire, or no tag when it is flat. */
export function brExNetworkFlows(
  network: NetworkRow,
  host: HostRow,
  provider: ProviderRow,
  presence: PresenceRow,
): Flow[] {
  if (provider.phyPort === undefined) return []
  const t = brEx.tables
  const owner = ownerOf(network, host)
  const local = tagged(presence.localVlan)
  const out = t.local_vlan({ vlan_vid: local })
  const { segment } = network
  if (segment === undefined) {
    return [
      out.popVlan().goto('wire').because(owner, 'leaves without a tag'),
      t
        .provider_vlan({ vlan_vid: UNTAGGED })
        .pushVlan(presence.localVlan)
        .output(provider.phyPort)
        .because(owner, 'goes to br-int under its local VLAN'),
    ]
  }
  return [
    out.setField('vlan_vid', tagged(segment)).goto('wire').because(owner, 'leaves under its VLAN on the wire'),
    t
      .provider_vlan({ vlan_vid: tagged(segment) })
      .setField('vlan_vid', local)
      .output(provider.phyPort)
      .because(owner, 'goes to br-int under its local VLAN'),
  ]
}
