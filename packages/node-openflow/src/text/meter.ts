import { METER, METER_FLAG } from '../constants.ts'

interface BandFields {
  readonly type: string
  readonly rate?: number
  readonly burstSize?: number
  readonly precLevel?: number
}
interface MeterFields {
  readonly meterId: number
  readonly flags: number
  readonly bands: readonly BandFields[]
}
const RESERVED: Readonly<Record<number, string>> = {
  [METER.SLOWPATH]: 'slowpath',
  [METER.CONTROLLER]: 'controller',
  [METER.ALL]: 'all',
}
export const meterIdText = (id: number): string => `meter=${id <= METER.MAX ? id : (RESERVED[id] ?? 'unknown')}`

const bandText = (flags: number, band: BandFields): string => {
  const burst = flags & METER_FLAG.BURST ? ` burst_size=${band.burstSize ?? 0}` : ''
  return `type=${band.type} rate=${band.rate ?? 0}${burst}${band.precLevel === undefined ? '' : ` prec_level=${band.precLevel}`}`
}
const FLAGS = ['kbps', 'pktps', 'burst', 'stats']
export const meterText = (m: MeterFields): string => {
  const flags = FLAGS.map((name, bit) => ((m.flags >>> bit) & 1 ? `${name} ` : '')).join('')
  const others = m.flags & ~0xf
  const bands = m.bands.map(band => `\n${bandText(m.flags, band)}`)
  return `${meterIdText(m.meterId)} ${flags}${others === 0 ? '' : `flags:0x${others.toString(16)} `}bands=${bands.join('')}\n`
}

/** A meter as `ovs-ofctl add-meter` reads it. */
export const formatMeter = (m: MeterFields): string => {
  const flags = FLAGS.filter((_, bit) => (m.flags >>> bit) & 1)
  const bands = m.bands.map(band => bandText(m.flags, band).replaceAll(' ', ','))
  return [meterIdText(m.meterId), ...flags, ...bands.map(band => `band=${band}`)].join(',')
}
