import { brInt } from '../../flows/br-int.ts'
import { brTun } from '../../flows/br-tun.ts'
import type { HostRow, ProviderRow } from '../../flows/inputs.ts'
import { datapathIdOf, type HostDatabase, MARK, PORT_NAMES, patchNames } from './host-config.ts'
import { readLocalVlans } from './local-vlan.ts'

/** An interface on br-int that says which port it is. */
export interface Plug {
  /** `external_ids:iface-id`: the port's id or name. */
  readonly ifaceId: string
  readonly interface: string
  /** OpenFlow port number, 1..65279. */
  readonly ofport: number
}

/** What a host's OVSDB says, as far as flows depend on it. */
export interface HostView {
  readonly row: HostRow
  readonly plugs: readonly Plug[]
  /** Network id -> VLAN id on record. */
  readonly localVlans: ReadonlyMap<string, number>
  /** The bridges that are Weft's, with their datapath ids (16 hex digits). */
  readonly bridges: ReadonlyMap<string, string>
}

/** The number of a bridge's own port (OpenFlow 1.5.1 § 7.2.1 `OFPP_LOCAL`), as OVSDB has it. */
const LOCAL = 65_534

/**
 * Reads a host's OVSDB.
 *
 * @param tunnelIp the VTEP's IPv4 address in host order.
 * @param mappings physical network -> bridge.
 */
export function viewHost(
  database: HostDatabase,
  name: string,
  tunnelIp: number | undefined,
  mappings: Readonly<Record<string, string>>,
): HostView {
  const mapped = new Set(Object.values(mappings))
  const uplinks = new Map<string, number[]>()
  const bridges = new Map<string, string>()
  let localVlans: ReadonlyMap<string, number> = new Map()
  const ofports = new Map<string, number>()
  const plugs: Plug[] = []
  for (const bridge of database.Bridge.values()) {
    if (!bridge.external_ids.has(MARK)) continue
    if (bridge.name !== brInt.name && bridge.name !== brTun.name && !mapped.has(bridge.name)) continue
    bridges.set(bridge.name, datapathIdOf(name, bridge.name))
    if (bridge.name === brInt.name) localVlans = readLocalVlans(bridge.external_ids)
    for (const portId of bridge.ports) {
      for (const interfaceId of database.Port.get(portId)?.interfaces ?? []) {
        const row = database.Interface.get(interfaceId)
        // -1: OVS could not make it.
        if (row?.ofport === undefined || row.ofport < 1) continue
        ofports.set(row.name, row.ofport)
        const ifaceId = row.external_ids.get('iface-id')
        if (bridge.name === brInt.name && ifaceId !== undefined) {
          plugs.push({ ifaceId, interface: row.name, ofport: row.ofport })
        }
        if (mapped.has(bridge.name) && row.ofport !== LOCAL && row.name !== patchNames(bridge.name).phyPort) {
          uplinks.set(bridge.name, [...(uplinks.get(bridge.name) ?? []), row.ofport])
        }
      }
    }
  }
  const providers: Record<string, ProviderRow> = {}
  for (const [physicalNetwork, bridge] of Object.entries(mappings)) {
    if (!bridges.has(bridge)) continue
    const { intPort, phyPort } = patchNames(bridge)
    providers[physicalNetwork] = {
      bridge,
      intPort: ofports.get(intPort),
      phyPort: ofports.get(phyPort),
      uplinks: (uplinks.get(bridge) ?? []).sort((a, b) => a - b),
    }
  }
  return {
    row: {
      name,
      tunnelIp,
      brInt: { patchTun: ofports.get(PORT_NAMES.patchTun) },
      brTun: {
        patchInt: ofports.get(PORT_NAMES.patchInt),
        vxlan: ofports.get(PORT_NAMES.vxlan),
        gre: ofports.get(PORT_NAMES.gre),
      },
      providers,
    },
    plugs: plugs.sort((a, b) => a.ofport - b.ofport),
    localVlans,
    bridges,
  }
}
