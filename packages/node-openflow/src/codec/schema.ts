import {
  type Case,
  type Form,
  type Frame,
  fixedSize,
  type Header,
  type Member,
  type Node,
  type Property,
  type Width,
} from './node.ts'
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

declare const io: unique symbol

/** `value`: a member as it is; `fallback`: may be left out when encoding; `hidden`: bytes without a value; `spread`: its members join the parent's. */
type Role = 'value' | 'fallback' | 'hidden' | 'spread'

/** A wire format as a value. `In` is what an encoder takes, `Out` what a decoder gives (every member with a fallback present). */
export interface Schema<In, Out = In, R extends Role = Role> {
  readonly node: Node
  readonly role: R
  readonly fallback?: unknown
  readonly [io]?: readonly [In, Out]
}
export type Input<S> = S extends { readonly [io]?: readonly [infer In, unknown] } ? In : never
export type Output<S> = S extends { readonly [io]?: readonly [unknown, infer Out] } ? Out : never

type Flat<T> = { [K in keyof T]: T[K] } & {}
type Members = { readonly [name: string]: Schema<unknown, unknown> }
type Named<M extends Members, R extends Role> = { [K in keyof M]: M[K]['role'] extends R ? K : never }[keyof M]
type Intersection<U> = (U extends unknown ? (member: U) => void : never) extends (member: infer I) => void ? I : never
type SpreadIn<M extends Members> = Intersection<{ [K in Named<M, 'spread'>]: Input<M[K]> }[Named<M, 'spread'>]>
type SpreadOut<M extends Members> = Intersection<{ [K in Named<M, 'spread'>]: Output<M[K]> }[Named<M, 'spread'>]>
export type StructIn<M extends Members> = Flat<
  { readonly [K in Named<M, 'value'>]: Input<M[K]> } & {
    readonly [K in Named<M, 'fallback'>]?: Input<M[K]>
  } & SpreadIn<M>
>
export type StructOut<M extends Members> = Flat<
  { readonly [K in Named<M, 'value' | 'fallback'>]: Output<M[K]> } & SpreadOut<M>
>

const schema = <In, Out = In, R extends Role = 'value'>(node: Node, role = 'value' as R, fallback?: unknown) =>
  ({ node, role, fallback }) as Schema<In, Out, R>

const uint = <V>(bytes: Width) => schema<V>({ kind: 'uint', bytes })
export const u8 = uint<number>(1)
export const u16 = uint<number>(2)
export const u32 = uint<number>(4)
/** A MAC address as a 48-bit number. */
export const u48 = uint<number>(6)
export const u64 = uint<bigint>(8)
export const u128 = uint<bigint>(16)

/** Words for numbers; a number without a word is refused. */
export const words = <const W extends Readonly<Record<string, number>>>(of: typeof u8, numbers: W) =>
  schema<keyof W & string>(wordsNode(of, numbers, false))
/** Words for numbers; a number without a word stays a number. */
export const openWords = <const W extends Readonly<Record<string, number>>>(of: typeof u8, numbers: W) =>
  schema<(keyof W & string) | number>(wordsNode(of, numbers, true))
const wordsNode = (of: Schema<number>, numbers: Readonly<Record<string, number>>, open: boolean): Node => ({
  kind: 'enum',
  bytes: bytesOf(of),
  numbers: Object.assign(Object.create(null), numbers),
  words: Object.fromEntries(Object.entries(numbers).map(([word, number]) => [number, word])),
  open,
})
const bytesOf = (of: Schema<number>): 1 | 2 | 4 => {
  if (of.node.kind !== 'uint' || of.node.bytes > 4) throw new TypeError('an integer of 1, 2 or 4 bytes is wanted')
  return of.node.bytes as 1 | 2 | 4
}

export const boolean = (of: typeof u8) => schema<boolean>({ kind: 'boolean', bytes: bytesOf(of) })
/** A number that values and wire count differently. */
export const mapped = <V>(of: typeof u8, toWire: (value: V) => number, fromWire: (wire: number) => V) => {
  if (of.node.kind !== 'uint') throw new TypeError('only an integer can be mapped')
  return schema<V>({ kind: 'map', of: of.node, toWire, fromWire })
}
export const pad = (bytes: number) => schema<never, never, 'hidden'>({ kind: 'pad', bytes }, 'hidden')
/** A value with `before` and `after` bytes of padding. */
export const padded = <In, Out>(of: Schema<In, Out, 'value'>, { before = 0, after = 0 }) =>
  schema<In, Out>({ kind: 'padded', before, of: of.node, after })
