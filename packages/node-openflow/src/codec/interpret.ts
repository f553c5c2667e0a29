import {
  type Form,
  type Frame,
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
import { DecodeError, EncodeError, type Reader, truncated, within } from './reader.ts'
import type { Writer } from './writer.ts'

/** The reference backend: walks the schema for every value. generate.ts must do the same, only faster. */

type Plain = { [name: string]: unknown }

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
      if ((value as readonly unknown[]).length !== 1) throw new EncodeError('exactly one element is wanted')
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

export const interpretDecode = (unresolved: Node, r: Reader, version: number): unknown => {
  const node = resolve(unresolved, version)
  switch (node.kind) {
    case 'uint':
      return getUint(r, node.bytes)
    case 'enum': {
      const number = getUint(r, node.bytes) as number
      const word = node.words[number]
      if (word === undefined && !node.open) throw new DecodeError(`unknown value ${number}`, r.offset - node.bytes)
      return word ?? number
    }
    case 'boolean':
      return getUint(r, node.bytes) !== 0
    case 'map':
      return node.fromWire(getUint(r, node.of.bytes) as number)
    case 'pad':
      return skip(r, node.bytes)
    case 'absent':
      skip(r, node.bytes)
      return node.value
    case 'padded': {
      skip(r, node.before)
      const value = interpretDecode(node.of, r, version)
      skip(r, node.after)
      return value
    }
    case 'present':
      return true
    case 'rest':
      return r.take(r.end - r.offset)
    case 'blob':
      return r.take(node.bytes)
    case 'text':
      return getText(r, node.bytes)
    case 'list': {
      const values: unknown[] = []
      while (r.offset < r.end) values.push(decodeElement(node.of, r, version, values.length))
      return values
    }
    case 'one':
      return [decodeElement(node.of, r, version, 0)]
    case 'custom':
      return node.decode(r, version)
    default: {
      const into: Plain = {}
      decodeInto(node, r, version, into)
      return into
    }
  }
}

const decodeElement = (node: Node, r: Reader, version: number, index: number): unknown => {
  try {
    return interpretDecode(node, r, version)
  } catch (error) {
    throw within(error, `[${index}]`)
  }
}

/** Decodes an object's members into `into`. */
const decodeInto = (unresolved: Node, r: Reader, version: number, into: Plain): void => {
  const node = resolve(unresolved, version)
  switch (node.kind) {
    case 'struct':
      decodeStruct(node, r, version, into)
      break
    case 'union':
      decodeUnion(node, r, version, into)
      break
    case 'properties':
      decodeProperties(node, r, version, into)
      break
    case 'custom': {
      const value = node.decode(r, version) as Plain
      for (const name of node.keys.required) into[name] = value[name]
      for (const name of node.keys.optional) if (value[name] !== undefined) into[name] = value[name]
      break
    }
    default:
      throw new TypeError(`a ${node.kind} has no members`)
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

const decodeStruct = (node: StructNode, r: Reader, version: number, into: Plain): void => {
  const start = r.offset
  const outer = r.end
  const sizes = new Map<string, number>()
  let frame: Frame | undefined
  for (const member of node.members) {
    const inner = resolve(member.node, version)
    try {
      if (inner.kind === 'length') {
        frame = inner.frame
        r.end = regionEnd(r, start, getUint(r, inner.bytes) as number, outer)
      } else if (inner.kind === 'lengthOf') sizes.set(inner.member, getUint(r, inner.bytes) as number)
      else if (isHidden(inner)) interpretDecode(inner, r, version)
      else if (member.spread !== true) {
        const size = sizes.get(member.name)
        into[member.name] =
          size === undefined
            ? interpretDecode(inner, r, version)
            : sized(r, size, () => interpretDecode(inner, r, version))
      }
    } catch (error) {
      throw within(error, member.name)
    }
    if (member.spread === true) decodeInto(inner, r, version, into)
  }
  if (frame !== undefined) leave(r, start, frame, outer)
}

const encodeUnion = (node: UnionNode, w: Writer, value: Plain, version: number, context: number): void => {
  const name = value[node.discriminant] as string
  if (name === 'raw') {
    if (node.other === undefined) putRaw(w, value['bytes'] as Uint8Array, node.header)
    else encodeVariant(node.header, [value['tag'] as number], node.other, w, value, version, context)
    return
  }
  const form = formsOf(node.cases[name], version).find(({ when }) => when === undefined || when(value as never))
  if (form === undefined) throw new EncodeError(`no ${name} in version ${version}`)
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

const decodeUnion = (node: UnionNode, r: Reader, version: number, into: Plain): void => {
  const start = r.offset
  const outer = r.end
  r.enter()
  const tag = readHeader(node.header, r, version)
  const found = findForm(node, r, version, tag)
  if (found !== undefined) {
    into[node.discriminant] = found.name
    try {
      decodeInto(found.form.body, r, version, into)
      leaveHeader(node.header, r, start, outer)
    } catch (error) {
      throw within(error, found.name)
    }
    r.leave()
    return
  }
  into[node.discriminant] = 'raw'
  if (node.other !== undefined) {
    into['tag'] = tag
    decodeInto(node.other, r, version, into)
  } else {
    r.offset = start
    into['bytes'] = r.take(r.end - start)
  }
  leaveHeader(node.header, r, start, outer)
  r.leave()
}

/** Reads the parts before a variant, shrinks the region to the variant, and gives its first tag. */
const readHeader = (header: Header, r: Reader, version: number): number => {
  const start = r.offset
  const outer = r.end
  if (headerSize(header) > outer - start) throw truncated(r, headerSize(header))
  let tag = 0
  for (const part of header.parts) {
    const number = getUint(r, part.bytes) as number
    if (part.is === 'tag') tag = number
    else if (part.is === 'version' && number !== version)
      throw new DecodeError(`version ${number} inside version ${version}`, r.offset - 1)
    else if (part.is === 'length') {
      if (number < headerSize(header) || number > outer - start) throw badLength(number, outer - start, start)
      r.end = start + number
    }
  }
  return tag
}

/** The variant of a tag and the further tags after it, which it consumes. */
const findForm = (
  node: UnionNode,
  r: Reader,
  version: number,
  tag: number,
): { name: string; form: Form } | undefined => {
  const after = r.offset
  const escaped = node.header.escape
  if (escaped !== undefined && tag === escaped.tag && r.end - after >= escaped.bytes.reduce((a, b) => a + b, 0)) {
    const tags = [tag, ...escaped.bytes.map(bytes => getUint(r, bytes) as number)]
    const found = formOf(node, version, tags)
    if (found !== undefined) return found
    r.offset = after
  }
  return formOf(node, version, [tag])
}

const formOf = (node: UnionNode, version: number, tags: readonly number[]) => {
  for (const name in node.cases)
    for (const form of formsOf(node.cases[name], version))
      if (form.tags.length === tags.length && form.tags.every((tag, i) => tag === tags[i])) return { name, form }
  return undefined
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

const decodeProperties = (node: PropertiesNode, r: Reader, version: number, into: Plain): void => {
  const outer = r.end
  for (const property of node.properties) if (property.fallback !== undefined) into[property.name] = property.fallback
  const unknown: Uint8Array[] = []
  while (r.offset < outer) {
    const start = r.offset
    const tag = readHeader(node.header, r, version)
    const property = node.properties.find(property => property.tag === tag)
    if (property === undefined) {
      r.offset = start
      unknown.push(r.take(r.end - start))
      leaveHeader(node.header, r, start, outer)
    } else {
      try {
        into[property.name] = interpretDecode(property.node, r, version)
        leaveHeader(node.header, r, start, outer)
      } catch (error) {
        throw within(error, property.name)
      }
    }
  }
  if (unknown.length > 0) into['unknown'] = unknown
}

/** Appends what was kept whole, and the padding after it. */
export const putRaw = (w: Writer, bytes: Uint8Array, header: Header): void => {
  const start = w.offset
  w.append(bytes)
  w.align(start, header.align)
}

/** Pads and states the length of what began at `start`. */
export const finish = (w: Writer, start: number, at: number, bytes: Width, frame: Frame): void => {
  if (frame.padded) w.align(start, frame.align)
  patch(w, at, bytes, w.offset - start)
  if (!frame.padded) w.align(start, frame.align)
}

const patch = (w: Writer, at: number, bytes: Width, size: number): void => {
  if (size >= 2 ** (8 * bytes)) throw tooLong(size, bytes)
  if (bytes === 1) w.data.setUint8(at, size)
  else if (bytes === 2) w.data.setUint16(at, size)
  else w.data.setUint32(at, size)
}
export const tooLong = (size: number, bytes: Width) => new EncodeError(`${size} bytes, ${2 ** (8 * bytes) - 1} at most`)

export const badLength = (size: number, left: number, offset: number) =>
  new DecodeError(`a length of ${size} with ${left} bytes left`, offset)

const regionEnd = (r: Reader, start: number, size: number, outer: number): number => {
  if (size < r.offset - start || size > outer - start) throw badLength(size, outer - start, start)
  return start + size
}

const sized = <T>(r: Reader, size: number, decode: () => T): T => {
  const outer = r.end
  r.end = regionEnd(r, r.offset, size, outer)
  const value = decode()
  if (r.offset !== r.end) throw leftOver(r)
  r.end = outer
  return value
}

export const leftOver = (r: Reader) => new DecodeError(`${r.end - r.offset} bytes left over`, r.offset)

/** Ends the region that began at `start`: nothing but padding may be left, and padding outside it is skipped. */
export const leave = (r: Reader, start: number, frame: Frame, outer: number): void => {
  const left = r.end - r.offset
  if (left !== 0 && (!frame.padded || left >= frame.align)) throw leftOver(r)
  const over = (r.end - start) % frame.align
  r.offset = frame.padded || over === 0 ? r.end : Math.min(r.end + frame.align - over, outer)
  r.end = outer
}

const leaveHeader = (header: Header, r: Reader, start: number, outer: number): void => {
  if (header.parts.some(part => part.is === 'length')) leave(r, start, header, outer)
}

export const noWord = (value: unknown, numbers: object) =>
  new EncodeError(`${String(value)} is none of ${Object.keys(numbers).join(', ')}`)

const LIMITS: Readonly<Record<Width, number | bigint>> = {
  1: 0xff,
  2: 0xffff,
  4: 0xffffffff,
  6: 0xffffffffffff,
  8: (1n << 64n) - 1n,
  16: (1n << 128n) - 1n,
}

/** Why a value is no unsigned integer of that size. */
export const misfit = (value: unknown, bytes: Width) =>
  new EncodeError(
    `${typeof value === 'bigint' ? `${value}n` : String(value)} is no ${bytes <= 6 ? 'number' : 'bigint'} of ${bytes * 8} bits`,
  )

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

const getUint = (r: Reader, bytes: Width): number | bigint => {
  if (bytes > r.end - r.offset) throw truncated(r, bytes)
  let value = 0n
  for (let i = 0; i < bytes; i++) value = (value << 8n) | BigInt(r.bytes[r.offset++]!)
  return bytes <= 6 ? Number(value) : value
}

const skip = (r: Reader, bytes: number): void => {
  if (bytes > r.end - r.offset) throw truncated(r, bytes)
  r.offset += bytes
}

export const putBlob = (w: Writer, value: Uint8Array, bytes: number): void => {
  if (value.length !== bytes) throw new EncodeError(`${value.length} bytes, ${bytes} are wanted`)
  w.append(value)
}

const utf8 = { encoder: new TextEncoder(), decoder: new TextDecoder('utf-8', { ignoreBOM: true }) }

export const putText = (w: Writer, value: string, bytes: number): void => {
  const encoded = utf8.encoder.encode(value)
  if (encoded.length > bytes) throw new EncodeError(`"${value}" is longer than ${bytes} bytes`)
  w.append(encoded)
  w.zeros(bytes - encoded.length)
}

export const getText = (r: Reader, bytes: number): string => {
  if (bytes > r.end - r.offset) throw truncated(r, bytes)
  const field = r.bytes.subarray(r.offset, r.offset + bytes)
  r.offset += bytes
  const zero = field.indexOf(0)
  return utf8.decoder.decode(zero === -1 ? field : field.subarray(0, zero))
}
