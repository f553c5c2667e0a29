import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type DhcpOptionName,
  dhcpOption,
  dhcpOptionCode,
  dhcpOptionFromText,
  dhcpOptionNames,
  encodeDhcpOption,
  encodeDhcpOptions,
  formatDhcpOption,
} from '../../src/packet/dhcp-options.ts'
import { dhcpOptionCodes } from './arbitraries.ts'
import { complaint } from './complaint.ts'
import { hex, toHex } from './hex.ts'

const ascii = (text: string): string => toHex(new TextEncoder().encode(text))

describe('text (as in extra_dhcp_opts), bytes and text again', () => {
  test.each([
    // option, value, code, bytes, and the text that comes back where it is not the same
    ['netmask', '255.255.255.0', 1, 'ffffff00'],
    ['subnet-mask', '255.255.255.0', 1, 'ffffff00', 'netmask 255.255.255.0'],
    ['1', '255.255.255.0', 1, 'ffffff00', 'netmask 255.255.255.0'],
    ['time-offset', '-3600', 2, 'fffff1f0'],
    ['router', '10.0.0.1,10.0.0.2', 3, '0a0000010a000002'],
    ['dns-server', '10.0.0.1, 9.9.9.9', 6, '0a00000109090909', 'dns-server 10.0.0.1,9.9.9.9'],
    ['hostname', 'red-a', 12, ascii('red-a')],
    ['ip-forward-enable', '1', 19, '01'],
    ['policy-filter', '10.0.0.0,255.0.0.0', 21, '0a000000ff000000'],
    ['path-mtu-plateau-table', '68,1500', 25, '004405dc'],
    ['mtu', '1450', 26, '05aa'],
    ['vendor-encap', '06:01:08', 43, '060108', 'vendor-encap 0x060108'],
    ['T1', '43200', 58, '0000a8c0'],
    ['tftp-server', 'boot.example', 66, ascii('boot.example')],
    ['bootfile-name', 'pxelinux.0', 67, ascii('pxelinux.0')],
    ['rapid-commit', '', 80, '', 'rapid-commit'],
    ['client-fqdn', 'myhost', 81, `040000 06${ascii('myhost')}`],
    ['client-fqdn', 'a.example.', 81, `040000 0161 07${ascii('example')} 00`],
    ['client-arch', '0,7', 93, '00000007'],
    [
      'domain-search',
      'eng.apple.com, marketing.apple.com',
      119,
      `03${ascii('eng')}05${ascii('apple')}03${ascii('com')}0009${ascii('marketing')}c004`,
      'domain-search eng.apple.com,marketing.apple.com',
    ],
    // RFC 3442 "Classless Route Option Format", its table of destinations
    ['classless-static-route', '0.0.0.0/0,10.0.0.1', 121, '00 0a000001'],
    ['classless-static-route', '10.0.0.0/8,10.0.0.1', 121, '08 0a 0a000001'],
    ['classless-static-route', '10.0.0.0/24,10.0.0.1', 121, '18 0a0000 0a000001'],
    ['classless-static-route', '10.17.0.0/16,10.0.0.1', 121, '10 0a11 0a000001'],
    ['classless-static-route', '10.27.129.0/24,10.0.0.1', 121, '18 0a1b81 0a000001'],
    ['classless-static-route', '10.229.0.128/25,10.0.0.1', 121, '19 0ae50080 0a000001'],
    ['classless-static-route', '10.198.122.47/32,10.0.0.1', 121, '20 0ac67a2f 0a000001'],
    [
      'classless-static-route',
      '169.254.169.254,10.0.0.2,10.17.99.99/16,0.0.0.0',
      121,
      '20 a9fea9fe 0a000002 10 0a11 00000000',
      'classless-static-route 169.254.169.254/32,10.0.0.2,10.17.0.0/16,0.0.0.0',
    ],
    ['tftp-server-address', '10.0.0.5', 150, '0a000005'],
    ['wpad', 'http://p/w.dat', 252, ascii('http://p/w.dat')],
    // numbers without a name
    ['224', '0x0A0b', 224, '0a0b', '224 0x0a0b'],
    ['224', '0a:0b:0c', 224, '0a0b0c', '224 0x0a0b0c'],
    ['224', '10.0.0.1,10.0.0.2', 224, '0a0000010a000002', '224 0x0a0000010a000002'],
    ['224', '255', 224, 'ff', '224 0xff'],
    ['224', '256', 224, '0100', '224 0x0100'],
    ['224', '65536', 224, '00010000', '224 0x00010000'],
    ['224', 'text', 224, ascii('text'), `224 0x${ascii('text')}`],
  ])('%s %s', (option, text, code, bytes, back = `${option} ${text}`) => {
    const encoded = dhcpOptionFromText(option, text)
    expect(encoded.code).toBe(code)
    expect(toHex(encoded.value)).toBe(bytes.replaceAll(' ', ''))
    expect(formatDhcpOption(encoded.code, encoded.value)).toBe(back)
  })

  test.each([
    ['no-such', '1', 'dhcp: "no-such" is no DHCP option'],
    ['0', '1', 'dhcp: "0" is no DHCP option'],
    ['255', '1', 'dhcp: "255" is no DHCP option'],
    ['mtu', '65536', 'dhcp: option mtu: 65536 is not within 0 - 65535'],
    ['mtu', '1e3', 'dhcp: option mtu: "1e3" is not a number'],
    ['26', 'big', 'dhcp: option mtu: "big" is not a number'],
    ['router', '10.0.0.1,', 'dhcp: option router: "" is not an IPv4 address'],
    ['policy-filter', '10.0.0.0', 'dhcp: option policy-filter: 1 values, some multiple of 2 wanted'],
    ['ip-forward-enable', 'yes', 'dhcp: option ip-forward-enable: "yes" is neither 0 nor 1'],
    ['rapid-commit', '1', 'dhcp: option rapid-commit: "1" where no value belongs'],
    ['hostname', '', 'dhcp: option hostname: no text'],
    ['hostname', '例', 'dhcp: option hostname: "例" has a character of more than one byte'],
    ['domain-search', 'a..b', 'dhcp: option domain-search: "a..b" has a label of 0 characters'],
    [
      'classless-static-route',
      '10.0.0.0/8',
      'dhcp: option classless-static-route: "10.0.0.0/8" is not a list of DESTINATION/LENGTH,NEXTHOP',
    ],
    ['classless-static-route', '10.0.0.0/33,10.0.0.1', 'dhcp: option classless-static-route: prefix length 33'],
    ['224', '4294967296', 'dhcp: option 224: 4294967296 is not within 0 - 4294967295'],
  ])('refuses %s %s', (option, text, what) => expect(complaint(() => dhcpOptionFromText(option, text))).toBe(what))
})

