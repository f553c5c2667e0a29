import { actions } from '../actions.ts'
import { fixed, layouts, length, lengthOf, or, pad, properties, propertyOr, struct, u16, u32 } from '../codec/schema.ts'
import { GROUP, PORT } from '../constants.ts'
import { paddedU16, propertyHeader } from '../property.ts'

/** One member of a group (OpenFlow 1.5.1 § 7.3.4.3); before 1.5 a bucket has no id. */
export const bucket = layouts(
  struct({
    _1: length(u16),
    bucketId: fixed(0 as number),
    weight: or(u16, 0),
    watchPort: or(u32, PORT.ANY),
    watchGroup: or(u32, GROUP.ANY),
    _2: pad(4),
    actions,
  }),
  6,
  struct({
    _1: length(u16),
    _2: lengthOf('actions', u16),
    bucketId: or(u32, 0),
    actions,
    _3: properties(propertyHeader, {
      weight: propertyOr(0, paddedU16, 0),
      watchPort: propertyOr(1, u32, PORT.ANY),
      watchGroup: propertyOr(2, u32, GROUP.ANY),
    }),
  }),
)
