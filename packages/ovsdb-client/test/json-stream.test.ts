import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../src/errors.ts'
import type { JsonObject } from '../src/json.ts'
import { JsonStream } from '../src/json-stream.ts'

/** Feeds bytes cut at the given sizes, repeated as often as needed; returns the messages. */
const feed = (stream: JsonStream, bytes: Buffer, sizes: readonly number[] = [bytes.length]): JsonObject[] => {
  const messages: JsonObject[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1)
    // A socket reuses its memory: nothing of a chunk may be kept.
    const chunk = Buffer.from(bytes.subarray(at, at + size))
    stream.push(chunk, message => {
      messages.push(message)
      return true
    })
    chunk.fill(0x7b)
    at += size
  }
  return messages
}

test('any cutting gives the messages that went in', () => {
  const message = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<never>)
  const space = fc.constantFrom('', ' ', '\n', '\r\n\t')
  fc.assert(
    fc.property(
      fc.array(fc.tuple(message, space, fc.constantFrom(0, 1)), { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }),
      (parts, sizes) => {
        const text = parts.map(([json, gap, indent]) => JSON.stringify(json, undefined, indent) + gap).join('')
        const expected = parts.map(([json]) => JSON.parse(JSON.stringify(json)))
        expect(feed(new JsonStream(), Buffer.from(text), sizes)).toEqual(expected)
      },
    ),
  )
})

test.each([
  ['quotes, braces and backslashes in strings', '{"a\\"}":"]{\\\\","b":"\\\\\\""}'],
  ['characters of two, three and four bytes', '{"ü€😀":"😀€ü"}'],
  ['escaped characters', '{"\\u00fc":"\\ud83d\\ude00\\n"}'],
  ['a name that every object inherits', '{"__proto__":{"constructor":1}}'],
])('byte by byte: %s', (_, text) => {
  const [message] = feed(new JsonStream(), Buffer.from(`${text}\n${text}`), [1])
  expect(JSON.stringify(message)).toBe(JSON.stringify(JSON.parse(text)))
})

test.each([
  ['no object', '[1]', 'must begin with {'],
  ['an answer of another protocol', 'HTTP/1.1 400 Bad Request', 'must begin with {'],
  ['no JSON', '{"a":}', 'not JSON'],
  ['mismatched brackets', '{"a":[}}', 'not JSON'],
  ['nested too deep', `{"a":${'['.repeat(64)}`, 'nested deeper than 64'],
  ['nested too deep, objects', '{"a":'.repeat(65), 'nested deeper than 64'],
])('refuses %s', (_, text, why) => {
  expect(() => feed(new JsonStream(), Buffer.from(text))).toThrow(ProtocolError)
  expect(() => feed(new JsonStream(), Buffer.from(text), [1])).toThrow(why)
})

describe('limits', () => {
  const fitting = '{"a":"1234567890"}'

  test('a message of just the longest length passes, in one chunk or many', () => {
    const limits = { maxBytes: fitting.length }
    expect(feed(new JsonStream(limits), Buffer.from(fitting + fitting))).toHaveLength(2)
    expect(feed(new JsonStream(limits), Buffer.from(fitting + fitting), [7])).toHaveLength(2)
  })

  test.each([[[1]], [[7]], [[fitting.length]]])('one byte more does not, in chunks of %j', sizes => {
    const limits = { maxBytes: fitting.length - 1 }
    expect(() => feed(new JsonStream(limits), Buffer.from(fitting), sizes)).toThrow('longer than 17 bytes')
  })

  test('an endless message ends at the limit, and takes no more memory than twice that', () => {
    const stream = new JsonStream({ maxBytes: 4 * 1024 * 1024 })
    const chunk = Buffer.alloc(64 * 1024, 0x20)
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    expect(() => {
      stream.push(Buffer.from('{"a":"'), () => true)
      for (;;) {
        stream.push(chunk, () => true)
        most = Math.max(most, process.memoryUsage().arrayBuffers - before)
      }
    }).toThrow('longer than 4194304 bytes')
    expect(most).toBeGreaterThan(2 * 1024 * 1024)
    expect(most).toBeLessThan(16 * 1024 * 1024)
  })

  test('more values than allowed are refused before they are parsed', () => {
    const text = `{"a":[${'[],'.repeat(1000)}[]]}`
    expect(() => feed(new JsonStream({ maxValues: 1000 }), Buffer.from(text))).toThrow('more than 1000 values')
    expect(feed(new JsonStream({ maxValues: 3000 }), Buffer.from(text))).toHaveLength(1)
  })
})

test('looks at each byte once: a megabyte byte by byte takes no second', () => {
  const bytes = Buffer.from(JSON.stringify({ a: 'x'.repeat(1024 * 1024) }))
  const started = performance.now()
  expect(feed(new JsonStream(), bytes, [1])).toHaveLength(1)
  // Looking at all that is held for each byte would take 5 * 10^11 steps.
  expect(performance.now() - started).toBeLessThan(5000)
})

test('stops in the middle of a chunk when told to', () => {
  const seen: JsonObject[] = []
  new JsonStream().push(Buffer.from('{"a":1}{"a":2}'), message => {
    seen.push(message)
    return false
  })
  expect(seen).toEqual([{ a: 1 }])
})
