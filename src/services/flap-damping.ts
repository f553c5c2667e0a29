/** Moves within `WINDOW` that count as moving; one more is flapping. */
export const MOVES = 5

/** ms. */
export const WINDOW = 10_000

/** How long what flaps stays where it is, ms. */
export const FREEZE = 30_000

/** Decides which moves are followed: what is in two places at once would otherwise have flows rewritten without end. */
export class FlapDamping {
  readonly #moves = new Map<string, { times: number[]; frozenUntil: number }>()

  /** Whether to follow a move at `now` (ms): no move is followed from the `freeze` on until it ends. */
  move(id: string, now: number): 'follow' | 'freeze' | 'frozen' {
    const state = this.#moves.get(id) ?? { times: [], frozenUntil: Number.NEGATIVE_INFINITY }
    this.#moves.set(id, state)
    if (now < state.frozenUntil) return 'frozen'
    state.times = state.times.filter(time => time > now - WINDOW)
    if (state.times.length >= MOVES) {
      state.times = []
      state.frozenUntil = now + FREEZE
      return 'freeze'
    }
    state.times.push(now)
    return 'follow'
  }

  forget(id: string): void {
    this.#moves.delete(id)
  }
}
