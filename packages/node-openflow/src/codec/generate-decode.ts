import { type Constants, generated, type Source } from './generate.ts'
import {
  type Form,
  formsOf,
  type Header,
  headerSize,
  isHidden,
  type Member,
  type Node,
  type PropertiesNode,
  resolve,
  type StructNode,
  type UnionNode,
  type Width,
} from './node.ts'
import { type Reader, truncated, within } from './reader.ts'
import { badLength, getText, leave, leftOver, unknownWord, wrongVersion } from './wire.ts'

export const emitDecode = (source: Source): void => {
  source.add('let o = 0, d')
  const decoder = new Decoder(source)
  const { node, variant, version } = source.unit
  const inner = resolve(node, version)
  if (isObject(inner)) {
    source.add('let out')
    decoder.object(inner, variant?.constants ?? {}, 'out', '')
    source.add('return out')
  } else {
    const value = decoder.value(inner, '')
    decoder.flush()
    source.add(`return ${value}`)
  }
}

const isObject = (node: Node) => node.kind === 'struct' || node.kind === 'union' || node.kind === 'properties'

/** Members of an object under construction, as expressions. */
interface Fields {
  readonly required: [name: string, expression: string][]
  readonly optional: [name: string, expression: string][]
}

class Decoder {
  private readonly source: Source
  private readonly version: number
  /** The run of fixed members that is not yet emitted, and where each stands, for the error when it is cut. */
  private run: { size: number; loads: string[]; layout: [offset: number, bytes: number, path: string][] } = {
    size: 0,
    loads: [],
    layout: [],
  }

  constructor(source: Source) {
    this.source = source
    this.version = source.unit.version
  }

  flush() {
    const { size, loads, layout } = this.run
    this.run = { size: 0, loads: [], layout: [] }
    if (size === 0 && loads.length === 0) return
    this.source.add(
      `o = r.offset; d = r.data`,
      `if (${size} > r.end - o) throw ${this.source.constant(cut)}(r, ${this.source.constant(layout)})`,
      ...loads,
      `r.offset = o + ${size}`,
    )
  }

  private at(): string {
    return this.run.size === 0 ? 'o' : `o + ${this.run.size}`
  }

  private skip(bytes: number, path: string) {
    if (bytes === 0) return
    this.run.layout.push([this.run.size, bytes, path])
    this.run.size += bytes
  }

  /** A variable that will hold an expression over `o` and `d`. */
  private load(bytes: number, expression: string, path: string): string {
    const name = this.source.fresh('x')
    this.source.add(`let ${name}`)
    this.run.loads.push(`${name} = ${expression}`)
    this.skip(bytes, path)
    return name
  }

  private uint(bytes: Width, path: string): string {
    const at = this.at()
    if (bytes <= 4) return this.load(bytes, `d.getUint${bytes * 8}(${at})`, path)
    if (bytes === 6) return this.load(6, `d.getUint16(${at}) * 4294967296 + d.getUint32(${at} + 2)`, path)
    if (bytes === 8) return this.load(8, `d.getBigUint64(${at})`, path)
    return this.load(16, `(d.getBigUint64(${at}) << 64n) | d.getBigUint64(${at} + 8)`, path)
  }

  /** Emits what reads a value; gives the expression that has it once the run is flushed. */
  value(unresolved: Node, path: string): string {
    const node = resolve(unresolved, this.version)
    const { source } = this
    switch (node.kind) {
      case 'uint':
        return this.uint(node.bytes, path)
      case 'enum': {
        const n = this.uint(node.bytes, path)
        const word = this.load(0, `${source.constant(node.words)}[${n}]`, path)
        if (node.open) return `(${word} ?? ${n})`
        this.run.loads.push(
          `if (${word} === undefined) throw ${source.constant(unknownWord)}(${n}, ${this.at()} - ${node.bytes}, ${JSON.stringify(path)})`,
        )
        return word
      }
      case 'boolean':
        return `(${this.uint(node.bytes, path)} !== 0)`
      case 'map':
        return `${source.constant(node.fromWire)}(${this.uint(node.of.bytes, path)})`
      case 'absent':
        this.skip(node.bytes, path)
        return source.literal(node.value)
      case 'padded': {
        this.skip(node.before, path)
        const value = this.value(node.of, path)
        this.skip(node.after, path)
        return value
      }
      case 'present':
        return 'true'
      default:
        this.flush()
        return this.variable(node)
    }
  }

