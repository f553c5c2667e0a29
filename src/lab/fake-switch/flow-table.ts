import {
  type Action,
  type DecodedMessageOf,
  decodeMessage,
  encodeMessage,
  FLOW_FLAG,
  type FlowMod,
  GROUP,
  type Instruction,
  type Match,
  PORT,
  TABLE,
  type Version,
  Writer,
} from 'node-openflow'
import { refusal } from './refusal.ts'

/** A flow entry, as the `ADD` that would make it. */
export type Flow = DecodedMessageOf<'flow_mod'>

// Offsets in a flow_mod, OpenFlow 1.3 to 1.5 (OpenFlow 1.5.1 § 7.3.4.2): what can be read without decoding.
const COOKIE = 8
const TABLE_ID = 24
const PRIORITY = 30
const MATCH = 48
const MATCH_HEADER = 4

const writer = new Writer()

/** Puts back what a change replaced. */
type Undo = () => void

export interface FlowChange {
  /** Throws where the flow refers to what is not there; asked only when an entry takes its instructions. */
  resolve?: () => void
  /** Collects what takes the change back; left out where nobody will. */
  undo?: Undo[]
  /** Hears of each entry that goes, unless another takes its place. */
  removed?: (flow: Flow) => void
}

/** Which entries a request is about. */
interface Selection {
  readonly tableId: number
  readonly cookie: bigint
  readonly cookieMask: bigint
  readonly outPort: number
  readonly outGroup: number
  readonly match: Match
}

/**
 * The flow entries of one switch, with OVS's reading of OpenFlow 1.5.1 § 6.4.
 *
 * An entry is its encoded `ADD` in a string of one byte a character, the most compact thing V8 has: 20,000 entries of a
 * hundred switches fit a process.
 */
export class FlowTable {
  readonly #version: Version
  /** By table, priority and match, which two entries cannot share. */
  readonly #entries = new Map<string, string>()

  constructor(version: Version) {
    this.#version = version
  }

  get size(): number {
    return this.#entries.size
  }

