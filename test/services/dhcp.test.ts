import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatIpv4Address } from '../../src/packet/address.ts'
import type { DhcpMessageType } from '../../src/packet/dhcp.ts'
import { dhcpOptionCode, dhcpOptionFromText } from '../../src/packet/dhcp-options.ts'
import { parseFrame } from '../../src/packet/frame.ts'
import { answerDhcp, type DhcpBinding } from '../../src/services/dhcp.ts'
import { binding, type ClientFrame, clientFrame, describeOutcome, ip, readReply } from './dhcp-client.ts'

const NOW = 1_000
const HOUR_LATER = NOW + 86_400_000
const me = '10.0.0.11'
const toMe = `to ${me} (fa:16:3e:00:00:0a)`
const toAll = 'to 255.255.255.255 (all)'
const another = "silent: another server's client"

type Row = [what: string, type: keyof typeof DhcpMessageType | undefined, client: ClientFrame, outcome: string]
const server = { 'server-id': ip('10.0.0.2') }
const asking = (address: string) => ({ 'requested-address': ip(address) })

const rows: Row[] = [
  // DISCOVER, RFC 2131 § 4.3.1; rapid commit, RFC 4039 § 3
  ['discover', 'discover', {}, `offer ${toMe} yiaddr ${me}`],
  ['discover of a client that cannot take unicast', 'discover', { broadcast: true }, `offer ${toAll} yiaddr ${me}`],
  ['discover with a wish', 'discover', { options: asking('10.0.0.99') }, `offer ${toMe} yiaddr ${me}`],
  [
    'discover with rapid commit',
    'discover',
    { options: { 'rapid-commit': true } },
    `ack ${toMe} yiaddr ${me} until ${HOUR_LATER}`,
  ],
  ['discover with an address', 'discover', { ciaddr: ip(me), broadcast: true }, `offer ${toMe} yiaddr ${me}`],

  // REQUEST, RFC 2131 § 4.3.2
  ['selecting', 'request', { options: { ...server, ...asking(me) } }, `ack ${toMe} yiaddr ${me} until ${HOUR_LATER}`],
  [
    'selecting, broadcast',
    'request',
    { broadcast: true, options: { ...server, ...asking(me) } },
    `ack ${toAll} yiaddr ${me} until ${HOUR_LATER}`,
  ],
  [
    'selecting another server',
    'request',
    { options: { 'server-id': ip('10.0.0.3'), ...asking('10.0.0.50') } },
    another,
  ],
  ['selecting what was not offered', 'request', { options: { ...server, ...asking('10.0.0.12') } }, `nak ${toAll}`],
  ['init-reboot', 'request', { options: asking(me) }, `ack ${toMe} yiaddr ${me} until ${HOUR_LATER}`],
  ['init-reboot with an old address', 'request', { options: asking('10.0.0.12') }, `nak ${toAll}`],
  ['init-reboot from another network', 'request', { options: asking('192.168.1.5') }, `nak ${toAll}`],
  [
    'renewing',
    'request',
    { ciaddr: ip(me), to: ip('10.0.0.2') },
    `ack ${toMe} ciaddr ${me} yiaddr ${me} until ${HOUR_LATER}`,
  ],
  ['renewing another address', 'request', { ciaddr: ip('10.0.0.12'), to: ip('10.0.0.2') }, `nak ${toAll}`],
  ['renewing at another server', 'request', { ciaddr: ip(me), to: ip('10.0.0.3') }, 'silent: to another server'],
  ['rebinding', 'request', { ciaddr: ip(me) }, `ack ${toMe} ciaddr ${me} yiaddr ${me} until ${HOUR_LATER}`],
  [
    'rebinding with the broadcast flag',
    'request',
    { ciaddr: ip(me), broadcast: true },
    `ack ${toMe} ciaddr ${me} yiaddr ${me} until ${HOUR_LATER}`,
  ],
  ['rebinding another address', 'request', { ciaddr: ip('10.0.0.12') }, `nak ${toAll}`],
  ['two addresses at odds', 'request', { ciaddr: ip(me), options: asking('10.0.0.12') }, `nak ${toAll}`],
  ['two addresses at odds the other way', 'request', { ciaddr: ip('10.0.0.12'), options: asking(me) }, `nak ${toAll}`],
  ['request for nothing', 'request', {}, 'silent: request for no address'],

  // DECLINE, RELEASE, INFORM, RFC 2131 § 4.3.3 - § 4.3.5
  ['decline', 'decline', { options: { ...server, ...asking(me) } }, `decline ${me}`],
  ['decline at another server', 'decline', { options: { 'server-id': ip('10.0.0.3'), ...asking(me) } }, another],
  [
    'decline of another address',
    'decline',
    { options: { ...server, ...asking('10.0.0.12') } },
    "silent: decline of an address not the port's",
  ],
  ['decline of nothing', 'decline', { options: server }, "silent: decline of an address not the port's"],
  ['release', 'release', { ciaddr: ip(me), to: ip('10.0.0.2'), options: server }, 'release'],
  ['release at another server', 'release', { ciaddr: ip(me), options: { 'server-id': ip('10.0.0.3') } }, another],
  [
    'release of another address',
    'release',
    { ciaddr: ip('10.0.0.12'), options: server },
    "silent: release of an address not the port's",
  ],
  ['inform', 'inform', { ciaddr: ip(me) }, `ack ${toMe} ciaddr ${me}`],
  ['inform, unicast', 'inform', { ciaddr: ip(me), to: ip('10.0.0.2') }, `ack ${toMe} ciaddr ${me}`],
  [
    'inform with another address of the subnet',
    'inform',
    { ciaddr: ip('10.0.0.77') },
    'ack to 10.0.0.77 (fa:16:3e:00:00:0a) ciaddr 10.0.0.77',
  ],
  ['inform from elsewhere', 'inform', { ciaddr: ip('10.1.0.11') }, "silent: inform from outside the port's subnet"],
  ['inform without an address', 'inform', {}, 'silent: inform without an address'],

  // nobody's business
  ['a message for clients', 'offer', {}, 'silent: message type 2'],
  ['BOOTP', undefined, {}, 'silent: BOOTP'],
  ['a reply', 'discover', { op: 2 }, 'silent: a reply'],
  ['to the client port', 'discover', { port: 68 }, 'silent: no DHCP request'],
  ['to no DHCP port', 'discover', { port: 69 }, 'silent: no DHCP request'],
  ['for another client', 'discover', { chaddr: 0xfa16_3e00_000b }, "silent: chaddr is not the port's MAC"],
  ['from another client', 'discover', { from: 0xfa16_3e00_000b }, "silent: Ethernet source is not the port's MAC"],
  ['from a relay', 'discover', { giaddr: ip('10.0.0.1') }, 'silent: relayed'],
  ['tagged', 'discover', { vlan: 5 }, 'silent: tagged frame'],
  [
    'a malformed option',
    'discover',
    { rawOptions: new Map([[53, Uint8Array.of(1, 1)]]) },
    'silent: dhcp: option message-type: 2 bytes, 1 wanted',
  ],
  [
    'another malformed option',
    'request',
    { rawOptions: new Map([[50, Uint8Array.of(10, 0, 0)]]) },
    'silent: dhcp: option requested-address: 3 bytes, 4 wanted',
  ],
  [
    'an option that plays no part malformed',
    'discover',
    { rawOptions: new Map([[42, Uint8Array.of(1)]]) },
    `offer ${toMe} yiaddr ${me}`,
  ],
]

