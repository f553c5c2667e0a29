import {
  lazy,
  openWords,
  or,
  pad,
  rest,
  type Schema,
  type StructIn,
  type StructOut,
  spread,
  struct,
  u16,
  u32,
} from '../codec/schema.ts'
import { type MessageRow, onfMessage } from '../message.ts'
import { type DecodedMessage, formatMessage, type Message, messageSchema } from '../messages.ts'
import { bundleFlags } from '../text/bundle.ts'
import { hex } from '../text/values.ts'

const NO_DATA = new Uint8Array()
const kind = openWords(u16, {
  open_request: 0,
  open_reply: 1,
  close_request: 2,
  close_reply: 3,
  commit_request: 4,
  commit_reply: 5,
  discard_request: 6,
  discard_reply: 7,
})

/** Opens, closes, commits or discards a bundle (OpenFlow 1.5.1 § 7.3.9.2); flags: BUNDLE_FLAG. */
export const bundleControl = onfMessage(
  33,
  2300,
  struct({ bundleId: u32, kind, flags: or(u16, 0), properties: or(rest, NO_DATA) }),
  b => {
    const words = typeof b.kind === 'number' ? String(b.kind) : b.kind.toUpperCase()
    return `\n bundle_id=${hex(b.bundleId)} type=${words} flags=${bundleFlags(b.flags)}\n`
  },
)

/** A whole message, with the version and the transaction id of the one around it. Interfaces, so that the types may contain themselves. */
interface Inner {
  readonly message: Message
}
interface DecodedInner {
  readonly message: DecodedMessage
}
const inner: Schema<Inner, DecodedInner, 'value'> = struct({
  message: lazy<Message, DecodedMessage>((): Schema<unknown, unknown> => messageSchema),
})
const members = { bundleId: u32, _1: pad(2), flags: or(u16, 0), _2: spread(inner), properties: or(rest, NO_DATA) }

/** Adds a message to a bundle (§ 7.3.9.3). Its type is stated, since it contains that of the table that it stands in. */
export const bundleAddMessage: MessageRow<StructIn<typeof members>, StructOut<typeof members>> = onfMessage(
  34,
  2301,
  struct(members),
  (b, { version, names }) => {
    return `\n bundle_id=${hex(b.bundleId)} flags=${bundleFlags(b.flags)}\n${formatMessage(b.message, version as 4 | 5 | 6, 0, names)}`
  },
)
