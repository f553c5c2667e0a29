import { createHash } from 'node:crypto'
import { byUuid, named, type Operation, operations, type Row, type Uuid, vswitch } from 'ovsdb-client'
import { brEx } from '../../flows/br-ex.ts'
import { brInt } from '../../flows/br-int.ts'
import { brTun } from '../../flows/br-tun.ts'
import { allocateLocalVlans, localVlanKey, readLocalVlans } from './local-vlan.ts'

type Tables = typeof vswitch.tables
type Rows<Name extends keyof Tables> = ReadonlyMap<Uuid, Row<Tables[Name]>>

/** The tables of a host's OVSDB that Weft reads. */
export interface HostDatabase {
  readonly Open_vSwitch: Rows<'Open_vSwitch'>
  readonly Bridge: Rows<'Bridge'>
  readonly Port: Rows<'Port'>
  readonly Interface: Rows<'Interface'>
  readonly Controller: Rows<'Controller'>
  readonly Flow_Table: Rows<'Flow_Table'>
}

/** What a host's OVSDB is to say. */
export interface WantedHost {
  readonly name: string
  readonly datapathType: 'system' | 'netdev'
  /** The VTEP's own address as text; without one the host has no tunnels. */
  readonly tunnelIp: string | undefined
  /** Physical network -> the bridge that leads to it. */
  readonly bridgeMappings: Readonly<Record<string, string>>
  /** The OVSDB connection method of the controller: `tcp:192.0.2.9:6653`. */
  readonly target: string
  /** Ids of the networks with a port on this host. */
  readonly present: ReadonlySet<string>
  /** Whether a network is in the topology. */
  readonly networkExists: (network: string) => boolean
  /** The physical network of a network, if it has one, and the network's name. */
  readonly physicalNetworkOf: (
    network: string,
  ) => { readonly name: string; readonly physicalNetwork: string } | undefined
}

/** How a host gets there, and why it does not. */
export interface HostPlan {
  readonly operations: readonly Operation[]
  /** One sentence each, for the admin. With a problem on a bridge nothing of that bridge is written. */
  readonly problems: readonly string[]
}

/** The external_ids key by which Weft knows what it made. What lacks it is not touched. */
export const MARK = 'weft'

/** Names of the ports that Weft makes; an interface name has at most 15 characters. */
export const PORT_NAMES = {
  patchTun: 'patch-tun',
  patchInt: 'patch-int',
  vxlan: 'weft-vxlan',
  gre: 'weft-gre',
} as const

/** The OpenFlow versions of a bridge of ours. */
export const PROTOCOLS = ['OpenFlow13', 'OpenFlow14', 'OpenFlow15'] as const

/** How soon a bridge tries again to reach its controller, ms. */
const MAX_BACKOFF = 1_000

const ops = operations(vswitch)

/** The datapath id of a bridge: 64 bits of a hash of host and bridge, so that it is known before the bridge exists. */
export function datapathIdOf(host: string, bridge: string): string {
  return createHash('sha256').update(`weft/${host}/${bridge}`).digest('hex').slice(0, 16)
}

/** A locally administered unicast MAC for the bridge's own port: without one it changes with the ports (OVS picks the lowest). */
function hardwareAddressOf(host: string, bridge: string): string {
  const digits = datapathIdOf(host, bridge).slice(0, 10)
  return `02:${digits.match(/../g)!.join(':')}`
}

interface WantedPort {
  readonly name: string
  readonly type: string
  readonly options: Readonly<Record<string, string>>
}

/** A bridge as Weft makes it. */
export interface WantedBridge {
  readonly name: string
  readonly tableNames: ReadonlyMap<number, string>
  readonly ports: readonly WantedPort[]
}

/** The names of the patch ports between br-int and the bridge of a physical network, on either side. */
export function patchNames(bridge: string): { readonly intPort: string; readonly phyPort: string } {
  // An interface name has at most 15 characters.
  const short = bridge.length <= 11 ? bridge : bridge.slice(0, 6) + datapathIdOf('', bridge).slice(0, 5)
  return { intPort: `int-${short}`, phyPort: `phy-${short}` }
}

