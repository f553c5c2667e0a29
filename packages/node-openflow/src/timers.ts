/** The clock a connection runs on; tests bring their own. */
export interface Timers {
  /** Calls back once after `ms`; the returned function calls it off. */
  after(ms: number, callback: () => void): () => void
}

/** Node's timers. They do not keep the process alive: the connection's socket does. */
export const nodeTimers: Timers = {
  after(ms, callback) {
    const timer = setTimeout(callback, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
