import {
  type Document,
  type ErrorCode,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  type YAMLError,
} from 'yaml'
import type { Path, Place } from './problem.ts'

/** Something wrong with the YAML itself, at an offset of the text. */
export interface YamlProblem {
  readonly offset: number
  readonly message: string
  /** The value as a whole cannot be trusted. */
  readonly fatal: boolean
}

interface Composed {
  readonly root: Document
  /** Pairs of the wide maps (sections), so that ten thousand problems do not mean ten thousand scans. */
  readonly pairs: Map<Node, Map<string, Pair>>
}

/** One YAML text: its value, and where in it something stands. */
export class SourceFile {
  readonly file: string
  readonly text: string
  /** The syntax tree is wanted only for problems and is some fifty times the size of the text: composed again when it was let go. */
  #composed: WeakRef<Composed> | undefined
  #lineStarts: number[] | undefined

  constructor(file: string, text: string) {
    this.file = file
    // A byte order mark is no column.
    this.text = text.replace(/^\ufeff/, '')
  }

  /** The value of the text as plain data (keys in the order of the text, the first of equal keys), and what is wrong with the YAML. */
  read(): { value: unknown; problems: YamlProblem[] } {
    const { root } = this.#compose()
    const problems = [...root.errors, ...root.warnings].map(yamlProblem)
    const value = problems.length > 0 ? undefined : new Reader(this, problems).value(root.contents)
    return { value, problems }
  }

  /** The place of an offset into the text. */
  place(offset: number): Place {
    this.#lineStarts ??= lineStarts(this.text)
    const starts = this.#lineStarts
    let [low, high] = [0, starts.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (starts[middle]! <= offset) low = middle
      else high = middle - 1
    }
    const start = starts[low]!
    const source = this.text.slice(start, starts[low + 1] ?? this.text.length).replace(/\r?\n$/, '')
    return { file: this.file, line: low + 1, column: Math.min(offset - start, source.length) + 1, source }
  }

  /** The place of a path's value, or of its key; where the path leaves the text, of what encloses it. */
  locate(path: Path, part: 'key' | 'value' = 'value'): Place {
    const composed = this.#compose()
    let node: unknown = composed.root.contents
    let [keyOffset, valueOffset] = [0, offsetOf(node) ?? 0]
    for (const [depth, step] of path.entries()) {
      let found: { key: number; value: number; node: unknown } | undefined
      if (isMap(node)) {
        const pair = this.#pairs(composed, node).get(String(step))
        if (pair) {
          const key = offsetOf(pair.key) ?? valueOffset
          found = { key, value: offsetOf(pair.value) ?? key, node: pair.value }
        }
      } else if (isSeq(node) && typeof step === 'number') {
        const item = node.items[step]
        const offset = offsetOf(item)
        if (offset !== undefined) found = { key: offset, value: offset, node: item }
      }
      // What is missing in a resource is told at the resource's name, not at the brace after it.
      if (!found) return this.place(depth > 0 ? keyOffset : valueOffset)
      keyOffset = found.key
      valueOffset = found.value
      node = found.node
    }
    return this.place(part === 'key' ? keyOffset : valueOffset)
  }

  #pairs(composed: Composed, map: Node & { items: Pair[] }): Map<string, Pair> {
    let pairs = composed.pairs.get(map)
    if (!pairs) {
      pairs = new Map()
      for (const pair of map.items) {
        const key = keyText(pair.key)
        if (key !== undefined && !pairs.has(key)) pairs.set(key, pair)
      }
      composed.pairs.set(map, pairs)
    }
    return pairs
  }

  #compose(): Composed {
    let composed = this.#composed?.deref()
    if (!composed) {
      // uniqueKeys compares every key with every other one: the reader below does it in linear time.
      const root = parseDocument(this.text, { uniqueKeys: false, prettyErrors: false })
      composed = { root, pairs: new Map() }
      this.#composed = new WeakRef(composed)
    }
    return composed
  }
}

/** Turns nodes into plain data, once and in document order; an alias is the very value of its anchor, so no text can grow by aliases. */
class Reader {
  readonly #source: SourceFile
  readonly #problems: YamlProblem[]
  readonly #anchors = new Map<string, unknown>()

  constructor(source: SourceFile, problems: YamlProblem[]) {
    this.#source = source
    this.#problems = problems
  }

  value(node: unknown): unknown {
    if (isAlias(node)) {
      if (!this.#anchors.has(node.source)) this.#problem(node, `the alias *${node.source} has no anchor before it`)
      return this.#anchors.get(node.source)
    }
    const value = isMap(node) ? this.#map(node.items) : isSeq(node) ? this.#list(node.items) : scalar(node)
    const anchor = (node as { anchor?: string } | null)?.anchor
    if (anchor !== undefined) this.#anchors.set(anchor, value)
    return value
  }

  #list(items: readonly unknown[]): unknown[] {
    return items.map(item => this.value(item))
  }

  #map(items: readonly Pair[]): Record<string, unknown> {
    const map: Record<string, unknown> = Object.create(null)
    const seen = new Map<string, Pair>()
    for (const pair of items) {
      const key = keyText(pair.key)
      const value = this.value(pair.value)
      if (key === undefined) {
        this.#problem(offsetOf(pair.key) === undefined ? pair.value : pair.key, 'a key must be a word')
        continue
      }
      const first = seen.get(key)
      if (first) {
        const { line, column } = this.#source.place(offsetOf(first.key) ?? 0)
        this.#problem(pair.key, `"${key}" is given twice (first at ${this.#source.file}:${line}:${column})`)
        continue
      }
      seen.set(key, pair)
      map[key] = value
    }
    return map
  }

  #problem(node: unknown, message: string): void {
    this.#problems.push({ offset: offsetOf(node) ?? 0, message, fatal: false })
  }
}

function scalar(node: unknown): unknown {
  return isScalar(node) ? node.value : null
}

/** A key as it is written: `0x10` and `1e3` are names here, not numbers. */
function keyText(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined
  return typeof key.value === 'string' ? key.value : key.source || undefined
}

/** The messages of the parser that speak of its own programming interface. */
const REWORDED: Partial<Record<ErrorCode, string>> = {
  MULTIPLE_DOCS: 'a second document begins here; a file has one',
  RESOURCE_EXHAUSTION: 'nested too deeply',
}

function yamlProblem({ code, message, pos }: YAMLError): YamlProblem {
  const sentence = message.charAt(0).toLowerCase() + message.slice(1)
  return { offset: pos[0], message: REWORDED[code] ?? sentence, fatal: true }
}

/** Where a node begins; undefined when it takes no room in the text. */
function offsetOf(node: unknown): number | undefined {
  const range = (node as Partial<Node> | null | undefined)?.range
  return range && range[0] < range[1] ? range[0] : undefined
}

function lineStarts(text: string): number[] {
  const starts = [0]
  for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', end + 1)) starts.push(end + 1)
  return starts
}
