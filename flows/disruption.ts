import type { Change, Delta } from '../src/engine/engine.ts'
import { changesPackets, tableOf } from '../src/pipeline/flow-bytes.ts'
import type { Item } from '../src/pipeline/item.ts'

/**
 * What a change does to traffic.
 *
 * - `none`: no packet is treated differently.
 * - `brief`: flows are replaced by others of the same purpose; a packet may fall into the gap between two bridges.
 * - `cut`: flows go and none of the same purpose comes: something no longer reaches somebody.
 */
export type Disruption = 'none' | 'brief' | 'cut'

const RANK: Readonly<Record<Disruption, number>> = { none: 0, brief: 1, cut: 2 }

export function worse(a: Disruption, b: Disruption): Disruption {
  return RANK[a] >= RANK[b] ? a : b
}

/**
 * What a delta does to traffic, by the owner of what changes (`port red-a`, `network red on h2`).
 *
 * It is read from the delta alone. A flow that goes is replaced when, on the same bridge and in the same table, one with the same
 * owner and the same reason comes: the address that a guest may send from has changed, say.
 */
export function disruptionByOwner(delta: Delta<Item>): Map<string, Disruption> {
  const effects = new Map<string, Disruption>()
  const note = (owner: string, effect: Disruption) => effects.set(owner, worse(effects.get(owner) ?? 'none', effect))
  for (const changes of delta.values()) {
    const coming = new Map<string, number>()
    for (const { before, after } of changes) {
      if (before === undefined && after !== undefined) {
        const purpose = purposeOf(after)
        coming.set(purpose, (coming.get(purpose) ?? 0) + 1)
        note(after.owner, 'none')
      }
    }
    for (const change of changes) {
      const { before, after } = change
      if (before === undefined) continue
      if (after !== undefined) {
        note(after.owner, changedEffect(change))
        continue
      }
      const purpose = purposeOf(before)
      const left = coming.get(purpose) ?? 0
      coming.set(purpose, left - 1)
      // A limit that goes lets more through, not less.
      note(before.owner, before.kind === 'meter' ? 'none' : left > 0 ? 'brief' : 'cut')
    }
  }
  return effects
}

function changedEffect({ before, after }: Change<Item>): Disruption {
  if (before?.kind === 'flow' && after?.kind === 'flow') {
    return changesPackets(before.bytes, after.bytes) ? 'brief' : 'none'
  }
  return before?.kind === 'meter' ? 'none' : 'brief'
}

/** What an item is there for: items of one purpose stand in for each other. */
function purposeOf(item: Item): string {
  const place = item.kind === 'flow' ? tableOf(item.bytes) : item.kind === 'bucket' ? item.groupId : 0
  return `${item.kind} ${place} ${item.owner} ${item.reason}`
}
