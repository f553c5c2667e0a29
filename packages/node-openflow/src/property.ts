import type { Header } from './codec/node.ts'
import { list, padded, u16, union } from './codec/schema.ts'

/** Type and length before a property; the padding to 8 bytes is not in the length (OpenFlow 1.5.1 § 7.2.1, "property"). */
export const propertyHeader: Header = {
  parts: [
    { is: 'tag', bytes: 2 },
    { is: 'length', bytes: 2 },
  ],
  align: 8,
  padded: false,
}

/** Properties of which none is known: kept as they are. */
export const rawProperties = list(union(propertyHeader, {}))

/** 16 bits in a property: its length counts two bytes of padding. */
export const paddedU16 = padded(u16, { after: 2 })
