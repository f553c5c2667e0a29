import { type Action, type Field, fields, type Instruction, type MatchObject, matchOf, PORT } from 'node-openflow'
import { cookieOf } from './cookie.ts'
import { encodeActionList, encodeFlow, flowKey } from './flow-bytes.ts'
import type { Bucket, Flow, Group, Meter } from './item.ts'
import { allocateRegisters, maskOf, type Register, type RegisterDeclaration } from './register.ts'

export type FieldName = keyof typeof fields

/** Priorities are names in a scale; `miss` is the table's own last flow. */
export const PRIORITY = { miss: 0, fallback: 50, default: 100, specific: 200, guard: 300 } as const
export type Priority = keyof typeof PRIORITY

/** Flow flags (OpenFlow 1.5.1 § 7.3.4.2 `ofp_flow_mod_flags`). */
const FLAG = { sendFlowRemoved: 1 } as const

/** A table of a pipeline: what its flows may match, write and go to, and what becomes of a packet that none matches. */
export interface TableDeclaration {
  /** The OpenFlow table number; grows from table to table, with gaps for tables to come. */
  readonly id: number
  /** What happens to a packet here, in one sentence. */
  readonly does: string
  /** Fields and registers that flows of this table may match. */
  readonly match: readonly string[]
  /** Registers that flows of this table may write. */
  readonly sets?: readonly string[]
  /** Tables that flows of this table may go to: later ones only. */
  readonly next: readonly string[]
  /** `drop`, or the table that a packet without a match goes on to. */
  readonly miss: string
  /** Why: one sentence about the packet that no flow here matched. */
  readonly missReason: string
}

type Names<T> = T extends readonly (infer Name)[] ? Name & string : never
type Value<Name extends string> = Name extends keyof MatchObject ? NonNullable<MatchObject[Name]> : number
type MatchOn<Declaration extends TableDeclaration> = { readonly [name in Names<Declaration['match']>]?: Value<name> }

/** A table as flows are written with it: `t.unicast({ network: 5, eth_dst: mac }, 'specific')`. */
export type Table<Declaration extends TableDeclaration> = (
  match: MatchOn<Declaration>,
  priority?: Exclude<Priority, 'miss'>,
) => FlowBuilder<Names<Declaration['next']>, Names<Declaration['sets']>>

export interface Pipeline<
  Tables extends Readonly<Record<string, TableDeclaration>>,
  Registers extends Readonly<Record<string, RegisterDeclaration>>,
> {
  /** The bridge it is for: `br-int`. */
  readonly name: string
  readonly registers: { readonly [name in keyof Registers]: Register }
  readonly declarations: Tables
  readonly registerDeclarations: Registers
  /** Table number -> name, for Flow_Table rows and for rendering. */
  readonly tableNames: ReadonlyMap<number, string>
  readonly tables: { readonly [name in keyof Tables]: Table<Tables[name]> }
  /** The last flow of every table. The switch reports when one is removed: somebody has emptied the table. */
  missFlows(owner: string): Flow[]
  /** Starts the action list of a group bucket. */
  bucket(): ActionsBuilder<keyof Tables & string, keyof Registers & string>
}

/**
 * Declares the tables of one bridge, in the order a packet walks them.
 *
 * @throws {Error} when the module loads: a `next` or `miss` that is not a later table, a table number that does not grow, an
 * unknown field or register, a register outside its lifetime.
 */
export function pipeline<
  const Registers extends Readonly<Record<string, RegisterDeclaration>>,
  const Tables extends Readonly<Record<string, TableDeclaration>>,
