import fc, { type Arbitrary } from 'fast-check'
import { niciraField } from '../src/action.ts'
import {
  type CustomNode,
  formsOf,
  isHidden,
  keysOf,
  type Node,
  type PropertiesNode,
  resolve,
  type StructNode,
  type UnionNode,
} from '../src/codec/node.ts'
import { type Field, fieldList, fields } from '../src/fields.ts'
import type { DecodedMessage, Match, MatchTerm, Version } from '../src/index.ts'
import { match, terms } from '../src/match.ts'
import { messageSchema } from '../src/messages.ts'
import { zone } from '../src/nicira/zone.ts'

/** Values of a schema, drawn from the schema itself: a new row is tested without a line here. */

type Value = Arbitrary<unknown>
interface Scope {
  readonly version: number
  /** How many more structures may contain structures. */
  readonly depth: number
  /** Bytes of padding may follow what ends the structure, so free bytes end on this alignment. */
  readonly padded: boolean
}

/** Complete messages of a version, as decoding would give them. */
export const messages = (version: Version): Arbitrary<DecodedMessage> =>
  drawn(messageSchema.node, { version, depth: 4, padded: false }) as Arbitrary<DecodedMessage>

const below = (bytes: number): Value =>
  bytes <= 6
    ? fc.oneof(fc.constantFrom(0, 2 ** (8 * bytes) - 1), fc.integer({ min: 0, max: 2 ** (8 * bytes) - 1 }))
    : bigint(8 * bytes)
const bigint = (bits: number) =>
  fc.oneof(fc.constantFrom(0n, (1n << BigInt(bits)) - 1n), fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }))
const bytes = (min = 0, max = 12) => fc.uint8Array({ minLength: min, maxLength: max })

const drawn = (unresolved: Node, scope: Scope): Value => {
  const node = resolve(unresolved, scope.version)
  switch (node.kind) {
    case 'uint':
      return below(node.bytes)
    case 'enum': {
      const words = fc.constantFrom(...Object.keys(node.numbers))
      const unknown = fc
        .integer({ min: 0, max: 2 ** (8 * node.bytes) - 1 })
        .filter(number => node.words[number] === undefined)
      return node.open ? fc.oneof(words, unknown) : words
    }
    case 'boolean':
      return fc.boolean()
    case 'map':
      return fc.oneof(fc.integer({ min: 0, max: 0xfeff }), fc.integer({ min: 0xffffff00, max: 0xffffffff }))
    case 'absent':
      return fc.constant(node.value)
    case 'padded':
      return drawn(node.of, scope)
    case 'present':
      return fc.constant(true)
    case 'rest':
      return scope.padded ? fc.constantFrom(6, 14).chain(size => bytes(size, size)) : bytes()
    case 'blob':
      return bytes(node.bytes, node.bytes)
    case 'text':
      return fc.string({ maxLength: node.bytes }).map(text => text.replaceAll(/[^ -~]/g, 'x'))
    case 'list':
      return fc.array(drawn(node.of, scope), { maxLength: scope.depth > 0 ? 3 : 0 })
    case 'one':
      return fc.tuple(drawn(node.of, scope))
    case 'union':
      return unionOf(node, scope)
    case 'struct':
    case 'properties':
      return objectOf(node, scope)
    case 'custom':
      return customOf(node, scope)
    default:
      throw new TypeError(`a ${node.kind} has no values`)
  }
}

const objectOf = (node: StructNode | PropertiesNode, scope: Scope): Value => {
  if (node.kind === 'properties') return propertiesOf(node, scope)
  const parts: Arbitrary<object>[] = []
  for (const member of node.members) {
    const inner = resolve(member.node, scope.version)
    if (member.spread === true) parts.push(drawn(inner, scope) as Arbitrary<object>)
    else if (!isHidden(inner))
      parts.push(drawn(inner, { ...scope, depth: scope.depth - 1 }).map(value => ({ [member.name]: value })))
  }
  return fc.tuple(...parts).map(objects => Object.assign({}, ...objects))
}

const propertiesOf = (node: PropertiesNode, scope: Scope): Value => {
  const members = node.properties.map(property => {
    const given = drawn(property.node, { ...scope, padded: false, depth: scope.depth - 1 }).map(value => ({
      [property.name]: value,
    }))
    return fc.oneof(given, fc.constant(property.fallback === undefined ? {} : { [property.name]: property.fallback }))
  })
  const unknown = fc.oneof(
    fc.constant({}),
    fc.array(unknownTlv(false), { minLength: 1, maxLength: 2 }).map(unknown => ({ unknown })),
  )
  return fc.tuple(...members, unknown).map(objects => Object.assign({}, ...objects))
}

const UNKNOWN_TAG = 0x7a7a
const unknownTlv = (padded: boolean): Arbitrary<Uint8Array> =>
  bytes(4, 4 + (padded ? 12 : 9))
    .map(body => (padded ? body.slice(0, body.length - (body.length % 8)) : body))
    .map(body =>
      Uint8Array.of(
        UNKNOWN_TAG >> 8,
        UNKNOWN_TAG & 0xff,
        0,
        8 + (padded ? 0 : body.length - 4),
        ...(padded ? body.fill(7, 0, 4).subarray(0, 4) : body),
      ),
    )
    .map(tlv =>
      padded && tlv.length !== 8 ? Uint8Array.of(UNKNOWN_TAG >> 8, UNKNOWN_TAG & 0xff, 0, 8, 1, 2, 3, 4) : tlv,
    )

