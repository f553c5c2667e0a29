import { DecodeError, EncodeError, type Reader, truncated } from './codec/reader.ts'
import { custom, type Schema } from './codec/schema.ts'
import type { Writer } from './codec/writer.ts'
import { type Field, type FieldName, type FieldValue, fieldList, fields, type Prerequisite } from './fields.ts'
import { getTerm, MASKED, type MatchTerm, misfit, placeOf, putTerm, termOf } from './oxm.ts'

/**
 * What a flow matches: terms in field order, prerequisites first, one a field, registers as 32-bit ones.
 * Two matches are equal exactly if their terms are.
 */
export type Match = readonly MatchTerm[]

/** A match as one writes it: `{ eth_type: 0x0800, ipv4_dst: [0x0a000000, 0xff000000] }`. */
export type MatchObject = {
  readonly [N in FieldName]?: FieldValue<N> | readonly [value: FieldValue<N>, mask: FieldValue<N>]
}

/**
 * The match of an object: in order, with the prerequisites that are beyond doubt added.
 * `vlan_vid` follows OXM: 0x1000 + id, or 0 for untagged. Wide registers become 32-bit ones, `vlan_tci` id and priority.
 * Throws EncodeError for a value out of range, a mask where none is allowed, a prerequisite that is missing or contradicted.
 */
export const matchOf = (object: MatchObject): Match => {
  const terms = new Map<Field, MatchTerm>()
  for (const name in object) {
    const field = fields[name as FieldName] as Field | undefined
    if (field === undefined) throw new EncodeError('no such field', name)
    const given = object[name as FieldName]
    if (given === undefined) continue
    const [value, mask] = (typeof given === 'object' ? given : [given]) as readonly [
      number | bigint,
      (number | bigint)?,
    ]
    check(field, value)
    if (mask !== undefined) check(field, mask)
    const term = termOf(field, value, mask)
    if (term?.mask !== undefined && !field.maskable) throw new EncodeError('takes no mask', name)
    if (term !== undefined) for (const part of split(term)) join(terms, part)
    if (terms.has(fields.vlan_tci)) throw new EncodeError('OXM has no part of a VLAN priority', name)
  }
  for (const field of [...terms.keys()]) require(terms, field)
  return [...terms.values()].sort(byIndex)
}

const byIndex = (a: MatchTerm, b: MatchTerm) => a.field.index - b.field.index

const check = (field: Field, value: number | bigint): void => {
  const fits = field.wide ? typeof value === 'bigint' : Number.isInteger(value)
  if (!fits || value < 0 || value > field.ones) throw misfit(field, value)
}

/** Adds the term; a field named twice (reg0 and xreg0) must not contradict itself. */
const join = (terms: Map<Field, MatchTerm>, term: MatchTerm): void => {
  const known = terms.get(term.field)
  if (known !== undefined && (known.value !== term.value || known.mask !== term.mask))
    throw new EncodeError('is matched twice', term.field.name)
  terms.set(term.field, term)
}

const require = (terms: Map<Field, MatchTerm>, field: Field): void => {
  for (const prerequisite of field.prerequisites) {
    const needed = fields[prerequisite.field as FieldName]
    const term = terms.get(needed)
    if (term !== undefined) {
      if (!meets(term, prerequisite)) throw new EncodeError(`needs ${wanted(prerequisite)}`, field.name)
    } else if (prerequisite.implied === undefined) throw new EncodeError(`needs ${wanted(prerequisite)}`, field.name)
    else {
      const added = termOf(needed, prerequisite.implied, prerequisite.mask)
      if (added !== undefined) terms.set(needed, added)
      require(terms, needed)
    }
  }
}
const wanted = ({ field, values }: Prerequisite) =>
  `${field}=${values.map(value => `0x${value.toString(16)}`).join(' or ')}`
const meets = ({ value, mask, field }: MatchTerm, { values, mask: bits }: Prerequisite): boolean => {
  const counted = bits ?? Number(field.ones)
  return (Number(mask ?? field.ones) & counted) === counted && values.includes(Number(value) & counted)
}

/** Registers under xreg0, xxreg0, ...: wide field -> its 32-bit registers, most significant first. */
const parts = new Map<Field, readonly Field[]>()
/** Register -> the 64-bit one that it is half of; OpenFlow 1.5 carries registers in pairs, as OVS does. */
const pairs: Field[] = []
for (const wide of fieldList) {
  const [, kind, number] = /^(x{1,2})reg(\d+)$/.exec(wide.name) ?? []
  if (kind === undefined) continue
  const count = kind.length * 2
  const registers = Array.from({ length: count }, (_, i) => fields[`reg${Number(number) * count + i}` as FieldName])
  parts.set(wide, registers)
  if (count === 2) for (const register of registers) pairs[register.index] = wide
}

/** The term itself, or those of the narrower fields that say the same. */
const split = (term: MatchTerm): MatchTerm[] => {
  if (term.field === fields.vlan_tci) return splitTci(term)
  const registers = parts.get(term.field)
  // An Ethernet packet is what every match is of where it does not say otherwise.
  if (registers === undefined) return term.field === fields.packet_type && term.value === 0 ? [] : [term]
  return registers.flatMap((register, i) => {
    const shift = BigInt(32 * (registers.length - 1 - i))
    const word = (value: number | bigint) => Number((BigInt(value) >> shift) & 0xffffffffn)
    return termOf(register, word(term.value), word(term.mask ?? term.field.ones)) ?? []
  })
}

