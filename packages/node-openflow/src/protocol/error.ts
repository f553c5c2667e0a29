import { getU16, putU16 } from '../action.ts'
import { EncodeError, truncated } from '../codec/reader.ts'
import { custom, rest, spread } from '../codec/schema.ts'
import { message } from '../message.ts'
import { errorText } from '../text/errors.ts'

const EXPERIMENTER = 0xffff

/** What went wrong: type and code of the specification, or with type 0xffff those of an experimenter. */
export interface ErrorKind {
  readonly errorType: number
  readonly code: number
  /** 0 unless the type is 0xffff. */
  readonly experimenter: number
}
const kind = custom<Omit<ErrorKind, 'experimenter'> & { readonly experimenter?: number }, ErrorKind>({
  encode: (w, { errorType, code, experimenter = 0 }) => {
    putU16(w, errorType, 'errorType')
    putU16(w, code, 'code')
    if (errorType !== EXPERIMENTER) return
    if (experimenter >>> 0 !== experimenter)
      throw new EncodeError(`${experimenter} is no number of 32 bits`, 'experimenter')
    w.ensure(4)
    w.data.setUint32(w.offset, experimenter)
    w.offset += 4
  },
  decode: r => {
    const errorType = getU16(r, 'errorType')
    const code = getU16(r, 'code')
    if (errorType !== EXPERIMENTER) return { errorType, code, experimenter: 0 }
    if (r.end - r.offset < 4) throw truncated(r, 4, 'experimenter')
    r.offset += 4
    return { errorType, code, experimenter: r.data.getUint32(r.offset - 4) }
  },
  keys: { required: ['errorType', 'code', 'experimenter'] },
})

// Not errorText itself: it quotes messages, so its module and this one need each other.
/** The switch refuses something; `data` is the start of the message at fault, or text where a hello failed (OpenFlow 1.5.1 § 7.5.4). */
export const error = message(1, { _: spread(kind), data: rest }, e => errorText(e))
