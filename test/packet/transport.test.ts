import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseIpv4Address } from '../../src/packet/address.ts'
import { encodeIcmp, IcmpType, parseIcmp } from '../../src/packet/icmp.ts'
import { encodeTcp, judgeTcp, parseTcp, TcpFlag } from '../../src/packet/tcp.ts'
import { encodeUdp, judgeUdp, parseUdp } from '../../src/packet/udp.ts'
import { bits, endpoints, payload, u8, u16, u32, words } from './arbitraries.ts'
import { complaint } from './complaint.ts'
import { hex, toHex } from './hex.ts'

const ends = { source: parseIpv4Address('192.168.0.31'), destination: parseIpv4Address('192.168.0.30') }

describe('ICMP', () => {
  test('an echo request', () => {
    const message = { type: IcmpType.echoRequest, code: 0, rest: 0x1234_0001, payload: hex('61626364') }
    const bytes = encodeIcmp(message)
    expect(toHex(bytes)).toBe('080021041234000161626364')
    expect(parseIcmp(bytes)).toEqual(message)
  })

  test('bytes come back from the value', () => {
    const messages = fc.record({ type: u8, code: u8, rest: u32, payload })
    fc.assert(
      fc.property(messages, message => {
        expect(parseIcmp(encodeIcmp(message))).toEqual(message)
      }),
    )
  })

  test('refuses a short or wrong one', () => {
    expect(complaint(() => parseIcmp(hex('0800f7ff0000')))).toBe('icmp: 6 bytes, at least 8 wanted')
    expect(complaint(() => parseIcmp(hex('0800f7fe00000000')))).toBe('icmp: wrong checksum')
  })
})

describe('UDP', () => {
  test('a datagram', () => {
    const datagram = { sourcePort: 20, destinationPort: 10, payload: hex('4869') }
    const bytes = encodeUdp(datagram, ends)
    expect(toHex(bytes)).toBe('0014000a000a35c54869')
    expect(parseUdp(bytes)).toEqual(datagram)
    expect(judgeUdp(bytes, ends)).toBe('right')
  })

  test('bytes come back from the value and are right, padding or not', () => {
    const datagrams = fc.record({ sourcePort: u16, destinationPort: u16, payload })
    fc.assert(
      fc.property(datagrams, endpoints, payload, (datagram, addresses, padding) => {
        const bytes = Uint8Array.of(...encodeUdp(datagram, addresses), ...padding)
        expect(parseUdp(bytes)).toEqual(datagram)
        expect(judgeUdp(bytes, addresses)).toBe('right')
      }),
    )
  })

  test('a sum of zero is sent as all ones', () => {
    const zero = { sourcePort: 0, destinationPort: 0, payload: new Uint8Array(2) }
    const bare = encodeUdp(zero, ends)
    zero.payload = bare.slice(6, 8) // what was lacking, so that all of it adds up to ones
    expect(toHex(encodeUdp(zero, ends).subarray(6))).toBe(`ffff${toHex(zero.payload)}`)
    expect(judgeUdp(encodeUdp(zero, ends), ends)).toBe('right')
  })

  test('no checksum is fine over IPv4 only', () => {
    expect(judgeUdp(hex('0014 000a 0008 0000'), ends)).toBe('absent')
    expect(judgeUdp(hex('0014 000a 0008 0000'), { source: 1n, destination: 2n })).toBe('wrong')
  })

  test.each([
    ['0014 000a 0008', 'udp: 6 bytes, at least 8 wanted'],
    ['0014 000a 0007 0000', "udp: length 7 is less than the header's 8"],
    ['0014 000a 0009 0000', 'udp: 8 bytes, at least 9 wanted'],
  ])('refuses %s', (bytes, what) => {
    expect(complaint(() => parseUdp(hex(bytes)))).toBe(what)
    expect(complaint(() => judgeUdp(hex(bytes), ends))).toBe(what)
  })

  test('refuses to write more than a datagram holds', () => {
    const datagram = { sourcePort: 1, destinationPort: 2, payload: new Uint8Array(65_528) }
    expect(complaint(() => encodeUdp(datagram, ends))).toBe('udp: 65536 bytes in a datagram')
  })
})

describe('TCP', () => {
  test('a SYN', () => {
    const segment = {
      sourcePort: 40_000,
      destinationPort: 80,
      sequence: 0x0102_0304,
      acknowledgment: 0,
      flags: TcpFlag.syn | TcpFlag.ece,
      window: 64_240,
      urgentPointer: 0,
      options: hex('020405b4'),
      payload: hex(''),
    }
    const bytes = encodeTcp(segment, ends)
    expect(toHex(bytes)).toBe(
      `9c400050 01020304 00000000 6042faf0 ${toHex(bytes.subarray(16, 18))}0000 020405b4`.replaceAll(' ', ''),
    )
    expect(parseTcp(bytes)).toEqual(segment)
    expect(judgeTcp(bytes, ends)).toBe('right')
    bytes[19]! ^= 1
    expect(judgeTcp(bytes, ends)).toBe('wrong')
  })

  test('bytes come back from the value', () => {
    const segments = fc.record({
      sourcePort: u16,
      destinationPort: u16,
      sequence: u32,
      acknowledgment: u32,
      flags: bits(12),
      window: u16,
      urgentPointer: u16,
      options: words,
      payload,
    })
    fc.assert(
      fc.property(segments, endpoints, (segment, addresses) => {
        const bytes = encodeTcp(segment, addresses)
        expect(parseTcp(bytes)).toEqual(segment)
        expect(judgeTcp(bytes, addresses)).toBe('right')
      }),
    )
  })

  test.each([
    ['00'.repeat(19), 'tcp: 19 bytes, at least 20 wanted'],
    [`${'00'.repeat(12)}40${'00'.repeat(7)}`, 'tcp: header of 16 bytes'],
    [`${'00'.repeat(12)}60${'00'.repeat(7)}`, 'tcp: 20 bytes, at least 24 wanted'],
  ])('refuses %s', (bytes, what) => expect(complaint(() => parseTcp(hex(bytes)))).toBe(what))
})
