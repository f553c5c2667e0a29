import { or, u16, u32, words } from '../codec/schema.ts'
import { message } from '../message.ts'
import { meterText } from '../text/meter.ts'
import { bands } from './meter.ts'

const meterCommand = words(u16, { add: 0, modify: 1, delete: 2 })
const WORDS = { add: 'ADD', modify: 'MOD', delete: 'DEL' }

/** Adds, changes or deletes a meter (OpenFlow 1.5.1 § 7.3.4.4). */
export const meterMod = message(
  29,
  { command: meterCommand, flags: or(u16, 0), meterId: u32, bands: or(bands, []) },
  m => ` ${WORDS[m.command]} ${meterText(m)}`,
)