  /** What is read by a statement of its own, the run being empty. */
  private variable(node: Node): string {
    const { source } = this
    const x = source.fresh('x')
    switch (node.kind) {
      case 'rest':
        source.add(`const ${x} = r.take(r.end - r.offset)`)
        break
      case 'blob':
        source.add(`const ${x} = r.take(${node.bytes})`)
        break
      case 'text':
        source.add(`const ${x} = ${source.constant(getText)}(r, ${node.bytes})`)
        break
      case 'custom':
        source.add(`const ${x} = ${source.constant(node.decode)}(r, ${this.version})`)
        break
      case 'union': {
        const name = source.fresh(`${source.unit.name}_`)
        source.add(`const ${x} = ${source.constant(generated({ node, version: this.version, name }))}.decode(r)`)
        break
      }
      case 'one':
      case 'list':
        this.list(node.of, x, node.kind === 'one')
        break
      default:
        source.add(`let ${x}`)
        this.object(node, {}, x, '')
    }
    return x
  }

  private list(of: Node, x: string, once: boolean) {
    const { source } = this
    source.add(`const ${x} = []`)
    source.guarded(`'[' + ${x}.length + ']'`, within, () => {
      source.add(once ? '{' : 'while (r.offset < r.end) {')
      const element = this.value(of, '')
      this.flush()
      source.add(`${x}.push(${element})`, '}')
    })
  }

  /** Emits what assigns the decoded object to the variable `target`. */
  object(unresolved: Node, constants: Constants, target: string, path: string) {
    const node = resolve(unresolved, this.version)
    if (node.kind === 'union') return this.union(node, constants, target)
    const fields: Fields = { required: [], optional: [] }
    this.fields(node, fields, path)
    this.flush()
    const literals = Object.entries(constants).map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
    this.source.add(
      `${target} = { ${[...literals, ...fields.required.map(([name, x]) => `${name}: ${x}`)].join(', ')} }`,
      ...fields.optional.map(([name, x]) => `if (${x} !== undefined) ${target}.${name} = ${x}`),
    )
  }

  /** Emits what reads the members of a node that is part of an object. */
  private fields(node: Node, fields: Fields, path: string) {
    if (node.kind === 'struct') return this.struct(node, fields, path)
    if (node.kind === 'properties') return this.properties(node, fields)
    if (node.kind !== 'custom') throw new TypeError(`a ${node.kind} has no members`)
    this.flush()
    const t = this.source.fresh('t')
    this.source.add(`const ${t} = ${this.source.constant(node.decode)}(r, ${this.version})`)
    for (const name of node.keys.required) fields.required.push([name, `${t}.${name}`])
    for (const name of node.keys.optional) fields.optional.push([name, `${t}.${name}`])
  }

  private struct(node: StructNode, fields: Fields, path: string) {
    const { source } = this
    const members = node.members.map(member => ({ ...member, node: resolve(member.node, this.version) }))
    const framed = members.find(member => member.node.kind === 'length')?.node
    const sizes = new Map<string, string>()
    let start = ''
    let outer = ''
    if (framed !== undefined) {
      this.flush()
      start = source.fresh('s')
      outer = source.fresh('e')
      source.add(`const ${start} = r.offset, ${outer} = r.end`)
    }
    for (const member of members) {
      const part = member.node
      const name = path === '' ? member.name : `${path}.${member.name}`
      if (part.kind === 'length') {
        const n = this.uint(part.bytes, name)
        this.flush()
        source.add(
          `if (${n} < r.offset - ${start} || ${n} > ${outer} - ${start}) throw ${source.constant(within)}(${source.constant(badLength)}(${n}, ${outer} - ${start}, ${start}), ${JSON.stringify(name)})`,
          `r.end = ${start} + ${n}`,
        )
      } else if (part.kind === 'lengthOf') sizes.set(part.member, this.uint(part.bytes, name))
      else if (part.kind === 'pad') this.skip(part.bytes, name)
      else if (member.spread === true) this.fields(part, fields, path)
      else if (!isHidden(part)) fields.required.push([member.name, this.member(member, name, sizes.get(member.name))])
    }
    if (framed?.kind === 'length') {
      this.flush()
      source.add(`${source.constant(leave)}(r, ${start}, ${source.constant(framed.frame)}, ${outer})`)
    }
  }

