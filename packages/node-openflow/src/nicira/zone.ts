import { bitRange, getU16, niciraFieldId, putU16, type Subfield, subfieldText } from '../action.ts'
import type { Reader } from '../codec/reader.ts'
import { custom } from '../codec/schema.ts'
import type { Writer } from '../codec/writer.ts'

/** A conntrack zone: a number, or bits of a field. */
export type Zone = number | Subfield

/** A field's header, 0 for none, then a number or the bits of the field. */
export const zone = custom<Zone>({
  encode: (w: Writer, value: Zone) => {
    if (typeof value === 'number') {
      w.zeros(4)
      putU16(w, value, '')
    } else {
      niciraFieldId.encode(w, value.field)
      bitRange.encode(w, value)
    }
  },
  decode: (r: Reader) => {
    if (r.end - r.offset >= 4 && r.data.getUint32(r.offset) === 0) {
      r.offset += 4
      return getU16(r, '')
    }
    const field = niciraFieldId.decode(r)
    return { field, ...bitRange.decode(r) }
  },
})

/** `zone=5,`-style text; nothing for zone 0. */
export const zoneText = (value: Zone): readonly string[] => {
  if (typeof value !== 'number') return [`zone=${subfieldText(value)}`]
  return value === 0 ? [] : [`zone=${value}`]
}
