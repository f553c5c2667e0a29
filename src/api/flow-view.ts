import { formatFlow, type OpenFlowConnection } from 'node-openflow'
import { brInt } from '../../flows/br-int.ts'
import { brTun } from '../../flows/br-tun.ts'
import { isOurs } from '../pipeline/cookie.ts'
import { encodeFlow, flowKey } from '../pipeline/flow-bytes.ts'
import { named } from './named.ts'
import type { Sources } from './read-model.ts'

export interface FlowView {
  readonly host: string
  readonly bridge: string
  readonly table: string
  readonly table_id: number
  /** 16 hex digits; `describe flow 0x...` finds the flow, its owner and its reason. */
  readonly cookie: string
  readonly owner: string
  readonly reason: string
  readonly packets: number
  readonly bytes: number
  /** ovs-ofctl(8) syntax with table names. */
  readonly flow: string
  /** ovs-ofctl(8) syntax as the host's own `ovs-ofctl add-flow` takes it. */
  readonly ofctl: string
}

/** Which flows are wanted: those to which all that is given applies. */
export interface FlowFilter {
  readonly host?: string | undefined
  /** Its name, or `host/bridge`. */
  readonly bridge?: string | undefined
  /** Name or number. */
  readonly table?: string | undefined
  /** Name or id: the flows of the network itself, its subnets and its ports. */
  readonly network?: string | undefined
  /** Name or id. */
  readonly port?: string | undefined
  /** `port red-a`, `network red`, ... */
  readonly owner?: string | undefined
}

const TABLE_NAMES: ReadonlyMap<string, ReadonlyMap<number, string>> = new Map([
  [brInt.name, brInt.tableNames],
  [brTun.name, brTun.tableNames],
])

/** What the bridges really hold, read from them now, with the owner of each flow. */
export async function flowViews(sources: Sources, wanted: FlowFilter = {}): Promise<FlowView[]> {
  const isOwner = ownerFilter(sources, wanted)
  const { host: wantedHost, bridge: wantedBridge, table } = wanted
  const reads = [...sources.fabric.bridges].flatMap(([target, session]) => {
    const [host = '', bridge = ''] = target.split('/')
    if (wantedHost !== undefined && wantedHost !== host) return []
    if (wantedBridge !== undefined && wantedBridge !== bridge && wantedBridge !== target) return []
    return [readFlows(sources, session.connection, host, bridge)]
  })
  const flows = (await Promise.all(reads)).flat()
  return flows
    .filter(
      flow => (table === undefined || flow.table === table || String(flow.table_id) === table) && isOwner(flow.owner),
    )
    .sort(
      (a, b) =>
        compare(a.host, b.host) || compare(a.bridge, b.bridge) || a.table_id - b.table_id || compare(a.flow, b.flow),
    )
}

/** Whether flows of an owner are wanted: of the resource itself, and for a network of all that is in it. */
function ownerFilter({ topology }: Sources, { owner, port, network }: FlowFilter): (owner: string) => boolean {
  const wanted: ReadonlySet<string>[] = []
  if (owner !== undefined) wanted.push(new Set([owner]))
  if (port !== undefined) wanted.push(new Set([`port ${named('port', topology().ports, port).name}`]))
  if (network !== undefined) {
    const { networks, subnets, ports } = topology()
    const { id, name } = named('network', networks, network)
    const inside = (kind: string, rows: Iterable<{ readonly name: string; readonly network_id: string }>) =>
      [...rows].filter(row => row.network_id === id).map(row => `${kind} ${row.name}`)
    wanted.push(new Set([`network ${name}`, ...inside('subnet', subnets.values()), ...inside('port', ports.values())]))
  }
  // What a resource owns on one host is owned by "network red on h1".
  return one => wanted.every(owners => owners.has(one) || owners.has(one.replace(/ on [^ ]+$/, '')))
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

async function readFlows(
  { inputs }: Sources,
  connection: OpenFlowConnection,
  host: string,
  bridge: string,
): Promise<FlowView[]> {
  const entries = await connection.multipart({ type: 'multipart_request', kind: 'flow', body: {} })
  const tableNames = TABLE_NAMES.get(bridge)
  const names = { tables: (id: number) => tableNames?.get(id) }
  return entries.map(entry => {
    const { tableId, priority, cookie, flags, idleTimeout, match, instructions } = entry
    const flow = { tableId, priority, cookie, flags, idleTimeout, match, instructions }
    const bytes = encodeFlow(flow)
    const found = inputs.engine.find(`${host}/${bridge}`, flowKey(bytes))
    const ours = isOurs(cookie)
    return {
      host,
      bridge,
      table: tableNames?.get(tableId) ?? String(tableId),
      table_id: tableId,
      cookie: `0x${cookie.toString(16)}`,
      owner: ours ? (found?.item.owner ?? 'nobody (stale)') : 'foreign',
      reason: ours ? (found?.item.reason ?? 'is no longer wanted') : 'was not made by Weft',
      packets: Number(entry.packetCount ?? 0),
      bytes: Number(entry.byteCount ?? 0),
      flow: formatFlow(flow, names),
      ofctl: formatFlow(flow),
    }
  })
}
