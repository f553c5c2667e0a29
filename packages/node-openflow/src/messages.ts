import { ONF } from './action.ts'
import { type Codec, codec } from './codec/codec.ts'
import { complete, formsOf } from './codec/node.ts'
import { DecodeError, Reader } from './codec/reader.ts'
import { type Input, type Output, rest, struct, union } from './codec/schema.ts'
import type { Writer } from './codec/writer.ts'
import { type MessageRow, messageHeader } from './message.ts'
import { packetIn2, resume, setPacketInFormat } from './nicira/messages.ts'
import { getAsyncReply, getAsyncRequest, setAsync } from './protocol/async.ts'
import { barrierReply, barrierRequest } from './protocol/barrier.ts'
import { bundleAddMessage, bundleControl } from './protocol/bundle.ts'
import { getConfigReply, getConfigRequest, setConfig } from './protocol/config.ts'
import { echoReply, echoRequest } from './protocol/echo.ts'
import { error } from './protocol/error.ts'
import { experimenter } from './protocol/experimenter.ts'
import { featuresReply, featuresRequest } from './protocol/features.ts'
import { flowMod } from './protocol/flow-mod.ts'
import { flowRemoved } from './protocol/flow-removed.ts'
import { groupMod } from './protocol/group-mod.ts'
import { hello } from './protocol/hello.ts'
import { meterMod } from './protocol/meter-mod.ts'
import { multipartReply, multipartRequest } from './protocol/multipart.ts'
import { packetIn } from './protocol/packet-in.ts'
import { packetOut } from './protocol/packet-out.ts'
import { portStatus } from './protocol/port-status.ts'
import { roleReply, roleRequest, roleStatus } from './protocol/role.ts'
import type { TextNames } from './text/names.ts'

/** Wire version: 4 is OpenFlow 1.3, 5 is 1.4, 6 is 1.5. */
export type Version = 4 | 5 | 6
export const VERSIONS: readonly Version[] = [4, 5, 6]

/** Every message, by the name that is its `type`. */
const rows = {
  hello,
  error,
  echo_request: echoRequest,
  echo_reply: echoReply,
  experimenter,
  features_request: featuresRequest,
  features_reply: featuresReply,
  get_config_request: getConfigRequest,
  get_config_reply: getConfigReply,
  set_config: setConfig,
  packet_in: packetIn,
  flow_removed: flowRemoved,
  port_status: portStatus,
  packet_out: packetOut,
  flow_mod: flowMod,
  group_mod: groupMod,
  multipart_request: multipartRequest,
  multipart_reply: multipartReply,
  barrier_request: barrierRequest,
  barrier_reply: barrierReply,
  role_request: roleRequest,
  role_reply: roleReply,
  role_status: roleStatus,
  get_async_request: getAsyncRequest,
  get_async_reply: getAsyncReply,
  set_async: setAsync,
  meter_mod: meterMod,
  bundle_control: bundleControl,
  bundle_add_message: bundleAddMessage,
  set_packet_in_format: setPacketInFormat,
  packet_in2: packetIn2,
  resume,
}
export const messageRows: { readonly [N in keyof typeof rows]: MessageRow<unknown, unknown> } = rows

/** A message of a type that no row knows, its body as it is on the wire. */
const other = struct({ bytes: rest })
export const messageSchema = union(messageHeader, rows, { other, apart: true })

/** A message without its header; members that have a default may be left out. */
export type Message = Input<typeof messageSchema>
/** A message as it is decoded: nothing left out. */
export type DecodedMessage = Output<typeof messageSchema>
export type MessageType = Message['type']
/** The message of a type. */
export type MessageOf<T extends MessageType> = Extract<Message, { readonly type: T }>
export type DecodedMessageOf<T extends MessageType> = Extract<DecodedMessage, { readonly type: T }>
export type FlowMod = MessageOf<'flow_mod'>
export type GroupMod = MessageOf<'group_mod'>
export type MeterMod = MessageOf<'meter_mod'>

type MessageCodec = Codec<Message, DecodedMessage>
const codecs: Readonly<Record<Version, MessageCodec>> = {
  4: codec(messageSchema, 4, 'message'),
  5: codec(messageSchema, 5, 'message'),
  6: codec(messageSchema, 6, 'message'),
}
const isVersion = (version: number): version is Version => version in codecs

/** Appends a whole message. Throws EncodeError, having written nothing that counts, for what the version cannot say. */
export function encodeMessage(writer: Writer, message: Message, version: Version, xid: number): void {
  const start = writer.offset
  try {
    codecs[version].encode(writer, message, xid)
  } catch (error) {
    writer.offset = start
    throw error
  }
}

/** Decodes exactly one whole message; decoded values keep no reference to `bytes`. Throws DecodeError. */
export function decodeMessage(bytes: Uint8Array): { version: Version; xid: number; message: DecodedMessage } {
  const reader = new Reader(bytes)
  if (bytes.length < 8) throw new DecodeError(`${bytes.length} bytes, a header has 8`, 0)
  const version = bytes[0]!
  if (!isVersion(version)) throw new DecodeError(`version ${version}, 4 to 6 are known`, 0)
  const message = codecs[version].decode(reader)
  if (reader.offset !== bytes.length)
    throw new DecodeError(`${bytes.length - reader.offset} bytes after the message`, reader.offset)
  return { version, xid: reader.data.getUint32(4), message }
}

const RELEASES: Readonly<Record<Version, string>> = { 4: '1.3', 5: '1.4', 6: '1.5' }

/** The message as `ovs-ofctl ofp-print` writes it, but for what it says of a packet's contents; ends with a line feed. */
export function formatMessage(message: Message, version: Version, xid = 0, names?: TextNames): string {
  const row = message.type === 'raw' ? undefined : messageRows[message.type]
  const whole = complete(messageSchema.node, message, version)
  const kind = 'kind' in message && typeof message.kind === 'string' ? message.kind : ''
  const label =
    row === undefined
      ? `unknown message ${message.type === 'raw' ? message.tag : ''}`
      : labelOf(message.type, row, kind, version)
  const body = row === undefined ? '' : row.text(whole as never, { version, names })
  const text = `${label}${headText(version, xid)}${body}`.replace(/ $/, '')
  return text.endsWith('\n') ? text : `${text}\n`
}

const headText = (version: Version, xid: number) => ` (OF${RELEASES[version]}) (xid=0x${xid.toString(16)}):`

/** ovs-ofctl's name: OFPT_FLOW_MOD, OFPST_FLOW reply, ONFT_BUNDLE_CONTROL. */
const labelOf = (type: string, row: MessageRow<unknown, unknown>, kind: string, version: Version): string => {
  if (row.label !== undefined) return row.label
  if (formsOf(row, version).some(({ tags }) => tags[1] === ONF)) return `ONFT_${type.toUpperCase()}`
  if (row === multipartRequest) return `OFPST_${kind.toUpperCase()} request`
  if (row === multipartReply) return `OFPST_${kind.toUpperCase()} reply`
  return `OFPT_${type.toUpperCase()}`
}

/** What formatMessage begins with for a message of which only the start is there; undefined where that does not say. */
export function messageLabel(start: Uint8Array, version: Version): string | undefined {
  const [, tag] = start
  const found = Object.entries(messageRows).find(([, row]) =>
    formsOf(row, version).some(({ tags }) => tags.length === 1 && tags[0] === tag),
  )
  if (found === undefined) return undefined
  const [type, row] = found
  const xid = new DataView(start.buffer, start.byteOffset).getUint32(4)
  return `${labelOf(type, row, '', version)}${headText(version, xid)}`
}
