import type { Header } from '../codec/node.ts'
import { form, list, struct, u8, u32, union, variant } from '../codec/schema.ts'

const bandHeader: Header = {
  parts: [
    { is: 'tag', bytes: 2 },
    { is: 'length', bytes: 2 },
  ],
  align: 8,
  padded: true,
}
const limits = { rate: u32, burstSize: u32 }
const drop = struct(limits)
const remark = struct({ ...limits, precLevel: u8 })

/** What a meter does to packets beyond a rate: kbit/s or packets/s, burst in kbit or packets (OpenFlow 1.5.1 § 7.3.4.4). */
export const bands = list(
  union(bandHeader, { drop: variant(drop, [form([1], drop)]), dscp_remark: variant(remark, [form([2], remark)]) }),
)
