import { boolean, or, pad, rest, struct, u16, union } from '../codec/schema.ts'
import { messageOf, type TextContext } from '../message.ts'
import { type MultipartRow, multipartHeader } from '../multipart-row.ts'
import { aggregateReply, aggregateRequest } from './multipart/aggregate.ts'
import { descReply, descRequest } from './multipart/desc.ts'
import { flowReply, flowRequest } from './multipart/flow.ts'
import { groupDescReply, groupDescRequest } from './multipart/group-desc.ts'
import { meterConfigReply, meterConfigRequest } from './multipart/meter-config.ts'
import { portDescReply, portDescRequest } from './multipart/port-desc.ts'
import { tableReply, tableRequest } from './multipart/table.ts'
import { tableFeaturesReply, tableFeaturesRequest } from './multipart/table-features.ts'

/** Kinds of multipart messages (OpenFlow 1.5.1 § 7.3.5). */
const requests = {
  desc: descRequest,
  flow: flowRequest,
  aggregate: aggregateRequest,
  table: tableRequest,
  group_desc: groupDescRequest,
  meter_config: meterConfigRequest,
  table_features: tableFeaturesRequest,
  port_desc: portDescRequest,
}
const replies = {
  desc: descReply,
  flow: flowReply,
  aggregate: aggregateReply,
  table: tableReply,
  group_desc: groupDescReply,
  meter_config: meterConfigReply,
  table_features: tableFeaturesReply,
  port_desc: portDescReply,
}
/** Every kind by name. */
export const multipartRows: {
  readonly [D in 'request' | 'reply']: { readonly [kind: string]: MultipartRow<unknown, unknown> }
} = {
  request: requests,
  reply: replies,
}

/** A kind that no row knows. */
const other = struct({ more: or(boolean(u16), false), _: pad(4), body: rest })
const options = { discriminant: 'kind', other } as const

const text =
  (rows: { readonly [kind: string]: MultipartRow<unknown, unknown> }) =>
  (m: { readonly kind: string; readonly more: boolean; readonly body: unknown }, context: TextContext) => {
    const more = m.more ? ' flags=[more]' : ''
    const row = rows[m.kind]
    return row === undefined ? `${more} ***unknown kind***\n` : `${more}${row.text(m.body as never, context)}`
  }

/** Asks for what may take several messages to say. */
export const multipartRequest = messageOf(18, union(multipartHeader, requests, options), text(requests))
/** Part of an answer; the last one has `more` false. */
export const multipartReply = messageOf(19, union(multipartHeader, replies, options), text(replies))
