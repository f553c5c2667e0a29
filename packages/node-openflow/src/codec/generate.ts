import { emitDecode } from './generate-decode.ts'
import { emitEncode } from './generate-encode.ts'
import type { Header, Node } from './node.ts'
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

/** The fast backend: JavaScript source for one schema in one version, where a run of fixed members shares one bounds check. */

export interface Generated {
  encode: (writer: Writer, value: unknown, context?: number) => void
  decode: (reader: Reader) => unknown
}

/** A function pair of its own. */
export interface Unit {
  readonly node: Node
  readonly version: number
  readonly name: string
  /** The node as a variant of a union: its encoder writes the header too, its decoder begins after it. */
  readonly variant?: { readonly header: Header; readonly tags: readonly number[]; readonly constants: Constants }
}
/** Members that a decoded object has besides its node's: the discriminants. */
export type Constants = Readonly<Record<string, string>>

const units = new WeakMap<Node, Map<string, Generated>>()

/** The functions of a unit, generated when first called, so that loading costs nothing and schemas may contain themselves. */
export const generated = (unit: Unit): Generated => {
  const key = `${unit.version} ${JSON.stringify([unit.variant?.constants, unit.variant?.tags])}`
  const known = units.get(unit.node) ?? new Map<string, Generated>()
  units.set(unit.node, known)
  const functions = known.get(key) ?? stub(unit)
  known.set(key, functions)
  return functions
}

const stub = (unit: Unit): Generated => {
  const functions: Generated = {
    encode: (writer, value, context) => {
      functions.encode = compile(unit, emitEncode) as Generated['encode']
      functions.encode(writer, value, context)
    },
    decode: reader => {
      functions.decode = compile(unit, emitDecode) as Generated['decode']
      return functions.decode(reader)
    },
  }
  return functions
}

export const generate = (node: Node, version: number, name: string): Generated => generated({ node, version, name })

/** Source under construction: lines, fresh names, and the values that the source refers to. */
export class Source {
  readonly lines: string[] = []
  readonly constants: unknown[] = []
  readonly unit: Unit
  private names = 0

  constructor(unit: Unit) {
    this.unit = unit
  }

  add(...lines: string[]): void {
    this.lines.push(...lines)
  }

  fresh(prefix: string): string {
    return `${prefix}${this.names++}`
  }

  /** A name for a value of this process. */
  constant(value: unknown): string {
    const known = this.constants.indexOf(value)
    if (known !== -1) return `k${known}`
    this.constants.push(value)
    return `k${this.constants.length - 1}`
  }

  /** The value as an expression: a literal where it is plain. */
  literal(value: unknown): string {
    if (typeof value === 'bigint') return `${value}n`
    if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean')
      return JSON.stringify(value)
    return this.constant(value)
  }

  /** `body`'s lines, with errors of it named by the path segment that `segment` evaluates to. */
  guarded(segment: string, within: unknown, body: () => void): void {
    this.add('try {')
    body()
    this.add(`} catch (e) { throw ${this.constant(within)}(e, ${segment}) }`)
  }
}

const compile = (unit: Unit, emit: (source: Source) => void): unknown => {
  const source = new Source(unit)
  emit(source)
  const names = source.constants.map((_, i) => `k${i}`)
  const direction = emit === emitEncode ? 'encode' : 'decode'
  const parameters = emit === emitEncode ? 'w, v, cx = 0' : 'r'
  const text = [
    `const [${names.join(', ')}] = constants`,
    `return function ${direction}_${unit.name}(${parameters}) {`,
    ...source.lines,
    '}',
    `//# sourceURL=openflow/${unit.name}.${direction}.v${unit.version}`,
  ].join('\n')
  return new Function('constants', text)(source.constants)
}