>(
  name: string,
  registerDeclarations: Registers,
  tables: Tables & {
    readonly [table in keyof Tables]: {
      readonly match: readonly (FieldName | (keyof Registers & string))[]
      readonly sets?: readonly (keyof Registers & string)[]
      readonly next: readonly (keyof Tables & string)[]
      readonly miss: 'drop' | (keyof Tables & string)
    }
  },
): Pipeline<Tables, Registers> {
  const order = Object.keys(tables)
  const registers = allocateRegisters(name, registerDeclarations as Record<string, RegisterDeclaration>, order)
  const declarations: Readonly<Record<string, TableDeclaration>> = tables
  check(name, declarations, registerDeclarations, order)

  const layout: Layout = { registers, tableId: table => declarations[table]!.id }
  const handles: Record<string, Table<TableDeclaration>> = {}
  for (const [table, { id }] of Object.entries(declarations)) {
    handles[table] = (match, priority = 'default') =>
      new FlowBuilder(layout, id, PRIORITY[priority], match as Readonly<Record<string, MatchValue>>)
  }
  return {
    name,
    registers: registers as { readonly [name in keyof Registers]: Register },
    declarations: tables,
    registerDeclarations,
    tableNames: new Map(Object.entries(declarations).map(([table, { id }]) => [id, table])),
    tables: handles as unknown as { readonly [name in keyof Tables]: Table<Tables[name]> },
    missFlows: owner =>
      Object.values(declarations).map(({ id, miss, missReason }) => {
        const flow = new FlowBuilder<string, string>(layout, id, PRIORITY.miss, {}, FLAG.sendFlowRemoved)
        return (miss === 'drop' ? flow : flow.goto(miss)).because(owner, missReason)
      }),
    bucket: () => new ActionsBuilder(layout),
  }
}

interface Layout {
  readonly registers: Readonly<Record<string, Register>>
  tableId(name: string): number
}

type MatchValue = number | bigint | readonly [number | bigint, number | bigint]

function check(
  name: string,
  tables: Readonly<Record<string, TableDeclaration>>,
  registers: Readonly<Record<string, RegisterDeclaration>>,
  order: readonly string[],
): void {
  order.forEach((table, place) => {
    const { id, match, sets, next, miss } = tables[table]!
    const what = `${name}.${table}`
    const before = place === 0 ? -1 : tables[order[place - 1]!]!.id
    if (!Number.isInteger(id) || id <= before || id > 253)
      throw new Error(`${what}: table number ${id} does not follow ${before}`)
    for (const later of miss === 'drop' ? next : [...next, miss]) {
      if (order.indexOf(later) <= place) throw new Error(`${what}: ${later} is not a later table`)
    }
    for (const one of [...match, ...(sets ?? [])]) {
      const register = registers[one]
      if (register === undefined) {
        if (!(one in fields)) throw new Error(`${what}: ${one} is neither a field nor a register`)
        continue
      }
      const from = register.from === undefined ? 0 : order.indexOf(register.from)
      const to = register.to === undefined ? order.length - 1 : order.indexOf(register.to)
      if (place < from || place > to) throw new Error(`${what}: register ${one} holds nothing here`)
    }
  })
}

/** A list of actions in the order they happen to the packet. */
export class ActionsBuilder<Next extends string, Sets extends string> {
  protected readonly layout: Layout
  protected readonly actions: Action[] = []

  constructor(layout: Layout) {
    this.layout = layout
  }

  /** Writes registers. */
  set(values: { readonly [register in Sets]?: number }): this {
    for (const name of Object.keys(values) as Sets[]) {
      const { field, shift, bits } = this.layout.registers[name]!
      const value = values[name]!
      const mask = maskOf(bits, shift)
      const shifted = (value << shift) >>> 0
      if (!Number.isInteger(value) || value < 0 || value > maskOf(bits, 0)) {
        throw new Error(`register ${name} cannot hold ${value} in ${bits} bits`)
      }
      this.actions.push(
        mask === 0xffffffff
          ? { type: 'set_field', field, value: shifted }
          : { type: 'set_field', field, value: shifted, mask },
      )
    }
    return this
  }

  setField(name: FieldName, value: number | bigint): this {
    this.actions.push({ type: 'set_field', field: fields[name], value })
    return this
  }

  /** Copies one whole field into another of the same width. */
  move(from: FieldName, to: FieldName): this {
    const source: Field = fields[from]
    this.actions.push({
      type: 'move',
      src: { field: source, offset: 0 },
      dst: { field: fields[to], offset: 0 },
      bits: source.bits,
    })
    return this
  }

  /** Puts an 802.1Q tag with this VLAN id in front of whatever tags the frame has. */
  pushVlan(vlan: number): this {
    this.actions.push({ type: 'push_vlan', ethertype: 0x8100 })
    return this.setField('vlan_vid', 0x1000 | vlan)
  }

  popVlan(): this {
    this.actions.push({ type: 'pop_vlan' })
    return this
  }

  output(port: number | 'in_port'): this {
    this.actions.push({ type: 'output', port: port === 'in_port' ? PORT.IN_PORT : port })
    return this
  }

