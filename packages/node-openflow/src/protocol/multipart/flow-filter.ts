import { or, pad, struct, u8, u32, u64 } from '../../codec/schema.ts'
import { GROUP, PORT, TABLE } from '../../constants.ts'
import { match } from '../../match.ts'

/** Which flow entries are meant; all, where nothing is said (OpenFlow 1.5.1 § 7.3.5.3). */
export const flowFilter = struct({
  tableId: or(u8, TABLE.ALL),
  _1: pad(3),
  outPort: or(u32, PORT.ANY),
  outGroup: or(u32, GROUP.ANY),
  _2: pad(4),
  cookie: or(u64, 0n),
  cookieMask: or(u64, 0n),
  match: or(match, []),
})
