import { HEADER_LENGTH } from './framer.ts'

/** OFPT_HELLO and its one element, OFPHET_VERSIONBITMAP. OpenFlow 1.5.1 § 7.5.1. */
export const HELLO = 0
const VERSION_BITMAP = 1
const ELEMENT_HEADER = 4

/** A HELLO that offers `versions` (wire numbers below 32): the highest in the header, all of them in the bitmap. */
export function encodeHello<V extends number>(versions: readonly V[], xid: number): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, Math.max(...versions))
  view.setUint8(1, HELLO)
  view.setUint16(2, bytes.length)
  view.setUint32(4, xid)
  view.setUint16(8, VERSION_BITMAP)
  view.setUint16(10, ELEMENT_HEADER + 4)
  view.setUint32(
    12,
    versions.reduce((bits, version) => bits | (1 << version), 0),
  )
  return bytes
}

/**
 * The version two sides speak after the peer's HELLO (the bytes [start, end)): the highest both bitmaps hold, without
 * a bitmap the lower of the two headers; undefined when we do not speak it. OpenFlow 1.5.1 § 6.3.1.
 *
 * Elements that make no sense (too short, overlong, unknown) end or are left out of the reading, never the session.
 */
export function negotiate<V extends number>(
  ours: readonly V[],
  hello: Uint8Array,
  start: number,
  end: number,
): V | undefined {
  const bitmap = versionBitmap(hello, start + HEADER_LENGTH, end)
  const descending = ours.toSorted((a, b) => b - a)
  if (bitmap !== undefined) return descending.find(version => (bitmap & (1 << version)) !== 0)
  const lower = Math.min(hello[start]!, descending[0]!)
  return descending.find(version => version === lower)
}

/** The first 32 bits (versions 0-31) of the version bitmap among the elements in [at, end). */
function versionBitmap(bytes: Uint8Array, at: number, end: number): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, end)
  while (at + ELEMENT_HEADER <= end) {
    const length = view.getUint16(at + 2)
    if (length < ELEMENT_HEADER || at + length > end) return undefined
    if (view.getUint16(at) === VERSION_BITMAP && length >= ELEMENT_HEADER + 4)
      return view.getUint32(at + ELEMENT_HEADER)
    at += Math.ceil(length / 8) * 8
  }
  return undefined
}
