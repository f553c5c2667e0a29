/** The clock and timers a connection uses; tests give their own. */
export interface Timers {
  /** Milliseconds on a clock that never goes back. */
  now(): number
  /** Calls back once after `ms` milliseconds; returns what `clear` takes. Does not keep the process alive. */
  set(callback: () => void, ms: number): unknown
  clear(timer: unknown): void
}

/** The machine's own clock and timers. */
export const systemTimers: Timers = {
  now: () => performance.now(),
  set: (callback, ms) => setTimeout(callback, ms).unref(),
  clear: timer => clearTimeout(timer as NodeJS.Timeout),
}
