import type { Lease } from '../../topology/lease.ts'

/** How long changes are gathered before they are written, ms: a lease is a record, the address itself is the port's. */
const WRITE_DELAY = 200

/** The leases that guests hold, by port. */
export class Leases {
  readonly #byPort = new Map<string, Lease>()
  readonly #changed = new Map<string, Lease | undefined>()
  readonly #save: (saved: readonly Lease[], removed: readonly string[]) => void
  #timer: NodeJS.Timeout | undefined

  constructor(known: readonly Lease[], save: (saved: readonly Lease[], removed: readonly string[]) => void) {
    for (const lease of known) this.#byPort.set(lease.port, lease)
    this.#save = save
  }

  values(): IterableIterator<Lease> {
    return this.#byPort.values()
  }

  get(port: string): Lease | undefined {
    return this.#byPort.get(port)
  }

  grant(lease: Lease): void {
    const since = this.#byPort.get(lease.port)?.since ?? lease.since
    const kept = { ...lease, since }
    this.#byPort.set(lease.port, kept)
    this.#change(lease.port, kept)
  }

  release(port: string): void {
    if (this.#byPort.delete(port)) this.#change(port, undefined)
  }

  /** Writes what has not been written yet. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#changed.size === 0) return
    const saved = [...this.#changed.values()].filter(lease => lease !== undefined)
    const removed = [...this.#changed].filter(([, lease]) => lease === undefined).map(([port]) => port)
    this.#changed.clear()
    this.#save(saved, removed)
  }

  #change(port: string, lease: Lease | undefined): void {
    this.#changed.set(port, lease)
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => this.flush(), WRITE_DELAY)
    this.#timer.unref()
  }
}
