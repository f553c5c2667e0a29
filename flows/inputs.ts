import { type Conflict, Engine } from '../src/engine/engine.ts'
import { type Item, sameItem } from '../src/pipeline/item.ts'
import type { Network } from '../topology/network.ts'

/** A host whose bridges Weft keeps, as its OVSDB shows it. Port numbers are OpenFlow's; what is not there yet is undefined. */
export interface HostRow {
  readonly name: string
  /** The VTEP's IPv4 address in host order. */
  readonly tunnelIp: number | undefined
  readonly brInt: { readonly patchTun: number | undefined }
  readonly brTun: {
    readonly patchInt: number | undefined
    readonly vxlan: number | undefined
    readonly gre: number | undefined
  }
  /** The bridges of its physical networks, by the networks' names. */
  readonly providers: Readonly<Record<string, ProviderRow>>
}

/** The way from br-int to a physical network. */
export interface ProviderRow {
  readonly bridge: string
  /** The patch port on br-int. */
  readonly intPort: number | undefined
  /** The patch port on the bridge. */
  readonly phyPort: number | undefined
  /** The bridge's other ports: what leads out of the host. Ascending. */
  readonly uplinks: readonly number[]
}

/** A network as flows need it. */
export interface NetworkRow {
  readonly name: string
  readonly type: Network['network_type']
  /** Fabric-wide, 1.. */
  readonly number: number
  /** The id on the wire: VNI, GRE key or VLAN. */
  readonly segment: number | undefined
  readonly physicalNetwork: string | undefined
  /** Whether it has ports that learn: then a MAC that nobody knows is looked for behind them. */
  readonly learning: boolean
}

export interface SubnetRow {
  readonly name: string
  readonly network: string
  /** The address that Weft's DHCP answers under, and its MAC: IPv4 in host order, MAC as a 48-bit number. */
  readonly dhcp: { readonly ip: number; readonly mac: number } | undefined
}

export interface PortRow {
  readonly name: string
  readonly network: string
  /** 48 bits. */
  readonly mac: number
  /** IPv4 addresses in host order, and their subnets. */
  readonly addresses: readonly { readonly ip: number; readonly subnet: string }[]
  /** Whether it may send from any MAC, and those are learned (Neutron's `port_security_enabled: false`). */
  readonly learning: boolean
}

/** A MAC that was seen behind a port that learns. Where that port is, it is. */
export interface LearnedRow {
  readonly network: string
  /** 48 bits. */
  readonly mac: number
  readonly port: string
}

/** A port is plugged: an Interface on a host's br-int carries its id. Its row id is the port's. */
export interface BindingRow {
  readonly port: string
  readonly network: string
  /** The host's name. */
  readonly host: string
  readonly ofport: number
}

/** A network is present on a host: some port of it is bound there and the local VLAN is on record. */
export interface PresenceRow {
  readonly host: string
  readonly network: string
  /** 1..4094; means this network between the bridges of this host and nowhere else. */
  readonly localVlan: number
}

export type Inputs = ReturnType<typeof createInputs>

/** The tables that flows are a function of. Topology and fabric write the rows; units read them. */
export function createInputs(onConflict: (conflict: Conflict<Item>) => void = () => {}) {
  const engine = new Engine<Item>({ keyOf: item => item.key, same: sameItem, onConflict })
  return {
    engine,
    hosts: engine.table<HostRow>('host'),
    networks: engine.table<NetworkRow>('network'),
    subnets: engine.table<SubnetRow, 'network'>('subnet', { network: row => row.network }),
    ports: engine.table<PortRow, 'network'>('port', { network: row => row.network }),
    learned: engine.table<LearnedRow, 'port'>('learned', { port: row => row.port }),
    bindings: engine.table<BindingRow, 'host' | 'place'>('binding', {
      host: row => row.host,
      place: row => presenceId(row.host, row.network),
    }),
    presences: engine.table<PresenceRow, 'host' | 'network'>('presence', {
      host: row => row.host,
      network: row => row.network,
    }),
  }
}

/** The row id of a learned MAC: in a network it is behind one port. */
export function learnedId(network: string, mac: number): string {
  return `${network}/${mac}`
}

/** The row id of a network's presence on a host. */
export function presenceId(host: string, network: string): string {
  return `${host}/${network}`
}

/** The bridges of a host, as targets of the engine. */
export function brIntOf(host: string): string {
  return `${host}/br-int`
}

export function brTunOf(host: string): string {
  return `${host}/br-tun`
}

export function bridgeOf(host: string, bridge: string): string {
  return `${host}/${bridge}`
}