const unionOf = (node: UnionNode, scope: Scope): Value => {
  const inner = { ...scope, padded: node.header.padded }
  const variants = Object.entries(node.cases)
    .filter(([, variant]) => formsOf(variant, scope.version).length > 0)
    .filter(([, variant]) => scope.depth > 0 || !isNesting(variant.body, scope.version))
    .map(([name, variant]) => {
      // A form that is for some values only says less than the body, which has them all.
      const forms = formsOf(variant, scope.version)
      const body = forms.length === 1 ? forms[0]!.body : variant.body
      return drawn(body, inner).map(value => ({ [node.discriminant]: name, ...(value as object) }))
    })
  const raw =
    node.other === undefined
      ? unknownTlv(node.header.padded).map(bytes => ({ [node.discriminant]: 'raw', bytes }))
      : drawn(node.other, inner).map(value => ({ [node.discriminant]: 'raw', tag: 0xf7, ...(value as object) }))
  return fc.oneof(...variants, raw)
}

const isNesting = (unresolved: Node, version: number): boolean => {
  if (unresolved.kind === 'lazy') return true
  const node = resolve(unresolved, version)
  return node.kind === 'struct' && node.members.some(member => isNesting(member.node, version))
}

/** Fields that a match holds; others stand for them there. */
export const matchable = fieldList.filter(field => !/^(x{1,2}reg\d+|vlan_tci|packet_type)$/.test(field.name))
const value = (field: Field): Arbitrary<number | bigint> =>
  (field.wide
    ? bigint(field.bits)
    : fc.oneof(
        fc.constantFrom(0, field.ones as number),
        fc.integer({ min: 0, max: field.ones as number }),
      )) as Arbitrary<number | bigint>
const and = (a: number | bigint, b: number | bigint) =>
  typeof a === 'bigint' ? a & BigInt(b) : Number(BigInt(a) & BigInt(b))

const term = (field: Field): Arbitrary<MatchTerm> =>
  fc.tuple(value(field), fc.option(value(field), { nil: undefined })).map(([value, mask]): MatchTerm => {
    if (field.exactMasked) {
      const used = mask === undefined || mask === 0 ? field.ones : mask
      return { field, value: and(value, used), mask: used }
    }
    if (mask === undefined || mask === field.ones || BigInt(mask) === 0n) return { field, value }
    return { field, value: and(value, mask), mask }
  })
export const matches: Arbitrary<Match> = fc
  .subarray(matchable, { maxLength: 8 })
  .chain(subset => fc.tuple(...subset.map(term)))
  .map(terms => terms.toSorted((a, b) => a.field.index - b.field.index))

const anyField = fc.constantFrom(...fieldList)
const u16 = fc.integer({ min: 0, max: 0xffff })
const u32 = fc.integer({ min: 0, max: 0xffffffff })
const range = fc.record({ offset: fc.integer({ min: 0, max: 1023 }), bits: fc.integer({ min: 1, max: 64 }) })
const end = fc.record({ field: anyField, offset: u16 })

/** Hand-written parts, by the members that they have. */
const byKeys: Readonly<Record<string, Value>> = {
  'src,dst,bits': fc.record({ src: end, dst: end, bits: u16 }),
  'offset,bits': range,
  'field,value': anyField.chain(field =>
    fc
      .tuple(value(field), fc.option(value(field), { nil: undefined }))
      .map(([value, mask]) => (mask === undefined || mask === field.ones ? { field, value } : { field, value, mask })),
  ),
  flags: fc.record(
    { flags: u16, ipv4Min: u32, ipv4Max: u32, ipv6Min: bigint(128), ipv6Max: bigint(128), portMin: u16, portMax: u16 },
    { requiredKeys: ['flags'] },
  ),
  'errorType,code,experimenter': fc.oneof(
    fc.record({ errorType: fc.integer({ min: 0, max: 0xfffe }), code: u16, experimenter: fc.constant(0) }),
    fc.record({ errorType: fc.constant(0xffff), code: u16, experimenter: u32 }),
  ),
  'durationSec,durationNsec,packetCount,byteCount': fc.record(
    {
      durationSec: fc.integer({ min: 0, max: 0xfffffffe }),
      durationNsec: u32,
      packetCount: bigint(64),
      byteCount: bigint(64),
      idleAge: u32,
    },
    { requiredKeys: ['durationSec', 'durationNsec', 'packetCount', 'byteCount'] },
  ),
  'packetCount,byteCount,flowCount': fc.record({ packetCount: bigint(64), byteCount: bigint(64), flowCount: u32 }),
}

const customOf = (node: CustomNode, scope: Scope): Value => {
  if (node === match.node || node === terms.node) return matches
  if (node === niciraField.node) return anyField
  if (node === zone.node)
    return fc.oneof(
      u16,
      fc.tuple(anyField, range).map(([field, range]) => ({ field, ...range })),
    )
  const known = byKeys[keysOf(node, scope.version).required.join(',')]
  if (known !== undefined) return known
  // The ingress port of a packet_out before OpenFlow 1.5.
  return u32.map(value => [{ field: fields.in_port, value }])
}
