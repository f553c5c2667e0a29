import { length, list, type Output, or, pad, struct, u16, u32 } from '../../codec/schema.ts'
import { METER } from '../../constants.ts'
import { multipart } from '../../multipart-row.ts'
import { meterIdText, meterText } from '../../text/meter.ts'
import { bands } from '../meter.ts'

const request = struct({ meterId: or(u32, METER.ALL as number), _: pad(4) })
/** One meter, or all. */
export const meterConfigRequest = multipart(
  10,
  or(request, {} as Output<typeof request>),
  ({ meterId }) => ` ${meterIdText(meterId)}\n`,
)
/** Meters and their bands (OpenFlow 1.5.1 § 7.3.5.14). */
export const meterConfigReply = multipart(
  10,
  list(struct({ _: length(u16), flags: u16, meterId: u32, bands })),
  meters => meters.map(m => `\n${meterText(m)}`).join(''),
)
