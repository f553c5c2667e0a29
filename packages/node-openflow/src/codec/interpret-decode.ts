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
import { type Reader, truncated, within } from './reader.ts'
import { badLength, getText, leave, leftOver, unknownWord, wrongVersion } from './wire.ts'

/** The reference decoder: walks the schema for every value. generate-decode.ts must do the same, only faster. */

type Plain = { [name: string]: unknown }

export const interpretDecode = (unresolved: Node, r: Reader, version: number): unknown => {
  const node = resolve(unresolved, version)
  switch (node.kind) {
    case 'uint':
      return getUint(r, node.bytes)
    case 'enum': {
      const number = getUint(r, node.bytes) as number
      const word = node.words[number]
      if (word === undefined && !node.open) throw unknownWord(number, r.offset - node.bytes)
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
    else if (part.is === 'version' && number !== version) throw wrongVersion(number, version, start)
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

const leaveHeader = (header: Header, r: Reader, start: number, outer: number): void => {
  if (header.parts.some(part => part.is === 'length')) leave(r, start, header, outer)
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