describe('reading', () => {
  const read = (name: DhcpOptionName, bytes: string) => dhcpOption(new Map([[dhcpOptionCode(name), hex(bytes)]]), name)

  test('an option that is not there', () => expect(dhcpOption(new Map(), 'router')).toBeUndefined())

  test('zeros at the end of a text are dropped', () => expect(read('hostname', '61620000')).toBe('ab'))

  test('a client name in both forms', () => {
    expect(read('client-fqdn', `010000 ${ascii('a.b')}`)).toEqual({ flags: 1, rcode1: 0, rcode2: 0, name: 'a.b' })
    expect(read('client-fqdn', '05ffff 0161 0162 00')).toEqual({ flags: 5, rcode1: 255, rcode2: 255, name: 'a.b.' })
    expect(read('client-fqdn', '040000 0161')).toEqual({ flags: 4, rcode1: 0, rcode2: 0, name: 'a' })
    expect(read('client-fqdn', '040000')).toEqual({ flags: 4, rcode1: 0, rcode2: 0, name: '' })
  })

  test.each([
    ['message-type', '', 'dhcp: option message-type: 0 bytes, 1 wanted'],
    ['message-type', '0103', 'dhcp: option message-type: 2 bytes, 1 wanted'],
    ['lease-time', '000000', 'dhcp: option lease-time: 3 bytes, 4 wanted'],
    ['router', '', 'dhcp: option router: 0 values, some multiple of 1 wanted'],
    ['router', '0a00000100', 'dhcp: option router: 1 bytes, 4 wanted'],
    ['rapid-commit', '00', 'dhcp: option rapid-commit: 1 bytes, 0 wanted'],
    ['domain-search', '0161', 'dhcp: option domain-search: "a" has no end'],
    ['classless-static-route', '21 0a000001 0a000001', 'dhcp: option classless-static-route: prefix length 33'],
    ['classless-static-route', '08 0a 0a0000', 'dhcp: option classless-static-route: ends inside a route'],
    ['client-fqdn', '0400', 'dhcp: option client-fqdn: 2 bytes, at least 3 wanted'],
    ['client-fqdn', '040000 00 00', 'dhcp: option client-fqdn: more than one name'],
  ] as const)('refuses %s %s', (name, bytes, what) => expect(complaint(() => read(name, bytes))).toBe(what))
})

test('values go into a message in the order given, without those that are not there', () => {
  const options = encodeDhcpOptions({ 'message-type': 2, router: undefined, mtu: 1450, netmask: 0xffff_ff00 })
  expect([...options].map(([code, value]) => formatDhcpOption(code, value))).toEqual([
    'message-type 2',
    'mtu 1450',
    'netmask 255.255.255.0',
  ])
})

test('refuses to write what the field cannot hold', () => {
  expect(complaint(() => encodeDhcpOption('mtu', 1.5))).toBe('dhcp: option mtu: 1.5 is not within 0 - 65535')
  expect(complaint(() => encodeDhcpOption('lease-time', -1))).toContain('-1 is not within')
  expect(complaint(() => encodeDhcpOption('router', []))).toContain('0 values')
  expect(complaint(() => encodeDhcpOption('classless-static-route', []))).toContain('no route')
  expect(complaint(() => encodeDhcpOption('domain-search', []))).toContain('no domain')
})

test('every option, whatever its bytes: refused by a PacketError, or a value that stays the same when written and read', () => {
  // Written anew the bytes may differ (compression, host bits of a route), the value may not.
  const check = <Name extends DhcpOptionName>(name: Name, bytes: Uint8Array): void => {
    const code = dhcpOptionCode(name)
    let value: ReturnType<typeof dhcpOption<Name>>
    if (complaint(() => (value = dhcpOption(new Map([[code, bytes]]), name))) !== undefined) return
    if (value === '' || (Array.isArray(value) && value.length === 0)) return // read, but not to be written
    expect(dhcpOption(new Map([[code, encodeDhcpOption(name, value!)]]), name)).toEqual(value)
  }
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.array(fc.nat({ max: 8 }), { maxLength: 24 }).map(list => Uint8Array.from(list)),
  )
  fc.assert(fc.property(fc.constantFrom(...dhcpOptionNames), bytes, check), { numRuns: 2000 })
})

test('the text of an unnamed option reads back as the same bytes', () => {
  const unnamed = dhcpOptionCodes.filter(code => !dhcpOptionNames.some(name => dhcpOptionCode(name) === code))
  fc.assert(
    fc.property(unnamed, fc.uint8Array({ minLength: 1, maxLength: 300 }), (code, value) => {
      const [option = '', text = ''] = formatDhcpOption(code, value).split(' ')
      expect(dhcpOptionFromText(option, text)).toEqual({ code, value })
    }),
  )
})
