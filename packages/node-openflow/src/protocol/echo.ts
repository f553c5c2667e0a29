import { rest } from '../codec/schema.ts'
import { message } from '../message.ts'
import { hexDump } from '../text/bits.ts'

const text = ({ data }: { readonly data: Uint8Array }) => ` ${data.length} bytes of payload\n${hexDump(data)}`

/** Asks for the same bytes back (OpenFlow 1.5.1 § 7.5.2). */
export const echoRequest = message(2, { data: rest }, text)
/** The bytes of an echo request (§ 7.5.3). */
export const echoReply = message(3, { data: rest }, text)
