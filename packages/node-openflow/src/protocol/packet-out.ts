import { actions } from '../actions.ts'
import { EncodeError, truncated } from '../codec/reader.ts'
import { custom, layouts, lengthOf, or, pad, rest, struct, u16, u32 } from '../codec/schema.ts'
import { NO_BUFFER } from '../constants.ts'
import { fields } from '../fields.ts'
import { type Match, match } from '../match.ts'
import { messageOf } from '../message.ts'
import { packetOutText } from '../text/packet.ts'

/** The ingress port alone: all that OpenFlow before 1.5 says of a packet's metadata. */
const inPort = custom<Match>({
  encode: (w, terms) => {
    const term = terms.find(({ field }) => field === fields.in_port)
    if (term === undefined) throw new EncodeError('in_port is missing')
    w.ensure(4)
    w.data.setUint32(w.offset, term.value as number)
    w.offset += 4
  },
  decode: r => {
    if (r.end - r.offset < 4) throw truncated(r, 4, 'in_port')
    r.offset += 4
    return [{ field: fields.in_port, value: r.data.getUint32(r.offset - 4) }]
  },
})
const NO_DATA = new Uint8Array()

/** Sends a packet through actions; `match` gives its metadata, at least in_port (before 1.5 nothing else) (OpenFlow 1.5.1 § 7.3.6). */
export const packetOut = messageOf(
  13,
  layouts(
    struct({
      bufferId: or(u32, NO_BUFFER),
      match: inPort,
      _1: lengthOf('actions', u16),
      _2: pad(6),
      actions,
      data: or(rest, NO_DATA),
    }),
    6,
    struct({
      bufferId: or(u32, NO_BUFFER),
      _1: lengthOf('actions', u16),
      _2: pad(2),
      match,
      actions,
      data: or(rest, NO_DATA),
    }),
  ),
  packetOutText,
)
