import { layouts, openWords, spread, struct, u8, u16, u32, u64 } from '../codec/schema.ts'
import { match } from '../match.ts'
import { messageOf } from '../message.ts'
import { flowRemovedText } from '../text/flow.ts'
import { flowStats } from './oxs.ts'

const flowRemovedReason = openWords(u8, { idle: 0, hard: 1, delete: 2, group_delete: 3, meter_delete: 4, eviction: 5 })
const timeouts = { idleTimeout: u16, hardTimeout: u16 }

/** A flow entry is gone (OpenFlow 1.5.1 § 7.4.2). */
export const flowRemoved = messageOf(
  11,
  layouts(
    struct({
      cookie: u64,
      priority: u16,
      reason: flowRemovedReason,
      tableId: u8,
      durationSec: u32,
      durationNsec: u32,
      ...timeouts,
      packetCount: u64,
      byteCount: u64,
      match,
    }),
    6,
    struct({
      tableId: u8,
      reason: flowRemovedReason,
      priority: u16,
      ...timeouts,
      cookie: u64,
      match,
      _: spread(flowStats),
    }),
  ),
  flowRemovedText,
)