/** The bridges a host is to have: br-int, br-tun, and one for each physical network. */
export function wantedBridges(host: WantedHost): WantedBridge[] {
  const mapped = Object.values(host.bridgeMappings)
  return [
    {
      name: brInt.name,
      tableNames: brInt.tableNames,
      ports: [
        { name: PORT_NAMES.patchTun, type: 'patch', options: { peer: PORT_NAMES.patchInt } },
        ...mapped.map(bridge => {
          const { intPort, phyPort } = patchNames(bridge)
          return { name: intPort, type: 'patch', options: { peer: phyPort } }
        }),
      ],
    },
    { name: brTun.name, tableNames: brTun.tableNames, ports: tunnelPorts(host) },
    ...mapped.map(bridge => {
      const { intPort, phyPort } = patchNames(bridge)
      const ports = [{ name: phyPort, type: 'patch', options: { peer: intPort } }]
      return { name: bridge, tableNames: brEx.tableNames, ports }
    }),
  ]
}

function tunnelPorts(host: WantedHost): WantedPort[] {
  const ports: WantedPort[] = [{ name: PORT_NAMES.patchInt, type: 'patch', options: { peer: PORT_NAMES.patchTun } }]
  if (host.tunnelIp !== undefined) {
    const options = { remote_ip: 'flow', key: 'flow', local_ip: host.tunnelIp }
    ports.push({ name: PORT_NAMES.vxlan, type: 'vxlan', options }, { name: PORT_NAMES.gre, type: 'gre', options })
  }
  return ports
}

/** What takes a host's OVSDB from what it says to what it is to say; no operation when it already says so. */
export function planHost(database: HostDatabase, host: WantedHost): HostPlan {
  const operations: Operation[] = []
  const problems: string[] = []
  const root = [...database.Open_vSwitch.keys()][0]
  if (root === undefined) return { operations, problems: ['its OVSDB holds no Open_vSwitch row: ovs-vsctl init'] }
  for (const { name, tableNames, ports } of wantedBridges(host)) {
    const bridge = [...database.Bridge.values()].find(row => row.name === name)
    const clash = foreign(database, host.name, name, bridge, ports)
    if (clash !== undefined) {
      problems.push(clash)
      continue
    }
    if (bridge === undefined) operations.push(...createBridge(host, name, tableNames, ports, root))
    else operations.push(...repairBridge(database, host, bridge, tableNames, ports))
  }
  for (const id of [...host.present].sort()) {
    const network = host.physicalNetworkOf(id)
    if (network === undefined || host.bridgeMappings[network.physicalNetwork] !== undefined) continue
    problems.push(
      `network ${network.name} has a port here, and no bridge leads to its physical network ${network.physicalNetwork}`,
    )
  }
  const bridge = [...database.Bridge.values()].find(row => row.name === brInt.name)
  if (bridge?.external_ids.has(MARK)) {
    const plan = planLocalVlans(bridge, host)
    operations.push(...plan.operations)
    problems.push(...plan.problems)
  }
  return { operations, problems }
}

/** Why a bridge is to be left alone. */
function foreign(
  database: HostDatabase,
  host: string,
  name: string,
  bridge: Row<Tables['Bridge']> | undefined,
  ports: readonly WantedPort[],
): string | undefined {
  if (bridge !== undefined && !bridge.external_ids.has(MARK)) {
    return `bridge ${name} is there and not Weft’s: it is left alone (weft adopt ${host})`
  }
  for (const port of ports) {
    const row = [...database.Port.values()].find(one => one.name === port.name)
    if (row !== undefined && !row.external_ids.has(MARK)) {
      return `port ${port.name} is there and not Weft’s: bridge ${name} is left as it is`
    }
  }
  return undefined
}

/** What a bridge's other_config says. */
export function otherConfig(host: Pick<WantedHost, 'name'>, bridge: string): Record<string, string> {
  return {
    'datapath-id': datapathIdOf(host.name, bridge),
    hwaddr: hardwareAddressOf(host.name, bridge),
    'disable-in-band': 'true',
  }
}

/** A name for a row of this transaction; `-` is not allowed in one. */
const symbol = (kind: string, name: string) => `${kind}_${name.replaceAll(/\W/g, '_')}`

