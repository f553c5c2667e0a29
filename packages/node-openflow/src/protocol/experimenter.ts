import { rest, u32 } from '../codec/schema.ts'
import { message } from '../message.ts'

/** A message of an experimenter that no row knows (OpenFlow 1.5.1 § 7.5.5). */
export const experimenter = message(
  4,
  { experimenter: u32, expType: u32, data: rest },
  ({ experimenter, expType }) => ` ***experimenter 0x${experimenter.toString(16)} type ${expType}***\n`,
)
