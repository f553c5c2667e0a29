import type { Form, Header } from './codec/node.ts'
import { EncodeError, type Reader, truncated } from './codec/reader.ts'
import {
  custom,
  form,
  mapped,
  type Schema,
  type StructIn,
  type StructOut,
  struct,
  u16,
  type Variant,
  variant,
} from './codec/schema.ts'
import type { Writer } from './codec/writer.ts'
import type { Field } from './fields.ts'
import { getAssignment, getHeader, placeOf, putHeader, putTerm } from './oxm.ts'
import type { TextNames } from './text/names.ts'

/** What rows of the action tables are made of. */

export const NICIRA = 0x00002320
export const ONF = 0x4f4e4600
const EXPERIMENTER = 0xffff

/** Type and length before an action (OpenFlow 1.5.1 § 7.2.6); experimenters add their id and a type of their own. */
export const actionHeader: Header = {
  parts: [
    { is: 'tag', bytes: 2 },
    { is: 'length', bytes: 2 },
  ],
  align: 8,
  padded: true,
  escape: { tag: EXPERIMENTER, bytes: [4, 2] },
}

/** One line of an action table: its wire forms, and its text as ovs-ofctl writes it. */
export interface ActionRow<In, Out> extends Variant<In, Out> {
  readonly text: (action: never, names: TextNames | undefined) => string
}
type Members = Parameters<typeof struct>[0]

/** An action of the specification, `from` a version on. */
export const action = <const M extends Members>(
  type: number,
  members: M,
  text: (action: StructOut<NoInfer<M>>, names: TextNames | undefined) => string,
  from = 0,
): ActionRow<StructIn<M>, StructOut<M>> => ({
  ...variant(struct(members), [form([type], struct(members), from)]),
  text,
})

/** A Nicira action (ovs-actions(7)). */
export const nicira = <const M extends Members>(
  subtype: number,
  members: M,
  text: (action: StructOut<NoInfer<M>>, names: TextNames | undefined) => string,
): ActionRow<StructIn<M>, StructOut<M>> => ({
  ...variant(struct(members), [niciraForm(subtype, struct(members))]),
  text,
})

/** An action with several forms; the first that fits version and value is written, each is read. */
export const forms = <In, Out>(
  body: Schema<In, Out>,
  list: readonly Form[],
  text: (action: NoInfer<Out>, names: TextNames | undefined) => string,
): ActionRow<In, Out> => ({ ...variant(body, list), text })
export const niciraForm = (
  subtype: number,
  body: Schema<unknown, unknown>,
  to = 255,
  when?: (value: never) => boolean,
) => form([EXPERIMENTER, NICIRA, subtype], body, 0, to, when)

/** A port in 16 bits, as Nicira's actions carry it: the reserved ones are the top of either range. */
export const port16 = mapped<number>(
  u16,
  port => (port >= 0xffffff00 ? port & 0xffff : port < 0xff00 ? port : 0x10000),
  wire => (wire >= 0xff00 ? (wire | 0xffff0000) >>> 0 : wire),
)

/** A field by its header, in the version's place or, in Nicira's actions, in its oldest one. */
export const fieldId = {
  encode: (w: Writer, field: Field, version: number) => putHeader(w, placeOf(field, version)),
  decode: (r: Reader) => getHeader(r).field,
}
export const niciraFieldId = {
  encode: (w: Writer, field: Field) => putHeader(w, field.nicira),
  decode: (r: Reader) => getHeader(r).field,
}

export const onfForm = (subtype: number, body: Schema<unknown, unknown>, to = 255) =>
  form([EXPERIMENTER, ONF, subtype], body, 0, to)

/** Number of bits, both offsets, padding, both fields: what copies between fields. */
export const copy = (id: typeof fieldId, padding: number) =>
  custom<{ readonly src: Omit<Subfield, 'bits'>; readonly dst: Omit<Subfield, 'bits'>; readonly bits: number }>({
    encode: (w, { src, dst, bits }, version) => {
      for (const [name, value] of Object.entries({ bits, 'src.offset': src.offset, 'dst.offset': dst.offset }))
        putU16(w, value, name)
      w.zeros(padding)
      id.encode(w, src.field, version)
      id.encode(w, dst.field, version)
    },
    decode: r => {
      const [bits, src, dst] = [getU16(r, 'bits'), getU16(r, 'src.offset'), getU16(r, 'dst.offset')]
      r.take(padding)
      return { src: { field: id.decode(r), offset: src }, dst: { field: id.decode(r), offset: dst }, bits }
    },
    keys: { required: ['src', 'dst', 'bits'] },
  })

export const putU16 = (w: Writer, value: number, name: string): void => {
  if (value !== (value & 0xffff)) throw new EncodeError(`${value} is no number of 16 bits`, name)
  w.ensure(2)
  w.data.setUint16(w.offset, value)
  w.offset += 2
}
export const getU16 = (r: Reader, name: string): number => {
  if (r.end - r.offset < 2) throw truncated(r, 2, name)
  r.offset += 2
  return r.data.getUint16(r.offset - 2)
}

/** First bit and number of bits in 16 bits. */
export const bitRange = {
  encode: (w: Writer, { offset, bits }: Omit<Subfield, 'field'>) => {
    if (bits < 1 || bits > 64) throw new EncodeError(`${bits} bits, 1 to 64 are wanted`, 'bits')
    putU16(w, offset * 64 + bits - 1, 'offset')
  },
  decode: (r: Reader) => {
    const wire = getU16(r, 'offset')
    return { offset: wire >>> 6, bits: (wire & 0x3f) + 1 }
  },
}
export const bitRangeSchema = custom<Omit<Subfield, 'field'>>({ ...bitRange, keys: { required: ['offset', 'bits'] } })
export const niciraField = custom<Field>(niciraFieldId)

/** Bits of a field: `bits` of them from `offset` on, 0 the least significant. */
export interface Subfield {
  readonly field: Field
  readonly offset: number
  readonly bits: number
}
/** ovs-ofctl's `NXM_NX_REG0[0..15]`; `[]` is the whole field. */
export const subfieldText = ({ field, offset, bits }: Subfield): string => {
  const name = field.text.subfield
  if (offset === 0 && bits === field.subfieldBits) return `${name}[]`
  return bits === 1 ? `${name}[${offset}]` : `${name}[${offset}..${offset + bits - 1}]`
}

/** A value for a field, in the version's place or in the oldest one: the body of set_field. */
export interface Assignment {
  readonly field: Field
  readonly value: number | bigint
  /** Bits that are set; all where missing. */
  readonly mask?: number | bigint
}
const keys = { required: ['field', 'value'], optional: ['mask'] }
export const assignment = custom<Assignment>({
  encode: (w, value, version) => putTerm(w, value, placeOf(value.field, version)),
  decode: r => getAssignment(r),
  keys,
})
export const niciraAssignment = custom<Assignment>({
  encode: (w, value) => putTerm(w, value, value.field.nicira),
  decode: r => getAssignment(r),
  keys,
})
