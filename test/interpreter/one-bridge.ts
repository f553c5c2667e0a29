import { type Action, type FieldName, fields, type MatchObject, matchOf } from 'node-openflow'
import { Bridge, type Group, type Port, Switch } from '../../src/interpreter/bridge.ts'
import type { Flow } from '../../src/interpreter/flow-table.ts'
import type { Passage } from '../../src/interpreter/passage.ts'
import { walk } from '../../src/interpreter/walk.ts'
import { buildFrame, type FrameInput } from '../../src/packet/frame.ts'

/** Ports 1 to 4 of the bridge `br`, named `p1` to `p4`. */
const ports = [1, 2, 3, 4].map((number): Port => ({ kind: 'endpoint', number, name: `p${number}` }))

/** A flow of table 0 unless it says otherwise. */
export const flow = (
  match: MatchObject,
  actions: readonly Action[],
  { table = 0, priority = 100, next }: { table?: number; priority?: number; next?: number } = {},
): Flow => ({
  tableId: table,
  priority,
  match: matchOf(match),
  instructions: [
    { type: 'apply_actions', actions },
    ...(next === undefined ? [] : [{ type: 'goto_table' as const, tableId: next }]),
  ],
})

export const output = (port: number): Action => ({ type: 'output', port })
export const set = (name: FieldName, value: number | bigint, mask?: number | bigint): Action =>
  mask === undefined
    ? { type: 'set_field', field: fields[name], value }
    : { type: 'set_field', field: fields[name], value, mask }
export const move = (
  from: FieldName,
  to: FieldName,
  bits = fields[from].bits,
  at: readonly [number, number] = [0, 0],
): Action => ({
  type: 'move',
  src: { field: fields[from], offset: at[0] },
  dst: { field: fields[to], offset: at[1] },
  bits,
})
export const resubmit = (table: number, port?: number): Action =>
  port === undefined ? { type: 'resubmit', table } : { type: 'resubmit', table, port }

/** What becomes of a frame that comes in by port 1. */
export function through(flows: readonly Flow[], frame: Uint8Array, groups: readonly Group[] = []): Passage {
  const host = new Switch([new Bridge({ name: 'br', ports, flows, groups })])
  return walk(host, { bridge: 'br', port: 1, frame })
}

/** The ports that a frame leaves by. */
export const leaves = ({ departures }: Passage): string[] => departures.map(({ port }) => port.name)

/** An ordinary frame, with other layers where they are given. */
export function frameOf(layers: Partial<FrameInput> = {}): Uint8Array {
  return buildFrame({
    ethernet: { source: 0xa, destination: 0xb, type: 0x88b5, payload: Uint8Array.of(1, 2, 3) },
    ...layers,
  })
}
