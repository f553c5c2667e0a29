import {
  fixed,
  layouts,
  lengthOf,
  list,
  type Output,
  openWords,
  or,
  pad,
  struct,
  u8,
  u16,
  u32,
  words,
} from '../codec/schema.ts'
import { GROUP } from '../constants.ts'
import { messageOf } from '../message.ts'
import { rawProperties } from '../property.ts'
import { groupModText } from '../text/group.ts'
import { bucket } from './bucket.ts'

const NO_PROPERTIES: Output<typeof rawProperties> = []
const groupCommand = words(u16, {
  add: 0,
  modify: 1,
  delete: 2,
  insert_bucket: 3,
  remove_bucket: 5,
  add_or_modify: 0x8000,
})
/** All buckets, one by weight, the only one, the first alive. */
export const groupType = openWords(u8, { all: 0, select: 1, indirect: 2, fast_failover: 3 })

/** Adds, changes or deletes groups and, in 1.5, single buckets (OpenFlow 1.5.1 § 7.3.4.3). */
export const groupMod = messageOf(
  15,
  layouts(
    struct({
      command: groupCommand,
      groupType: or(groupType, 'all'),
      _: pad(1),
      groupId: u32,
      commandBucketId: fixed(GROUP.BUCKET_ALL as number),
      buckets: or(list(bucket), []),
      properties: fixed(NO_PROPERTIES),
    }),
    6,
    struct({
      command: groupCommand,
      groupType: or(groupType, 'all'),
      _1: pad(1),
      groupId: u32,
      _2: lengthOf('buckets', u16),
      _3: pad(2),
      commandBucketId: or(u32, GROUP.BUCKET_ALL),
      buckets: or(list(bucket), []),
      properties: or(rawProperties, NO_PROPERTIES),
    }),
  ),
  groupModText,
)
