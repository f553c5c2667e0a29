import { generated, type Source } from './generate.ts'
import {
  type Frame,
  fixedSize,
  formsOf,
  type Header,
  headerSize,
  isHidden,
  type Node,
  type PropertiesNode,
  resolve,
  type StructNode,
  type UnionNode,
  type Width,
} from './node.ts'
import { within } from './reader.ts'
import { finish, misfit, notOne, noVariant, noWord, putBlob, putRaw, putText, tooLong } from './wire.ts'

export const emitEncode = (source: Source): void => {
  source.add('let o = 0, d')
  const encoder = new Encoder(source)
  const { node, variant, version } = source.unit
  const inner = resolve(node, version)
  if (variant !== undefined) encoder.variant(variant.header, variant.tags.map(String), inner, 'v')
  else if (inner.kind === 'union') encoder.union(inner, 'v')
  else encoder.value(inner, 'v', '')
  encoder.flush()
}

class Encoder {
  private readonly source: Source
  private readonly version: number
  /** The run of fixed members that is not yet emitted: statements that may use `o` (its first byte) and `d`. */
  private run: { size: number; stores: string[] } = { size: 0, stores: [] }

  constructor(source: Source) {
    this.source = source
    this.version = source.unit.version
  }

  flush() {
    const { size, stores } = this.run
    this.run = { size: 0, stores: [] }
    if (size === 0 && stores.length === 0) return
    this.source.add(`w.ensure(${size}); o = w.offset; d = w.data`, ...stores, `w.offset = o + ${size}`)
  }

  private at(offset = this.run.size): string {
    return offset === 0 ? 'o' : `o + ${offset}`
  }

  private store(bytes: number, ...statements: string[]) {
    this.run.stores.push(...statements)
    this.run.size += bytes
  }

  /** A variable that holds the writer's offset here, once the run is emitted. */
  private mark(): string {
    const name = this.source.fresh('p')
    this.source.add(`let ${name} = 0`)
    this.run.stores.push(`${name} = ${this.at()}`)
    return name
  }

  private zeros(bytes: number) {
    for (let left = bytes; left > 0; ) {
      const step = left >= 4 ? 4 : left >= 2 ? 2 : 1
      this.store(step, `d.setUint${step * 8}(${this.at()}, 0)`)
      left -= step
    }
  }

  /** An unchecked store of an expression that fits. */
  private plain(bytes: Width, expression: string | number) {
    this.store(bytes, `d.setUint${bytes * 8}(${this.at()}, ${expression})`)
  }

  private uint(bytes: Width, expression: string, path: string) {
    const x = this.source.fresh('x')
    this.store(
      0,
      `const ${x} = ${expression}`,
      `if (${unfit(bytes, x)}) throw ${this.source.constant(refuse)}(${x}, ${bytes}, ${JSON.stringify(path)})`,
    )
    if (bytes <= 4) this.plain(bytes, x)
    else if (bytes === 6) {
      this.plain(2, `${x} / 4294967296`)
      this.plain(4, x)
    } else if (bytes === 8) this.store(8, `d.setBigUint64(${this.at()}, ${x})`)
    else {
      this.store(8, `d.setBigUint64(${this.at()}, ${x} >> 64n)`)
      this.store(8, `d.setBigUint64(${this.at()}, ${x})`)
    }
  }

  /** A value; `path` names it within the function, for what is written in a run. */
  value(unresolved: Node, expression: string, path: string): void {
    const node = resolve(unresolved, this.version)
    const { source } = this
    switch (node.kind) {
      case 'uint':
        this.uint(node.bytes, expression, path)
        break
      case 'enum': {
        const x = source.fresh('x')
        const numbers = source.constant(node.numbers)
        const word = `typeof ${x} === 'string' ? ${numbers}[${x}] : ${node.open ? x : 'undefined'}`
        const n = source.fresh('n')
        this.store(
          0,
          `const ${x} = ${expression}, ${n} = ${word}`,
          `if (${n} === undefined) throw ${source.constant(refuseWord)}(${x}, ${numbers}, ${JSON.stringify(path)})`,
        )
        this.uint(node.bytes, n, path)
        break
      }
      case 'boolean':
        this.plain(node.bytes, `${expression} === true ? 1 : 0`)
        break
      case 'map':
        this.uint(node.of.bytes, `${source.constant(node.toWire)}(${expression})`, path)
        break
      case 'pad':
      case 'absent':
        this.zeros(node.bytes)
        break
      case 'padded':
        this.zeros(node.before)
        this.value(node.of, expression, path)
        this.zeros(node.after)
        break
      case 'present':
        break
      case 'struct':
        this.struct(node, expression, path)
        break
      case 'properties':
        this.properties(node, expression)
        break
      default:
        this.flush()
        this.variable(node, expression)
        break
    }
  }

