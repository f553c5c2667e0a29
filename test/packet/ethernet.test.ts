import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeEthernet, parseEthernet } from '../../src/packet/ethernet.ts'
import { bits, mac, payload, u16 } from './arbitraries.ts'
import { complaint } from './complaint.ts'
import { hex, toHex } from './hex.ts'

const addresses = 'ffffffffffff fa163e00000a'
const tag = (tpid: number, vid: number, pcp = 0, dei = false) => ({ tpid, vid, pcp, dei })

test.each([
  ['untagged', '0806 aabb', [], 0x0806],
  ['802.1Q', '8100 6064 0806 aabb', [tag(0x8100, 100, 3)], 0x0806],
  ['802.1ad with 802.1Q inside', '88a8 1fff 8100 0001 0800 aabb', [tag(0x88a8, 4095, 0, true), tag(0x8100, 1)], 0x0800],
  ['a priority tag', '8100 e000 0800 aabb', [tag(0x8100, 0, 7)], 0x0800],
  ['an 802.3 length', '0002 aabb', [], 2],
])('%s', (_what, rest, vlans, type) => {
  const bytes = hex(addresses + rest)
  const frame = parseEthernet(bytes)
  expect(frame).toEqual({ destination: 0xffff_ffff_ffff, source: 0xfa16_3e00_000a, vlans, type, payload: hex('aabb') })
  expect(toHex(encodeEthernet(frame))).toBe(toHex(bytes))
})

test('bytes of a frame come back from its value', () => {
  const vlan = fc.record({ tpid: fc.constantFrom(0x8100, 0x88a8), pcp: bits(3), dei: fc.boolean(), vid: bits(12) })
  const type = u16.filter(value => value !== 0x8100 && value !== 0x88a8)
  const frames = fc.record({ destination: mac, source: mac, vlans: fc.array(vlan, { maxLength: 3 }), type, payload })
  fc.assert(
    fc.property(frames, frame => {
      expect(parseEthernet(encodeEthernet(frame))).toEqual(frame)
    }),
  )
})

test.each([
  ['', 'ethernet: 0 bytes, at least 14 wanted'],
  [`${addresses}08`, 'ethernet: 13 bytes, at least 14 wanted'],
  [`${addresses}8100`, 'ethernet: ends inside a VLAN tag'],
  [`${addresses}8100 0001 8100 0001 08`, 'ethernet: ends inside a VLAN tag'],
])('refuses %j', (bytes, what) => expect(complaint(() => parseEthernet(hex(bytes)))).toBe(what))

test('refuses to write a tag that is none', () => {
  const frame = { destination: 0, source: 0, type: 0x0800, payload: hex('') }
  expect(complaint(() => encodeEthernet({ ...frame, vlans: [tag(0x0800, 1)] }))).toContain('0x800 is no VLAN tag')
  expect(complaint(() => encodeEthernet({ ...frame, vlans: [tag(0x8100, 4096)] }))).toContain('out of range')
  expect(complaint(() => encodeEthernet({ ...frame, vlans: [tag(0x8100, 1, 8)] }))).toContain('out of range')
})