const tableRow = (bridge: string, id: number) => symbol('table', `${bridge}_${id}`)

/** Rows of a new port and its interface, under a name that `named` refers to. */
function insertPort(port: WantedPort): { readonly operations: Operation[]; readonly name: string } {
  const name = symbol('port', port.name)
  return {
    name,
    operations: [
      ops.insert('Interface', { name: port.name, type: port.type, options: port.options }, `interface_${name}`),
      ops.insert(
        'Port',
        { name: port.name, interfaces: [named(`interface_${name}`)], external_ids: { [MARK]: 'port' } },
        name,
      ),
    ],
  }
}

function insertController(
  host: WantedHost,
  bridge: string,
): { readonly operations: Operation[]; readonly name: string } {
  const name = symbol('controller', bridge)
  const row = { target: host.target, max_backoff: MAX_BACKOFF, external_ids: { [MARK]: 'controller' } }
  return { name, operations: [ops.insert('Controller', row, name)] }
}

function createBridge(
  host: WantedHost,
  bridge: string,
  tableNames: ReadonlyMap<number, string>,
  wanted: readonly WantedPort[],
  root: Uuid,
): Operation[] {
  const local = insertPort({ name: bridge, type: 'internal', options: {} })
  const ports = [local, ...wanted.map(insertPort)]
  const controller = insertController(host, bridge)
  const tables = [...tableNames].map(([id, name]) => ({ id, name, row: tableRow(bridge, id) }))
  const row = symbol('bridge', bridge)
  return [
    ...ports.flatMap(port => port.operations),
    ...controller.operations,
    ...tables.map(table => ops.insert('Flow_Table', { name: table.name }, table.row)),
    ops.insert(
      'Bridge',
      {
        name: bridge,
        datapath_type: datapathType(host),
        fail_mode: 'secure',
        protocols: PROTOCOLS,
        other_config: otherConfig(host, bridge),
        external_ids: { [MARK]: 'bridge' },
        ports: ports.map(port => named(port.name)),
        controller: [named(controller.name)],
        flow_tables: new Map(tables.map(table => [table.id, named(table.row)])),
      },
      row,
    ),
    ops.mutate('Open_vSwitch', byUuid(root), [['bridges', 'insert', [named(row)]]]),
  ]
}

/** In OVSDB the default datapath is the empty text. */
const datapathType = (host: WantedHost) => (host.datapathType === 'system' ? '' : host.datapathType)

/** Whether a bridge has the datapath that its host is to have. */
export function hasDatapathOf(host: WantedHost, bridge: Row<Tables['Bridge']>): boolean {
  return (bridge.datapath_type || 'system') === host.datapathType
}

function repairBridge(
  database: HostDatabase,
  host: WantedHost,
  bridge: Row<Tables['Bridge']>,
  tableNames: ReadonlyMap<number, string>,
  wanted: readonly WantedPort[],
): Operation[] {
  const operations: Operation[] = []
  const here = byUuid(bridge._uuid)
  if (bridge.fail_mode !== 'secure') operations.push(ops.update('Bridge', here, { fail_mode: 'secure' }))
  if (!sameSet(bridge.protocols, PROTOCOLS)) operations.push(ops.update('Bridge', here, { protocols: PROTOCOLS }))
  if (!hasDatapathOf(host, bridge)) {
    operations.push(ops.update('Bridge', here, { datapath_type: datapathType(host) }))
  }
  for (const [key, value] of Object.entries(otherConfig(host, bridge.name))) {
    if (bridge.other_config.get(key) === value) continue
    operations.push(
      ops.mutate('Bridge', here, [
        ['other_config', 'delete', [key]],
        ['other_config', 'insert', { [key]: value }],
      ]),
    )
  }
  operations.push(...repairPorts(database, bridge, wanted), ...repairController(database, host, bridge))
  for (const [id, name] of tableNames) {
    const row = bridge.flow_tables.get(id)
    const table = row === undefined ? undefined : database.Flow_Table.get(row)
    if (table === undefined) {
      const added = tableRow(bridge.name, id)
      operations.push(
        ops.insert('Flow_Table', { name }, added),
        ops.mutate('Bridge', here, [['flow_tables', 'insert', new Map([[id, named(added)]])]]),
      )
    } else if (table.name !== name) {
      operations.push(ops.update('Flow_Table', byUuid(table._uuid), { name }))
    }
  }
  const stale = [...bridge.flow_tables.keys()].filter(id => !tableNames.has(id))
  if (stale.length > 0) operations.push(ops.mutate('Bridge', here, [['flow_tables', 'delete', stale]]))
  return operations
}

