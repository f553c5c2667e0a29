import type { Action } from 'node-openflow'

/** Something a bridge is to hold. Each says whose it is and why it exists. */
export type Item = Flow | Group | Bucket | Meter

interface Owned {
  /** What makes two items rivals on one bridge: table, priority and match of a flow; the ids of the others. */
  readonly key: string
  /** The resource it is there for: `port red-a`, `network red on h2`. */
  readonly owner: string
  /** One sentence: what it does to a packet. */
  readonly reason: string
}

/** A flow entry. */
export interface Flow extends Owned {
  readonly kind: 'flow'
  /** The whole OpenFlow 1.5 `ADD` message with transaction id 0, ready to be copied into a bundle. */
  readonly bytes: Uint8Array
}

/** A group of type `all`; its members are `Bucket` items, so that one member more is one bucket more. */
export interface Group extends Owned {
  readonly kind: 'group'
  readonly groupId: number
}

/** One member of a group. */
export interface Bucket extends Owned {
  readonly kind: 'bucket'
  readonly groupId: number
  /** Deterministic and unique in its group, below 0xffffff00 (OpenFlow 1.5.1 § 7.3.4.3). */
  readonly bucketId: number
  readonly actions: readonly Action[]
  /** `actions` as OpenFlow 1.5 has them on the wire: equal bytes, equal bucket. */
  readonly bytes: Uint8Array
}

/** A meter that drops what exceeds `rate`. */
export interface Meter extends Owned {
  readonly kind: 'meter'
  readonly meterId: number
  /** Packets a second. */
  readonly rate: number
  /** Packets. */
  readonly burst: number
}

/** Whether a bridge that holds `a` need not be touched to hold `b`. Both have the same key. */
export function sameItem(a: Item, b: Item): boolean {
  if (a.kind === 'flow') return b.kind === 'flow' && sameBytes(a.bytes, b.bytes)
  if (a.kind === 'bucket') return b.kind === 'bucket' && sameBytes(a.bytes, b.bytes)
  if (a.kind === 'meter') return b.kind === 'meter' && a.rate === b.rate && a.burst === b.burst
  return b.kind === 'group'
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}
