import { list, type Output, or, pad, struct, u8, u32, u64 } from '../../codec/schema.ts'
import { multipart } from '../../multipart-row.ts'

export const tableRequest = multipart(3, or(struct({}), {}), () => '')
const tableStats = struct({ tableId: u8, _: pad(3), activeCount: u32, lookupCount: u64, matchedCount: u64 })
/** Counters of tables (OpenFlow 1.5.1 § 7.3.5.5). */
export const tableReply = multipart(3, list(tableStats), tablesText)

/** A run of tables with the counters of the one before it is one line. */
function tablesText(tables: readonly Output<typeof tableStats>[]): string {
  const same = (i: number) => i > 0 && i < tables.length && countersText(tables[i]!) === countersText(tables[i - 1]!)
  return tables
    .map((table, i) => {
      if (!same(i)) return `\n  table ${table.tableId}:\n${countersText(table)}`
      if (same(i + 1)) return ''
      let first = i
      while (same(first - 1)) first--
      return first === i
        ? `\n  table ${table.tableId}: ditto\n`
        : `\n  tables ${tables[first]!.tableId}...${table.tableId}: ditto\n`
    })
    .join('')
}
const countersText = (t: Output<typeof tableStats>) =>
  `    active=${t.activeCount}, lookup=${t.lookupCount}, matched=${t.matchedCount}\n`
