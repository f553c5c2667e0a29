import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ArpOperation, encodeArp, parseArp } from '../../src/packet/arp.ts'
import { mac, u16, u32 } from './arbitraries.ts'
import { complaint } from './complaint.ts'
import { hex, toHex } from './hex.ts'

const request = '0001 0800 06 04 0001  fa163e00000a 0a00000b  000000000000 0a000001'

test('a request, padding behind it ignored', () => {
  const arp = {
    operation: ArpOperation.request,
    senderMac: 0xfa16_3e00_000a,
    senderAddress: 0x0a00_000b,
    targetMac: 0,
    targetAddress: 0x0a00_0001,
  }
  expect(parseArp(hex(`${request} 0000 0000`))).toEqual(arp)
  expect(toHex(encodeArp(arp))).toBe(toHex(hex(request)))
})

test('bytes come back from the value', () => {
  const arps = fc.record({ operation: u16, senderMac: mac, senderAddress: u32, targetMac: mac, targetAddress: u32 })
  fc.assert(
    fc.property(arps, arp => {
      expect(parseArp(encodeArp(arp))).toEqual(arp)
    }),
  )
})

test.each([
  [request.slice(0, -2), 'arp: 27 bytes, at least 28 wanted'],
  [request.replace('0001', '0006'), 'arp: not for IPv4 on Ethernet'],
  [request.replace('0800', '86dd'), 'arp: not for IPv4 on Ethernet'],
  [request.replace('06 04', '08 04'), 'arp: not for IPv4 on Ethernet'],
  [request.replace('06 04', '06 10'), 'arp: not for IPv4 on Ethernet'],
])('refuses %s', (bytes, what) => expect(complaint(() => parseArp(hex(bytes)))).toBe(what))
