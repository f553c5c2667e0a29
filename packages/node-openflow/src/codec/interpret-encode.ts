import {
  type Frame,
  formsOf,
  type Header,
  isHidden,
  type Node,
  type PropertiesNode,
  resolve,
  type StructNode,
  type UnionNode,
  type Width,
} from './node.ts'
import { within } from './reader.ts'
import { finish, misfit, notOne, noVariant, noWord, patch, putBlob, putRaw, putText } from './wire.ts'
import type { Writer } from './writer.ts'

/** The reference encoder: walks the schema for every value. generate-encode.ts must do the same, only faster. */

type Plain = Readonly<Record<string, unknown>>

export const interpretEncode = (
  unresolved: Node,
  w: Writer,
  value: unknown,
  version: number,
  context: number,
): void => {
  const node = resolve(unresolved, version)
  switch (node.kind) {
    case 'uint':
      putUint(w, node.bytes, value)
      break
    case 'enum': {
      const number = typeof value === 'string' ? node.numbers[value] : node.open ? value : undefined
      if (number === undefined) throw noWord(value, node.numbers)
      putUint(w, node.bytes, number)
      break
    }
    case 'boolean':
      putUint(w, node.bytes, value === true ? 1 : 0)
      break
    case 'map':
      putUint(w, node.of.bytes, node.toWire(value as never))
      break
    case 'pad':
    case 'absent':
      w.zeros(node.bytes)
      break
    case 'padded':
      w.zeros(node.before)
      interpretEncode(node.of, w, value, version, context)
      w.zeros(node.after)
      break
    case 'present':
      break
    case 'rest':
      w.append(value as Uint8Array)
      break
    case 'blob':
      putBlob(w, value as Uint8Array, node.bytes)
      break
    case 'text':
      putText(w, value as string, node.bytes)
      break
    case 'struct':
      encodeStruct(node, w, value as Plain, version, context)
      break
    case 'list':
      encodeList(node.of, w, value as readonly unknown[], version, context)
      break
    case 'one':
      if ((value as readonly unknown[]).length !== 1) throw notOne()
      encodeList(node.of, w, value as readonly unknown[], version, context)
      break
    case 'union':
      encodeUnion(node, w, value as Plain, version, context)
      break
    case 'properties':
      encodeProperties(node, w, value as Plain, version, context)
      break
    case 'custom':
      node.encode(w, value as never, version, context)
      break
    default:
      throw new TypeError(`a ${node.kind} stands only in a structure`)
  }
}

const encodeList = (of: Node, w: Writer, values: readonly unknown[], version: number, context: number): void => {
  let index = 0
  try {
    for (; index < values.length; index++) interpretEncode(of, w, values[index], version, context)
  } catch (error) {
    throw within(error, `[${index}]`)
  }
}

const encodeStruct = (node: StructNode, w: Writer, value: Plain, version: number, context: number): void => {
  const start = w.offset
  const sizes = new Map<string, { at: number; bytes: Width }>()
  let own: { at: number; bytes: Width; frame: Frame } | undefined
  for (const member of node.members) {
    const inner = resolve(member.node, version)
    if (inner.kind === 'length' || inner.kind === 'lengthOf') {
      if (inner.kind === 'length') own = { at: w.offset, bytes: inner.bytes, frame: inner.frame }
      else sizes.set(inner.member, { at: w.offset, bytes: inner.bytes })
      w.zeros(inner.bytes)
    } else if (isHidden(inner)) interpretEncode(inner, w, undefined, version, context)
    else if (member.spread === true) interpretEncode(inner, w, value, version, context)
    else {
      const before = w.offset
      try {
        interpretEncode(inner, w, value[member.name] ?? member.fallback, version, context)
        const size = sizes.get(member.name)
        if (size !== undefined) patch(w, size.at, size.bytes, w.offset - before)
      } catch (error) {
        throw within(error, member.name)
      }
    }
  }
  if (own !== undefined) finish(w, start, own.at, own.bytes, own.frame)
}

const encodeUnion = (node: UnionNode, w: Writer, value: Plain, version: number, context: number): void => {
  const name = value[node.discriminant] as string
  if (name === 'raw') {
    if (node.other === undefined) putRaw(w, value['bytes'] as Uint8Array, node.header)
    else encodeVariant(node.header, [value['tag'] as number], node.other, w, value, version, context)
    return
  }
  const form = formsOf(node.cases[name], version).find(({ when }) => when === undefined || when(value as never))
  if (form === undefined) throw noVariant(name, version)
  try {
    encodeVariant(node.header, form.tags, form.body, w, value, version, context)
  } catch (error) {
    throw within(error, name)
  }
}

const encodeVariant = (
  header: Header,
  tags: readonly number[],
  body: Node,
  w: Writer,
  value: unknown,
  version: number,
  context: number,
): void => {
  const start = w.offset
  let lengthAt: { at: number; bytes: Width } | undefined
  for (const part of header.parts) {
    if (part.is === 'length') lengthAt = { at: w.offset, bytes: part.bytes }
    putUint(w, part.bytes, { tag: tags[0], length: 0, version, context }[part.is])
  }
  header.escape?.bytes.slice(0, tags.length - 1).forEach((bytes, i) => {
    putUint(w, bytes, tags[i + 1])
  })
  interpretEncode(body, w, value, version, context)
  if (lengthAt !== undefined) finish(w, start, lengthAt.at, lengthAt.bytes, header)
}

const encodeProperties = (node: PropertiesNode, w: Writer, value: Plain, version: number, context: number): void => {
  for (const property of node.properties) {
    const member = value[property.name]
    if (member === undefined || member === property.fallback) continue
    try {
      encodeVariant(node.header, [property.tag], property.node, w, member, version, context)
    } catch (error) {
      throw within(error, property.name)
    }
  }
  for (const bytes of (value['unknown'] as readonly Uint8Array[] | undefined) ?? []) putRaw(w, bytes, node.header)
}

const LIMITS: Readonly<Record<Width, number | bigint>> = {
  1: 0xff,
  2: 0xffff,
  4: 0xffffffff,
  6: 0xffffffffffff,
  8: (1n << 64n) - 1n,
  16: (1n << 128n) - 1n,
}

const putUint = (w: Writer, bytes: Width, value: unknown): void => {
  const fits =
    bytes <= 6
      ? Number.isInteger(value) && (value as number) >= 0 && (value as number) <= LIMITS[bytes]
      : typeof value === 'bigint' && value >= 0n && value <= LIMITS[bytes]
  if (!fits) throw misfit(value, bytes)
  w.ensure(bytes)
  let left = BigInt(value as number | bigint)
  for (let at = w.offset + bytes - 1; at >= w.offset; at--) {
    w.buffer[at] = Number(left & 0xffn)
    left >>= 8n
  }
  w.offset += bytes
}
