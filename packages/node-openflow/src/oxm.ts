import { DecodeError, EncodeError, type Reader, truncated, within } from './codec/reader.ts'
import type { Writer } from './codec/writer.ts'
import { type Field, type FieldHeader, fieldList } from './fields.ts'

/** OXM TLVs: a field's header, value and mask (OpenFlow 1.5.1 § 7.2.3.2). */

/** A field and what is matched of it or written to it: `value` has no bit outside `mask`; without a mask it is exact. */
export interface MatchTerm {
  readonly field: Field
  readonly value: number | bigint
  readonly mask?: number | bigint
}

const EXPERIMENTER = 0xffff
/** The bit of a header that says a mask follows. */
export const MASKED = 0x100

/** Class, number and experimenter as one key, whatever the version that a header is of. */
const keyOf = (header: number, experimenter: number) => (header >>> 9) + experimenter * 2 ** 23

const byKey = new Map<number, Field>()
/** Makes a field known to decoders, at each of its places whose value is as wide as the field. */
const learn = (field: Field): Field => {
  for (const place of [...field.headers, field.nicira]) {
    const known = byKey.get(keyOf(place.header, place.experimenter))
    if (known !== undefined && known !== field) throw new TypeError(`${field.name} and ${known.name} share a header`)
    byKey.set(keyOf(place.header, place.experimenter), field)
  }
  return field
}
for (const field of fieldList) learn(field)

/** Unknown fields seen so far, so that one field is one object; bounded, since a peer chooses what it sends. */
const unknowns = new Map<string, Field>()
const UNKNOWN_LIMIT = 1024

/** A field that no row declares: matched, kept and sent back as it came. */
const unknownField = (header: number, experimenter: number, bytes: number): Field => {
  const name = `oxm_${(header >>> 16).toString(16)}_${(header >>> 9) & 0x7f}_${experimenter.toString(16)}_${bytes}`
  const known = unknowns.get(name)
  if (known !== undefined) return known
  const place: FieldHeader = {
    header: ((header & ~0x1ff) | (bytes + (header >>> 16 === EXPERIMENTER ? 4 : 0))) >>> 0,
    experimenter,
  }
  const hex = (value: number | bigint) => `0x${value.toString(16)}`
  const write = (value: number | bigint, mask: number | bigint | undefined) =>
    mask === undefined ? hex(value) : `${hex(value)}/${hex(mask)}`
  const field: Field = {
    name,
    bits: bytes * 8,
    bytes,
    index: fieldList.length,
    wide: true,
    maskable: true,
    prerequisites: [],
    ones: (1n << BigInt(bytes * 8)) - 1n,
    limit: 0,
    exactMasked: false,
    subfieldBits: bytes * 8,
    text: { name, match: name, subfield: name, rank: Number.POSITIVE_INFINITY, format: { match: write, set: write } },
    headers: [place, place, place],
    nicira: place,
  }
  if (unknowns.size < UNKNOWN_LIMIT) unknowns.set(name, field)
  return field
}

/** Where a field stands in a version. */
export const placeOf = (field: Field, version: number): FieldHeader => field.headers[(version - 4) as 0 | 1 | 2]

/** Appends a header without a value: what names a field in actions. */
export const putHeader = (w: Writer, { header, experimenter }: FieldHeader): void => {
  w.ensure(8)
  w.data.setUint32(w.offset, header)
  w.offset += 4
  if (header >>> 16 === EXPERIMENTER) {
    w.data.setUint32(w.offset, experimenter)
    w.offset += 4
  }
}

/** Appends a TLV at a place of its field. */
export const putTerm = (w: Writer, { field, value, mask }: MatchTerm, { header, experimenter }: FieldHeader): void => {
  const { bytes } = field
  w.ensure(8 + 2 * bytes)
  const { data } = w
  // With a mask the length counts the value twice.
  data.setUint32(w.offset, mask === undefined ? header : header + MASKED + bytes)
  w.offset += 4
  if (header >>> 16 === EXPERIMENTER) {
    data.setUint32(w.offset, experimenter)
    w.offset += 4
  }
  putValue(w, field, value)
  if (mask !== undefined) putValue(w, field, mask)
}

/** Appends a value in the field's width; the caller has made room. */
const putValue = (w: Writer, field: Field, value: number | bigint): void => {
  const { bytes } = field
  if (field.wide) {
    if (typeof value !== 'bigint' || value < 0n || value > field.ones) throw misfit(field, value)
    putLong(w, value, bytes)
  } else if (bytes <= 4) {
    const number = value as number
    if (number >>> 0 !== number || number > field.limit) throw misfit(field, value)
    if (bytes === 4) w.data.setUint32(w.offset, number)
    else if (bytes === 2) w.data.setUint16(w.offset, number)
    else w.data.setUint8(w.offset, number)
  } else {
    const number = value as number
    if (!Number.isInteger(number) || number < 0 || number > field.limit) throw misfit(field, value)
    w.data.setUint16(w.offset, number / 0x100000000)
    w.data.setUint32(w.offset + 2, number)
  }
  w.offset += bytes
}

