import { pad, rest, u8, u16, u32, u64 } from '../codec/schema.ts'
import { match } from '../match.ts'
import { message } from '../message.ts'
import { packetInReason } from '../reasons.ts'
import { packetInText } from '../text/packet.ts'

/** A packet for the controller; `match` holds its metadata, the ingress port among it (OpenFlow 1.5.1 § 7.4.1). */
export const packetIn = message(
  10,
  { bufferId: u32, totalLen: u16, reason: packetInReason, tableId: u8, cookie: u64, match, _: pad(2), data: rest },
  (p, context) => packetInText({ ...p, packet: p.data, fullLen: p.totalLen }, context),
)
