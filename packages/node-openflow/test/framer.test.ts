import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Framer, ProtocolError } from '../src/framer.ts'

/** A message of `length` bytes whose body repeats its transaction id's last byte. */
function message(length: number, xid: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(xid & 0xff)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, 6)
  view.setUint8(1, 2)
  view.setUint16(2, length)
  view.setUint32(4, xid)
  return bytes
}

/** The messages a framer cuts out of `chunks`, as copies. */
function cut(chunks: Iterable<Uint8Array>): Uint8Array[] {
  const out: Uint8Array[] = []
  const framer = new Framer((bytes, start, end) => out.push(bytes.slice(start, end)))
  for (const chunk of chunks) framer.push(chunk)
  return out
}

function* chunksOf(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length] ?? bytes.length)
    yield bytes.subarray(at, at + size)
    at += size
  }
}

const concat = (parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts))

describe('a byte stream becomes messages', () => {
  const messages = [message(8, 1), message(9, 2), message(16, 3), message(65_535, 4), message(8, 5)]

  test('one byte at a time', () => expect(cut(chunksOf(concat(messages), [1]))).toEqual(messages))

  test('all in one chunk', () => expect(cut([concat(messages)])).toEqual(messages))

  test('however it is chunked', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 8, max: 300 }), { maxLength: 30 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 10 }),
        (lengths, sizes) => {
          const sent = lengths.map((length, xid) => message(length, xid))
          expect(cut(chunksOf(concat(sent), sizes))).toEqual(sent)
        },
      ),
    )
  })

  test('a message whole inside a chunk is delivered in place', () => {
    const chunk = concat([message(8, 1), message(12, 2), message(20, 3)])
    const places: [boolean, number, number][] = []
    const framer = new Framer((bytes, start, end) => places.push([bytes === chunk, start, end]))
    framer.push(chunk)
    expect(places).toEqual([
      [true, 0, 8],
      [true, 8, 20],
      [true, 20, 40],
    ])
  })
})

describe('what cannot be a message', () => {
  const short = (length: number) => {
    const bytes = message(8, 1)
    new DataView(bytes.buffer).setUint16(2, length)
    return bytes
  }

  test.each([0, 1, 7])('length %i is refused, after the messages before it', length => {
    const out: number[] = []
    const framer = new Framer((_, start) => out.push(start))
    expect(() => framer.push(concat([message(8, 1), short(length)]))).toThrow(ProtocolError)
    expect(out).toEqual([0])
  })

  test('also when its header comes byte by byte', () => {
    expect(() => cut(chunksOf(short(7), [1]))).toThrow(`length 7`)
  })

  test('a stopped framer delivers nothing more of the chunk in hand', () => {
    const out: number[] = []
    const framer = new Framer((_, start) => {
      out.push(start)
      framer.stop()
    })
    framer.push(concat([message(8, 1), message(8, 2)]))
    framer.push(message(8, 3))
    expect(out).toEqual([0])
  })
})
