import { type DecodedAction, formatActionList } from '../actions.ts'
import { NO_BUFFER } from '../constants.ts'
import type { Match } from '../match.ts'
import type { TextContext } from '../message.ts'
import { formatMatch } from './match.ts'
import { tableText } from './names.ts'

/** What ovs-ofctl writes of a packet's contents is left out: this package knows no packets. */

interface PacketFields {
  readonly tableId: number
  readonly cookie?: bigint
  readonly fullLen?: number
  readonly packet?: Uint8Array
  readonly match: Match
  readonly reason: string | number
  readonly bufferId: number
  readonly userdata?: Uint8Array
}
const NO_COOKIE = 0xffff_ffff_ffff_ffffn
const hex8 = (value: number) => `0x${value.toString(16).padStart(8, '0')}`

export const packetInText = (p: PacketFields, { names }: TextContext): string => {
  const table = p.tableId === 0 && names?.tables?.(0) === undefined ? '' : ` table_id=${tableText(p.tableId, names)}`
  const cookie = p.cookie === undefined || p.cookie === NO_COOKIE ? '' : ` cookie=0x${p.cookie.toString(16)}`
  const size = p.packet?.length ?? 0
  const total = p.fullLen ?? size
  const buffer =
    p.bufferId === NO_BUFFER
      ? ` (unbuffered)${total === size ? '' : ' (***total_len != data_len***)'}`
      : ` buffer=${hex8(p.bufferId)}${total < size ? ' (***total_len < data_len***)' : ''}`
  const userdata =
    p.userdata === undefined || p.userdata.length === 0
      ? ''
      : ` userdata=${Array.from(p.userdata, byte => byte.toString(16).padStart(2, '0')).join('.')}\n`
  return `${table}${cookie} total_len=${total} ${formatMatch(p.match, names)} (via ${p.reason}) data_len=${size}${buffer}\n${userdata}`
}
export const packetIn2Text = packetInText
export const resumeText = packetInText

interface PacketOutFields {
  readonly bufferId: number
  readonly match: Match
  readonly actions: readonly DecodedAction[]
  readonly data: Uint8Array
}
export const packetOutText = (p: PacketOutFields, { names }: TextContext): string => {
  const buffer = p.bufferId === NO_BUFFER ? ` data_len=${p.data.length}` : ` buffer=${hex8(p.bufferId)}`
  return ` ${formatMatch(p.match, names)} actions=${formatActionList(p.actions, names)}${buffer}`
}
