import { type Action, type Field, fields, type Instruction } from 'node-openflow'
import { ordered } from './action-set.ts'
import { perform } from './actions.ts'
import type { Bridge, Port, Switch } from './bridge.ts'
import { forget, readField, writeField } from './fields.ts'
import type { Flow } from './flow-table.ts'
import { Packet } from './packet.ts'
import type { Arrival, Departure, PacketIn, Passage, Step } from './passage.ts'
import { Unsupported } from './unsupported.ts'

/** How often a packet may go back to the same or an earlier table, and how often to any (ovs-actions(7), Error Handling). */
const MAX_DEPTH = 64
const MAX_RESUBMITS = 4096

/** Where a packet is: in which flow of which table. */
export interface Visit {
  readonly bridge: Bridge
  readonly tableId: number
  readonly flow: Flow
  readonly packet: Packet
}

/** The walk ends, whatever was still to come. */
class Aborted extends Error {}

/**
 * What becomes of a frame that comes in by a port of a host, until it has left the host by every way it does.
 *
 * @throws {Unsupported} for an action or field on its way that the interpreter does not know.
 */
export function walk(host: Switch, arrival: Arrival): Passage {
  const bridge = host.bridges.get(arrival.bridge)
  if (bridge === undefined) throw new Error(`there is no bridge ${arrival.bridge}`)
  const packet = Packet.of(arrival.frame, tunnelContext(arrival.tunnel))
  packet.context.set(fields.in_port, BigInt(arrival.port))
  const run = new Walk(host, tunnelDestination(packet))
  const { steps, departures, packetIns } = run
  const whole = run.attempt(bridge, () => run.table(bridge, packet, 0))
  // ovs-actions(7) says that what happened before stays; ovs-vswitchd 3.1 lets nothing of the packet leave.
  return whole ? { steps, departures, packetIns } : { steps, departures: [], packetIns: [] }
}

/** One packet and its copies in one host. */
export class Walk {
  readonly steps: Step[] = []
  readonly departures: Departure[] = []
  readonly packetIns: PacketIn[] = []
  readonly #host: Switch
  /** Through which of our own addresses the packet came, if it came by a tunnel. */
  readonly #ownAddress: number | bigint
  #depth = 0
  /** The first look-up is none. */
  #resubmits = -1

  constructor(host: Switch, ownAddress: number | bigint) {
    this.#host = host
    this.#ownAddress = ownAddress
  }

  /**
   * Looks the packet up in a table and does what the flow says.
   *
   * `from` is the table it comes from. `asPort` is the port it is looked up as; the flow's actions know the real one.
   */
  table(bridge: Bridge, packet: Packet, tableId: number, from = -1, asPort?: bigint): void {
    const deepens = tableId <= from
    this.#guard()
    this.#resubmits++
    if (deepens) this.#depth++
    const inPort = packet.context.get(fields.in_port)!
    packet.context.set(fields.in_port, asPort ?? inPort)
    const flow = bridge.table(tableId)?.lookup(packet)
    packet.context.set(fields.in_port, inPort)
    const table = bridge.tableName(tableId)
    if (flow === undefined) this.steps.push({ kind: 'miss', bridge: bridge.name, table })
    else {
      this.steps.push({ kind: 'flow', bridge: bridge.name, table, flow })
      try {
        this.#instructions({ bridge, tableId, flow, packet })
      } catch (error) {
        if (!(error instanceof Unsupported) || error.where !== undefined) throw error
        throw new Unsupported(error.what, `${bridge.name} ${table}`)
      }
    }
    if (deepens) this.#depth--
  }

  /** Whether all of it could be done; if not, the rest is left out. */
  attempt(bridge: Bridge, act: () => void): boolean {
    const depth = this.#depth
    try {
      act()
      return true
    } catch (error) {
      if (!(error instanceof Aborted)) throw error
      this.#depth = depth
      this.steps.push({ kind: 'abort', bridge: bridge.name, why: error.message })
      return false
    }
  }

  actions(visit: Visit, actions: readonly Action[]): void {
    for (const action of actions) perform(this, visit, action)
  }

