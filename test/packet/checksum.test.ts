import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checksumHolds, foldSum, internetChecksum, judgeChecksum, pseudoHeaderSum } from '../../src/packet/checksum.ts'
import { endpoints, u8 } from './arbitraries.ts'
import { hex } from './hex.ts'

test.each([
  ['RFC 1071 § 3', '0001 f203 f4f5 f6f7', 0x220d],
  ['an odd length', '0001 f2', ~(0x0001 + 0xf200) & 0xffff],
  ['one byte', 'ff', 0x00ff],
  ['nothing', '', 0xffff],
  ['an IPv4 header', '4500 0073 0000 4000 4011 0000 c0a8 0001 c0a8 00c7', 0xb861],
  ['carries of carries', 'ffff ffff 0001', 0xfffe],
])('the checksum of %s', (_what, bytes, checksum) => expect(internetChecksum(hex(bytes))).toBe(checksum))

// The sum done another way: the bytes are one big number, taken modulo 2^16 - 1, where only all zeros are 0.
const reference = (bytes: Uint8Array): number => {
  let rest = 0
  for (const byte of bytes.length % 2 ? [...bytes, 0] : bytes) rest = (rest * 256 + byte) % 0xffff
  return bytes.some(byte => byte !== 0) ? rest || 0xffff : 0
}

test('agrees with arithmetic modulo 2^16 - 1, odd lengths and 64 KiB of ones too', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), bytes => internetChecksum(bytes) === (~reference(bytes) & 0xffff)),
  )
  for (const length of [65_534, 65_535]) {
    const ones = new Uint8Array(length).fill(0xff)
    expect(internetChecksum(ones)).toBe(~reference(ones) & 0xffff)
  }
})

test('a checksum put in makes the bytes add up, and one flipped bit breaks it', () => {
  const segment = fc.uint8Array({ minLength: 8, maxLength: 301 })
  fc.assert(
    fc.property(segment, endpoints, u8, fc.nat(), (bytes, ends, protocol, bit) => {
      const pseudo = pseudoHeaderSum(ends, protocol, bytes.length)
      bytes.fill(0, 6, 8)
      const checksum = internetChecksum(bytes, pseudo)
      bytes[6] = checksum >> 8
      bytes[7] = checksum & 0xff
      expect(checksumHolds(bytes, pseudo)).toBe(true)
      expect(judgeChecksum(bytes, 6, pseudo)).toBe('right')
      bytes[Math.floor(bit / 8) % bytes.length]! ^= 1 << (bit % 8)
      expect(checksumHolds(bytes, pseudo)).toBe(false)
    }),
  )
})

test('a checksum left to hardware is told from a wrong one', () => {
  const ends = { source: 0x0a00_000b, destination: 0x0a00_0002 }
  const segment = hex('0044 0043 000a 0000 abcd')
  const pseudo = pseudoHeaderSum(ends, 17, segment.length)
  expect(judgeChecksum(segment, 6, pseudo)).toBe('wrong')
  segment[6] = foldSum(pseudo) >> 8
  segment[7] = foldSum(pseudo) & 0xff
  expect(judgeChecksum(segment, 6, pseudo)).toBe('partial')
})
