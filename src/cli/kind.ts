import type { EventView } from '../api/event-log.ts'
import type { FlowView } from '../api/flow-view.ts'
import type { MacView } from '../api/mac-view.ts'
import type { BridgeView, HostView, LeaseView, NetworkView, PortView, SubnetView } from '../api/read-model.ts'
import type { RevisionView } from '../api/topology-routes.ts'
import type { Column } from './table.ts'

/** How a list is narrowed: by options of the same names. */
export const NARROWINGS = ['host', 'bridge', 'table', 'network', 'port', 'owner'] as const
export type Narrowing = (typeof NARROWINGS)[number]

/** What `weft get` lists, and how. */
export interface Kind<View = unknown> {
  /** Other names for it: the singular and shorter ones. */
  readonly short: readonly string[]
  readonly columns: readonly Column<View>[]
  /** The name that `describe`, `-o name` and completion know one by; without it there are only many. */
  readonly nameOf?: (view: View) => string
  /** What one is found by, besides its name. */
  readonly alsoCalled?: (view: View) => readonly (string | null)[]
  /** The narrowings that apply to it; `undefined` where the API itself narrows. */
  readonly narrow: Readonly<Partial<Record<Narrowing, ((view: View) => string | null) | undefined>>>
}

const wide = { wide: true } as const
const yesOrNo = (good: boolean) => (good ? undefined : 'bad')

