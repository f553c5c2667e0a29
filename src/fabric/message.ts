import { GROUP, type GroupMod, METER_FLAG, type Message } from 'node-openflow'
import type { Change } from '../engine/engine.ts'
import { deletionOf, replacementOf } from '../pipeline/flow-bytes.ts'
import type { Bucket, Flow, Group, Item, Meter } from '../pipeline/item.ts'

/** Whole messages that make a bridge follow a delta. OVS takes no meters in a bundle: they come before it and go after it. */
export interface Messages {
  readonly before: readonly Message[]
  readonly bundle: readonly (Message | Uint8Array)[]
  readonly after: readonly Message[]
}

/** Buckets in one message: 1,000 fit, 1,200 do not. */
const BUCKETS = 500

type Removed<T extends Item> = { readonly before: T; readonly after?: undefined }
type Added<T extends Item> = { readonly before?: T | undefined; readonly after: T }

/** The messages for the changes of one bridge, in an order in which nothing refers to what is not there yet. */
export function messagesFor(changes: readonly Change<Item>[]): Messages {
  const before: Message[] = []
  const after: Message[] = []
  const groups: GroupMod[] = []
  const lateGroups: GroupMod[] = []
  const flows: Uint8Array[] = []
  const deletions: Uint8Array[] = []

  const madeGroups = new Set<number>()
  const goneGroups = new Set<number>()
  for (const { before: old, after: next } of changes) {
    if (next?.kind === 'group' && old === undefined) madeGroups.add(next.groupId)
    if (next === undefined && old?.kind === 'group') goneGroups.add(old.groupId)
  }
  const newBuckets = new Map<number, Bucket[]>()

  for (const change of changes) {
    const item = change.after ?? change.before
    switch (item?.kind) {
      case 'flow': {
        const old = change.before as Flow | undefined
        const next = change.after as Flow | undefined
        if (next === undefined) deletions.push(deletionOf(old!.bytes))
        else flows.push(old === undefined ? next.bytes : replacementOf(old.bytes, next.bytes))
        break
      }
      case 'group': {
        const removed = change as Removed<Group> | Added<Group>
        if (removed.after === undefined) lateGroups.push(groupMod('delete', removed.before.groupId, []))
        break
      }
      case 'bucket': {
        const old = change.before as Bucket | undefined
        const next = change.after as Bucket | undefined
        if (old !== undefined && !goneGroups.has(old.groupId)) {
          groups.push({ ...groupMod('remove_bucket', old.groupId, []), commandBucketId: old.bucketId })
        }
        if (next !== undefined) {
          const list = newBuckets.get(next.groupId)
          if (list === undefined) newBuckets.set(next.groupId, [next])
          else list.push(next)
        }
        break
      }
      case 'meter': {
        const old = change.before as Meter | undefined
        const next = change.after as Meter | undefined
        if (next === undefined) after.push(meterMod('delete', old!))
        else before.push(meterMod(old === undefined ? 'add' : 'modify', next))
        break
      }
      case undefined:
        break
    }
  }
  for (const groupId of new Set([...madeGroups, ...newBuckets.keys()])) {
    const buckets = newBuckets.get(groupId) ?? []
    let next = 0
    if (madeGroups.has(groupId)) {
      groups.push(groupMod('add', groupId, buckets.slice(0, BUCKETS)))
      next = BUCKETS
    }
    for (; next < buckets.length; next += BUCKETS) {
      groups.push({
        ...groupMod('insert_bucket', groupId, buckets.slice(next, next + BUCKETS)),
        commandBucketId: GROUP.BUCKET_LAST,
      })
    }
  }
  return { before, bundle: [...groups, ...flows, ...deletions, ...lateGroups], after }
}

function groupMod(command: GroupMod['command'], groupId: number, buckets: readonly Bucket[]): GroupMod {
  return {
    type: 'group_mod',
    command,
    groupType: 'all',
    groupId,
    buckets: buckets.map(({ bucketId, actions }) => ({ bucketId, actions })),
  }
}

function meterMod(command: 'add' | 'modify' | 'delete', meter: Meter): Message {
  return {
    type: 'meter_mod',
    command,
    flags: METER_FLAG.PKTPS | METER_FLAG.BURST,
    meterId: meter.meterId,
    bands: command === 'delete' ? [] : [{ type: 'drop', rate: meter.rate, burstSize: meter.burst }],
  }
}
