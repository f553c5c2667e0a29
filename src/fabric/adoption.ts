import { byUuid, type Operation, operations, type Row, vswitch } from 'ovsdb-client'
import { brInt } from '../../flows/br-int.ts'
import { brTun } from '../../flows/br-tun.ts'
import { describeFormer, FORMER, formerOf } from './former.ts'
import {
  type HostDatabase,
  hasDatapathOf,
  MARK,
  otherConfig,
  PROTOCOLS,
  type WantedBridge,
  type WantedHost,
  wantedBridges,
} from './host-config.ts'

type BridgeRow = Row<typeof vswitch.tables.Bridge>
type InterfaceRow = Row<typeof vswitch.tables.Interface>

/** What the admin vouches for when a host is adopted. */
export interface Consent {
  /** The controllers that its bridges have may be taken away; release brings them back. */
  readonly replaceController: boolean
  /** No address of the host itself is on these bridges: OVSDB does not show addresses. */
  readonly carriesNoAddress: boolean
}

/** What adopting a host does, or why it is refused. */
export interface AdoptionPlan {
  /** What marks the bridges; the rest follows from the mark. None when there is a refusal. */
  readonly operations: readonly Operation[]
  /** One sentence each, for the admin. */
  readonly steps: readonly string[]
  readonly refusals: readonly string[]
}

/** A host that is to be adopted. */
export type HostToAdopt = WantedHost & {
  /** The network of the port that an iface-id names; `undefined` for ports Weft does not know. */
  readonly networkOf: (ifaceId: string) => string | undefined
}

const ops = operations(vswitch)

/** Takes the bridges of a host that are there and not Weft's: marks them, and notes what they were. */
export function planAdoption(database: HostDatabase, host: HostToAdopt, consent: Consent): AdoptionPlan {
  const operations: Operation[] = []
  const steps: string[] = []
  const refusals: string[] = []
  for (const wanted of wantedBridges(host)) {
    const { name } = wanted
    refusals.push(...nameClashes(database, wanted))
    const bridge = [...database.Bridge.values()].find(row => row.name === name)
    if (bridge === undefined) {
      steps.push(`bridge ${name} is not there: it is made`)
    } else if (bridge.external_ids.has(MARK)) {
      steps.push(`bridge ${name} is Weft’s already`)
    } else {
      refusals.push(...refusalsOf(database, host, bridge, consent))
      steps.push(...stepsOf(database, host, bridge))
      operations.push(...mark(database, host, bridge))
    }
  }
  return { operations: refusals.length > 0 ? [] : operations, steps, refusals }
}

function mark(database: HostDatabase, host: WantedHost, bridge: BridgeRow): Operation[] {
  const former = formerOf(database, bridge, Object.keys(otherConfig(host, bridge.name)))
  return [
    ops.mutate('Bridge', byUuid(bridge._uuid), [
      ['external_ids', 'insert', { [MARK]: 'adopted', [FORMER]: JSON.stringify(former) }],
      ['controller', 'delete', [...bridge.controller]],
    ]),
  ]
}

function nameClashes(database: HostDatabase, { name, ports }: WantedBridge): string[] {
  const wanted = new Set(ports.map(port => port.name))
  return [...database.Port.values()]
    .filter(row => wanted.has(row.name) && !row.external_ids.has(MARK))
    .map(row => `port ${row.name} is there and not Weft’s, and bridge ${name} needs one of that name: rename it`)
}

function refusalsOf(database: HostDatabase, host: WantedHost, bridge: BridgeRow, consent: Consent): string[] {
  const refusals: string[] = []
  const { name } = bridge
  if (!hasDatapathOf(host, bridge)) {
    const datapath = bridge.datapath_type || 'system'
    refusals.push(`bridge ${name} has datapath ${datapath}, and the topology says ${host.datapathType} for this host`)
  }
  if (bridge.flow_tables.size > 0) {
    const tables = [...bridge.flow_tables.keys()].join(', ')
    refusals.push(
      `bridge ${name} has settings of its own for tables ${tables}: ovs-vsctl clear Bridge ${name} flow_tables`,
    )
  }
  const targets = controllersOf(database, bridge)
  if (targets.length > 0 && !consent.replaceController) {
    refusals.push(
      `bridge ${name} has controller ${targets.join(', ')}: say --replace-controller, and release brings it back`,
    )
  }
  return [...refusals, ...addressesOf(database, bridge, consent)]
}

