import {
  type Action,
  decodeMessage,
  encodeActions,
  encodeMessage,
  type FlowMod,
  type Instruction,
  type Match,
  Writer,
} from 'node-openflow'

/** The OpenFlow version managed bridges speak: 1.5. */
export const VERSION = 6

// Offsets in an OpenFlow 1.5 flow_mod (OpenFlow 1.5.1 § 7.3.4.2); the codec lays the message out, the key only reads it.
const TABLE = 24
const COMMAND = 25
const TIMEOUTS = 26
const TIMEOUTS_END = 30
const PRIORITY = 30
const FLAGS = 44
const FLAGS_END = 46
const MATCH = 48
const MATCH_LENGTH = 50
const COOKIE = 8
const COOKIE_END = 16

/** What a modification leaves as it is. */
const KEPT = [
  [COOKIE, COOKIE_END],
  [TIMEOUTS, TIMEOUTS_END],
  [FLAGS, FLAGS_END],
] as const

const DELETE_STRICT = 4
const MODIFY_STRICT = 2

const writer = new Writer()

/** The bytes of an `ADD` with transaction id 0. */
export function encodeFlow(flow: {
  readonly tableId: number
  readonly priority: number
  readonly cookie: bigint
  readonly flags: number
  /** Seconds without a packet; 0: it stays. */
  readonly idleTimeout: number
  readonly match: Match
  readonly instructions: readonly Instruction[]
}): Uint8Array {
  writer.reset()
  encodeMessage(writer, { type: 'flow_mod', command: 'add', ...flow }, VERSION, 0)
  return stored(writer.view())
}

/** The bytes of an action list: one form for all that mean the same. */
export function encodeActionList(actions: readonly Action[]): Uint8Array {
  writer.reset()
  encodeActions(writer, actions, VERSION)
  return stored(writer.view())
}

export function decodeFlow(bytes: Uint8Array): FlowMod {
  const { message } = decodeMessage(bytes)
  if (message.type !== 'flow_mod') throw new Error(`not a flow_mod but a ${message.type}`)
  return message
}

/** Table, priority and match as a compact string: what makes two flows of one bridge rivals. */
export function flowKey(bytes: Uint8Array): string {
  const end = MATCH + ((bytes[MATCH_LENGTH]! << 8) | bytes[MATCH_LENGTH + 1]!)
  return String.fromCharCode(
    bytes[TABLE]!,
    (bytes[PRIORITY]! << 8) | bytes[PRIORITY + 1]!,
    ...bytes.subarray(MATCH + 4, end),
  )
}

/** The number of a flow's table. */
export function tableOf(bytes: Uint8Array): number {
  return bytes[TABLE]!
}

/** Whether two flows of one key treat a packet differently: a cookie alone does not. */
export function changesPackets(before: Uint8Array, after: Uint8Array): boolean {
  if (before.length !== after.length) return true
  return before.some((byte, index) => (index < COOKIE || index >= COOKIE_END) && byte !== after[index])
}

/** The strict deletion of a flow: its bytes without the instructions. */
export function deletionOf(bytes: Uint8Array): Uint8Array {
  const matchLength = (bytes[MATCH_LENGTH]! << 8) | bytes[MATCH_LENGTH + 1]!
  const length = MATCH + Math.ceil(matchLength / 8) * 8
  const deletion = bytes.slice(0, length)
  deletion[COMMAND] = DELETE_STRICT
  new DataView(deletion.buffer).setUint16(2, length)
  return deletion
}

/**
 * What turns flow `before` into `after`: a strict modification keeps counters and age, but also cookie, timeouts and flags, so a
 * flow of which one of those changes is added over the old one.
 */
export function replacementOf(before: Uint8Array, after: Uint8Array): Uint8Array {
  for (const [start, end] of KEPT) {
    for (let index = start; index < end; index++) if (before[index] !== after[index]) return after
  }
  const modification = after.slice()
  modification[COMMAND] = MODIFY_STRICT
  return modification
}

// A Uint8Array of its own a flow would cost twice the flow's bytes: many share one slab.
const SLAB = 16_384
let slab = new Uint8Array(SLAB)
let used = 0

function stored(bytes: Uint8Array): Uint8Array {
  if (used + bytes.length > slab.length) {
    slab = new Uint8Array(Math.max(SLAB, bytes.length))
    used = 0
  }
  const copy = slab.subarray(used, used + bytes.length)
  copy.set(bytes)
  used += bytes.length
  return copy
}
