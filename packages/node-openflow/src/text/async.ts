import type { TextContext } from '../message.ts'

type Masks = Readonly<Partial<Record<string, number>>>

/** What is told asynchronously, and the words for its reasons. */
const KINDS = [
  {
    name: 'PACKET_IN',
    member: 'packetIn',
    reasons: ['no_match', 'action', 'invalid_ttl', 'action_set', 'group', 'packet_out'],
  },
  { name: 'PORT_STATUS', member: 'portStatus', reasons: ['add', 'delete', 'modify'] },
  {
    name: 'FLOW_REMOVED',
    member: 'flowRemoved',
    reasons: ['idle', 'hard', 'delete', 'group_delete', 'meter_delete', 'eviction'],
  },
  {
    name: 'ROLE_STATUS',
    member: 'roleStatus',
    reasons: ['primary_request', 'configuration_changed', 'experimenter_data_changed'],
  },
  {
    name: 'TABLE_STATUS',
    member: 'tableStatus',
    reasons: [undefined, undefined, undefined, 'vacancy_down', 'vacancy_up'],
  },
  { name: 'REQUESTFORWARD', member: 'requestForward', reasons: ['group_mod_request', 'meter_mod_request'] },
] as const

export const asyncText = (masks: object, _context: TextContext): string =>
  (['Master', 'Slave'] as const)
    .map(role => {
      const lines = KINDS.map(({ name, member, reasons }) => {
        const mask = (masks as Masks)[`${member}${role}`] ?? 0
        const bits = Array.from({ length: 32 }, (_, bit) => bit).filter(bit => (mask >>> bit) & 1)
        const text = bits.length === 0 ? ' (off)' : bits.map(bit => ` ${reasons[bit] ?? bit}`).join('')
        return `${name.padStart(16)}:${text}\n`
      })
      return `\n ${role === 'Master' ? 'primary' : 'secondary'}:\n${lines.join('')}`
    })
    .join('')