  /** Every bucket gets a copy. */
  group(visit: Visit, groupId: number): void {
    const group = visit.bridge.groups.get(groupId)
    if (group === undefined) throw new Error(`${visit.bridge.name} has no group ${groupId}`)
    this.#guard()
    this.#depth++
    for (const { actions } of group.buckets) this.actions({ ...visit, packet: visit.packet.clone() }, ordered(actions))
    this.#depth--
  }

  /** Sends a copy out of a port, even of the one the packet came by. */
  output(visit: Visit, number: number): void {
    const { bridge, packet, tableId } = visit
    const port = bridge.ports.get(number)
    if (port === undefined) {
      this.skip(visit, number, 'there is no such port')
      return
    }
    if (port.kind === 'patch') {
      this.#cross(visit, port)
      return
    }
    const destination = tunnelDestination(packet)
    if (port.kind === 'tunnel' && destination === this.#ownAddress) {
      this.skip(visit, number, destination === 0 ? 'no flow said where the tunnel leads' : 'the tunnel leads back here')
      return
    }
    const tunnel = port.kind === 'tunnel' ? { id: readField(packet, fields.tunnel_id), destination } : undefined
    this.steps.push({ kind: 'output', bridge: bridge.name, table: bridge.tableName(tableId), port: port.name })
    this.departures.push({ bridge: bridge.name, port, frame: packet.frame(), tunnel })
  }

  skip({ bridge }: Visit, number: number, why: string): void {
    const port = bridge.ports.get(number)?.name ?? String(number)
    this.steps.push({ kind: 'skip', bridge: bridge.name, port, why })
  }

  #cross(visit: Visit, { number, name, peer }: Port & { kind: 'patch' }): void {
    const far = this.#host.find(peer)
    if (far === undefined) {
      this.skip(visit, number, `there is no port ${peer}`)
      return
    }
    const packet = visit.packet.clone()
    forget(packet)
    packet.context.set(fields.in_port, BigInt(far.port.number))
    this.steps.push({ kind: 'patch', bridge: visit.bridge.name, port: name, peer })
    // What goes wrong behind a patch port ends there: the bridge before it goes on.
    this.attempt(far.bridge, () => this.table(far.bridge, packet, 0, visit.tableId))
  }

  #instructions(visit: Visit): void {
    const { instructions = [] } = visit.flow
    const find = <T extends Instruction['type']>(type: T) =>
      instructions.find((one): one is Extract<Instruction, { type: T }> => one.type === type)
    for (const { type } of instructions) if (!KNOWN_INSTRUCTIONS.has(type)) throw new Unsupported(`instruction ${type}`)
    // In this order, whatever the one on the wire (OpenFlow 1.5.1 § 5.5).
    this.actions(visit, find('apply_actions')?.actions ?? [])
    const metadata = find('write_metadata')
    if (metadata !== undefined) writeField(visit.packet, fields.metadata, metadata.metadata, metadata.mask)
    const next = find('goto_table')
    if (next !== undefined) this.table(visit.bridge, visit.packet, next.tableId, visit.tableId)
  }

  #guard(): void {
    if (this.#depth >= MAX_DEPTH) throw new Aborted(`went back to earlier tables ${MAX_DEPTH} times`)
    if (this.#resubmits >= MAX_RESUBMITS) throw new Aborted(`went on to another table ${MAX_RESUBMITS} times`)
  }
}

const KNOWN_INSTRUCTIONS = new Set<Instruction['type']>(['apply_actions', 'write_metadata', 'goto_table'])

/** Where a tunnel would lead; zero is nowhere. */
function tunnelDestination(packet: Packet): number | bigint {
  const ipv4 = readField(packet, fields.tun_ipv4_dst)
  return ipv4 === 0n ? readField(packet, fields.tun_ipv6_dst) || 0 : Number(ipv4)
}

function tunnelContext(tunnel: Arrival['tunnel']): [Field, bigint][] {
  if (tunnel === undefined) return []
  const { id, source, destination } = tunnel
  const is4 = typeof destination === 'number'
  return [
    [fields.tunnel_id, id],
    [is4 ? fields.tun_ipv4_src : fields.tun_ipv6_src, BigInt(source)],
    [is4 ? fields.tun_ipv4_dst : fields.tun_ipv6_dst, BigInt(destination)],
  ]
}
