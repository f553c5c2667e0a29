import { type Action, type Field, fields, PORT } from 'node-openflow'
import { hasField, readField, writeField } from './fields.ts'
import { popTag, pushTag } from './tags.ts'
import { Unsupported } from './unsupported.ts'
import type { Visit, Walk } from './walk.ts'

type ActionOf<T extends Action['type']> = Extract<Action, { readonly type: T }>

/** What each action does to a packet (ovs-actions(7)): one line each. What is not here is refused. */
const ACTIONS: { readonly [T in Action['type']]?: (walk: Walk, visit: Visit, action: ActionOf<T>) => void } = {
  output: (walk, visit, { port, maxLen }) => outputTo(walk, visit, port, maxLen),
  output_reg: (walk, visit, { field, offset, bits, maxLen }) => {
    const port = Number(readBits(visit, field, offset, bits))
    if (port <= 0xffff) outputTo(walk, visit, port >= FIRST_RESERVED ? (0xffff0000 | port) >>> 0 : port, maxLen)
  },
  controller: (walk, visit, { userdata, meterId, maxLen, pause }) => {
    if (pause === true) throw new Unsupported('controller(pause)')
    packetIn(walk, visit, { userdata, meterId, maxLen })
  },
  group: (walk, visit, { groupId }) => walk.group(visit, groupId),
  resubmit: (walk, visit, { port = PORT.IN_PORT, table = SAME_TABLE, ct }) => {
    if (ct === true) throw new Unsupported('resubmit(ct)')
    const { bridge, packet, tableId } = visit
    const asPort = port === PORT.IN_PORT ? undefined : BigInt(port)
    walk.table(bridge, packet, table === SAME_TABLE ? tableId : table, tableId, asPort)
  },
  clone: (walk, visit, { actions }) => walk.actions({ ...visit, packet: visit.packet.clone() }, actions),
  meter: (walk, { bridge }, { meterId }) => walk.steps.push({ kind: 'meter', bridge: bridge.name, meterId }),
  push_vlan: (_walk, { packet }, { ethertype }) => {
    packet.tags = pushTag(packet.tags, ethertype)
  },
  pop_vlan: (_walk, { packet }) => {
    packet.tags = popTag(packet.tags)
  },
  set_field: (walk, visit, { field, value, mask = field.ones }) => {
    write(walk, visit, field, BigInt(value), BigInt(mask))
  },
  load: (walk, visit, { field, offset, bits, value }) => {
    write(walk, visit, field, value << BigInt(offset), ones(bits) << BigInt(offset))
  },
  move: (walk, visit, { src, dst, bits }) => {
    const value = readBits(visit, src.field, src.offset, bits)
    if (!hasField(visit.packet, src.field)) unmet(walk, visit, src.field)
    else write(walk, visit, dst.field, value << BigInt(dst.offset), ones(bits) << BigInt(dst.offset))
  },
  note: () => {},
}

/** The table of a resubmit that stays in its table. */
const SAME_TABLE = 0xff
/** The reserved ports among those of 16 bits. */
const FIRST_RESERVED = 0xff00

/** Does what an action says. @throws {Unsupported} */
export function perform(walk: Walk, visit: Visit, action: Action): void {
  const known = ACTIONS[action.type] as ((walk: Walk, visit: Visit, action: Action) => void) | undefined
  if (known === undefined) throw new Unsupported(`action ${action.type}`)
  known(walk, visit, action)
}

function outputTo(walk: Walk, visit: Visit, port: number, maxLen = 0): void {
  const inPort = Number(readField(visit.packet, fields.in_port))
  if (port === PORT.IN_PORT) walk.output(visit, inPort)
  else if (port === PORT.CONTROLLER) packetIn(walk, visit, { maxLen })
  else if (port === inPort) walk.skip(visit, port, 'the packet came by it')
  else if (port < PORT.MAX || port === PORT.LOCAL) walk.output(visit, port)
  else throw new Unsupported(`output to reserved port 0x${port.toString(16)}`)
}

function packetIn(
  walk: Walk,
  { bridge, packet, tableId, flow }: Visit,
  {
    userdata,
    meterId,
    maxLen = 0xffff,
  }: { userdata?: Uint8Array | undefined; meterId?: number | undefined; maxLen?: number | undefined },
): void {
  walk.steps.push({ kind: 'controller', bridge: bridge.name, table: bridge.tableName(tableId) })
  walk.packetIns.push({
    bridge: bridge.name,
    inPort: Number(readField(packet, fields.in_port)),
    tableId,
    cookie: flow.cookie ?? 0n,
    userdata,
    meterId,
    frame: packet.frame().subarray(0, maxLen),
  })
}

const ones = (bits: number): bigint => (1n << BigInt(bits)) - 1n

const readBits = ({ packet }: Visit, field: Field, offset: number, bits: number): bigint =>
  (readField(packet, field) >> BigInt(offset)) & ones(bits)

function write(walk: Walk, visit: Visit, field: Field, value: bigint, mask: bigint): void {
  if (hasField(visit.packet, field)) writeField(visit.packet, field, value, mask)
  else unmet(walk, visit, field)
}

const unmet = (walk: Walk, { bridge }: Visit, { name }: Field): void => {
  walk.steps.push({ kind: 'unmet', bridge: bridge.name, field: name })
}
