/** A spot in a text: where a value or its key begins. */
export interface Place {
  readonly file: string
  /** 1-based. */
  readonly line: number
  /** 1-based, in UTF-16 code units, as editors count. */
  readonly column: number
  /** The whole line, without its line end. */
  readonly source: string
}

/** One reason why a topology is refused, and where it stands. */
export interface Problem extends Place {
  readonly message: string
  /** A sentence that leads out: the nearest right word, or what to write instead. */
  readonly hint?: string
}

/** Where something stands in a topology: section, name, attribute, then deeper. `['ports', 'red-a', 'fixed_ips', 0]`. */
export type Path = readonly (string | number)[]

/** Finds the place of a path's value, or of its key; the nearest enclosing one where the path ends early. */
export type Locate = (path: Path, part?: 'key' | 'value') => Place

/** Options of one reported problem. */
export interface ReportOptions {
  /** Computed for the first problems only: nobody reads the nearest word of the ten thousandth. */
  readonly hint?: () => string | undefined
  /** Point at the key instead of the value. */
  readonly part?: 'key'
}

/** Takes a problem down at a path. */
export type Report = (path: Path, message: string, options?: ReportOptions) => void

const HINTS = 100

/** The problems found so far, in the order in which a reader meets them. */
export class ProblemList {
  readonly #problems: Problem[] = []

  get size(): number {
    return this.#problems.length
  }

  add(place: Place, message: string, hint?: () => string | undefined): void {
    const sentence = this.#problems.length < HINTS ? hint?.() : undefined
    this.#problems.push({ ...place, message, ...(sentence === undefined ? {} : { hint: sentence }) })
  }

  /** A report function that finds its places with `locate`. */
  reporter(locate: Locate): Report {
    return (path, message, options = {}) => this.add(locate(path, options.part), message, options.hint)
  }

  /** All problems, by file in the given order, then by line and column. */
  sorted(files: readonly string[]): Problem[] {
    const order = new Map(files.map((file, index) => [file, index]))
    const rank = (problem: Problem) => order.get(problem.file) ?? files.length
    return this.#problems.toSorted((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column)
  }
}

const WIDEST = 160

/** A topology was refused; nothing has changed. Its message is every problem as `formatProblem` writes it. */
export class TopologyError extends Error {
  override readonly name = 'TopologyError'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.problems = problems
  }
}

/** The problem as a person reads it: `FILE:LINE:COLUMN: message`, the line, a caret under the column, the hint. */
export function formatProblem({ file, line, column, source, message, hint }: Problem): string {
  const from = source.length > WIDEST ? Math.max(0, column - 1 - WIDEST / 2) : 0
  const shown = source.slice(from, from + WIDEST).replace(/[^\t\P{Cc}]/gu, '\ufffd')
  const head = from > 0 ? '…' : ''
  const tail = from + WIDEST < source.length ? '…' : ''
  const indent = (head + shown.slice(0, column - 1 - from)).replace(/[^\t]/g, ' ')
  const lines = [`${file}:${line}:${column}: ${message}`, `${head}${shown}${tail}`, `${indent}^`]
  return (hint === undefined ? lines : [...lines, hint]).join('\n')
}

/** `FILE:LINE:COLUMN`, to name a second place inside a message. */
export function formatPlace({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`
}