/**
 * Why a bridge carries an address of the host, or may carry one. A secure bridge forwards nothing after a crash of the
 * switch until its controller has filled it again; if the way there leads over the bridge itself, it never does.
 */
function addressesOf(database: HostDatabase, bridge: BridgeRow, consent: Consent): string[] {
  const { name } = bridge
  const interfaces = interfacesOf(database, bridge)
  const names = new Set(interfaces.map(row => row.name))
  const certain: string[] = []
  for (const id of bridge.controller) {
    const address = database.Controller.get(id)?.local_ip
    if (address !== undefined) certain.push(`bridge ${name} carries address ${address}, by local_ip of its controller`)
  }
  for (const row of database.Interface.values()) {
    const egress = row.status.get('tunnel_egress_iface')
    if (egress !== undefined && names.has(egress)) {
      certain.push(`bridge ${name} carries the tunnels of the host: those of ${row.name} leave by ${egress}`)
    }
  }
  if (certain.length > 0 || consent.carriesNoAddress) return certain
  return interfaces
    .filter(row => isHosts(row, bridge) && row.admin_state !== 'down')
    .map(
      row =>
        `bridge ${name} may carry an address of the host: ${row.name} is not down, and OVSDB does not show addresses; ` +
        `if \`ip address show dev ${row.name}\` has none, say --carries-no-address`,
    )
}

/** Whether an interface belongs to the host itself: its kernel may have an address on it. */
function isHosts(row: InterfaceRow, bridge: BridgeRow): boolean {
  return (row.type === 'internal' || row.name === bridge.name) && !row.external_ids.has('iface-id')
}

function stepsOf(database: HostDatabase, host: HostToAdopt, bridge: BridgeRow): string[] {
  const { name } = bridge
  const former = formerOf(database, bridge, Object.keys(otherConfig(host, name)))
  const targets = controllersOf(database, bridge)
  const keys = Object.entries(otherConfig(host, name)).map(([key, value]) => `${key} ${value}`)
  const steps = [
    `bridge ${name} becomes Weft’s: fail_mode secure, protocols ${PROTOCOLS.join(' ')}, ${keys.join(', ')}, controller ${host.target}`,
    `bridge ${name} was: ${describeFormer(former)}; release brings that back`,
    `bridge ${name} loses its flows when its controller is set, and they do not come back; to see them: ovs-ofctl dump-flows ${name}`,
  ]
  if (targets.length > 0) steps.push(`bridge ${name} loses its controller ${targets.join(', ')} until release`)
  for (const row of interfacesOf(database, bridge)) {
    if (row.name === bridge.name) continue
    const ifaceId = row.external_ids.get('iface-id')
    if (ifaceId !== undefined && name === brInt.name) {
      const known =
        host.networkOf(ifaceId) !== undefined
          ? 'it binds at once'
          : 'no port of the topology, so Weft gives it no packets'
      steps.push(`port ${row.name} has iface-id ${ifaceId}: ${known}`)
    } else if (name === brInt.name || name === brTun.name) {
      steps.push(`port ${row.name} stays, and Weft gives it no packets`)
    } else {
      steps.push(`port ${row.name} stays, and is taken as a way to the physical network of ${name}`)
    }
  }
  return steps
}

function controllersOf(database: HostDatabase, bridge: BridgeRow): string[] {
  return [...bridge.controller].flatMap(id => database.Controller.get(id)?.target ?? []).sort()
}

function interfacesOf(database: HostDatabase, bridge: BridgeRow): InterfaceRow[] {
  return [...bridge.ports]
    .flatMap(id => [...(database.Port.get(id)?.interfaces ?? [])])
    .flatMap(id => database.Interface.get(id) ?? [])
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}
