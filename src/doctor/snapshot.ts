import { type OvsdbSession, type Replica, type Row, type SelectedRows, vswitch } from 'ovsdb-client'

/** The columns that tell how a host is. */
const SELECTION = {
  Open_vSwitch: [
    'bridges',
    'manager_options',
    'next_cfg',
    'cur_cfg',
    'other_config',
    'external_ids',
    'ovs_version',
    'datapath_types',
    'iface_types',
  ],
  Bridge: ['name', 'datapath_type', 'ports', 'controller', 'protocols', 'fail_mode', 'other_config', 'external_ids'],
  Port: ['name', 'interfaces', 'external_ids'],
  Interface: ['name', 'type', 'options', 'ofport', 'mac_in_use', 'mtu', 'error', 'status', 'external_ids'],
  Controller: ['target', 'is_connected', 'status', 'external_ids'],
  Manager: ['target', 'is_connected', 'status'],
} as const

type Selected = SelectedRows<typeof vswitch.tables, typeof SELECTION>

/** What a host's OVSDB says, at one moment. */
export type Snapshot = Replica<Selected>['tables']
export type BridgeRow = Selected['Bridge']
export type InterfaceRow = Selected['Interface']
export type RootRow = Pick<Row<typeof vswitch.tables.Open_vSwitch>, keyof Selected['Open_vSwitch']>

/** Reads a host's OVSDB. @throws {SchemaMismatch} when it is too old for Weft. */
export async function takeSnapshot(session: OvsdbSession): Promise<Snapshot> {
  const replica = await session.monitor(vswitch, SELECTION)
  await session.cancelMonitor(replica)
  return replica.tables
}

/** The one row of what concerns the whole host; undefined before `ovs-vsctl init`. */
export function rootOf(snapshot: Snapshot): Selected['Open_vSwitch'] | undefined {
  return [...snapshot.Open_vSwitch.values()][0]
}

/** The bridges, in the order of their names. */
export function bridgesOf(snapshot: Snapshot): BridgeRow[] {
  return [...snapshot.Bridge.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The interfaces of a bridge, its own internal port included. */
export function interfacesOf(snapshot: Snapshot, bridge: BridgeRow): InterfaceRow[] {
  return [...bridge.ports].flatMap(port =>
    [...(snapshot.Port.get(port)?.interfaces ?? [])].flatMap(id => snapshot.Interface.get(id) ?? []),
  )
}
