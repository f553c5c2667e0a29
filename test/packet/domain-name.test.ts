import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeDomainNames, readDomainName } from '../../src/packet/domain-name.ts'
import { complaint } from './complaint.ts'
import { hex, toHex } from './hex.ts'

const ascii = (text: string): string => toHex(new TextEncoder().encode(text))

/** All names that stand one after another in the bytes. */
function readAll(bytes: Uint8Array): string[] {
  const names: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const { name, next } = readDomainName(bytes, at)
    names.push(name)
    at = next
  }
  return names
}

describe('names and their bytes', () => {
  test.each([
    [['.'], '00'],
    [['example'], `07${ascii('example')}00`],
    [['a.b', 'c.b'], '0161 0162 00 0163 c002'],
    [['a.b', 'A.B'], '0161 0162 00 c000'],
    [['b', 'a.b', 'a.b'], '0162 00 0161 c000 c003'],
    // RFC 3397 § 2, the example
    [
      ['eng.apple.com', 'marketing.apple.com'],
      `03${ascii('eng')}05${ascii('apple')}03${ascii('com')}0009${ascii('marketing')}c004`,
    ],
  ])('%j', (names, bytes) => {
    expect(toHex(encodeDomainNames(names))).toBe(toHex(hex(bytes)))
    expect(readAll(hex(bytes)).map(name => name.toLowerCase())).toEqual(names.map(name => name.toLowerCase()))
  })

  test('a dot at the end changes nothing', () => {
    expect(encodeDomainNames(['a.b.'])).toEqual(encodeDomainNames(['a.b']))
  })

  test('a name without its root is not complete', () => {
    expect(readDomainName(hex('0161'), 0)).toEqual({ name: 'a', next: 2, complete: false })
    expect(readDomainName(hex('0161 00'), 0)).toEqual({ name: 'a', next: 3, complete: true })
  })

  test('names come back from their bytes', () => {
    const label = fc.stringMatching(/^[a-z0-9-]{1,20}$/)
    const name = fc.array(label, { minLength: 1, maxLength: 5 }).map(labels => labels.join('.'))
    // Few tails, so that there is something to compress.
    const names = fc.array(
      fc.tuple(name, fc.constantFrom('', '.example', '.eng.example')).map(parts => parts.join('')),
      { maxLength: 20 },
    )
    fc.assert(
      fc.property(names, list => {
        expect(readAll(encodeDomainNames(list))).toEqual(list)
      }),
    )
  })

  test('pointers reach no further than they can', () => {
    const far = Array.from({ length: 1500 }, (_, index) => `host-${index}.x${index}`)
    expect(readAll(encodeDomainNames([...far, ...far]))).toEqual([...far, ...far])
  })
})

test.each([
  ['a label that ends early', '0361', 'ends inside a label'],
  ['a pointer that ends early', '0161 c0', 'ends inside a compression pointer'],
  ['a pointer to itself', 'c000', 'does not lead backwards'],
  ['a pointer into its own name', '0161 c000', 'does not lead backwards'],
  ['a pointer forwards', '0161 c005 0162 00', 'does not lead backwards'],
  ['an unknown kind of label', '40', 'label type 0x40'],
  ['a dot inside a label', '03612e62 00', 'a dot inside label "a.b"'],
  ['a name that is too long', `${'01610161'.repeat(64)}00`, 'longer than 255 bytes'],
])('refuses %s', (_what, bytes, what) => expect(complaint(() => readAll(hex(bytes)))).toContain(what))

test.each([
  ['a..b', 'a label of 0 characters'],
  ['', 'a label of 0 characters'],
  ['x'.repeat(64), 'a label of 64 characters'],
  [`${'x'.repeat(63)}.`.repeat(4), 'is longer than 255 bytes'],
  ['bücher.例', 'a character of more than one byte'],
])('refuses to write %j', (name, what) => expect(complaint(() => encodeDomainNames([name]))).toContain(what))

test('whatever the bytes, reading ends with names or a PacketError', () => {
  const pointers = fc
    .array(fc.constantFrom(0xc0, 0, 1, 2, 3, 4, 0x61), { maxLength: 60 })
    .map(bytes => Uint8Array.from(bytes))
  fc.assert(
    fc.property(fc.oneof(pointers, fc.uint8Array({ maxLength: 300 })), bytes => void complaint(() => readAll(bytes))),
  )
})
