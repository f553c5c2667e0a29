import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { codec } from '../src/codec/codec.ts'
import { DecodeError, decodeMessage, encodeMessage, Reader, VERSIONS, type Version, Writer } from '../src/index.ts'
import { messageSchema } from '../src/messages.ts'
import { messages } from './arbitrary.ts'

const XID = 0x01020304
const RUNS = { numRuns: 400 }

const generated = (message: Parameters<typeof encodeMessage>[1], version: Version): Uint8Array => {
  // Too small, so that growing is part of it.
  const writer = new Writer(16)
  encodeMessage(writer, message, version, XID)
  return writer.bytes()
}
/** The value, or the error that is allowed. */
const attempt = <T>(decode: () => T): T | DecodeError => {
  try {
    return decode()
  } catch (error) {
    if (error instanceof DecodeError) return error
    throw error
  }
}

describe.each(VERSIONS)('version %i', version => {
  const interpreter = codec(messageSchema, version, 'message', 'interpreted')

  test('what is encoded decodes to itself, with either backend to the same bytes and values', () => {
    fc.assert(
      fc.property(messages(version), message => {
        const bytes = generated(message, version)
        const writer = new Writer(16)
        interpreter.encode(writer, message, XID)
        expect(writer.bytes()).toEqual(bytes)
        const decoded = decodeMessage(bytes)
        expect(decoded).toEqual({ version, xid: XID, message })
        expect(isDeepStrictEqual(interpreter.decode(new Reader(bytes)), decoded.message)).toBe(true)
      }),
      RUNS,
    )
  })

  test('a message cut anywhere is refused, whatever its header says', () => {
    fc.assert(
      fc.property(messages(version), message => {
        const bytes = generated(message, version)
        for (let size = 0; size < bytes.length; size++) {
          const cut = bytes.slice(0, size)
          expect(attempt(() => decodeMessage(cut))).toBeInstanceOf(DecodeError)
          if (size < 8) continue
          new DataView(cut.buffer).setUint16(2, size)
          attempt(() => decodeMessage(cut))
        }
      }),
      { numRuns: 60 },
    )
  })

  test('a message with wrong bytes is decoded or refused, by either backend alike, and what was decoded encodes', () => {
    const places = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(messages(version), places, (message, places) => {
        const bytes = generated(message, version)
        // Version and length of the whole are the framer's matter.
        for (const [place, value] of places) bytes[8 + (place % Math.max(1, bytes.length - 8))] = value
        const decoded = attempt(() => decodeMessage(bytes).message)
        const reference = attempt(() => interpreter.decode(new Reader(bytes)))
        if (decoded instanceof DecodeError) expect(reference).toBeInstanceOf(DecodeError)
        else {
          expect(isDeepStrictEqual(reference, decoded)).toBe(true)
          expect(decodeMessage(generated(decoded, version)).message).toEqual(decoded)
        }
      }),
      RUNS,
    )
  })
})