/** No bytes: `true` where present. */
export const present = schema<true>({ kind: 'present' })
/** The bytes up to the end of the structure. */
export const rest = schema<Uint8Array>({ kind: 'rest' })
export const blob = (bytes: number) => schema<Uint8Array>({ kind: 'blob', bytes })
export const text = (bytes: number) => schema<string>({ kind: 'text', bytes })

const PADDED: Frame = { align: 8, padded: true }
/** The size of the structure it stands in, by default with padding to 8 bytes counted. */
export const length = (of: typeof u8, frame: Frame = PADDED) =>
  schema<never, never, 'hidden'>({ kind: 'length', bytes: bytesOf(of), frame }, 'hidden')
/** The size of a later member. */
export const lengthOf = (member: string, of: typeof u8) =>
  schema<never, never, 'hidden'>({ kind: 'lengthOf', bytes: bytesOf(of), member }, 'hidden')

/** May be left out when encoding: `value` is written then, and always given when decoding. */
export const or = <In, Out, const V extends Out & In>(of: Schema<In, Out, 'value'>, value: V) =>
  schema<In, Out, 'fallback'>(of.node, 'fallback', value)
/** A member from `version` on; before, `before` bytes of padding, and the value is always `value`. */
export const since = <In, Out, V extends Out & In>(
  version: number,
  of: Schema<In, Out, 'value'>,
  value: V,
  before = 0,
) =>
  schema<In, Out, 'fallback'>(
    {
      kind: 'versions',
      from: [
        [0, { kind: 'absent', bytes: before, value }],
        [version, of.node],
      ],
    },
    'fallback',
    value,
  )
/** A member up to `version`; after it, the value is always `value`. */
export const until = <In, Out, V extends Out & In>(version: number, of: Schema<In, Out, 'value'>, value: V, then = 0) =>
  schema<In, Out, 'fallback'>(
    {
      kind: 'versions',
      from: [
        [0, of.node],
        [version + 1, { kind: 'absent', bytes: then, value }],
      ],
    },
    'fallback',
    value,
  )
/** Padding of different widths: `sizes[v]` from version v on. */
export const padFrom = (sizes: Readonly<Record<number, number>>) =>
  schema<never, never, 'hidden'>(
    { kind: 'versions', from: Object.entries(sizes).map(([from, bytes]) => [Number(from), { kind: 'pad', bytes }]) },
    'hidden',
  )
/** The same value laid out differently: `before` up to version - 1, `from` it on. */
export const layouts = <In, Out extends O2, I2, O2, R extends Role>(
  before: Schema<In, Out, R>,
  version: number,
  then: Schema<In & I2, O2, R>,
) =>
  schema<In, Out, R>(
    {
      kind: 'versions',
      from: [
        [0, before.node],
        [version, then.node],
      ],
    },
    before.role,
  )

export const struct = <const M extends Members>(members: M) =>
  schema<StructIn<M>, StructOut<M>>({ kind: 'struct', members: Object.entries(members).map(memberOf) })
const memberOf = ([name, { node, role, fallback }]: readonly [string, Schema<unknown, unknown>]): Member => ({
  name,
  node,
  ...(role === 'fallback' ? { fallback } : {}),
  ...(role === 'spread' ? { spread: true } : {}),
})
/** Its members become members of the structure it stands in. */
export const spread = <In, Out>(of: Schema<In, Out, 'value'>) => schema<In, Out, 'spread'>(of.node, 'spread')
export const list = <In, Out>(of: Schema<In, Out, 'value'>) => {
  // Reading it would never end.
  if (fixedSize(of.node, LATEST) === 0) throw new TypeError('a list of elements without bytes')
  return schema<readonly In[], readonly Out[]>({ kind: 'list', of: of.node })
}
const LATEST = 255
/** A list that always has exactly one element. */
export const one = <In, Out>(of: Schema<In, Out, 'value'>) =>
  schema<readonly In[], readonly Out[]>({ kind: 'one', of: of.node })
/** A schema that is declared later or contains itself. */
export const lazy = <In, Out = In>(get: () => Schema<unknown, unknown>) =>
  schema<In, Out>({ kind: 'lazy', get: () => get().node })
/** Hand-written both ways. `keys` names the members where the value is an object that gets spread. */
export const custom = <In, Out = In>(codec: {
  encode: (writer: Writer, value: In, version: number, context: number) => void
  decode: (reader: Reader, version: number) => Out
  keys?: { required: readonly string[]; optional?: readonly string[] }
}) =>
  schema<In, Out>({
    kind: 'custom',
    encode: codec.encode,
    decode: codec.decode,
    keys: { required: codec.keys?.required ?? [], optional: codec.keys?.optional ?? [] },
  })

