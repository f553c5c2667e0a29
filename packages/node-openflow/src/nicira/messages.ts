import { openWords, padded, properties, property, propertyOr, rest, u8, u32, u64 } from '../codec/schema.ts'
import { NO_BUFFER } from '../constants.ts'
import { terms } from '../match.ts'
import { niciraMessage } from '../message.ts'
import { propertyHeader } from '../property.ts'
import { packetInReason } from '../reasons.ts'
import { packetIn2Text, resumeText } from '../text/packet.ts'

const packetInFormat = openWords(u32, { openflow10: 0, nxm: 1, nxt_packet_in2: 2 })
const FORMATS: Readonly<Record<string, string>> = {
  openflow10: 'standard',
  nxm: 'nxt_packet_in',
  nxt_packet_in2: 'nxt_packet_in2',
}

/** Chooses how the switch sends packets to this connection (nicira-ext.h, NXT_SET_PACKET_IN_FORMAT). */
export const setPacketInFormat = niciraMessage(
  16,
  'NXT_SET_PACKET_IN_FORMAT',
  { format: packetInFormat },
  ({ format }) => ` format=${FORMATS[format] ?? format}\n`,
)

const packet = {
  _: properties(propertyHeader, {
    packet: property(0, rest),
    /** Bytes of the whole packet, where only its start is here. */
    fullLen: property(1, u32),
    bufferId: propertyOr(2, u32, NO_BUFFER),
    tableId: propertyOr(3, u8, 0),
    cookie: property(4, padded(u64, { before: 4 })),
    reason: propertyOr(5, packetInReason, 'no_match'),
    /** Metadata of the packet, the ingress port among it. */
    match: propertyOr(6, terms, []),
    /** From the controller action. */
    userdata: property(7, rest),
    /** The state of a paused packet, of no meaning to a controller: resume sends it back. */
    continuation: property(8, rest),
  }),
}
/** A packet for the controller, with what the action said and, where the packet is paused, its state (NXT_PACKET_IN2). */
export const packetIn2 = niciraMessage(30, 'NXT_PACKET_IN2', packet, packetIn2Text)
/** Lets a paused packet go on, with `packet` and `match` as they are given here (NXT_RESUME). */
export const resume = niciraMessage(28, 'NXT_RESUME', packet, resumeText)