  apply(mod: FlowMod, change: FlowChange = {}): void {
    switch (mod.command) {
      case 'add': {
        change.resolve?.()
        const { key, entry } = stored(mod, this.#version)
        const isChecked = ((mod.flags ?? 0) & FLOW_FLAG.CHECK_OVERLAP) !== 0
        if (isChecked && !this.#entries.has(key) && this.#overlaps(mod)) throw refusal('OVERLAP')
        this.#set(key, entry, change)
        break
      }
      case 'modify':
      case 'modify_strict':
        // The port and group of a modification do not count.
        for (const key of this.#selected(
          { ...selection(mod), outPort: PORT.ANY, outGroup: GROUP.ANY },
          strictKey(mod, this.#version),
        )) {
          change.resolve?.()
          const { instructions = [] } = mod
          this.#set(key, stored({ ...decoded(this.#entries.get(key)!), instructions }, this.#version).entry, change)
        }
        break
      case 'delete':
      case 'delete_strict':
        for (const key of this.#selected(selection(mod), strictKey(mod, this.#version))) this.#delete(key, change)
        break
    }
  }

  /** Removes the entries that `refers` says yes to: what OVS does when a group or a meter goes. */
  removeReferring(refers: (steps: readonly Step[]) => boolean, change: FlowChange = {}): void {
    for (const [key, entry] of this.#entries) if (refers(stepsOf(decoded(entry)))) this.#delete(key, change)
  }

  /** The entries that match a request, in the order in which they came. */
  *select(wanted: Partial<Selection> = {}): Generator<Flow> {
    for (const key of this.#selected({ ...EVERYTHING, ...wanted })) yield decoded(this.#entries.get(key)!)
  }

  clear(): void {
    this.#entries.clear()
  }

  #set(key: string, entry: string, { undo }: FlowChange): void {
    const before = this.#entries.get(key)
    this.#entries.set(key, entry)
    undo?.push(() => (before === undefined ? this.#entries.delete(key) : this.#entries.set(key, before)))
  }

  #delete(key: string, { undo, removed }: FlowChange): void {
    const before = this.#entries.get(key)
    if (before === undefined) return
    this.#entries.delete(key)
    undo?.push(() => this.#entries.set(key, before))
    removed?.(decoded(before))
  }

  /** The keys of the entries a request is about; with `strict`, a key, only that one, or its like in every table. */
  #selected(wanted: Selection, strict?: string): string[] {
    const { tableId, cookie, cookieMask, outPort, outGroup, match } = wanted
    const everyTable = tableId === TABLE.ALL
    const keys =
      strict === undefined || everyTable ? this.#entries.keys() : [strict].filter(key => this.#entries.has(key))
    const found: string[] = []
    for (const key of keys) {
      if (!everyTable && key.charCodeAt(0) !== tableId) continue
      if (strict !== undefined && key.slice(1) !== strict.slice(1)) continue
      const entry = this.#entries.get(key)!
      if (cookieMask !== 0n && ((cookieOf(entry) ^ cookie) & cookieMask) !== 0n) continue
      if (strict === undefined && match.length > 0 && !covers(match, decoded(entry).match)) continue
      if (outPort !== PORT.ANY && !stepsOf(decoded(entry)).some(a => a.type === 'output' && a.port === outPort))
        continue
      if (outGroup !== GROUP.ANY && !stepsOf(decoded(entry)).some(a => a.type === 'group' && a.groupId === outGroup))
        continue
      found.push(key)
    }
    return found
  }

  #overlaps({ tableId = 0, priority, match }: FlowMod): boolean {
    return this.select({ tableId }).some(other => other.priority === priority && overlap(match, other.match))
  }
}

const EVERYTHING: Selection = {
  tableId: TABLE.ALL,
  cookie: 0n,
  cookieMask: 0n,
  outPort: PORT.ANY,
  outGroup: GROUP.ANY,
  match: [],
}

const selection = (mod: FlowMod): Selection => {
  const { tableId = 0, cookie = 0n, cookieMask = 0n, outPort = PORT.ANY, outGroup = GROUP.ANY, match } = mod
  return { tableId, cookie, cookieMask, outPort, outGroup, match }
}

function stored(mod: FlowMod, version: Version): { key: string; entry: string } {
  writer.reset()
  encodeMessage(writer, { ...mod, command: 'add', cookieMask: 0n }, version, 0)
  const length = writer.offset
  const matchEnd = MATCH + writer.data.getUint16(MATCH + 2)
  // The key's parts once more, side by side, so that it too becomes one flat string.
  writer.append(writer.buffer.subarray(TABLE_ID, TABLE_ID + 1))
  writer.append(writer.buffer.subarray(PRIORITY, PRIORITY + 2))
  writer.append(writer.buffer.subarray(MATCH + MATCH_HEADER, matchEnd))
  const bytes = Buffer.from(writer.buffer.buffer, 0, writer.offset)
  return { key: bytes.toString('latin1', length), entry: bytes.toString('latin1', 0, length) }
}

const strictKey = (mod: FlowMod, version: Version): string | undefined =>
  mod.command.endsWith('_strict') ? stored(mod, version).key : undefined

function decoded(entry: string): Flow {
  const bytes = Buffer.from(entry, 'latin1')
  const { message } = decodeMessage(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  if (message.type !== 'flow_mod') throw new Error(`a flow entry holds a ${message.type}`)
  return message
}

function cookieOf(entry: string): bigint {
  let cookie = 0n
  for (let i = COOKIE; i < COOKIE + 8; i++) cookie = (cookie << 8n) | BigInt(entry.charCodeAt(i))
  return cookie
}

/** An instruction, or an action in one. */
export type Step = Instruction | Action

/** The instructions of a flow and the actions in them. */
export const stepsOf = ({ instructions = [] }: Pick<FlowMod, 'instructions'>): readonly Step[] =>
  instructions.flatMap<Step>(instruction =>
    instruction.type === 'apply_actions' || instruction.type === 'write_actions'
      ? [instruction, ...instruction.actions]
      : [instruction],
  )

/** Whether every packet of `narrow` is one of `wide`. */
export function covers(wide: Match, narrow: Match): boolean {
  return wide.every(({ field, value, mask = field.ones }) => {
    const other = narrow.find(term => term.field === field)
    if (other === undefined) return false
    const bits = BigInt(mask)
    return (BigInt(other.mask ?? field.ones) & bits) === bits && (BigInt(other.value) & bits) === BigInt(value)
  })
}

/** Whether a packet can be one of both. */
export function overlap(a: Match, b: Match): boolean {
  return a.every(({ field, value, mask = field.ones }) => {
    const other = b.find(term => term.field === field)
    if (other === undefined) return true
    const bits = BigInt(mask) & BigInt(other.mask ?? field.ones)
    return ((BigInt(value) ^ BigInt(other.value)) & bits) === 0n
  })
}