test.each(rows)('%s', (_what, type, client, outcome) => {
  expect(describeOutcome(answerDhcp(clientFrame(type, client), binding, NOW))).toBe(outcome)
})

test('an answer comes from the server, ports and ids as the client expects', () => {
  const outcome = answerDhcp(clientFrame('discover', { xid: 0xdead_beef, broadcast: true }), binding, NOW)
  const { ethernet, ipv4, udp, dhcp } = parseFrame(outcome.kind === 'reply' ? outcome.frame : new Uint8Array())
  expect(ethernet.source).toBe(binding.serverMac)
  expect(ipv4).toMatchObject({ source: binding.serverAddress, ttl: 64 })
  expect(udp).toMatchObject({ sourcePort: 67, destinationPort: 68 })
  expect(dhcp).toMatchObject({
    op: 2,
    hops: 0,
    xid: 0xdead_beef,
    secs: 0,
    broadcast: true,
    siaddr: 0,
    giaddr: 0,
    chaddr: binding.macAddress,
    sname: '',
    file: '',
  })
})

describe('options', () => {
  const head = ['server-id 10.0.0.2']
  const times = ['lease-time 86400', 'T1 43200', 'T2 75600']
  const network = [
    'netmask 255.255.255.0',
    'router 10.0.0.1',
    'dns-server 10.0.0.3,10.0.0.4',
    'mtu 1450',
    'classless-static-route 10.9.0.0/16,10.0.0.9,0.0.0.0/0,10.0.0.1',
    'domain-name red.example',
    'hostname red-a',
    'broadcast 10.0.0.255',
  ]
  const options = (
    type: keyof typeof DhcpMessageType,
    client: ClientFrame = {},
    change: Partial<DhcpBinding> = {},
  ): string[] => readReply(answerDhcp(clientFrame(type, client), { ...binding, ...change }, NOW)).options

  test('of an offer', () => expect(options('discover')).toEqual(['message-type 2', ...head, ...times, ...network]))
  test('of an ack', () =>
    expect(options('request', { ciaddr: ip(me) })).toEqual(['message-type 5', ...head, ...times, ...network]))
  test('of an ack to an inform: no lease', () =>
    expect(options('inform', { ciaddr: ip(me) })).toEqual(['message-type 5', ...head, ...network]))
  test('of an ack at once', () =>
    expect(options('discover', { options: { 'rapid-commit': true } })).toEqual([
      'message-type 5',
      ...head,
      ...times,
      'rapid-commit',
      ...network,
    ]))
  test('of a nak', () =>
    expect(options('request', { ciaddr: ip('10.0.0.12') })).toEqual([
      'message-type 6',
      ...head,
      'message this port has 10.0.0.11',
    ]))
  test.each(['discover', 'inform'] as const)('the client id comes back (%s)', type =>
    expect(options(type, { ciaddr: ip(me), options: { 'client-id': Uint8Array.of(255, 1, 2) } })).toContain(
      'client-id 0xff0102',
    ))
  test('the client id comes back in a nak too, RFC 6842', () =>
    expect(options('request', { options: { ...asking('10.0.0.12'), 'client-id': Uint8Array.of(1, 2) } })).toContain(
      'client-id 0x0102',
    ))

  test('mask and router first, then as the client asks, then the rest; each once', () => {
    const wish = ['hostname', 'router', 'netmask', 'ntp-server', 'domain-name', 'hostname'] as const
    expect(options('discover', { options: { 'parameter-request': wish.map(dhcpOptionCode) } }).slice(5)).toEqual([
      'netmask 255.255.255.0',
      'router 10.0.0.1',
      'hostname red-a',
      'domain-name red.example',
      'dns-server 10.0.0.3,10.0.0.4',
      'mtu 1450',
      'classless-static-route 10.9.0.0/16,10.0.0.9,0.0.0.0/0,10.0.0.1',
      'broadcast 10.0.0.255',
    ])
  })

  test('what a binding does not have is not said', () => {
    const { macAddress, address, serverAddress, serverMac } = binding
    const bare: DhcpBinding = {
      macAddress,
      address,
      serverAddress,
      serverMac,
      prefixLength: 32,
      dnsServers: [],
      routes: [],
      mtu: 1500,
      leaseSeconds: 7,
    }
    expect(readReply(answerDhcp(clientFrame('discover'), bare, NOW)).options).toEqual([
      'message-type 2',
      ...head,
      'lease-time 7',
      'T1 3',
      'T2 6',
      'netmask 255.255.255.255',
      'mtu 1500',
    ])
  })

  test('a lease for ever has no times to renew', () => {
    const forever = { ...binding, leaseSeconds: 0xffff_ffff }
    const outcome = answerDhcp(clientFrame('request', { ciaddr: ip(me) }), forever, NOW)
    expect(describeOutcome(outcome)).toContain('until Infinity')
    expect(readReply(outcome).options.slice(1, 4)).toEqual([...head, 'lease-time 4294967295', 'netmask 255.255.255.0'])
  })

  test.each([
    ['no router, no default route', { routes: [...binding.routes] }, true, '10.9.0.0/16,10.0.0.9'],
    [
      'a default route of its own',
      { routes: [{ destination: 0, prefixLength: 0, nexthop: ip('10.0.0.8') }] },
      false,
      '0.0.0.0/0,10.0.0.8',
    ],
    ['none without routes', { routes: [] }, false, undefined],
  ])('classless routes: %s', (_what, change, noRouter, routes) => {
    const { router: _, ...routerless } = binding
    const outcome = answerDhcp(clientFrame('discover'), { ...(noRouter ? routerless : binding), ...change }, NOW)
    const found = readReply(outcome).options.filter(option => option.startsWith('classless-static-route'))
    expect(found).toEqual(routes === undefined ? [] : [`classless-static-route ${routes}`])
  })

  const extra = (...pairs: [option: string, text: string][]) =>
    new Map(pairs.map(pair => dhcpOptionFromText(...pair)).map(({ code, value }) => [code, value]))

  test('further options go along and win, by name or number', () => {
    const found = options(
      'discover',
      {},
      { options: extra(['bootfile-name', 'pxe.0'], ['mtu', '1400'], ['224', '0x0102']) },
    )
    expect(found).toEqual(expect.arrayContaining(['bootfile-name pxe.0', 'mtu 1400', '224 0x0102']))
    expect(found).not.toContain('mtu 1450')
  })

  test('further options do not touch the protocol', () => {
    const meddling = extra(
      ['message-type', '6'],
      ['server-id', '9.9.9.9'],
      ['lease-time', '1'],
      ['option-overload', '3'],
      ['client-id', '0x00'],
    )
    expect(options('discover', {}, { options: meddling })).toEqual(options('discover'))
  })

  describe('room', () => {
    const many = {
      options: extra(
        ...Array.from({ length: 6 }, (_, index): [string, string] => [String(224 + index), 'x'.repeat(200)]),
      ),
    }
    const reply = (size: number | undefined, mtu = 1500) =>
      readReply(
        answerDhcp(
          clientFrame('discover', size === undefined ? {} : { options: { 'max-message-size': size } }),
          { ...binding, ...many, mtu },
          NOW,
        ),
      )

    // Six options of 202 bytes and 95 of our own: how many fit; one of 200 bytes fits neither file nor sname.
    test.each([
      ['not said', undefined, 1500, 548, 1],
      ['less than every client takes', 300, 1500, 548, 1],
      ['576', 576, 1500, 548, 1],
      ['1024', 1024, 1500, 996, 3],
      ['1500', 1500, 1500, 1472, 5],
      ['more than the network carries', 9000, 1500, 1472, 5],
      ['a network of little', 1500, 1024, 996, 3],
      ['a jumbo network', 9000, 9000, 8972, 6],
    ])('%s', (_what, size, mtu, most, fitting) => {
      const { options: found, length } = reply(size, mtu)
      expect(length).toBeLessThanOrEqual(most)
      expect(found.slice(0, 7)).toEqual([
        'message-type 2',
        ...head,
        ...times,
        'netmask 255.255.255.0',
        'router 10.0.0.1',
      ])
      expect(found.filter(option => /^22\d /.test(option))).toHaveLength(fitting)
    })

    test('what was asked for goes first', () => {
      const wish = { 'parameter-request': [229] }
      const { options: found } = readReply(
        answerDhcp(clientFrame('discover', { options: wish }), { ...binding, ...many }, NOW),
      )
      expect(found.filter(option => /^22\d /.test(option))).toHaveLength(1)
      expect(found.some(option => option.startsWith('229 '))).toBe(true)
    })
  })
})

