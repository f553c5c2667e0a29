import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  formatIpv4Address,
  formatIpv6Address,
  ipv4Broadcast,
  ipv4Netmask,
  ipv4Network,
  parseIpv4Address,
  parseIpv6Address,
} from '../../src/packet/address.ts'
import { formatMac, isMulticastMac, parseMac } from '../../src/packet/mac.ts'
import { mac, u32, u128 } from './arbitraries.ts'
import { complaint } from './complaint.ts'

describe('IPv4', () => {
  test.each([
    ['0.0.0.0', 0],
    ['10.0.0.1', 0x0a00_0001],
    ['255.255.255.255', 0xffff_ffff],
  ])('%s', (text, address) => {
    expect(parseIpv4Address(text)).toBe(address)
    expect(formatIpv4Address(address)).toBe(text)
  })

  test.each([
    '',
    '10.0.0',
    '10.0.0.1.2',
    '256.0.0.1',
    '010.0.0.1',
    '10.0.0.-1',
    '10.0.0.1 ',
    '0x0a.0.0.1',
    '1e1.0.0.1',
  ])('refuses %j', text => expect(complaint(() => parseIpv4Address(text))).toContain('is not an IPv4 address'))

  test('text and number are the same', () => {
    fc.assert(fc.property(u32, address => parseIpv4Address(formatIpv4Address(address)) === address))
  })

  test.each([
    [0, '0.0.0.0', '0.0.0.0', '255.255.255.255'],
    [1, '128.0.0.0', '128.0.0.0', '255.255.255.255'],
    [20, '255.255.240.0', '192.168.16.0', '192.168.31.255'],
    [24, '255.255.255.0', '192.168.17.0', '192.168.17.255'],
    [30, '255.255.255.252', '192.168.17.200', '192.168.17.203'],
    [31, '255.255.255.254', '192.168.17.200', undefined],
    [32, '255.255.255.255', '192.168.17.201', undefined],
  ])('/%i', (prefixLength, netmask, network, broadcast) => {
    const address = parseIpv4Address('192.168.17.201')
    const broadcastAddress = ipv4Broadcast(address, prefixLength)
    expect(formatIpv4Address(ipv4Netmask(prefixLength))).toBe(netmask)
    expect(formatIpv4Address(ipv4Network(address, prefixLength))).toBe(network)
    expect(broadcastAddress === undefined ? undefined : formatIpv4Address(broadcastAddress)).toBe(broadcast)
  })
})

describe('IPv6', () => {
  // The text on the left in the form of RFC 5952 on the right.
  test.each([
    ['::', '::', 0n],
    ['::1', '::1', 1n],
    ['1::', '1::', 1n << 112n],
    ['2001:db8::0001', '2001:db8::1', 0x2001_0db8_0000_0000_0000_0000_0000_0001n],
    ['2001:DB8:0:0:0:0:2:1', '2001:db8::2:1', 0x2001_0db8_0000_0000_0000_0000_0002_0001n],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1', 0x2001_0db8_0000_0001_0001_0001_0001_0001n],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1', 0x2001_0000_0000_0001_0000_0000_0000_0001n],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1', 0x2001_0db8_0000_0000_0001_0000_0000_0001n],
    ['::ffff:10.0.0.1', '::ffff:a00:1', 0xffff_0a00_0001n],
    ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304', 0x0001_0002_0003_0004_0005_0006_0102_0304n],
  ])('%s', (text, canonical, address) => {
    expect(parseIpv6Address(text)).toBe(address)
    expect(formatIpv6Address(address)).toBe(canonical)
  })

  test.each([
    '',
    ':',
    ':::',
    '1',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '12345::',
    '::g',
    '1:2:3:4:5:6:7::8:9',
    '1:2:3:4::5:6:7:8',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '::1.2.3',
    'fe80::1%eth0',
    ':1::',
    '1:2:3:4:5:6:7:1.2.3.4',
  ])('refuses %j', text => expect(complaint(() => parseIpv6Address(text))).toContain('is not an IPv6 address'))

  test('text and number are the same', () => {
    const sparse = fc.array(fc.constantFrom(0n, 0n, 1n, 0xffffn), { minLength: 8, maxLength: 8 })
    const address = fc.oneof(
      u128,
      sparse.map(groups => groups.reduce<bigint>((value, group) => (value << 16n) | group, 0n)),
    )
    fc.assert(fc.property(address, value => parseIpv6Address(formatIpv6Address(value)) === value))
  })
})

describe('MAC', () => {
  test.each([
    ['fa:16:3e:00:00:0a', 0xfa16_3e00_000a, false],
    ['00:00:00:00:00:00', 0, false],
    ['ff:ff:ff:ff:ff:ff', 0xffff_ffff_ffff, true],
    ['01:00:5e:00:00:01', 0x0100_5e00_0001, true],
  ])('%s', (text, address, multicast) => {
    expect(parseMac(text)).toBe(address)
    expect(parseMac(text.toUpperCase().replaceAll(':', '-'))).toBe(address)
    expect(formatMac(address)).toBe(text)
    expect(isMulticastMac(address)).toBe(multicast)
  })

  test.each([
    '',
    'fa:16:3e:00:00',
    'fa:16:3e:00:00:0a:0b',
    'fa:16:3e:00:00:a',
    'fa163e00000a',
    'fa:16:3e-00:00:0a',
    'fg:16:3e:00:00:0a',
  ])('refuses %j', text => expect(complaint(() => parseMac(text))).toContain('is not a MAC address'))

  test('text and number are the same', () => {
    fc.assert(fc.property(mac, address => parseMac(formatMac(address)) === address))
  })
})
