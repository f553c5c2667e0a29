import type { Argv } from 'yargs'
import type { BridgeView, FlowView, HostView, LeaseView, NetworkView, PortView, SubnetView } from '../api/read-model.ts'
import { ask } from './client.ts'
import { CommandError, EXIT } from './exit-code.ts'
import { type Column, formatTable } from './table.ts'

/** The columns of each kind that `get` lists. */
const COLUMNS = {
  hosts: columns<HostView>(
    ['name', host => host.name],
    ['connected', host => host.connected],
    ['settled', host => host.settled],
    ['ovsdb', host => host.ovsdb],
    ['tunnel-ip', host => host.tunnel_ip],
    ['bridges', host => host.bridges],
    ['ports', host => host.ports],
    ['problems', host => host.problems.join('; ')],
  ),
  bridges: columns<BridgeView>(
    ['host', bridge => bridge.host],
    ['name', bridge => bridge.name],
    ['datapath-id', bridge => bridge.datapath_id],
    ['connected', bridge => bridge.connected],
    ['synced', bridge => bridge.synced],
    ['wanted', bridge => bridge.wanted],
    ['flow-mods', bridge => bridge.flow_mods],
    ['errors', bridge => bridge.errors],
    ['foreign', bridge => bridge.foreign_flows],
  ),
  networks: columns<NetworkView>(
    ['name', network => network.name],
    ['project', network => network.project],
    ['type', network => network.network_type],
    ['segment', network => network.segmentation_id],
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
  ),
  subnets: columns<SubnetView>(
    ['name', subnet => subnet.name],
    ['network', subnet => subnet.network],
    ['cidr', subnet => subnet.cidr],
    ['gateway', subnet => subnet.gateway_ip],
    ['dhcp', subnet => subnet.dhcp_server],
    ['ports', subnet => subnet.ports],
  ),
  ports: columns<PortView>(
    ['name', port => port.name],
    ['network', port => port.network],
    ['project', port => port.project],
    ['mac', port => port.mac_address],
    ['addresses', port => port.fixed_ips.join(',')],
    ['status', port => port.status],
    ['host', port => port.host],
    ['ofport', port => port.ofport],
  ),
  flows: columns<FlowView>(
    ['host', flow => flow.host],
    ['bridge', flow => flow.bridge],
    ['owner', flow => flow.owner],
    ['packets', flow => flow.packets],
    ['flow', flow => flow.flow],
  ),
  leases: columns<LeaseView>(
    ['port', lease => lease.port],
    ['network', lease => lease.network],
    ['address', lease => lease.ip_address],
    ['mac', lease => lease.mac_address],
    ['host', lease => lease.host],
    ['since', lease => lease.since],
    ['expires', lease => lease.expires],
  ),
} as const

function columns<View>(...list: Column<View>[]): readonly Column<View>[] {
  return list
}

export type Kind = keyof typeof COLUMNS
export const KINDS = Object.keys(COLUMNS) as Kind[]

export interface GetArguments {
  readonly kind: Kind
  readonly name?: string | undefined
  readonly api: string
  readonly output: 'table' | 'json' | 'ofctl'
  readonly host?: string | undefined
  readonly bridge?: string | undefined
  readonly owner?: string | undefined
}

/** The text that `weft get` prints. */
export async function get(args: GetArguments): Promise<string> {
  const query = new URLSearchParams()
  for (const key of ['host', 'bridge', 'owner'] as const) {
    const value = args[key]
    if (value !== undefined) query.set(key, value)
  }
  const suffix = args.kind === 'flows' && query.size > 0 ? `?${query}` : ''
  const views = await ask<readonly Readonly<Record<string, unknown>>[]>(args.api, `/v1/${args.kind}${suffix}`)
  const rows = views.filter(view => {
    if (
      args.name !== undefined &&
      view['name'] !== args.name &&
      view['id'] !== args.name &&
      view['port'] !== args.name
    ) {
      return false
    }
    return args.host === undefined || view['host'] === undefined || view['host'] === args.host
  })
  if (args.output === 'json') return JSON.stringify(rows, undefined, 2)
  if (args.output === 'ofctl') return rows.map(view => String(view['ofctl'])).join('\n')
  return formatTable(COLUMNS[args.kind] as readonly Column<unknown>[], rows)
}

/** The options of `weft get`. */
export function getOptions(yargs: Argv) {
  return yargs
    .positional('kind', { choices: KINDS, demandOption: true, describe: 'what to list' })
    .positional('name', { type: 'string', describe: 'only the one of this name' })
    .option('output', { alias: 'o', choices: ['table', 'json', 'ofctl'] as const, default: 'table' as const })
    .option('host', { type: 'string', describe: 'only what is on this host' })
    .option('bridge', { type: 'string', describe: 'flows: only of this bridge' })
    .option('owner', { type: 'string', describe: 'flows: only of this resource, as "port red-a" or "network red"' })
    .check(args => {
      if (args.output === 'ofctl' && (args['kind'] as string) !== 'flows')
        throw new CommandError('-o ofctl is for flows', EXIT.usage)
      return true
    })
    .example('$0 get ports', 'who is where')
    .example('$0 get flows --host h1 --owner "port red-a"', 'the flows that are there for a port')
    .example('$0 get flows --host h1 --bridge br-int -o ofctl', 'as the host’s own ovs-ofctl takes them')
}
