import { u16 } from '../codec/schema.ts'
import { message } from '../message.ts'

const FRAGMENTS: Readonly<Record<number, string>> = { 0: 'normal', 1: 'drop', 2: 'reassemble', 3: 'nx-match' }
const members = { flags: u16, missSendLen: u16 }
const text = ({ flags, missSendLen }: { readonly flags: number; readonly missSendLen: number }) => {
  const invalid = (flags & 4) === 0 ? '' : ' invalid_ttl_to_controller'
  return ` frags=${FRAGMENTS[flags & 3]}${invalid} miss_send_len=${missSendLen}\n`
}

/** Asks for the switch's configuration (OpenFlow 1.5.1 § 7.3.2). */
export const getConfigRequest = message(7, {}, () => '')
/** The switch's configuration: handling of fragments, bytes of a missed packet to send. */
export const getConfigReply = message(8, members, text)
export const setConfig = message(9, members, text)
