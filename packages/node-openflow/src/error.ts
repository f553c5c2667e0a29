import type { DecodedMessageOf } from './messages.ts'
import { errorName } from './text/errors.ts'

/** The peer's refusal of something we sent. OpenFlow 1.5.1 § 7.5.4. */
export class OpenFlowError extends Error {
  override name = 'OpenFlowError'
  readonly errorType: number
  readonly code: number
  /** 0 unless the type is 0xffff. */
  readonly experimenter: number
  /** The start of the message at fault, or a text where the HELLO was. */
  readonly data: Uint8Array

  /** Its message is ovs-ofctl's name for the error (`OFPBAC_BAD_OUT_GROUP`), or its numbers. */
  constructor(error: DecodedMessageOf<'error'>) {
    const { errorType, code, experimenter, data } = error
    super(errorName(error))
    this.errorType = errorType
    this.code = code
    this.experimenter = experimenter
    this.data = data
  }
}