  /** Outputs to the port whose number a register holds; the port the packet came from gets nothing. */
  outputRegister(name: string): this {
    const { field, shift, bits } = this.layout.registers[name]!
    this.actions.push({ type: 'output_reg', field, offset: shift, bits, maxLen: 0xffff })
    return this
  }

  group(groupId: number): this {
    this.actions.push({ type: 'group', groupId })
    return this
  }

  /** Sends the packet to the controller with `userdata`, as far as the meter lets it through. */
  controller(options: { readonly userdata: Uint8Array; readonly meterId: number }): this {
    this.actions.push({ type: 'controller', maxLen: 0xffff, controllerId: 0, reason: 'action', ...options })
    return this
  }

  /** Walks a copy of the packet through a later table and comes back. */
  resubmit(table: Next): this {
    this.actions.push({ type: 'resubmit', table: this.layout.tableId(table) })
    return this
  }

  /** Ends the list as a member of a group. */
  inGroup(groupId: number, bucketId: number, owner: string, reason: string): Bucket {
    return {
      kind: 'bucket',
      key: `bucket ${groupId} ${bucketId}`,
      groupId,
      bucketId,
      actions: this.actions,
      bytes: encodeActionList(this.actions),
      owner,
      reason,
    }
  }
}

/** A flow under construction: match given, actions to come, `because` ends it. */
export class FlowBuilder<Next extends string, Sets extends string> extends ActionsBuilder<Next, Sets> {
  readonly #tableId: number
  readonly #priority: number
  readonly #match: Readonly<Record<string, MatchValue>>
  #flags: number
  #idleTimeout = 0
  #goto: number | undefined

  constructor(
    layout: Layout,
    tableId: number,
    priority: number,
    match: Readonly<Record<string, MatchValue>>,
    flags = 0,
  ) {
    super(layout)
    this.#tableId = tableId
    this.#priority = priority
    this.#match = match
    this.#flags = flags
  }

  /** Sends the packet on to a later table, after the actions. */
  goto(table: Next): this {
    this.#goto = this.layout.tableId(table)
    return this
  }

  /** The switch removes the flow when no packet has matched it for so many seconds, and reports that. */
  expires(seconds: number): this {
    this.#idleTimeout = seconds
    this.#flags |= FLAG.sendFlowRemoved
    return this
  }

  /** Names whose flow it is and why it exists, and ends it. A flow without action or `goto` drops. */
  because(owner: string, reason: string): Flow {
    const instructions: Instruction[] = []
    if (this.actions.length > 0) instructions.push({ type: 'apply_actions', actions: this.actions })
    if (this.#goto !== undefined) instructions.push({ type: 'goto_table', tableId: this.#goto })
    const bytes = encodeFlow({
      tableId: this.#tableId,
      priority: this.#priority,
      cookie: cookieOf(owner, reason),
      flags: this.#flags,
      idleTimeout: this.#idleTimeout,
      match: matchOf(this.#resolveRegisters()),
      instructions,
    })
    return { kind: 'flow', key: flowKey(bytes), bytes, owner, reason }
  }

  #resolveRegisters(): MatchObject {
    const object: Record<string, MatchValue> = {}
    for (const [name, wanted] of Object.entries(this.#match)) {
      const register = this.layout.registers[name]
      if (register === undefined) {
        object[name] = wanted
        continue
      }
      const value = wanted as number
      if (!Number.isInteger(value) || value < 0 || value > maskOf(register.bits, 0)) {
        throw new Error(`register ${name} cannot hold ${wanted} in ${register.bits} bits`)
      }
      // Two registers of one flow may lie in the same OpenFlow register.
      const [bits, mask] = (object[register.field.name] as readonly [number, number] | undefined) ?? [0, 0]
      object[register.field.name] = [
        (bits | (value << register.shift)) >>> 0,
        (mask | maskOf(register.bits, register.shift)) >>> 0,
      ]
    }
    return object as MatchObject
  }
}

/** A group of type `all` without members: each member is a bucket of its own. */
export function floodGroup(groupId: number, owner: string, reason: string): Group {
  return { kind: 'group', key: `group ${groupId}`, groupId, owner, reason }
}

/** A meter in packets a second. */
export function packetMeter(
  meterId: number,
  limit: { readonly rate: number; readonly burst: number },
  owner: string,
  reason: string,
): Meter {
  return { kind: 'meter', key: `meter ${meterId}`, meterId, ...limit, owner, reason }
}
