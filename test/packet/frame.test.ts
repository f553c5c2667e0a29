import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseIpv4Address, parseIpv6Address } from '../../src/packet/address.ts'
import { buildFrame, type Frame, type FrameInput, parseFrame } from '../../src/packet/frame.ts'
import { encodeIpv4 } from '../../src/packet/ipv4.ts'
import { parseMac } from '../../src/packet/mac.ts'
import { dhcpMessage, payload } from './arbitraries.ts'
import { complaint } from './complaint.ts'
import { hex, toHex } from './hex.ts'

const ethernet = { source: parseMac('fa:16:3e:00:00:0a'), destination: parseMac('fa:16:3e:00:00:0b') }
const ipv4 = { source: parseIpv4Address('10.0.0.11'), destination: parseIpv4Address('10.0.0.12') }
const ipv6 = { source: parseIpv6Address('fe80::a'), destination: parseIpv6Address('fe80::b') }
const udp = { sourcePort: 4000, destinationPort: 53, payload: hex('aabbcc') }
const tcp = {
  sourcePort: 4000,
  destinationPort: 80,
  sequence: 1,
  acknowledgment: 2,
  flags: 0x18,
  window: 100,
  urgentPointer: 0,
  options: hex(''),
  payload: hex('aabbcc'),
}
const dhcp = {
  op: 1,
  hops: 0,
  xid: 7,
  secs: 0,
  broadcast: false,
  ciaddr: 0,
  yiaddr: 0,
  siaddr: 0,
  giaddr: 0,
  chaddr: ethernet.source,
  sname: '',
  file: '',
  options: new Map([[53, hex('01')]]),
}

const kinds: [layers: string, input: FrameInput][] = [
  ['ethernet', { ethernet: { ...ethernet, type: 0x88cc, payload: hex('0102') } }],
  [
    'ethernet arp',
    {
      ethernet: { ...ethernet, vlans: [{ tpid: 0x8100, pcp: 0, dei: false, vid: 7 }] },
      arp: {
        operation: 1,
        senderMac: ethernet.source,
        senderAddress: ipv4.source,
        targetMac: 0,
        targetAddress: ipv4.destination,
      },
    },
  ],
  ['ethernet ipv4', { ethernet, ipv4: { ...ipv4, protocol: 47, payload: hex('0102') } }],
  ['ethernet ipv4 icmp', { ethernet, ipv4, icmp: { type: 8, code: 0, rest: 1, payload: hex('61') } }],
  ['ethernet ipv4 udp', { ethernet, ipv4, udp }],
  ['ethernet ipv4 tcp', { ethernet, ipv4, tcp }],
  ['ethernet ipv4 udp dhcp', { ethernet, ipv4, udp: { sourcePort: 68, destinationPort: 67 }, dhcp }],
  ['ethernet ipv6', { ethernet, ipv6: { ...ipv6, nextHeader: 58, payload: hex('0102') } }],
  ['ethernet ipv6 udp', { ethernet, ipv6, udp }],
  ['ethernet ipv6 tcp', { ethernet, ipv6, tcp }],
]

describe.each(kinds)('%s', (layers, input) => {
  const bytes = buildFrame(input)

  test('has these layers, and is written from them again', () => {
    const frame = parseFrame(bytes)
    expect(Object.keys(frame).join(' ')).toBe(layers)
    expect(frame).toMatchObject(input)
    expect(toHex(buildFrame(frame))).toBe(toHex(bytes))
  })

  test('cut anywhere is a PacketError, or a shorter frame where a payload has no length of its own', () => {
    for (let length = 0; length < bytes.length; length++) {
      const what = complaint(() => parseFrame(bytes.subarray(0, length)))
      if (layers !== 'ethernet' || length < 14) expect(what, `${length} bytes`).toMatch(/^[a-z0-9]+: ./)
    }
  })

  test('with any bytes changed is a frame or a PacketError', () => {
    const change = fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }))
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), changes => {
        const changed = bytes.slice()
        for (const [at, byte] of changes) changed[at] = byte
        void complaint(() => parseFrame(changed))
      }),
    )
  })
})

