import type { Frame, Header, Width } from './node.ts'
import { DecodeError, EncodeError, type Reader, truncated } from './reader.ts'
import type { Writer } from './writer.ts'

/** What both backends do alike: texts, lengths, padding, and the errors of members. */

export const putBlob = (w: Writer, value: Uint8Array, bytes: number): void => {
  if (value.length !== bytes) throw new EncodeError(`${value.length} bytes, ${bytes} are wanted`)
  w.append(value)
}

const utf8 = { encoder: new TextEncoder(), decoder: new TextDecoder('utf-8', { ignoreBOM: true }) }

export const putText = (w: Writer, value: string, bytes: number): void => {
  const encoded = utf8.encoder.encode(value)
  if (encoded.length > bytes) throw new EncodeError(`"${value}" is longer than ${bytes} bytes`)
  w.append(encoded)
  w.zeros(bytes - encoded.length)
}

export const getText = (r: Reader, bytes: number): string => {
  if (bytes > r.end - r.offset) throw truncated(r, bytes)
  const field = r.bytes.subarray(r.offset, r.offset + bytes)
  r.offset += bytes
  const zero = field.indexOf(0)
  return utf8.decoder.decode(zero === -1 ? field : field.subarray(0, zero))
}

/** Appends what was kept whole, and the padding after it. */
export const putRaw = (w: Writer, bytes: Uint8Array, header: Header): void => {
  const start = w.offset
  w.append(bytes)
  w.align(start, header.align)
}

/** Pads and states the length of what began at `start`. */
export const finish = (w: Writer, start: number, at: number, bytes: Width, frame: Frame): void => {
  if (frame.padded) w.align(start, frame.align)
  patch(w, at, bytes, w.offset - start)
  if (!frame.padded) w.align(start, frame.align)
}

export const patch = (w: Writer, at: number, bytes: Width, size: number): void => {
  if (size >= 2 ** (8 * bytes)) throw tooLong(size, bytes)
  if (bytes === 1) w.data.setUint8(at, size)
  else if (bytes === 2) w.data.setUint16(at, size)
  else w.data.setUint32(at, size)
}
export const tooLong = (size: number, bytes: Width) => new EncodeError(`${size} bytes, ${2 ** (8 * bytes) - 1} at most`)

export const badLength = (size: number, left: number, offset: number) =>
  new DecodeError(`a length of ${size} with ${left} bytes left`, offset)

export const leftOver = (r: Reader) => new DecodeError(`${r.end - r.offset} bytes left over`, r.offset)

/** Ends the region that began at `start`: nothing but padding may be left, and padding outside it is skipped. */
export const leave = (r: Reader, start: number, frame: Frame, outer: number): void => {
  const left = r.end - r.offset
  if (left !== 0 && (!frame.padded || left >= frame.align)) throw leftOver(r)
  const over = (r.end - start) % frame.align
  r.offset = frame.padded || over === 0 ? r.end : Math.min(r.end + frame.align - over, outer)
  r.end = outer
}

/** Why a number has no word. */
export const noWord = (value: unknown, numbers: object) =>
  new EncodeError(`${String(value)} is none of ${Object.keys(numbers).join(', ')}`)

export const unknownWord = (number: number, offset: number, path = '') =>
  new DecodeError(`unknown value ${number}`, offset, path)
export const wrongVersion = (found: number, version: number, offset: number) =>
  new DecodeError(`version ${found} inside version ${version}`, offset)
export const noVariant = (name: unknown, version: number) => new EncodeError(`no ${String(name)} in version ${version}`)
export const notOne = () => new EncodeError('exactly one element is wanted')

/** Why a value is no unsigned integer of that size. */
export const misfit = (value: unknown, bytes: Width) =>
  new EncodeError(
    `${typeof value === 'bigint' ? `${value}n` : String(value)} is no ${bytes <= 6 ? 'number' : 'bigint'} of ${bytes * 8} bits`,
  )