/** A TCI as VLAN id (with its presence bit) and priority, unless only some bits of the priority are matched. */
const splitTci = (term: MatchTerm): MatchTerm[] => {
  const value = Number(term.value)
  const mask = Number(term.mask ?? term.field.ones)
  const priority = mask >>> 13
  if (priority !== 0 && priority !== 7 && (value & 0x1000) !== 0) return [term]
  const vid = termOf(fields.vlan_vid, value & 0x1fff, mask & 0x1fff) ?? []
  const tagged = (value & 0x1000) !== 0
  return [vid, priority === 7 && tagged ? { field: fields.vlan_pcp, value: value >>> 13 } : []].flat()
}

/** Appends the TLVs of a match, without its header. */
export const putTerms = (w: Writer, match: Match, version: number): void => {
  for (let i = 0; i < match.length; i++) {
    const term = match[i]!
    const wide = version >= 6 ? pairs[term.field.index] : undefined
    if (wide === undefined) putTerm(w, term, placeOf(term.field, version))
    else {
      const next = match[i + 1]
      const joined = next !== undefined && pairs[next.field.index] === wide
      putPair(w, wide, term, joined ? next : undefined, version)
      if (joined) i++
    }
  }
}

/** Appends one or both halves of a 64-bit register as its TLV. */
const putPair = (w: Writer, wide: Field, first: MatchTerm, second: MatchTerm | undefined, version: number): void => {
  const even = second !== undefined || first.field === parts.get(wide)![0]
  const high = even ? first : undefined
  const low = even ? second : first
  const [highMask, lowMask] = [maskOf(high), maskOf(low)]
  const masked = highMask !== 0xffffffff || lowMask !== 0xffffffff
  const { header } = placeOf(wide, version)
  w.ensure(20)
  const { data, offset } = w
  data.setUint32(offset, masked ? header + MASKED + wide.bytes : header)
  data.setUint32(offset + 4, high === undefined ? 0 : word(high.field, high.value))
  data.setUint32(offset + 8, low === undefined ? 0 : word(low.field, low.value))
  w.offset = offset + 12
  if (!masked) return
  data.setUint32(offset + 12, highMask)
  data.setUint32(offset + 16, lowMask)
  w.offset = offset + 20
}
/** The mask of half a register; a half that is not matched has none. */
const maskOf = (term: MatchTerm | undefined): number =>
  term === undefined ? 0 : term.mask === undefined ? 0xffffffff : word(term.field, term.mask)
const word = (field: Field, value: number | bigint): number => {
  const number = value as number
  if (number >>> 0 !== number) throw misfit(field, value)
  return number
}

/** Reads TLVs up to the end of the region. */
export const getTerms = (r: Reader): Match => {
  const terms: MatchTerm[] = []
  let last = -1
  let seen: Set<Field> | undefined
  while (r.offset < r.end) {
    const start = r.offset
    const term = getTerm(r)
    if (term === undefined) continue
    for (const part of needsSplit(term.field) ? split(term) : [term]) {
      if (part.field.index <= last) seen ??= new Set(terms.map(({ field }) => field))
      if (seen?.has(part.field)) throw new DecodeError('is matched twice', start, part.field.name)
      seen?.add(part.field)
      last = part.field.index
      terms.push(part)
    }
  }
  return seen === undefined ? terms : terms.sort(byIndex)
}
const needsSplit = (field: Field) => field === fields.vlan_tci || field === fields.packet_type || parts.has(field)

const OXM = 1

/** An ofp_match: type, length without padding, TLVs, padding (OpenFlow 1.5.1 § 7.2.3.1). */
export const putMatch = (w: Writer, match: Match, version: number): void => {
  const start = w.offset
  w.ensure(4)
  w.data.setUint16(start, OXM)
  w.offset += 4
  putTerms(w, match, version)
  const size = w.offset - start
  if (size > 0xffff) throw new EncodeError(`${size} bytes, 65535 at most`)
  w.data.setUint16(start + 2, size)
  w.align(start, 8)
}

export const getMatch = (r: Reader): Match => {
  const start = r.offset
  const outer = r.end
  if (outer - start < 4) throw truncated(r, 4)
  const type = r.data.getUint16(start)
  const size = r.data.getUint16(start + 2)
  if (type !== OXM) throw new DecodeError(`a match of type ${type}`, start)
  if (size < 4 || size > outer - start)
    throw new DecodeError(`a length of ${size} with ${outer - start} bytes left`, start + 2)
  r.offset = start + 4
  r.end = start + size
  const match = getTerms(r)
  r.end = outer
  r.offset = start + Math.ceil(size / 8) * 8
  if (r.offset > outer) throw new DecodeError('padding is missing', outer)
  return match
}

export const match: Schema<Match, Match, 'value'> = custom({ encode: putMatch, decode: getMatch }) as Schema<
  Match,
  Match,
  'value'
>
/** TLVs without the header of a match, up to the end of the structure. */
export const terms: Schema<Match, Match, 'value'> = custom({ encode: putTerms, decode: getTerms }) as Schema<
  Match,
  Match,
  'value'
>
