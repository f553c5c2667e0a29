import { list, or, pad, struct, u8, u32, u64 } from '../../codec/schema.ts'
import { multipart } from '../../multipart-row.ts'
import { tableText } from '../../text/names.ts'

export const tableRequest = multipart(3, or(struct({}), {}), () => '')
/** Counters of tables (OpenFlow 1.5.1 § 7.3.5.5). */
export const tableReply = multipart(
  3,
  list(struct({ tableId: u8, _: pad(3), activeCount: u32, lookupCount: u64, matchedCount: u64 })),
  (tables, { names }) =>
    tables
      .map(
        t =>
          `\n  table ${tableText(t.tableId, names)}: active=${t.activeCount}, lookup=${t.lookupCount}, matched=${t.matchedCount}`,
      )
      .join(''),
)
