import { fixed, layouts, length, lengthOf, list, type Output, or, pad, struct, u16, u32 } from '../../codec/schema.ts'
import { GROUP } from '../../constants.ts'
import { multipart } from '../../multipart-row.ts'
import { rawProperties } from '../../property.ts'
import { groupDescText } from '../../text/group.ts'
import { bucket } from '../bucket.ts'
import { groupType } from '../group-mod.ts'

const NO_PROPERTIES: Output<typeof rawProperties> = []
const request = layouts(
  struct({ groupId: fixed(GROUP.ALL as number) }),
  6,
  struct({ groupId: or(u32, GROUP.ALL as number), _: pad(4) }),
)
/** One group, or all; before 1.5 always all. */
export const groupDescRequest = multipart(
  7,
  or(request, {} as Output<typeof request>),
  ({ groupId }) => ` group_id=${groupId === GROUP.ALL ? 'ALL' : groupId === GROUP.ANY ? 'ANY' : groupId}\n`,
)

/** A group and its buckets (OpenFlow 1.5.1 § 7.3.5.10). */
const groupDesc = layouts(
  struct({
    _1: length(u16),
    groupType,
    _2: pad(1),
    groupId: u32,
    buckets: list(bucket),
    properties: fixed(NO_PROPERTIES),
  }),
  6,
  struct({
    _1: length(u16),
    groupType,
    _2: pad(1),
    groupId: u32,
    _3: lengthOf('buckets', u16),
    _4: pad(6),
    buckets: list(bucket),
    properties: or(rawProperties, NO_PROPERTIES),
  }),
)
export type GroupDesc = Output<typeof groupDesc>
export const groupDescReply = multipart(7, list(groupDesc), groupDescText)
