/** Who owns each lock of a server and who waits for it. RFC 7047 § 4.1.8. */
export class Locks<Owner> {
  /** For each lock, its owner first, then those who wait. */
  private readonly queues = new Map<string, Owner[]>()
  private readonly tell: (owner: Owner, event: 'locked' | 'stolen', lock: string) => void

  /** `tell` is called when a lock is granted later than it was asked for, or taken away. */
  constructor(tell: (owner: Owner, event: 'locked' | 'stolen', lock: string) => void) {
    this.tell = tell
  }

  /** Whether this owner has the lock. */
  owns(owner: Owner, lock: string): boolean {
    return this.queues.get(lock)?.[0] === owner
  }

  /** Asks for a lock; returns whether it is granted at once. */
  lock(owner: Owner, lock: string): boolean {
    const queue = this.queues.get(lock) ?? []
    this.queues.set(lock, queue)
    if (!queue.includes(owner)) queue.push(owner)
    return queue[0] === owner
  }

  /** Takes a lock from its owner, who then waits no more. */
  steal(owner: Owner, lock: string): void {
    const [previous, ...waiting] = this.queues.get(lock) ?? []
    this.queues.set(lock, [owner, ...waiting.filter(other => other !== owner)])
    if (previous !== undefined && previous !== owner) this.tell(previous, 'stolen', lock)
  }

  /** Gives a lock back or stops waiting for it. */
  unlock(owner: Owner, lock: string): void {
    const queue = this.queues.get(lock) ?? []
    const owned = queue[0] === owner
    const rest = queue.filter(other => other !== owner)
    if (rest.length === 0) this.queues.delete(lock)
    else this.queues.set(lock, rest)
    if (owned && rest[0] !== undefined) this.tell(rest[0], 'locked', lock)
  }

  /** Gives everything back. */
  leave(owner: Owner): void {
    for (const lock of [...this.queues.keys()]) this.unlock(owner, lock)
  }
}
