import { openWords, pad, rest, struct, u8, u32, u64, words } from '../codec/schema.ts'
import { message, onfMessage } from '../message.ts'

const role = words(u32, { nochange: 0, equal: 1, master: 2, slave: 3 })
const members = { role, _: pad(4), generationId: u64 }
const NO_GENERATION = 0xffff_ffff_ffff_ffffn
const WORDS = { nochange: 'nochange', equal: 'equal', master: 'primary', slave: 'secondary' }
const text = (m: { readonly role: keyof typeof WORDS; readonly generationId: bigint }) =>
  ` role=${WORDS[m.role]}${m.role === 'nochange' || m.generationId === NO_GENERATION ? '' : ` generation_id=${m.generationId}`}\n`

/** Asks for a role among several controllers; a stale generation is refused (OpenFlow 1.5.1 § 7.3.8). */
export const roleRequest = message(24, members, text)
export const roleReply = message(25, members, text)

const roleReason = openWords(u8, { master_request: 0, config: 1, experimenter: 2 })
const REASONS: Readonly<Record<string, string>> = {
  master_request: 'primary_request',
  config: 'configuration_changed',
  experimenter: 'experimenter_data_changed',
}
/** Another controller took the role (§ 7.4.4). */
export const roleStatus = onfMessage(
  30,
  1911,
  struct({ role, reason: roleReason, _: pad(3), generationId: u64, properties: rest }),
  m => {
    const generation = m.generationId === NO_GENERATION ? '' : ` generation_id=${m.generationId}`
    return ` role=${WORDS[m.role]}${generation} reason=${REASONS[m.reason] ?? '(unknown)'}\n`
  },
)
