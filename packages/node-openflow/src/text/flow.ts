import { NO_BUFFER, PORT, TABLE } from '../constants.ts'
import { type DecodedInstruction, formatActions, type Instruction } from '../instructions.ts'
import type { Match } from '../match.ts'
import type { TextContext } from '../message.ts'
import { formatMatch } from './match.ts'
import { portName, type TextNames, tableText } from './names.ts'

const DEFAULT_PRIORITY = 0x8000

/** A flow entry as far as its text says; what is left out has its default. */
export interface FlowText {
  readonly tableId?: number
  readonly priority?: number
  readonly cookie?: bigint
  readonly idleTimeout?: number
  readonly hardTimeout?: number
  readonly importance?: number
  readonly flags?: number
  readonly match: Match
  readonly instructions?: readonly Instruction[]
}
interface Counters {
  readonly durationSec: number
  readonly durationNsec: number
  readonly idleAge?: number
  readonly packetCount: bigint
  readonly byteCount: bigint
}

const FLAGS = ['send_flow_rem', 'check_overlap', 'reset_counts', 'no_packet_counts', 'no_byte_counts']
const flagsText = (flags: number) => FLAGS.map((name, bit) => ((flags >>> bit) & 1 ? `${name} ` : '')).join('')

/** Priority, unless it is the default one, and match. */
const keyText = (match: Match, priority: number, names: TextNames | undefined) =>
  [priority === DEFAULT_PRIORITY ? '' : `priority=${priority}`, formatMatch(match, names)]
    .filter(text => text !== '')
    .join(',')

/** A flow as `ovs-ofctl dump-flows --no-stats` writes it, and `ovs-ofctl add-flow` reads it. */
export const formatFlow = (flow: FlowText, names?: TextNames): string => flowText(flow, names)

const flowText = (f: FlowText, names: TextNames | undefined, counters?: Counters): string => {
  const tableId = f.tableId ?? 0
  const cookie = f.cookie ?? 0n
  const parts = [
    counters !== undefined || cookie !== 0n ? `cookie=0x${cookie.toString(16)}, ` : '',
    counters === undefined ? '' : `duration=${durationText(counters)}, `,
    counters !== undefined || tableId !== 0 || names?.tables?.(tableId) !== undefined
      ? `table=${tableText(tableId, names)}, `
      : '',
    counters === undefined
      ? ''
      : `n_packets=${countText(counters.packetCount)}, n_bytes=${countText(counters.byteCount)}, `,
    f.idleTimeout ? `idle_timeout=${f.idleTimeout}, ` : '',
    f.hardTimeout ? `hard_timeout=${f.hardTimeout}, ` : '',
    flagsText(f.flags ?? 0),
    f.importance ? `importance=${f.importance}, ` : '',
    counters?.idleAge === undefined ? '' : `idle_age=${counters.idleAge}, `,
  ]
  const key = keyText(f.match, f.priority ?? DEFAULT_PRIORITY, names)
  return `${parts.join('')}${key === '' ? '' : `${key} `}actions=${formatActions(f.instructions ?? [], names)}`
}

const countText = (count: bigint) => (count === 0xffff_ffff_ffff_ffffn ? '?' : String(count))
/** Seconds with milliseconds, or as many digits as are needed. */
export const durationText = ({
  durationSec,
  durationNsec,
}: {
  readonly durationSec: number
  readonly durationNsec: number
}): string => {
  const fraction = String(durationNsec).padStart(9, '0')
  if (durationNsec === 0) return `${durationSec}s`
  return `${durationSec}.${durationNsec % 1_000_000 === 0 ? fraction.slice(0, 3) : fraction.replace(/0+$/, '')}s`
}

type Entry = FlowText & Counters
export const flowStatsText = (entries: readonly Entry[], { names }: TextContext): string =>
  entries.map(entry => `\n ${flowText(entry, names, entry)}`).join('')

const COMMANDS = { add: 'ADD', modify: 'MOD', modify_strict: 'MOD_STRICT', delete: 'DEL', delete_strict: 'DEL_STRICT' }

interface FlowModFields {
  readonly command: keyof typeof COMMANDS
  readonly tableId: number
  readonly priority: number
  readonly cookie: bigint
  readonly cookieMask: bigint
  readonly idleTimeout: number
  readonly hardTimeout: number
  readonly importance: number
  readonly bufferId: number
  readonly outPort: number
  readonly flags: number
  readonly match: Match
  readonly instructions: readonly DecodedInstruction[]
}
/** In a flow_mod that adds, the cookie is the flow's; in others it says, with the mask, which flows are meant. */
export const flowModText = (f: FlowModFields, { names }: TextContext): string => {
  const table =
    f.tableId !== 0 || names?.tables?.(f.tableId) !== undefined ? ` table:${tableText(f.tableId, names)}` : ''
  const key = keyText(f.match, f.priority, names)
  const hex = (value: bigint) => `0x${value.toString(16)}`
  const adds = f.command === 'add'
  const parts = [
    adds && f.cookie !== 0n && f.cookie !== 0xffff_ffff_ffff_ffffn ? `cookie:${hex(f.cookie)} ` : '',
    !adds && f.cookieMask !== 0n ? `cookie:${hex(f.cookie)}/${hex(f.cookieMask)} ` : '',
    f.idleTimeout === 0 ? '' : `idle:${f.idleTimeout} `,
    f.hardTimeout === 0 ? '' : `hard:${f.hardTimeout} `,
    f.importance === 0 ? '' : `importance:${f.importance} `,
    f.bufferId === NO_BUFFER ? '' : `buf:0x${f.bufferId.toString(16)} `,
    f.outPort === PORT.ANY ? '' : `out_port:${portName(f.outPort, names)} `,
    flagsText(f.flags),
  ]
  return ` ${COMMANDS[f.command]}${table} ${key === '' ? '' : `${key} `}${parts.join('')}actions=${formatActions(f.instructions, names)}`
}

interface FlowRemovedFields extends Counters {
  readonly reason: string | number
  readonly tableId: number
  readonly priority: number
  readonly cookie: bigint
  readonly idleTimeout: number
  readonly hardTimeout: number
  readonly match: Match
}
export const flowRemovedText = (f: FlowRemovedFields, { names }: TextContext): string => {
  const key = keyText(f.match, f.priority, names)
  const parts = [
    `reason=${f.reason}`,
    f.tableId === 0xff ? [] : [`table_id=${tableText(f.tableId, names)}`],
    f.cookie === 0n ? [] : [`cookie:0x${f.cookie.toString(16)}`],
    `duration${durationText(f)}`,
    `idle${f.idleTimeout}`,
    f.hardTimeout === 0 ? [] : [`hard${f.hardTimeout}`],
    `pkts${f.packetCount}`,
    `bytes${f.byteCount}`,
  ]
  return ` ${key} ${parts.flat().join(' ')}\n`
}

interface FilterFields {
  readonly tableId: number
  readonly outPort: number
  readonly outGroup: number
  readonly match: Match
}
export const flowFilterText = (f: FilterFields, { names }: TextContext): string => {
  const table = f.tableId === TABLE.ALL ? '' : ` table=${tableText(f.tableId, names)}`
  const port = f.outPort === PORT.ANY ? '' : ` out_port=${portName(f.outPort, names)}`
  return `${table}${port} ${formatMatch(f.match, names)}`
}