  /** What is written by a statement of its own, the run being empty. */
  private variable(node: Node, expression: string) {
    const { source } = this
    switch (node.kind) {
      case 'rest':
        return source.add(`w.append(${expression})`)
      case 'blob':
        return source.add(`${source.constant(putBlob)}(w, ${expression}, ${node.bytes})`)
      case 'text':
        return source.add(`${source.constant(putText)}(w, ${expression}, ${node.bytes})`)
      case 'custom':
        return source.add(`${source.constant(node.encode)}(w, ${expression}, ${this.version}, cx)`)
      case 'union': {
        const name = source.fresh(`${source.unit.name}_`)
        const functions = source.constant(generated({ node, version: this.version, name }))
        return source.add(`${functions}.encode(w, ${expression}, cx)`)
      }
      case 'one':
        source.add(`if (${expression}.length !== 1) throw ${source.constant(notOne)}()`)
        return this.list(node.of, expression)
      case 'list':
        return this.list(node.of, expression)
      default:
        throw new TypeError(`a ${node.kind} stands only in a structure`)
    }
  }

  private list(of: Node, expression: string) {
    const { source } = this
    const l = source.fresh('l')
    const i = source.fresh('i')
    source.add(`const ${l} = ${expression}; let ${i} = 0`)
    source.guarded(`'[' + ${i} + ']'`, within, () => {
      const e = source.fresh('e')
      source.add(`for (; ${i} < ${l}.length; ${i}++) {`, `const ${e} = ${l}[${i}]`)
      this.value(of, e, '')
      this.flush()
      source.add('}')
    })
  }

  private struct(node: StructNode, expression: string, path: string) {
    const { source } = this
    const inner = node.members.map(member => ({ ...member, node: resolve(member.node, this.version) }))
    const framed = inner.find(member => member.node.kind === 'length')
    const start = framed === undefined ? '' : this.mark()
    const sizes = new Map<string, { at: string; bytes: Width }>()
    let own: { at: string; bytes: Width; frame: Frame } | undefined
    for (const member of inner) {
      const part = member.node
      if (part.kind === 'length') {
        own = { at: this.mark(), bytes: part.bytes, frame: part.frame }
        this.zeros(part.bytes)
      } else if (part.kind === 'lengthOf') {
        sizes.set(part.member, { at: this.mark(), bytes: part.bytes })
        this.zeros(part.bytes)
      } else if (isHidden(part)) this.value(part, '', '')
      else if (member.spread === true) this.value(part, expression, path)
      else
        this.member(
          member.name,
          part,
          source,
          `${expression}.${member.name}`,
          member.fallback,
          sizes.get(member.name),
          path,
        )
    }
    if (own !== undefined) {
      this.flush()
      source.add(`${source.constant(finish)}(w, ${start}, ${own.at}, ${own.bytes}, ${source.constant(own.frame)})`)
    }
  }

  private member(
    name: string,
    node: Node,
    source: Source,
    from: string,
    fallback: unknown,
    size: { at: string; bytes: Width } | undefined,
    path: string,
  ): void {
    const expression = fallback === undefined ? from : `(${from} ?? ${source.literal(fallback)})`
    if (isRun(node, this.version)) {
      this.value(node, expression, path === '' ? name : `${path}.${name}`)
      return
    }
    this.flush()
    const before = size === undefined ? '' : source.fresh('b')
    source.guarded(JSON.stringify(path === '' ? name : `${path}.${name}`), within, () => {
      if (size !== undefined) source.add(`const ${before} = w.offset`)
      this.value(node, expression, '')
      this.flush()
      if (size !== undefined) this.patch(size.at, size.bytes, `w.offset - ${before}`)
    })
  }

  private patch(at: string, bytes: Width, size: string) {
    const n = this.source.fresh('n')
    this.source.add(
      `const ${n} = ${size}`,
      `if (${n} >= ${2 ** (8 * bytes)}) throw ${this.source.constant(tooLong)}(${n}, ${bytes})`,
      `w.data.setUint${bytes * 8}(${at}, ${n})`,
    )
  }

