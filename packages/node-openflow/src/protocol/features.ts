import { pad, u8, u32, u64 } from '../codec/schema.ts'
import { message } from '../message.ts'

/** Asks what the switch is (OpenFlow 1.5.1 § 7.3.1). */
export const featuresRequest = message(5, {}, () => '')

const CAPABILITIES = [
  'FLOW_STATS',
  'TABLE_STATS',
  'PORT_STATS',
  'GROUP_STATS',
  undefined,
  'IP_REASM',
  'QUEUE_STATS',
  undefined,
  'PORT_BLOCKED',
]

/** What the switch is. */
export const featuresReply = message(
  6,
  { datapathId: u64, bufferCount: u32, tableCount: u8, auxiliaryId: u8, _: pad(2), capabilities: u32, reserved: u32 },
  f => {
    const auxiliary = f.auxiliaryId === 0 ? '' : `, auxiliary_id:${f.auxiliaryId}`
    const names = CAPABILITIES.filter((name, bit) => name !== undefined && ((f.capabilities >>> bit) & 1) === 1)
    return ` dpid:${f.datapathId.toString(16).padStart(16, '0')}\nn_tables:${f.tableCount}, n_buffers:${f.bufferCount}${auxiliary}\ncapabilities: ${names.join(' ') || '0'}\n`
  },
)
