import type { Action, GroupMod } from 'node-openflow'
import { type Flow, FlowTable } from './flow-table.ts'
import { Unsupported } from './unsupported.ts'

export type TunnelType = 'vxlan' | 'gre'

/** A port of a bridge. Names are unique on a host. */
export type Port = { readonly number: number; readonly name: string } & (
  | { /** A guest, or whatever else frames are handed to. */ readonly kind: 'endpoint' }
  | { readonly kind: 'patch' /** Name of the other end. */; readonly peer: string }
  | { /** Flow-based: flows say the destination and the id. */ readonly kind: 'tunnel'; readonly type: TunnelType }
  | {
      /** Out of the host, to all other ports on the wire of that name. */ readonly kind: 'uplink'
      readonly wire: string
    }
)

export interface Group {
  readonly groupId: number
  readonly groupType?: GroupMod['groupType']
  readonly buckets: readonly { readonly actions: readonly Action[] }[]
}

/** What a bridge holds. */
export interface BridgeState {
  readonly name: string
  readonly ports: Iterable<Port>
  readonly flows: Iterable<Flow>
  readonly groups?: Iterable<Group>
  /** Names of tables, for the trace. */
  readonly tableNames?: ReadonlyMap<number, string>
}

/** A bridge, with its flows where a packet looks for them. */
export class Bridge {
  readonly name: string
  readonly ports: ReadonlyMap<number, Port>
  readonly groups: ReadonlyMap<number, Group>
  readonly #tables: ReadonlyMap<number, FlowTable>
  readonly #tableNames: ReadonlyMap<number, string>

  /** @throws {Unsupported} for a match on an unknown field, and for a group that would have to choose among its buckets. */
  constructor({ name, ports, flows, groups = [], tableNames = new Map() }: BridgeState) {
    this.name = name
    this.ports = new Map([...ports].map(port => [port.number, port]))
    this.groups = new Map([...groups].map(group => [group.groupId, group]))
    for (const { groupId, groupType = 'all' } of this.groups.values())
      if (groupType !== 'all') throw new Unsupported(`group ${groupId} of type ${groupType}`)
    this.#tables = new Map(
      [...Map.groupBy(flows, ({ tableId = 0 }) => tableId)].map(([id, of]) => [id, new FlowTable(of)]),
    )
    this.#tableNames = tableNames
  }

  table(id: number): FlowTable | undefined {
    return this.#tables.get(id)
  }

  tableName(id: number): string {
    return this.#tableNames.get(id) ?? String(id)
  }
}

/** The bridges of one host, joined by patch ports. */
export class Switch {
  readonly bridges: ReadonlyMap<string, Bridge>
  readonly #places = new Map<string, { readonly bridge: Bridge; readonly port: Port }>()

  constructor(bridges: Iterable<Bridge>) {
    this.bridges = new Map([...bridges].map(bridge => [bridge.name, bridge]))
    for (const bridge of this.bridges.values()) {
      for (const port of bridge.ports.values()) {
        if (this.#places.has(port.name)) throw new Error(`two ports have the name ${port.name}`)
        this.#places.set(port.name, { bridge, port })
      }
    }
  }

  /** Where the port of a name is. */
  find(name: string): { readonly bridge: Bridge; readonly port: Port } | undefined {
    return this.#places.get(name)
  }

  ports(): Iterable<{ readonly bridge: Bridge; readonly port: Port }> {
    return this.#places.values()
  }
}
