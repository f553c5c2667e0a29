import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseIpv4Address, parseIpv6Address } from '../../src/packet/address.ts'
import { encodeIpv4, isFragment, parseIpv4 } from '../../src/packet/ipv4.ts'
import { encodeIpv6, parseIpv6 } from '../../src/packet/ipv6.ts'
import { bits, payload, u8, u16, u32, u128, words } from './arbitraries.ts'
import { complaint } from './complaint.ts'
import { hex, toHex } from './hex.ts'

describe('IPv4', () => {
  const packet = '4500 0016 0000 4000 4011 b8be c0a8 0001 c0a8 00c7 aabb'

  test('a packet with padding', () => {
    const value = parseIpv4(hex(`${packet} 0000 0000`))
    expect(value).toEqual({
      dscp: 0,
      ecn: 0,
      identification: 0,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      ttl: 64,
      protocol: 17,
      source: parseIpv4Address('192.168.0.1'),
      destination: parseIpv4Address('192.168.0.199'),
      options: hex(''),
      payload: hex('aabb'),
    })
    expect(toHex(encodeIpv4(value))).toBe(toHex(hex(packet)))
    expect(isFragment(value)).toBe(false)
    expect(isFragment({ ...value, moreFragments: true })).toBe(true)
    expect(isFragment({ ...value, fragmentOffset: 8 })).toBe(true)
  })

  test('bytes come back from the value', () => {
    const packets = fc.record({
      dscp: bits(6),
      ecn: bits(2),
      identification: u16,
      dontFragment: fc.boolean(),
      moreFragments: fc.boolean(),
      fragmentOffset: bits(13).map(offset => offset * 8),
      ttl: u8,
      protocol: u8,
      source: u32,
      destination: u32,
      options: words,
      payload,
    })
    fc.assert(
      fc.property(packets, value => {
        expect(parseIpv4(encodeIpv4(value))).toEqual(value)
      }),
    )
  })

  test.each([
    ['4500', 'ipv4: 2 bytes, at least 20 wanted'],
    [packet.replace('4500', '6500'), 'ipv4: version 6'],
    [packet.replace('4500', '4400'), 'ipv4: header of 16 bytes'],
    [packet.replace('4500', '4600'), "ipv4: total length 22 is less than the header's 24"],
    [packet.replace('0016', '0013'), "ipv4: total length 19 is less than the header's 20"],
    [packet.replace('0016', '0017'), 'ipv4: 22 bytes, at least 23 wanted'],
    [packet.replace('b8be', 'b8bf'), 'ipv4: wrong header checksum'],
  ])('refuses %s', (bytes, what) => expect(complaint(() => parseIpv4(hex(bytes)))).toBe(what))

  test.each([
    [{ options: new Uint8Array(3) }, 'ipv4: 3 bytes of options'],
    [{ options: new Uint8Array(44) }, 'ipv4: 44 bytes of options'],
    [{ payload: new Uint8Array(65_516) }, 'ipv4: 65536 bytes in a packet'],
    [{ fragmentOffset: 4 }, 'ipv4: fragment offset 4'],
  ])('refuses to write %j', (fields, what) => {
    const input = { protocol: 17, source: 1, destination: 2, payload: hex(''), ...fields }
    expect(complaint(() => encodeIpv4(input))).toBe(what)
  })
})

describe('IPv6', () => {
  const packet = '6ac1 2345 0002 3a ff fe80000000000000 0000000000000001 ff02000000000000 0000000000000001 aabb'

  test('a packet with padding', () => {
    const value = parseIpv6(hex(`${packet} 0000`))
    expect(value).toEqual({
      trafficClass: 0xac,
      flowLabel: 0x12345,
      nextHeader: 58,
      hopLimit: 255,
      source: parseIpv6Address('fe80::1'),
      destination: parseIpv6Address('ff02::1'),
      payload: hex('aabb'),
    })
    expect(toHex(encodeIpv6(value))).toBe(toHex(hex(packet)))
  })

  test('bytes come back from the value', () => {
    const packets = fc.record({
      trafficClass: u8,
      flowLabel: bits(20),
      nextHeader: u8,
      hopLimit: u8,
      source: u128,
      destination: u128,
      payload,
    })
    fc.assert(
      fc.property(packets, value => {
        expect(parseIpv6(encodeIpv6(value))).toEqual(value)
      }),
    )
  })

  test.each([
    ['6000', 'ipv6: 2 bytes, at least 40 wanted'],
    [packet.replace('6ac1', '4ac1'), 'ipv6: version 4'],
    [packet.replace('0002', '0003'), 'ipv6: 42 bytes, at least 43 wanted'],
  ])('refuses %s', (bytes, what) => expect(complaint(() => parseIpv6(hex(bytes)))).toBe(what))

  test('refuses to write more than a packet holds', () => {
    const input = { nextHeader: 17, source: 1n, destination: 2n, payload: new Uint8Array(65_536) }
    expect(complaint(() => encodeIpv6(input))).toBe('ipv6: 65536 bytes in a packet')
  })
})