  union(node: UnionNode, expression: string) {
    const { source } = this
    const kind = `${expression}.${node.discriminant}`
    source.guarded(kind, within, () => {
      source.add(`switch (${kind}) {`)
      for (const name in node.cases) {
        const forms = formsOf(node.cases[name], this.version)
        if (forms.length === 0) continue
        source.add(`case ${JSON.stringify(name)}: {`)
        for (const form of forms) {
          if (form.when !== undefined) source.add(`if (${source.constant(form.when)}(${expression})) {`)
          if (node.apart) {
            const constants = { [node.discriminant]: name }
            const variant = { header: node.header, tags: form.tags, constants }
            const functions = generated({ node: form.body, version: this.version, name, variant })
            source.add(`return void ${source.constant(functions)}.encode(w, ${expression}, cx)`)
          } else {
            this.variant(node.header, form.tags.map(String), form.body, expression)
            this.flush()
            source.add('return')
          }
          if (form.when !== undefined) source.add('}')
        }
        source.add('break', '}')
      }
      source.add("case 'raw': {")
      if (node.other === undefined)
        source.add(`return ${source.constant(putRaw)}(w, ${expression}.bytes, ${source.constant(node.header)})`)
      else {
        this.variant(node.header, [`${expression}.tag`], node.other, expression)
        this.flush()
        source.add('return')
      }
      source.add('}', '}')
    })
    source.add(`throw ${source.constant(noVariant)}(${kind}, ${this.version})`)
  }

  /** Header, body, padding, length. */
  variant(header: Header, tags: readonly string[], body: Node, expression: string) {
    const size = fixedSize(body, this.version)
    const escaped = header.escape?.bytes.slice(0, tags.length - 1) ?? []
    const total = size === undefined ? undefined : headerSize(header) + escaped.reduce((a, b) => a + b, 0) + size
    const tail = total === undefined ? 0 : (header.align - (total % header.align)) % header.align
    const start = total === undefined ? this.mark() : ''
    let lengthAt: { at: string; bytes: Width } | undefined
    for (const part of header.parts) {
      if (part.is === 'tag') {
        if (/^\d+$/.test(tags[0]!)) this.plain(part.bytes, tags[0]!)
        else this.uint(part.bytes, tags[0]!, 'tag')
      } else if (part.is === 'version') this.plain(part.bytes, this.version)
      else if (part.is === 'context') this.uint(part.bytes, 'cx', '')
      else if (total !== undefined) this.plain(part.bytes, total + (header.padded ? tail : 0))
      else {
        lengthAt = { at: this.mark(), bytes: part.bytes }
        this.zeros(part.bytes)
      }
    }
    escaped.forEach((bytes, i) => {
      this.plain(bytes, tags[i + 1]!)
    })
    this.value(body, expression, '')
    const hasLength = header.parts.some(part => part.is === 'length')
    if (total !== undefined) {
      if (hasLength) this.zeros(tail)
    } else if (lengthAt !== undefined) {
      this.flush()
      this.source.add(
        `${this.source.constant(finish)}(w, ${start}, ${lengthAt.at}, ${lengthAt.bytes}, ${this.source.constant(header)})`,
      )
    }
  }

  private properties(node: PropertiesNode, expression: string) {
    const { source } = this
    this.flush()
    for (const property of node.properties) {
      const from = `${expression}.${property.name}`
      const other = property.fallback === undefined ? '' : ` && ${from} !== ${source.literal(property.fallback)}`
      source.add(`if (${from} !== undefined${other}) {`)
      source.guarded(JSON.stringify(property.name), within, () => {
        this.variant(node.header, [String(property.tag)], property.node, from)
        this.flush()
      })
      source.add('}')
    }
    source.add(
      `if (${expression}.unknown !== undefined) for (const u of ${expression}.unknown) ${source.constant(putRaw)}(w, u, ${source.constant(node.header)})`,
    )
  }
}

/** Whether a member is of fixed size and can be written without leaving the run. */
const isRun = (unresolved: Node, version: number): boolean => {
  const node = resolve(unresolved, version)
  switch (node.kind) {
    case 'uint':
    case 'enum':
    case 'boolean':
    case 'map':
    case 'pad':
    case 'absent':
    case 'present':
      return true
    case 'padded':
      return isRun(node.of, version)
    case 'struct':
      return node.members.every(member => isRun(member.node, version))
    default:
      return false
  }
}

const unfit = (bytes: Width, x: string): string => {
  if (bytes === 4) return `${x} >>> 0 !== ${x}`
  if (bytes <= 2) return `(${x} & ${bytes === 1 ? 0xff : 0xffff}) !== ${x}`
  if (bytes === 6) return `!(${x} >= 0 && ${x} <= 0xffffffffffff && Number.isInteger(${x}))`
  return `typeof ${x} !== 'bigint' || ${x} < 0n || ${x} > ${(1n << BigInt(8 * bytes)) - 1n}n`
}

const refuse = (value: unknown, bytes: Width, path: string) =>
  path === '' ? misfit(value, bytes) : within(misfit(value, bytes), path)
const refuseWord = (value: unknown, numbers: object, path: string) => within(noWord(value, numbers), path)