/** Every kind, by the plural that the API uses too. */
export const KINDS = {
  hosts: kind<HostView>({
    short: ['host'],
    nameOf: host => host.name,
    narrow: { host: host => host.name },
    columns: [
      ['name', host => host.name],
      ['state', host => host.state, { style: host => (host.state === 'managed' ? undefined : 'quiet') }],
      ['connected', host => host.connected, { style: host => yesOrNo(host.connected) }],
      ['settled', host => host.settled, { style: host => yesOrNo(host.settled) }],
      ['ovsdb', host => host.ovsdb],
      ['tunnel-ip', host => host.tunnel_ip],
      ['datapath', host => host.datapath_type, wide],
      ['bridges', host => host.bridges],
      ['ports', host => host.ports],
      ['transactions', host => host.transactions, wide],
      ['problems', host => host.problems.join('; '), { style: () => 'bad' }],
    ],
  }),
  bridges: kind<BridgeView>({
    short: ['bridge', 'br'],
    nameOf: bridge => `${bridge.host}/${bridge.name}`,
    alsoCalled: bridge => [bridge.name, bridge.datapath_id],
    narrow: { host: bridge => bridge.host, bridge: bridge => bridge.name },
    columns: [
      ['host', bridge => bridge.host],
      ['name', bridge => bridge.name],
      ['datapath-id', bridge => bridge.datapath_id],
      ['connected', bridge => bridge.connected, { style: bridge => yesOrNo(bridge.connected) }],
      ['synced', bridge => bridge.synced, { style: bridge => yesOrNo(bridge.synced) }],
      ['wanted', bridge => bridge.wanted],
      ['flow-mods', bridge => bridge.flow_mods],
      ['group-mods', bridge => bridge.group_mods, wide],
      ['meter-mods', bridge => bridge.meter_mods, wide],
      ['bundles', bridge => bridge.bundles, wide],
      ['errors', bridge => bridge.errors, { style: bridge => yesOrNo(bridge.errors === 0) }],
      ['foreign', bridge => bridge.foreign_flows, { style: bridge => (bridge.foreign_flows ? 'warning' : undefined) }],
    ],
  }),
  networks: kind<NetworkView>({
    short: ['network', 'net'],
    nameOf: network => network.name,
    alsoCalled: network => [network.id],
    narrow: { network: network => network.name },
    columns: [
      ['name', network => network.name],
      ['project', network => network.project],
      ['type', network => network.network_type],
      ['segment', network => network.segmentation_id],
      ['physical', network => network.physical_network, wide],
      ['mtu', network => network.mtu],
      ['subnets', network => network.subnets.join(',')],
      ['ports', network => network.ports],
      [
        'local-vlans',
        network =>
          Object.entries(network.local_vlans)
            .map(([host, vlan]) => `${host}:${vlan}`)
            .join(','),
      ],
      ['id', network => network.id, wide],
    ],
  }),
  subnets: kind<SubnetView>({
    short: ['subnet', 'sub'],
    nameOf: subnet => subnet.name,
    alsoCalled: subnet => [subnet.id],
    narrow: { network: subnet => subnet.network },
    columns: [
      ['name', subnet => subnet.name],
      ['network', subnet => subnet.network],
      ['cidr', subnet => subnet.cidr],
      ['gateway', subnet => subnet.gateway_ip],
      ['dhcp', subnet => subnet.dhcp_server],
      ['ports', subnet => subnet.ports],
      ['dns', subnet => subnet.dns_nameservers.join(','), wide],
      ['pools', subnet => subnet.allocation_pools.map(({ start, end }) => `${start}-${end}`).join(','), wide],
      ['id', subnet => subnet.id, wide],
    ],
  }),
  ports: kind<PortView>({
    short: ['port', 'po'],
    nameOf: port => port.name,
    alsoCalled: port => [port.id],
    narrow: { host: port => port.host, network: port => port.network, port: port => port.name },
    columns: [
      ['name', port => port.name],
      ['network', port => port.network],
      ['project', port => port.project],
      ['mac', port => port.mac_address],
      ['addresses', port => port.fixed_ips.join(',')],
      ['status', port => port.status, { style: port => (port.status === 'ACTIVE' ? 'good' : 'quiet') }],
      ['host', port => port.host],
      ['ofport', port => port.ofport],
      ['id', port => port.id, wide],
    ],
  }),
  flows: kind<FlowView>({
    short: ['flow', 'fl'],
    narrow: {
      host: undefined,
      bridge: undefined,
      table: undefined,
      network: undefined,
      port: undefined,
      owner: undefined,
    },
    columns: [
      ['host', flow => flow.host],
      ['bridge', flow => flow.bridge],
      ['owner', flow => flow.owner, { style: flow => (/^(foreign|nobody)/.test(flow.owner) ? 'warning' : undefined) }],
      ['packets', flow => flow.packets],
      ['bytes', flow => flow.bytes, wide],
      ['cookie', flow => flow.cookie, wide],
      ['reason', flow => flow.reason, wide],
      ['flow', flow => flow.flow],
    ],
  }),
  macs: kind<MacView>({
    short: ['mac'],
    nameOf: mac => mac.mac_address,
    alsoCalled: mac => [mac.port],
    narrow: { host: mac => mac.host, network: mac => mac.network, port: mac => mac.port },
    columns: [
      ['mac', mac => mac.mac_address],
      ['network', mac => mac.network],
      ['project', mac => mac.project, wide],
      ['port', mac => mac.port],
      ['host', mac => mac.host],
      ['bridge', mac => mac.bridge, wide],
      ['ofport', mac => mac.ofport],
      ['source', mac => mac.source],
    ],
  }),
  leases: kind<LeaseView>({
    short: ['lease'],
    nameOf: lease => lease.port,
    alsoCalled: lease => [lease.ip_address],
    narrow: { host: lease => lease.host, network: lease => lease.network, port: lease => lease.port },
    columns: [
      ['port', lease => lease.port],
      ['network', lease => lease.network],
      ['address', lease => lease.ip_address],
      ['mac', lease => lease.mac_address],
      ['host', lease => lease.host],
      ['hostname', lease => lease.hostname, wide],
      ['since', lease => lease.since],
      ['expires', lease => lease.expires],
    ],
  }),
  events: kind<EventView>({
    short: ['event', 'ev'],
    alsoCalled: event => [event.subject, event.subject.replace(/^\w+ /, '')],
    narrow: { host: subject('host'), bridge: subject('bridge'), port: subject('port') },
    columns: [
      ['revision', event => event.revision],
      ['time', event => event.time],
      ['kind', event => event.kind, { style: event => (UNWELCOME.test(event.kind) ? 'warning' : undefined) }],
      ['subject', event => event.subject],
      ['message', event => event.message],
    ],
  }),
  revisions: kind<RevisionView>({
    short: ['revision', 'rev'],
    nameOf: revision => String(revision.number),
    alsoCalled: () => [],
    narrow: {},
    columns: [
      ['revision', revision => revision.number],
      ['time', revision => revision.time],
      ['origin', revision => revision.origin],
      ['files', revision => revision.files.join(',')],
      ['confirm-by', revision => revision.confirm_by],
    ],
  }),
} as const
export type KindName = keyof typeof KINDS
export const KIND_NAMES = Object.keys(KINDS) as KindName[]

/** Events that an operator looks into. */
const UNWELCOME = /refused|problem|disconnected|emptied|contested|declined|flapping|overflow/

function kind<View>(declared: Kind<View>): Kind<View> {
  return declared
}

function subject(kind: string): (event: EventView) => string | null {
  return event => (event.subject.startsWith(`${kind} `) ? event.subject.slice(kind.length + 1) : null)
}

/** The kind that a word means: its plural, singular or short name. */
export function kindNamed(word: string): KindName | undefined {
  return KIND_NAMES.find(name => name === word || (KINDS[name].short as readonly string[]).includes(word))
}