  private member(member: Member, path: string, size: string | undefined): string {
    const { source } = this
    const { node } = member
    if (size === undefined && isRun(node, this.version)) return this.value(node, path)
    this.flush()
    const x = source.fresh('m')
    source.add(`let ${x}`)
    source.guarded(JSON.stringify(path), within, () => {
      const outer = source.fresh('e')
      if (size !== undefined)
        source.add(
          `const ${outer} = r.end`,
          `if (${size} > ${outer} - r.offset) throw ${source.constant(badLength)}(${size}, ${outer} - r.offset, r.offset)`,
          `r.end = r.offset + ${size}`,
        )
      const value = this.value(node, '')
      this.flush()
      source.add(`${x} = ${value}`)
      if (size !== undefined)
        source.add(`if (r.offset !== r.end) throw ${source.constant(leftOver)}(r)`, `r.end = ${outer}`)
    })
    return x
  }

  /** Reads a header; gives the variable that has the tag. Leaves `r.end` at the variant's end. */
  private header(header: Header, start: string, outer: string): string {
    const { source } = this
    this.flush()
    source.add(
      `const ${start} = r.offset, ${outer} = r.end`,
      `if (${headerSize(header)} > ${outer} - ${start}) throw ${source.constant(truncated)}(r, ${headerSize(header)})`,
    )
    let tag = ''
    for (const part of header.parts) {
      const n = this.uint(part.bytes, '')
      if (part.is === 'tag') tag = n
      else if (part.is === 'version')
        this.run.loads.push(
          `if (${n} !== ${this.version}) throw ${source.constant(wrongVersion)}(${n}, ${this.version}, ${start})`,
        )
      else if (part.is === 'length')
        this.run.loads.push(
          `if (${n} < ${headerSize(header)} || ${n} > ${outer} - ${start}) throw ${source.constant(badLength)}(${n}, ${outer} - ${start}, ${start})`,
          `r.end = ${start} + ${n}`,
        )
    }
    this.flush()
    return tag
  }

  private leaveHeader(header: Header, start: string, outer: string) {
    if (header.parts.some(part => part.is === 'length'))
      this.source.add(`${this.source.constant(leave)}(r, ${start}, ${this.source.constant(header)}, ${outer})`)
  }

  private union(node: UnionNode, constants: Constants, target: string) {
    const { source } = this
    const start = source.fresh('s')
    const outer = source.fresh('e')
    source.add('r.enter()')
    const tag = this.header(node.header, start, outer)
    const escaped = node.header.escape
    const tree = tagTree(node, this.version)
    const done = source.fresh('done')
    source.add(`${done}: {`, `switch (${tag}) {`)
    for (const [first, entry] of tree) {
      source.add(`case ${first}: {`)
      if (entry.further.length > 0 && escaped !== undefined) {
        const tags: string[] = []
        let at = 0
        const after = source.fresh('a')
        source.add(
          `const ${after} = r.offset`,
          `if (r.end - ${after} >= ${escaped.bytes.reduce((a, b) => a + b, 0)}) {`,
        )
        for (const bytes of escaped.bytes) {
          const n = source.fresh('n')
          source.add(`const ${n} = r.data.getUint${bytes * 8}(${after} + ${at})`)
          tags.push(n)
          at += bytes
        }
        for (const [name, form] of entry.further) {
          source.add(
            `if (${form.tags
              .slice(1)
              .map((tag, i) => `${tags[i]} === ${tag}`)
              .join(' && ')}) {`,
            `r.offset = ${after} + ${at}`,
          )
          this.variant(node, name, form, constants, target, start, outer)
          source.add(`break ${done}`, '}')
        }
        source.add('}')
      }
      if (entry.plain !== undefined) {
        this.variant(node, entry.plain[0], entry.plain[1], constants, target, start, outer)
        source.add(`break ${done}`)
      } else source.add('break')
      source.add('}')
    }
    source.add('}')
    const raw = { ...constants, [node.discriminant]: 'raw' }
    const literals = Object.entries(raw).map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
    if (node.other === undefined)
      source.add(`r.offset = ${start}`, `${target} = { ${literals.join(', ')}, bytes: r.take(r.end - ${start}) }`)
    else {
      const fields: Fields = { required: [['tag', tag]], optional: [] }
      this.fields(resolve(node.other, this.version), fields, '')
      this.flush()
      source.add(`${target} = { ${[...literals, ...fields.required.map(([name, x]) => `${name}: ${x}`)].join(', ')} }`)
    }
    this.leaveHeader(node.header, start, outer)
    source.add('}', 'r.leave()')
  }

