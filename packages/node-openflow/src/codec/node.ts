import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

/** What a schema is made of: plain data that both backends walk. Values are `unknown` here; schema.ts types them. */
export type Node =
  | UintNode
  | EnumNode
  | BooleanNode
  | MapNode
  | PadNode
  | AbsentNode
  | PaddedNode
  | PresentNode
  | RestNode
  | BlobNode
  | TextNode
  | LengthNode
  | LengthOfNode
  | StructNode
  | ListNode
  | OneNode
  | UnionNode
  | PropertiesNode
  | CustomNode
  | LazyNode
  | VersionsNode

export type Width = 1 | 2 | 4 | 6 | 8 | 16

/** An unsigned integer in network order: up to 48 bits a number, above a bigint. */
export interface UintNode {
  readonly kind: 'uint'
  readonly bytes: Width
}
/** Words for numbers; an open one lets numbers without a word through. */
export interface EnumNode {
  readonly kind: 'enum'
  readonly bytes: 1 | 2 | 4
  readonly numbers: Readonly<Record<string, number>>
  readonly words: Readonly<Record<number, string>>
  readonly open: boolean
}
export interface BooleanNode {
  readonly kind: 'boolean'
  readonly bytes: 1 | 2 | 4
}
/** An integer that values and wire number differently. */
export interface MapNode {
  readonly kind: 'map'
  readonly of: UintNode
  readonly toWire: (value: never) => number
  readonly fromWire: (wire: number) => unknown
}
/** Zero bytes: written as zeros, skipped when read. */
export interface PadNode {
  readonly kind: 'pad'
  readonly bytes: number
}
/** A member that this version has not: `bytes` of padding stand for it, and its value is always the same. */
export interface AbsentNode {
  readonly kind: 'absent'
  readonly bytes: number
  readonly value: unknown
}
/** A value between padding. */
export interface PaddedNode {
  readonly kind: 'padded'
  readonly before: number
  readonly of: Node
  readonly after: number
}
/** No bytes: being there is the value `true`. */
export interface PresentNode {
  readonly kind: 'present'
}
/** All bytes up to the end of the region. */
export interface RestNode {
  readonly kind: 'rest'
}
export interface BlobNode {
  readonly kind: 'blob'
  readonly bytes: number
}
/** Text in a field of fixed size, ended by a zero byte when shorter. */
export interface TextNode {
  readonly kind: 'text'
  readonly bytes: number
}
/** The size of the structure it stands in, from the structure's start. */
export interface LengthNode {
  readonly kind: 'length'
  readonly bytes: 1 | 2 | 4
  readonly frame: Frame
}
/** The size of a later member of the same structure. */
export interface LengthOfNode {
  readonly kind: 'lengthOf'
  readonly bytes: 1 | 2 | 4
  readonly member: string
}
export interface Member {
  readonly name: string
  readonly node: Node
  /** Taken where the value has no such member. */
  readonly fallback?: unknown
  /** The members of `node` are members of this structure. */
  readonly spread?: boolean
}
export interface StructNode {
  readonly kind: 'struct'
  readonly members: readonly Member[]
}
/** Elements up to the end of the region. */
export interface ListNode {
  readonly kind: 'list'
  readonly of: Node
}
/** A list that always has exactly one element. */
export interface OneNode {
  readonly kind: 'one'
  readonly of: Node
}
/** How a length relates to padding: `align` to this many bytes, which the length counts (`padded`) or not. */
export interface Frame {
  readonly align: number
  readonly padded: boolean
}
export type Part = { readonly is: 'tag' | 'length' | 'version' | 'context'; readonly bytes: 1 | 2 | 4 }
/** What stands before each variant of a union. */
export interface Header extends Frame {
  readonly parts: readonly Part[]
  /** After this tag come further tags of these widths: an experimenter and its type. */
  readonly escape?: { readonly tag: number; readonly bytes: readonly (1 | 2 | 4)[] }
}
/** One wire form of a variant, valid for versions `from` to `to`. */
export interface Form {
  readonly tags: readonly number[]
  readonly body: Node
  readonly from: number
  readonly to: number
  /** Whether this form can carry the value; the first one that can is written. */
  readonly when?: (value: never) => boolean
}
/** A variant: the members of its value, and the forms it takes on the wire. */
export interface Case {
  readonly body: Node
  readonly forms: readonly Form[]
}
export interface UnionNode {
  readonly kind: 'union'
  readonly header: Header
  readonly discriminant: string
  readonly cases: Readonly<Record<string, Case>>
  /** Members of an unknown variant after its `tag`; without it an unknown variant is kept whole as `bytes`. */
  readonly other?: Node
  /** Large variants: a function of its own each, generated when first used. */
  readonly apart: boolean
}
export interface Property {
  readonly name: string
  readonly tag: number
  readonly node: Node
  /** Not written where equal to this; read as this where missing. */
  readonly fallback?: unknown
}
/** Tagged optional members in any order; unknown ones are kept in `unknown`. */
export interface PropertiesNode {
  readonly kind: 'properties'
  readonly header: Header
  readonly properties: readonly Property[]
}
/** Hand-written; with `keys` its value can be spread into a structure. */
export interface CustomNode {
  readonly kind: 'custom'
  readonly keys: { readonly required: readonly string[]; readonly optional: readonly string[] }
  readonly encode: (writer: Writer, value: never, version: number, context: number) => void
  readonly decode: (reader: Reader, version: number) => unknown
}
export interface LazyNode {
  readonly kind: 'lazy'
  readonly get: () => Node
}
/** Different nodes from different versions on, ascending. */
export interface VersionsNode {
  readonly kind: 'versions'
  readonly from: readonly (readonly [version: number, node: Node])[]
}