describe('whatever comes in', () => {
  const quietly = (frame: Uint8Array): string => describeOutcome(answerDhcp(frame, binding, NOW))

  test('cut anywhere it is answered by silence, with a reason', () => {
    const frame = clientFrame('request', { options: { ...server, ...asking(me) } })
    for (let length = 0; length < frame.length; length++)
      expect(quietly(frame.subarray(0, length))).toMatch(/^silent: [a-z0-9]+: ./)
  })

  test('any bytes of DHCP: an outcome, and never an address that is not the port’s', () => {
    const option = fc.tuple(fc.constantFrom(50, 53, 54, 55, 57, 61, 80, 12), fc.uint8Array({ maxLength: 6 }))
    const type = fc.constantFrom(1, 3, 4, 7, 8).map(value => [53, Uint8Array.of(value)] as const)
    fc.assert(
      fc.property(
        type,
        fc.array(option, { maxLength: 6 }),
        fc.nat({ max: 0xffff_ffff }),
        fc.boolean(),
        (known, options, ciaddr, broadcast) => {
          const outcome = answerDhcp(
            clientFrame(undefined, { ciaddr, broadcast, rawOptions: new Map([known, ...options]) }),
            binding,
            NOW,
          )
          if (outcome.kind !== 'reply') return
          const { dhcp } = parseFrame(outcome.frame)
          expect([0, binding.address].map(formatIpv4Address)).toContain(formatIpv4Address(dhcp!.yiaddr))
          if (outcome.lease) expect(dhcp!.yiaddr).toBe(binding.address)
        },
      ),
      { numRuns: 1000 },
    )
  })
})
