import fc from 'fast-check'
import { Address4 } from 'ip-address'
import { expect, test } from 'vitest'
import { endpointComplaint, endpointPattern } from '../../topology/endpoint.ts'
import { formatIpv4, hostRange, readCidr, readIpv4 } from '../../topology/ipv4.ts'
import { formatMac, macComplaint, readMac } from '../../topology/mac.ts'

const address = fc.integer({ min: 0, max: 0xffffffff })

test('IPv4: text and number are each the inverse of the other', () => {
  fc.assert(fc.property(address, number => readIpv4(formatIpv4(number)) === number))
})

test("prefixes are ip-address's", () => {
  fc.assert(
    fc.property(address, fc.integer({ min: 0, max: 32 }), (number, length) => {
      const text = `${formatIpv4(number)}/${length}`
      const [prefix, oracle] = [readCidr(text)!, new Address4(text)]
      expect(formatIpv4(prefix.start)).toBe(oracle.startAddress().correctForm())
      expect(formatIpv4(prefix.end)).toBe(oracle.endAddress().correctForm())
    }),
  )
})

test.each([
  '1.2.3',
  '1.2.3.4.5',
  '256.1.1.1',
  '01.2.3.4',
  '1.2.3.4 ',
  '',
  '1.2.3.-4',
  '0x1.2.3.4',
])('no IPv4 address: %j', text => expect(readIpv4(text)).toBeUndefined())

test.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/08', '10.0.0/8', '/8'])('no prefix: %j', text =>
  expect(readCidr(text)).toBeUndefined())

test.each([
  ['10.0.0.0/24', '10.0.0.1', '10.0.0.254'],
  ['10.0.0.0/30', '10.0.0.1', '10.0.0.2'],
  ['10.0.0.0/31', '10.0.0.0', '10.0.0.1'],
  ['10.0.0.0/32', '10.0.0.0', '10.0.0.0'],
])('guests of %s have %s to %s', (cidr, start, end) => {
  expect(hostRange(readCidr(cidr)!)).toEqual({ start: readIpv4(start), end: readIpv4(end) })
})

test('MAC: text and number are each the inverse of the other', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), number => readMac(formatMac(number)) === number))
})

test.each([
  ['fa:16:3e:00:00:0a', undefined],
  ['02:00:00:00:00:00', undefined],
  ['00:00:00:00:00:00', 'is the zero address'],
  ['ff:ff:ff:ff:ff:ff', 'is the broadcast address'],
  ['33:33:00:00:00:01', 'is a multicast address'],
  ['01:80:c2:00:00:00', 'is a multicast address'],
])('%s %s', (text, complaint) => expect(macComplaint(readMac(text)!)).toBe(complaint))

test.each([
  ['tcp:198.18.0.1:6640', { transport: 'tcp', host: '198.18.0.1', port: '6640' }],
  ['ssl:weft.example.org:6640', { transport: 'ssl', host: 'weft.example.org', port: '6640' }],
  ['tcp:[2001:db8::1]:6640', { transport: 'tcp', host6: '2001:db8::1', port: '6640' }],
  ['unix:/run/openvswitch/db.sock', { path: '/run/openvswitch/db.sock' }],
])('%s is an endpoint', (text, groups) => {
  expect(endpointPattern.exec(text)?.groups).toMatchObject(groups)
  expect(endpointComplaint(text)).toBeUndefined()
})

test.each([
  'tcp:1.2.3.4',
  'tcp:1.2.3.4:',
  'tcp:1.2.3.4:65536',
  'tcp:[::g]:1',
  'tcp:[1:2]:3',
  'udp:1.2.3.4:5',
  'unix:',
  'tcp:-:1',
])('%s is none', text => expect(endpointComplaint(text)).toBeTypeOf('string'))