test('padding of a short frame is no payload', () => {
  const padded = new Uint8Array(60)
  padded.set(buildFrame({ ethernet, ipv4, udp }))
  expect(parseFrame(padded).udp).toEqual(udp)
})

test('a change of an inner layer is written, whatever the outer payloads say', () => {
  const frame = parseFrame(buildFrame({ ethernet, ipv4, udp }))
  const changed = parseFrame(buildFrame({ ...frame, udp: { ...udp, payload: hex('0102030405') } }))
  expect(changed.udp?.payload).toEqual(hex('0102030405'))
})

test.each([
  { moreFragments: true },
  { fragmentOffset: 8 },
])('of a fragment (%j) nothing behind IP is read', fragment => {
  const frame = parseFrame(
    buildFrame({ ethernet, ipv4: { ...ipv4, ...fragment, protocol: 17, payload: hex('01020304') } }),
  )
  expect(Object.keys(frame)).toEqual(['ethernet', 'ipv4'])
})

const judged = (protocol: number, segment: string): string | undefined =>
  complaint(() => parseFrame(buildFrame({ ethernet, ipv4: { ...ipv4, protocol, payload: hex(segment) } })))

test.each([
  ['a wrong UDP checksum', 17, '0fa0 0035 0008 1234', 'udp: wrong checksum'],
  ['no UDP checksum', 17, '0fa0 0035 0008 0000', undefined],
  // The pseudo header's sum: 0a00 + 000b + 0a00 + 000c + 17 + 8
  ['a UDP checksum left to hardware', 17, '0fa0 0035 0008 1430', undefined],
  ['a wrong TCP checksum', 6, `0fa0 0035 00000000 00000000 5000 0000 1234 0000`, 'tcp: wrong checksum'],
  ['no TCP checksum', 6, `0fa0 0035 00000000 00000000 5000 0000 0000 0000`, 'tcp: wrong checksum'],
  ['a DHCP port without DHCP', 17, '0044 0043 0008 0000', 'dhcp: 0 bytes, at least 240 wanted'],
])('%s', (_what, protocol, segment, what) => expect(judged(protocol, segment)).toBe(what))

test.each([
  [{ ethernet }, 'ethernet: neither a type nor a layer that has one'],
  [{ ethernet, ipv4 }, 'ipv4: neither a protocol nor a layer that has one'],
  [{ ethernet, ipv6 }, 'ipv6: neither a next header nor a layer that has one'],
])('refuses to write row %#', (input, what) => expect(complaint(() => buildFrame(input))).toBe(what))

test('DHCP of any size comes back', () => {
  fc.assert(
    fc.property(dhcpMessage, message => {
      const bytes = buildFrame({ ethernet, ipv4, udp: { sourcePort: 67, destinationPort: 68 }, dhcp: message })
      expect(parseFrame(bytes).dhcp).toEqual(message)
    }),
  )
})

test('IPv4 in something else is not read, and IPv4 of a wrong version is refused', () => {
  const packet = encodeIpv4({ ...ipv4, protocol: 1, payload: hex('') })
  const read = (type: number): Frame => parseFrame(buildFrame({ ethernet: { ...ethernet, type, payload: packet } }))
  expect(Object.keys(read(0x88b5))).toEqual(['ethernet'])
  expect(complaint(() => read(0x86dd))).toBe('ipv6: 20 bytes, at least 40 wanted')
})

test('whatever the bytes, reading ends with a frame or a PacketError', () => {
  const types = fc.constantFrom('0800', '0806', '86dd', '8100')
  fc.assert(
    fc.property(
      types,
      payload,
      (type, rest) => void complaint(() => parseFrame(hex(`${'00'.repeat(12)}${type}${toHex(rest)}`))),
    ),
  )
})
