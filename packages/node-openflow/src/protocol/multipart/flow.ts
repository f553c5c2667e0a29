import {
  layouts,
  length,
  list,
  type Output,
  or,
  pad,
  since,
  spread,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../../codec/schema.ts'
import { instructions } from '../../instructions.ts'
import { match } from '../../match.ts'
import { multipart } from '../../multipart-row.ts'
import { flowFilterText, flowStatsText } from '../../text/flow.ts'
import { flowStats } from '../oxs.ts'
import { flowFilter } from './flow-filter.ts'

/** A flow entry with its counters: 1.3's flow stats, 1.5's flow description (OpenFlow 1.5.1 § 7.3.5.3). */
const flowEntry = layouts(
  struct({
    _1: length(u16),
    tableId: u8,
    _2: pad(1),
    durationSec: u32,
    durationNsec: u32,
    priority: u16,
    idleTimeout: u16,
    hardTimeout: u16,
    flags: u16,
    importance: since(5, u16, 0, 2),
    _3: pad(2),
    cookie: u64,
    packetCount: u64,
    byteCount: u64,
    match,
    instructions,
  }),
  6,
  struct({
    _1: length(u16),
    _2: pad(2),
    tableId: u8,
    _3: pad(1),
    priority: u16,
    idleTimeout: u16,
    hardTimeout: u16,
    flags: u16,
    importance: or(u16, 0),
    cookie: u64,
    match,
    _4: spread(flowStats),
    instructions,
  }),
)
export type FlowEntry = Output<typeof flowEntry>

export const flowRequest = multipart(1, or(flowFilter, {} as Output<typeof flowFilter>), flowFilterText)
export const flowReply = multipart(1, list(flowEntry), flowStatsText)
