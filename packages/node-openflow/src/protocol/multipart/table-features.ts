import { or, rest } from '../../codec/schema.ts'
import { multipart } from '../../multipart-row.ts'

const NO_DATA = new Uint8Array()
/** What tables can do, as it is on the wire (OpenFlow 1.5.1 § 7.3.5.18). */
export const tableFeaturesRequest = multipart(12, or(rest, NO_DATA), () => '')
export const tableFeaturesReply = multipart(12, or(rest, NO_DATA), () => '')
