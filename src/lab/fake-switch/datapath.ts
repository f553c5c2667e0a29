import { type DecodedMessage, type DecodedMessageOf, FLOW_FLAG, GROUP, type Version } from 'node-openflow'
import { type Flow, FlowTable, type Step, stepsOf } from './flow-table.ts'
import { GroupTable } from './group-table.ts'
import { MeterTable } from './meter-table.ts'
import { Refusal, refusal } from './refusal.ts'

/** What changes a datapath. */
export type Modification = DecodedMessageOf<'flow_mod' | 'group_mod' | 'meter_mod'>
/** An entry that went with nothing in its place, and why. */
export type Removed = (flow: Flow, reason: 'delete' | 'group_delete' | 'meter_delete') => void

export const isModification = (message: DecodedMessage): message is Modification =>
  message.type === 'flow_mod' || message.type === 'group_mod' || message.type === 'meter_mod'

/** A message in a bundle that could not be applied. */
export class RefusedPart extends Error {
  readonly index: number
  declare readonly cause: Refusal

  constructor(index: number, cause: Refusal) {
    super(`part ${index}: ${cause.message}`, { cause })
    this.index = index
  }
}

/** Flow, group and meter tables of one switch, and what OVS says to changes of them. No packets pass through it. */
export class Datapath {
  readonly flows: FlowTable
  readonly groups = new GroupTable()
  readonly meters = new MeterTable()
  readonly #removed: Removed

  constructor(version: Version, removed: Removed) {
    this.flows = new FlowTable(version)
    this.#removed = removed
  }

  /** Throws the Refusal that OVS answers when a message is added to a bundle: what it can tell without its tables. */
  check(message: DecodedMessage): Modification {
    if (!isModification(message) || message.type === 'meter_mod') throw refusal('BUNDLE_MSG_UNSUP')
    if (message.type === 'flow_mod') {
      for (const instruction of message.instructions) {
        if (instruction.type === 'goto_table' && instruction.tableId <= message.tableId)
          throw refusal('GOTO_BAD_TABLE_ID')
      }
    }
    if (message.type === 'group_mod' && message.command === 'insert_bucket') {
      if (message.commandBucketId === GROUP.BUCKET_ALL) throw refusal('BAD_BUCKET')
    }
    return message
  }

  /** Applies one modification; throws Refusal. */
  apply(modification: Modification): void {
    if (modification.type === 'meter_mod') {
      const gone = new Set(this.meters.apply(modification))
      if (gone.size === 0) return
      // OVS knows the meter of a flow only where it is what the flow does first.
      const refers = (steps: readonly Step[]): boolean => {
        const first = steps.find(({ type }) => type !== 'apply_actions')
        return first?.type === 'meter' && gone.has(first.meterId)
      }
      this.flows.removeReferring(refers, { removed: flow => this.#removed(flow, 'meter_delete') })
    } else {
      this.#apply(this.check(modification), undefined, this.#removed)
    }
  }

  /** Applies all, or throws RefusedPart and leaves everything as it was. */
  applyAll(modifications: Iterable<Modification>): void {
    const undo: (() => void)[] = []
    const removed: Parameters<Removed>[] = []
    let index = 0
    for (const modification of modifications) {
      try {
        this.#apply(modification, undo, (flow, reason) => removed.push([flow, reason]))
      } catch (error) {
        for (const step of undo.toReversed()) step()
        throw error instanceof Refusal ? new RefusedPart(index, error) : error
      }
      index++
    }
    for (const [flow, reason] of removed) this.#removed(flow, reason)
  }

  clear(): void {
    this.flows.clear()
    this.groups.clear()
    this.meters.clear()
  }

  #apply(modification: Modification, undo: (() => void)[] | undefined, removed: Removed): void {
    const change = undo === undefined ? {} : { undo }
    if (modification.type === 'flow_mod') {
      const resolve = (): void => {
        for (const step of stepsOf(modification)) this.#resolve(step)
      }
      this.flows.apply(modification, { ...change, resolve, removed: flow => removed(flow, 'delete') })
    } else if (modification.type === 'group_mod') {
      const gone = new Set(this.groups.apply(modification, undo))
      if (gone.size === 0) return
      const refers = (steps: readonly Step[]): boolean =>
        steps.some(step => step.type === 'group' && gone.has(step.groupId))
      this.flows.removeReferring(refers, { ...change, removed: flow => removed(flow, 'group_delete') })
    }
  }

  /** Refuses what refers to a group or a meter that is not there. */
  #resolve(step: Step): void {
    if (step.type === 'group' && !this.groups.has(step.groupId)) throw refusal('BAD_OUT_GROUP')
    if (step.type === 'meter' && !this.meters.has(step.meterId)) throw refusal('INVALID_METER')
  }
}

/** Whether somebody wants to hear that the flow went. */
export const isAnnounced = (flow: Flow): boolean => (flow.flags & FLOW_FLAG.SEND_FLOW_REM) !== 0
