import { DecodeError, EncodeError, type Reader, truncated } from '../codec/reader.ts'
import { custom } from '../codec/schema.ts'
import type { Writer } from '../codec/writer.ts'

/** Counters as OpenFlow 1.5 carries them: a list of tagged values (OpenFlow 1.5.1 § 7.2.4). */

const BASIC = 0x8002
const UNKNOWN_32 = 0xffffffff
const UNKNOWN_64 = 0xffff_ffff_ffff_ffffn

/** Age and traffic of a flow entry; counters that the switch does not keep are all ones. */
export interface FlowStats {
  readonly durationSec: number
  readonly durationNsec: number
  /** Seconds without a packet, where the switch says so. */
  readonly idleAge?: number
  readonly packetCount: bigint
  readonly byteCount: bigint
}
/** Traffic of many flow entries. */
export interface AggregateStats {
  readonly packetCount: bigint
  readonly byteCount: bigint
  readonly flowCount: number
}
type Stats = {
  durationSec: number
  durationNsec: number
  idleAge?: number
  packetCount: bigint
  byteCount: bigint
  flowCount: number
}

const DURATION = 0
const IDLE_TIME = 1
const FLOW_COUNT = 3
const PACKET_COUNT = 4
const BYTE_COUNT = 5

const putEntry = (w: Writer, number: number, ...words: number[]): void => {
  w.ensure(4 + 4 * words.length)
  w.data.setUint32(w.offset, ((BASIC << 16) | (number << 9) | (4 * words.length)) >>> 0)
  w.offset += 4
  for (const word of words) {
    if (word >>> 0 !== word) throw new EncodeError(`${word} is no number of 32 bits`, 'stats')
    w.data.setUint32(w.offset, word)
    w.offset += 4
  }
}
const halves = (value: bigint): [number, number] => [Number(value >> 32n), Number(value & 0xffffffffn)]

const putStats = (w: Writer, stats: Partial<Stats>): void => {
  const start = w.offset
  w.zeros(4)
  if (stats.durationSec !== undefined && stats.durationSec !== UNKNOWN_32)
    putEntry(w, DURATION, stats.durationSec, stats.durationNsec ?? 0)
  if (stats.idleAge !== undefined) putEntry(w, IDLE_TIME, stats.idleAge, 0)
  if (stats.packetCount !== undefined && stats.packetCount !== UNKNOWN_64)
    putEntry(w, PACKET_COUNT, ...halves(stats.packetCount))
  if (stats.byteCount !== undefined && stats.byteCount !== UNKNOWN_64)
    putEntry(w, BYTE_COUNT, ...halves(stats.byteCount))
  if (stats.flowCount !== undefined && stats.flowCount !== UNKNOWN_32) putEntry(w, FLOW_COUNT, stats.flowCount)
  w.data.setUint16(start + 2, w.offset - start)
  w.align(start, 8)
}

const SIZES: Readonly<Record<number, number>> = {
  [DURATION]: 8,
  [IDLE_TIME]: 8,
  [FLOW_COUNT]: 4,
  [PACKET_COUNT]: 8,
  [BYTE_COUNT]: 8,
}

const getStats = (r: Reader): Stats => {
  const start = r.offset
  if (r.end - start < 4) throw truncated(r, 4, 'stats')
  const size = r.data.getUint16(start + 2)
  if (size < 4 || size > r.end - start)
    throw new DecodeError(`a length of ${size} with ${r.end - start} bytes left`, start, 'stats')
  const stats: Stats = {
    durationSec: UNKNOWN_32,
    durationNsec: 0,
    packetCount: UNKNOWN_64,
    byteCount: UNKNOWN_64,
    flowCount: UNKNOWN_32,
  }
  let at = start + 4
  const end = start + size
  while (at < end) {
    if (end - at < 4) throw new DecodeError('a counter is cut', at, 'stats')
    const header = r.data.getUint32(at)
    const bytes = header & 0xff
    const number = (header >>> 9) & 0x7f
    if (bytes > end - at - 4) throw new DecodeError('a counter is cut', at, 'stats')
    at += 4
    if (header >>> 16 === BASIC && SIZES[number] !== undefined) {
      if (bytes !== SIZES[number]) throw new DecodeError(`${bytes} bytes of counter ${number}`, at, 'stats')
      if (number === DURATION) {
        stats.durationSec = r.data.getUint32(at)
        stats.durationNsec = r.data.getUint32(at + 4)
      } else if (number === IDLE_TIME) stats.idleAge = r.data.getUint32(at)
      else if (number === FLOW_COUNT) stats.flowCount = r.data.getUint32(at)
      else if (number === PACKET_COUNT) stats.packetCount = r.data.getBigUint64(at)
      else stats.byteCount = r.data.getBigUint64(at)
    }
    at += bytes
  }
  r.offset = start + Math.ceil(size / 8) * 8
  if (r.offset > r.end) throw new DecodeError('padding is missing', r.end, 'stats')
  return stats
}

/** To be spread into a structure. */
export const flowStats = custom<FlowStats>({
  encode: putStats,
  decode: getStats,
  keys: { required: ['durationSec', 'durationNsec', 'packetCount', 'byteCount'], optional: ['idleAge'] },
})
export const aggregateStats = custom<AggregateStats>({
  encode: putStats,
  decode: getStats,
  keys: { required: ['packetCount', 'byteCount', 'flowCount'] },
})
