import { layouts, type Output, or, pad, spread, struct, u32, u64 } from '../../codec/schema.ts'
import { multipart } from '../../multipart-row.ts'
import { flowFilterText } from '../../text/flow.ts'
import { aggregateStats } from '../oxs.ts'
import { flowFilter } from './flow-filter.ts'

export const aggregateRequest = multipart(2, or(flowFilter, {} as Output<typeof flowFilter>), flowFilterText)
/** Sums over flow entries (OpenFlow 1.5.1 § 7.3.5.4). */
export const aggregateReply = multipart(
  2,
  layouts(
    struct({ packetCount: u64, byteCount: u64, flowCount: u32, _: pad(4) }),
    6,
    struct({ _: spread(aggregateStats) }),
  ),
  a => ` packet_count=${a.packetCount} byte_count=${a.byteCount} flow_count=${a.flowCount}\n`,
)
