import type { FlowMod } from 'node-openflow'
import { reader } from './fields.ts'
import type { Packet } from './packet.ts'

/** A flow entry: what was sent to the bridge, or what was read from it. */
export type Flow = Pick<FlowMod, 'tableId' | 'priority' | 'cookie' | 'match' | 'instructions'>

/** The priority that OpenFlow gives to a flow_mod that names none. */
const DEFAULT_PRIORITY = 0x8000
const priorityOf = (flow: Flow): number => flow.priority ?? DEFAULT_PRIORITY

/** Flows that look at the same bits of a packet: one look-up for all of them. */
interface Shape {
  readonly bits: readonly { readonly read: (packet: Packet) => bigint; readonly mask: bigint }[]
  readonly flows: Map<string, Flow>
  highest: number
}

/** The flows of one table, found by tuple space search as Open vSwitch does it. */
export class FlowTable {
  /** Highest priority first. */
  readonly #shapes: readonly Shape[]

  /** @throws {Unsupported} for a match on a field that is not known. */
  constructor(flows: Iterable<Flow>) {
    const shapes = new Map<string, Shape>()
    for (const flow of flows) {
      const name = flow.match.map(({ field, mask }) => `${field.name}/${mask ?? ''}`).join()
      let shape = shapes.get(name)
      if (shape === undefined) {
        const bits = flow.match.map(({ field, mask }) => ({ read: reader(field), mask: BigInt(mask ?? field.ones) }))
        shape = { bits, flows: new Map(), highest: -1 }
        shapes.set(name, shape)
      }
      const key = keyOf(flow.match.map(({ value }) => BigInt(value)))
      const rival = shape.flows.get(key)
      if (rival !== undefined && priorityOf(rival) >= priorityOf(flow)) continue
      shape.flows.set(key, flow)
      shape.highest = Math.max(shape.highest, priorityOf(flow))
    }
    this.#shapes = [...shapes.values()].sort((a, b) => b.highest - a.highest)
  }

  /** The flow of the highest priority that matches; which of several equal ones is as open as it is in OpenFlow. */
  lookup(packet: Packet): Flow | undefined {
    let best: Flow | undefined
    for (const { bits, flows, highest } of this.#shapes) {
      if (best !== undefined && priorityOf(best) >= highest) break
      const flow = flows.get(keyOf(bits.map(({ read, mask }) => read(packet) & mask)))
      if (flow !== undefined && (best === undefined || priorityOf(flow) > priorityOf(best))) best = flow
    }
    return best
  }
}

const keyOf = (values: readonly bigint[]): string => values.join()

/** Whether a flow does nothing with a packet: that is how a table says no. */
export const drops = ({ instructions = [] }: Flow): boolean =>
  instructions.every(step => step.type === 'apply_actions' && step.actions.length === 0)
