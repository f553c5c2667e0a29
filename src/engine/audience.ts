import type { Unit } from './unit.ts'

/** An item as one unit gave it to one audience. */
export interface Emission<Item = unknown> {
  readonly unit: Unit
  readonly audience: Audience
  readonly key: string
  readonly item: Item
  /** The member that is left out: the host that a remote port is at home on, for instance. */
  readonly except: string | undefined
}

/**
 * A named set of targets that are to hold the same items.
 *
 * What is equal on many bridges is computed and stored once and fanned out when it changes: the cost of a port is its own
 * items, not items x hosts.
 */
export interface Audience {
  readonly name: string
  readonly emissions: Set<Emission>
  /** Target -> how many units made it a member. */
  readonly members: Map<string, number>
}
