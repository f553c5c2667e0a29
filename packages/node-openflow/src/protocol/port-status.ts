import { openWords, pad, u8 } from '../codec/schema.ts'
import { message } from '../message.ts'
import { portLines } from '../text/port.ts'
import { port } from './port.ts'

const portReason = openWords(u8, { add: 0, delete: 1, modify: 2 })
const WORDS: Readonly<Record<string, string>> = { add: 'ADD', delete: 'DEL', modify: 'MOD' }

/** A port came, went or changed (OpenFlow 1.5.1 § 7.4.3). */
export const portStatus = message(
  12,
  { reason: portReason, _: pad(7), port },
  ({ reason, port }, { version }) => ` ${WORDS[reason] ?? reason}:${portLines(port, version)}`,
)
