import { brInt } from '../../flows/br-int.ts'
import { brTun } from '../../flows/br-tun.ts'
import type { HostRow } from '../../flows/inputs.ts'
import { datapathIdOf, type HostDatabase, MARK, PORT_NAMES } from './host-config.ts'
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

/** Reads a host's OVSDB. `tunnelIp` is the VTEP's IPv4 address in host order. */
export function viewHost(database: HostDatabase, name: string, tunnelIp: number | undefined): HostView {
  const bridges = new Map<string, string>()
  let localVlans: ReadonlyMap<string, number> = new Map()
  const ofports = new Map<string, number>()
  const plugs: Plug[] = []
  for (const bridge of database.Bridge.values()) {
    if (!bridge.external_ids.has(MARK) || (bridge.name !== brInt.name && bridge.name !== brTun.name)) continue
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
      }
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
    },
    plugs: plugs.sort((a, b) => a.ofport - b.ofport),
    localVlans,
    bridges,
  }
}