/** The node that stands for `node` in one version: never a `versions` or `lazy` node. */
export const resolve = (node: Node, version: number): Node => {
  let found = node
  while (found.kind === 'versions' || found.kind === 'lazy') {
    if (found.kind === 'lazy') found = found.get()
    else {
      const last = found.from.findLast(([from]) => from <= version)
      if (last === undefined) throw new RangeError(`nothing declared for version ${version}`)
      found = last[1]
    }
  }
  return found
}

/** The forms of a variant that exist in a version; none of a name that is no variant. */
export const formsOf = (variant: Case | undefined, version: number): readonly Form[] =>
  variant?.forms.filter(form => form.from <= version && version <= form.to) ?? []

export const headerSize = (header: Header): number => header.parts.reduce((size, part) => size + part.bytes, 0)

/** Size in bytes where every value has the same one. */
export const fixedSize = (unresolved: Node, version: number): number | undefined => {
  const node = resolve(unresolved, version)
  switch (node.kind) {
    case 'map':
      return node.of.bytes
    case 'present':
      return 0
    case 'padded': {
      const size = fixedSize(node.of, version)
      return size === undefined ? undefined : node.before + size + node.after
    }
    case 'struct': {
      let sum = 0
      for (const member of node.members) {
        const size = fixedSize(member.node, version)
        if (size === undefined) return undefined
        sum += size
      }
      return sum
    }
    case 'one':
      return fixedSize(node.of, version)
    case 'length':
    case 'lengthOf':
    case 'rest':
    case 'list':
    case 'union':
    case 'properties':
    case 'custom':
    case 'lazy':
    case 'versions':
      return undefined
    default:
      return node.bytes
  }
}

/** The names a node contributes when spread: those always there and those that may be missing. */
export const keysOf = (unresolved: Node, version: number): { required: string[]; optional: string[] } => {
  const node = resolve(unresolved, version)
  const keys = { required: [] as string[], optional: [] as string[] }
  if (node.kind === 'custom') {
    keys.required.push(...node.keys.required)
    keys.optional.push(...node.keys.optional)
  } else if (node.kind === 'properties') {
    for (const property of node.properties)
      (property.fallback === undefined ? keys.optional : keys.required).push(property.name)
    keys.optional.push('unknown')
  } else if (node.kind === 'struct') {
    for (const member of node.members) {
      const inner = resolve(member.node, version)
      if (member.spread === true) {
        const spread = keysOf(inner, version)
        keys.required.push(...spread.required)
        keys.optional.push(...spread.optional)
      } else if (!isHidden(inner)) keys.required.push(member.name)
    }
  }
  return keys
}

/** Whether a member has bytes but no value. */
export const isHidden = (node: Node): boolean =>
  node.kind === 'pad' || node.kind === 'length' || node.kind === 'lengthOf'

/** The value as decoding its encoding would give it, as far as fallbacks go. */
export const complete = (unresolved: Node, value: unknown, version: number): unknown => {
  const node = resolve(unresolved, version)
  switch (node.kind) {
    case 'list':
    case 'one':
      return (value as readonly unknown[]).map(element => complete(node.of, element, version))
    case 'padded':
      return complete(node.of, value, version)
    case 'absent':
      return node.value
    case 'struct':
    case 'properties':
    case 'union':
      return completeObject(node, value as Plain, version)
    default:
      return value
  }
}
type Plain = Readonly<Record<string, unknown>>

const completeObject = (node: StructNode | PropertiesNode | UnionNode, value: Plain, version: number): Plain => {
  if (node.kind === 'union') {
    const body = node.cases[String(value[node.discriminant])]?.body ?? node.other
    const inner = body === undefined ? undefined : resolve(body, version)
    const isObject = inner?.kind === 'struct' || inner?.kind === 'union'
    return isObject ? completeObject(inner, value, version) : value
  }
  const whole: Record<string, unknown> = { ...value }
  for (const member of node.kind === 'struct' ? node.members : node.properties) {
    const inner = resolve(member.node, version)
    if ('spread' in member && member.spread === true) {
      if (inner.kind === 'struct' || inner.kind === 'properties')
        Object.assign(whole, completeObject(inner, whole, version))
    } else if (!isHidden(inner)) {
      const given = whole[member.name] ?? member.fallback
      if (given !== undefined || inner.kind === 'absent') whole[member.name] = complete(inner, given, version)
    }
  }
  return whole
}