const putLong = (w: Writer, value: bigint, bytes: number) => {
  if (bytes === 8) return w.data.setBigUint64(w.offset, value)
  if (bytes === 16) {
    w.data.setBigUint64(w.offset, value >> 64n)
    return w.data.setBigUint64(w.offset + 8, value)
  }
  let left = value
  for (let i = w.offset + bytes - 1; i >= w.offset; i--) {
    w.buffer[i] = Number(left & 0xffn)
    left >>= 8n
  }
}

/** Why a value is none of a field. */
export const misfit = (field: Field, value: unknown) =>
  new EncodeError(`${String(value)} is no ${field.wide ? 'bigint' : 'number'} of ${field.bits} bits`, field.name)

const getValue = (r: Reader, field: Field): number | bigint => {
  const { bytes } = field
  const at = r.offset
  if (bytes > r.end - at) throw truncated(r, bytes)
  r.offset = at + bytes
  const { data } = r
  if (field.wide) {
    if (bytes === 8) return data.getBigUint64(at)
    if (bytes === 16) return (data.getBigUint64(at) << 64n) | data.getBigUint64(at + 8)
    let value = 0n
    for (let i = at; i < at + bytes; i++) value = (value << 8n) | BigInt(r.bytes[i]!)
    return value
  }
  if (bytes === 1) return data.getUint8(at)
  if (bytes === 2) return data.getUint16(at)
  if (bytes === 4) return data.getUint32(at)
  return data.getUint16(at) * 0x100000000 + data.getUint32(at + 2)
}

/** Reads a header that names a field; the value, if any, follows. */
export const getHeader = (r: Reader): { field: Field; masked: boolean } => {
  const start = r.offset
  if (r.end - start < 4) throw truncated(r, 4)
  const header = r.data.getUint32(start)
  r.offset = start + 4
  let experimenter = 0
  let size = header & 0xff
  if (header >>> 16 === EXPERIMENTER) {
    if (r.end - r.offset < 4) throw truncated(r, 4)
    experimenter = r.data.getUint32(r.offset)
    r.offset += 4
    size -= 4
  }
  const masked = (header & MASKED) !== 0
  const bytes = masked ? size / 2 : size
  const known = byKey.get(keyOf(header, experimenter))
  if (known !== undefined && known.bytes === bytes) return { field: known, masked }
  if (known !== undefined)
    throw new DecodeError(`${bytes} bytes of value, ${known.bytes} are wanted`, start, known.name)
  if (!Number.isInteger(bytes) || bytes < 1) throw new DecodeError(`an OXM of length ${header & 0xff}`, start)
  return { field: unknownField(header, experimenter, bytes), masked }
}

/** Reads a TLV; gives undefined for one that matches anything. */
export const getTerm = (r: Reader): MatchTerm | undefined => {
  const start = r.offset
  const { field, masked } = getHeader(r)
  try {
    const value = getValue(r, field)
    const mask = masked ? getValue(r, field) : undefined
    if (value > field.ones) throw new DecodeError(`${value} has more than ${field.bits} bits`, start)
    return termOf(field, value, mask)
  } catch (error) {
    throw within(error, field.name)
  }
}

/** Reads a TLV that sets bits of a field; the mask is left out where it is of all ones. */
export const getAssignment = (r: Reader): MatchTerm => {
  const start = r.offset
  const { field, masked } = getHeader(r)
  try {
    const value = getValue(r, field)
    const mask = masked ? and(getValue(r, field), field.ones) : field.ones
    if (value > field.ones) throw new DecodeError(`${value} has more than ${field.bits} bits`, start)
    return mask === field.ones ? { field, value } : { field, value, mask }
  } catch (error) {
    throw within(error, field.name)
  }
}

/** The one form of a term: no bits outside the mask, no mask of all ones, undefined where nothing is matched. */
export const termOf = (
  field: Field,
  value: number | bigint,
  mask: number | bigint | undefined,
): MatchTerm | undefined => {
  const used = mask === undefined ? field.ones : and(mask, field.ones)
  if (used === field.ones && !field.exactMasked) return { field, value }
  if (used === 0 || used === 0n) return undefined
  return { field, value: and(value, used), mask: used }
}

/** Bitwise and of numbers up to 48 bits, or of bigints. */
const and = (a: number | bigint, b: number | bigint): number | bigint => {
  if (typeof a === 'bigint' || typeof b === 'bigint') return BigInt(a) & BigInt(b)
  if (a <= 0xffffffff && b <= 0xffffffff) return (a & b) >>> 0
  return Number(BigInt(a) & BigInt(b))
}
