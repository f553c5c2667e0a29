import { performance } from 'node:perf_hooks'

/** Those who wait for a condition on something that says when it has made progress. */
export class Waiters {
  readonly #looks = new Set<() => void>()

  /** Something may have come true: everybody looks. */
  progress(): void {
    for (const look of this.#looks) look()
  }

  /**
   * Resolves when the condition holds, which is looked at now and whenever there is progress.
   *
   * @param deadline on the clock of `performance.now()`, ms; without one it waits for ever.
   * @param complaint what it rejects with then.
   */
  until(condition: () => boolean, deadline: number | undefined, complaint: () => string): Promise<void> {
    if (condition()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined
      const look = () => {
        if (!condition()) return
        clearTimeout(timer)
        this.#looks.delete(look)
        resolve()
      }
      this.#looks.add(look)
      if (deadline === undefined) return
      timer = setTimeout(
        () => {
          this.#looks.delete(look)
          reject(new Error(complaint()))
        },
        Math.max(0, deadline - performance.now()),
      )
    })
  }
}