function repairPorts(
  database: HostDatabase,
  bridge: Row<Tables['Bridge']>,
  wanted: readonly WantedPort[],
): Operation[] {
  const operations: Operation[] = []
  const here = byUuid(bridge._uuid)
  const present = new Map(
    [...bridge.ports].flatMap(id => {
      const row = database.Port.get(id)
      return row === undefined ? [] : [[row.name, row] as const]
    }),
  )
  for (const port of wanted) {
    const row = present.get(port.name)
    if (row === undefined) {
      const added = insertPort(port)
      operations.push(...added.operations, ops.mutate('Bridge', here, [['ports', 'insert', [named(added.name)]]]))
      continue
    }
    for (const id of row.interfaces) {
      const netInterface = database.Interface.get(id)
      if (netInterface === undefined) continue
      if (netInterface.type !== port.type || !sameMap(netInterface.options, port.options)) {
        operations.push(ops.update('Interface', byUuid(id), { type: port.type, options: port.options }))
      }
    }
  }
  const names = new Set([bridge.name, ...wanted.map(port => port.name)])
  for (const row of present.values()) {
    if (names.has(row.name) || !row.external_ids.has(MARK)) continue
    operations.push(ops.mutate('Bridge', here, [['ports', 'delete', [row._uuid]]]))
  }
  return operations
}

function repairController(database: HostDatabase, host: WantedHost, bridge: Row<Tables['Bridge']>): Operation[] {
  const here = byUuid(bridge._uuid)
  const ours = [...bridge.controller].flatMap(id => {
    const row = database.Controller.get(id)
    return row?.external_ids.has(MARK) ? [row] : []
  })
  const [first, ...rest] = ours
  if (first === undefined) {
    const added = insertController(host, bridge.name)
    return [...added.operations, ops.mutate('Bridge', here, [['controller', 'insert', [named(added.name)]]])]
  }
  const operations: Operation[] = []
  // Removing the last target and setting a new one would flush the bridge; swapping the address does not.
  if (first.target !== host.target || first.max_backoff !== MAX_BACKOFF) {
    operations.push(ops.update('Controller', byUuid(first._uuid), { target: host.target, max_backoff: MAX_BACKOFF }))
  }
  if (rest.length > 0) {
    operations.push(ops.mutate('Bridge', here, [['controller', 'delete', rest.map(row => row._uuid)]]))
  }
  return operations
}

function planLocalVlans(bridge: Row<Tables['Bridge']>, host: WantedHost): HostPlan {
  const recorded = readLocalVlans(bridge.external_ids)
  const { added, removed, refused } = allocateLocalVlans(recorded, host.present, host.networkExists)
  const problems = refused.map(network => `no local VLAN is left for network ${network}: 4094 are in use`)
  if (added.size === 0 && removed.length === 0) return { operations: [], problems }
  const entries = Object.fromEntries([...added].map(([network, vlan]) => [localVlanKey(network), String(vlan)]))
  return {
    problems,
    operations: [
      ops.mutate('Bridge', byUuid(bridge._uuid), [
        ['external_ids', 'delete', removed.map(localVlanKey)],
        ['external_ids', 'insert', entries],
      ]),
    ],
  }
}

function sameSet(a: ReadonlySet<string>, b: readonly string[]): boolean {
  return a.size === b.length && b.every(value => a.has(value))
}

function sameMap(a: ReadonlyMap<string, string>, b: Readonly<Record<string, string>>): boolean {
  const entries = Object.entries(b)
  return a.size === entries.length && entries.every(([key, value]) => a.get(key) === value)
}