/** A variant of a union: its body and the forms it takes on the wire. */
export interface Variant<In, Out = In> extends Case {
  readonly [io]?: readonly [In, Out]
}
/** Any version unless said otherwise. */
export const form = (
  tags: readonly number[],
  body: Schema<unknown, unknown>,
  from = 0,
  to = 255,
  when?: (value: never) => boolean,
): Form => ({
  tags,
  body: body.node,
  from,
  to,
  ...(when === undefined ? {} : { when }),
})
export const variant = <In, Out>(body: Schema<In, Out>, forms: readonly Form[]): Variant<In, Out> => ({
  body: body.node,
  forms,
})

type Variants = { readonly [name: string]: Variant<unknown, unknown> }
/** An unknown variant, kept whole. */
export interface Raw {
  readonly bytes: Uint8Array
}
type Unknown<Other> = [Other] extends [never] ? Raw : Flat<{ readonly tag: number } & Other>
export type UnionIn<D extends string, V extends Variants, Other> =
  | { [N in keyof V]: Flat<{ readonly [K in D]: N } & Input<V[N]>> }[keyof V]
  | Flat<{ readonly [K in D]: 'raw' } & Unknown<Other>>
export type UnionOut<D extends string, V extends Variants, Other> =
  | { [N in keyof V]: Flat<{ readonly [K in D]: N } & Output<V[N]>> }[keyof V]
  | Flat<{ readonly [K in D]: 'raw' } & Unknown<Other>>

/** Variants told apart by the tags of their header; the value's `discriminant` member (`type` by default) names the variant. */
export const union = <const V extends Variants, const D extends string = 'type', OtherIn = never, OtherOut = never>(
  header: Header,
  variants: V,
  options: { discriminant?: D; other?: Schema<OtherIn, OtherOut>; apart?: boolean } = {},
) =>
  schema<UnionIn<D, V, OtherIn>, UnionOut<D, V, OtherOut>>({
    kind: 'union',
    header,
    discriminant: options.discriminant ?? 'type',
    cases: Object.assign(
      Object.create(null),
      Object.fromEntries(Object.entries(variants).map(([name, { body, forms }]) => [name, { body, forms }])),
    ),
    ...(options.other === undefined ? {} : { other: options.other.node }),
    apart: options.apart ?? false,
  })

type PropertyOf<In, Out, Fallback extends boolean> = {
  tag: number
  of: Schema<In, Out, 'value'>
  fallback?: unknown
  has: Fallback
}
export const property = <In, Out>(tag: number, of: Schema<In, Out, 'value'>): PropertyOf<In, Out, false> => ({
  tag,
  of,
  has: false,
})
/** A property that is not sent where it equals `fallback`, and read as it where missing. */
export const propertyOr = <In, Out, const F extends Out & In>(
  tag: number,
  of: Schema<In, Out, 'value'>,
  fallback: F,
): PropertyOf<In, Out, true> => ({ tag, of, fallback, has: true })

type PropertySet = { readonly [name: string]: PropertyOf<unknown, unknown, boolean> }
type Having<P extends PropertySet, B extends boolean> = { [K in keyof P]: P[K]['has'] extends B ? K : never }[keyof P]
type PropertiesIn<P extends PropertySet> = Flat<
  { readonly [K in keyof P]?: Input<P[K]['of']> } & { readonly unknown?: readonly Uint8Array[] }
>
type PropertiesOut<P extends PropertySet> = Flat<
  { readonly [K in Having<P, true>]: Output<P[K]['of']> } & {
    readonly [K in Having<P, false>]?: Output<P[K]['of']>
  } & {
    readonly unknown?: readonly Uint8Array[]
  }
>
/** Tagged optional members, spread into the structure; unknown ones are kept, whole, in `unknown`. */
export const properties = <const P extends PropertySet>(header: Header, set: P) =>
  schema<PropertiesIn<P>, PropertiesOut<P>, 'spread'>(
    {
      kind: 'properties',
      header,
      properties: Object.entries(set).map(
        ([name, { tag, of, fallback, has }]): Property => ({ name, tag, node: of.node, ...(has ? { fallback } : {}) }),
      ),
    },
    'spread',
  )
/** No bytes, always this value: what one form of a variant leaves unsaid. */
export const fixed = <const V>(value: V) =>
  schema<V, V, 'fallback'>({ kind: 'absent', bytes: 0, value }, 'fallback', value)
