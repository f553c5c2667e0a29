import type { Event } from '../event.ts'

/** An event with its place among the others. */
export interface EventView extends Event {
  /** Counts events since the controller started, from 1. */
  readonly revision: number
  /** ISO 8601 in UTC. */
  readonly time: string
}

/** Events after some revision. */
export interface EventsView {
  /** The revision of the last event so far, 0 before the first. */
  readonly latest: number
  /** How many of them are no longer known. */
  readonly lost: number
  readonly events: readonly EventView[]
}

/** How many events are remembered. */
const CAPACITY = 4_096

/** The last events, in memory: what is older is forgotten, and everything at the end of the controller. */
export class EventLog {
  readonly #now: () => number
  readonly #capacity: number
  /** The event of revision r is at r modulo the capacity. */
  readonly #ring: EventView[] = []
  readonly #followers = new Set<(event: EventView) => void>()
  #latest = 0

  /** @param now ms since 1970. */
  constructor(now: () => number, capacity = CAPACITY) {
    this.#now = now
    this.#capacity = capacity
  }

  get latest(): number {
    return this.#latest
  }

  add(event: Event): void {
    const known: EventView = { revision: ++this.#latest, time: new Date(this.#now()).toISOString(), ...event }
    this.#ring[known.revision % this.#capacity] = known
    for (const follower of this.#followers) follower(known)
  }

  /** The events after `revision`. One that is still to come is of a controller before this one: then all are. */
  since(revision: number): EventsView {
    const after = revision > this.#latest ? 0 : revision
    const first = Math.max(after, this.#latest - this.#capacity) + 1
    const events: EventView[] = []
    for (let next = first; next <= this.#latest; next++) events.push(this.#ring[next % this.#capacity]!)
    return { latest: this.#latest, lost: first - 1 - after, events }
  }

  /** Tells of every event from now on, until the returned function is called. */
  follow(follower: (event: EventView) => void): () => void {
    this.#followers.add(follower)
    return () => this.#followers.delete(follower)
  }
}