  private variant(
    node: UnionNode,
    name: string,
    form: Form,
    constants: Constants,
    target: string,
    start: string,
    outer: string,
  ): void {
    const { source } = this
    const all = { ...constants, [node.discriminant]: name }
    source.guarded(JSON.stringify(name), within, () => {
      if (node.apart) {
        const variant = { header: node.header, tags: form.tags, constants: all }
        const functions = generated({ node: form.body, version: this.version, name, variant })
        source.add(`${target} = ${source.constant(functions)}.decode(r)`)
      } else this.object(form.body, all, target, '')
      this.leaveHeader(node.header, start, outer)
    })
  }

  private properties(node: PropertiesNode, fields: Fields) {
    const { source } = this
    this.flush()
    const outer = source.fresh('e')
    const values = new Map<string, string>()
    for (const property of node.properties) {
      const x = source.fresh('m')
      values.set(property.name, x)
      source.add(`let ${x}${property.fallback === undefined ? '' : ` = ${source.literal(property.fallback)}`}`)
      ;(property.fallback === undefined ? fields.optional : fields.required).push([property.name, x])
    }
    const unknown = source.fresh('m')
    source.add(`let ${unknown}`, `const ${outer} = r.end`, `while (r.offset < ${outer}) {`)
    const start = source.fresh('s')
    const inner = source.fresh('e')
    const tag = this.header(node.header, start, inner)
    source.add(`switch (${tag}) {`)
    for (const property of node.properties) {
      source.add(`case ${property.tag}: {`)
      source.guarded(JSON.stringify(property.name), within, () => {
        const value = this.value(property.node, '')
        this.flush()
        source.add(`${values.get(property.name)} = ${value}`)
        this.leaveHeader(node.header, start, inner)
      })
      source.add('break', '}')
    }
    source.add('default: {', `r.offset = ${start}`, `;(${unknown} ??= []).push(r.take(r.end - ${start}))`)
    this.leaveHeader(node.header, start, inner)
    source.add('}', '}', '}')
    fields.optional.push(['unknown', unknown])
  }
}

/** Whether a member is read within a run. */
const isRun = (unresolved: Node, version: number): boolean => {
  const node = resolve(unresolved, version)
  if (node.kind === 'padded') return isRun(node.of, version)
  return ['uint', 'enum', 'boolean', 'map', 'absent', 'present'].includes(node.kind)
}

/** First tag -> the variant without further tags, and those with. */
const tagTree = (node: UnionNode, version: number) => {
  const tree = new Map<number, { plain?: [string, Form]; further: [string, Form][] }>()
  for (const name in node.cases)
    for (const form of formsOf(node.cases[name], version)) {
      const first = form.tags[0]!
      const entry = tree.get(first) ?? { further: [] }
      tree.set(first, entry)
      if (form.tags.length > 1) entry.further.push([name, form])
      else entry.plain ??= [name, form]
    }
  return tree
}

const cut = (r: Reader, layout: readonly (readonly [offset: number, bytes: number, path: string])[]) => {
  const start = r.offset
  const [offset, bytes, path] = layout.find(([offset, bytes]) => offset + bytes > r.end - start) ?? [0, 0, '']
  r.offset = start + offset
  return truncated(r, bytes, path)
}
