import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { parseIpv4Address, parseIpv6Address } from '../../src/packet/address.ts'
import { dhcpOptionFromText } from '../../src/packet/dhcp-options.ts'
import { buildFrame, type FrameInput } from '../../src/packet/frame.ts'
import { parseMac } from '../../src/packet/mac.ts'
import { answerDhcp } from '../../src/services/dhcp.ts'
import { binding, type ClientFrame, clientFrame } from '../services/dhcp-client.ts'

// What src/packet writes, read by tcpdump.

/** The frame in tcpdump's words, its lines joined by `|`. */
function tcpdump(frame: Uint8Array): string {
  const file = Buffer.alloc(24 + 16)
  file.writeUInt32LE(0xa1b2c3d4, 0) // pcap 2.4, link type 1: Ethernet
  file.writeUInt16LE(2, 4)
  file.writeUInt16LE(4, 6)
  file.writeUInt32LE(0xffff, 16)
  file.writeUInt32LE(1, 20)
  file.writeUInt32LE(frame.length, 24 + 8)
  file.writeUInt32LE(frame.length, 24 + 12)
  const { stdout, stderr, status } = spawnSync('tcpdump', ['-nn', '-t', '-e', '-vvv', '-r', '-'], {
    input: Buffer.concat([file, frame]),
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  return stdout.trim().replaceAll(/\s*\n\s*/g, ' | ')
}

const ethernet = { source: parseMac('fa:16:3e:00:00:0a'), destination: parseMac('fa:16:3e:00:00:0b') }
const ends = { source: parseIpv4Address('10.0.0.1'), destination: parseIpv4Address('10.0.0.2') }
const ipv4 = { ...ends, dscp: 46, ecn: 1, identification: 77, ttl: 9 }
const ipv6 = {
  source: parseIpv6Address('fe80::1'),
  destination: parseIpv6Address('ff02::1'),
  trafficClass: 4,
  flowLabel: 0x12345,
  hopLimit: 3,
}
const ipv4Said = '(tos 0xb9,ECT(1), ttl 9, id 77, offset 0, flags [none]'
const ipv6Said = '(class 0x04, flowlabel 0x12345, hlim 3,'
const udp = { sourcePort: 1000, destinationPort: 2000, payload: Uint8Array.of(1, 2, 3) }
const tcp = {
  sourcePort: 1,
  destinationPort: 2,
  sequence: 100,
  acknowledgment: 7,
  flags: 0x12,
  window: 500,
  urgentPointer: 0,
  options: Uint8Array.of(2, 4, 5, 0xb4),
  payload: Uint8Array.of(65),
}
const arp = { senderMac: ethernet.source, senderAddress: ends.source, targetMac: 0, targetAddress: ends.destination }
const tags = [
  { tpid: 0x88a8, pcp: 1, dei: true, vid: 5 },
  { tpid: 0x8100, pcp: 0, dei: false, vid: 6 },
]

const rows: [what: string, input: FrameInput, said: string[]][] = [
  [
    'Ethernet with two tags',
    { ethernet: { ...ethernet, vlans: tags }, arp: { ...arp, operation: 1 } },
    [
      'fa:16:3e:00:00:0a > fa:16:3e:00:00:0b, ethertype 802.1Q-QinQ (0x88a8)',
      'vlan 5, p 1, DEI, ethertype 802.1Q (0x8100), vlan 6, p 0, ethertype ARP (0x0806)',
      'Request who-has 10.0.0.2 tell 10.0.0.1, length 28',
    ],
  ],
  ['ARP', { ethernet, arp: { ...arp, operation: 2 } }, ['Reply 10.0.0.1 is-at fa:16:3e:00:00:0a, length 28']],
  [
    'ICMP',
    { ethernet, ipv4, icmp: { type: 8, code: 0, rest: 0x0005_0006, payload: Uint8Array.of(1, 2, 3) } },
    [ipv4Said, 'proto ICMP (1), length 31)', '10.0.0.1 > 10.0.0.2: ICMP echo request, id 5, seq 6, length 11'],
  ],
  ['UDP', { ethernet, ipv4, udp }, [ipv4Said, '10.0.0.1.1000 > 10.0.0.2.2000: [udp sum ok] UDP, length 3']],
  ['UDP over IPv6', { ethernet, ipv6, udp }, [ipv6Said, 'fe80::1.1000 > ff02::1.2000: [udp sum ok] UDP, length 3']],
  [
    'TCP',
    { ethernet, ipv4, tcp },
    [ipv4Said, 'Flags [S.], cksum 0x40b1 (correct), seq 100:101, ack 7, win 500, options [mss 1460], length 1'],
  ],
  [
    'TCP over IPv6',
    { ethernet, ipv6, tcp },
    [ipv6Said, 'Flags [S.], cksum 0x572e (correct), seq 100:101, ack 7, win 500'],
  ],
  [
    'a fragment with options',
    {
      ethernet,
      ipv4: {
        ...ipv4,
        dontFragment: true,
        moreFragments: true,
        fragmentOffset: 1480,
        protocol: 17,
        options: Uint8Array.of(148, 4, 0, 0),
        payload: new Uint8Array(8),
      },
    },
    ['offset 1480, flags [+, DF], proto UDP (17), length 32, options (RA))'],
  ],
]

test.each(rows)('%s', (_what, input, said) => {
  const text = tcpdump(buildFrame(input))
  for (const part of said) expect(text).toContain(part)
  expect(text).not.toMatch(/bad|wrong|incorrect|invalid|truncated|\[\|/)
})

function answered(type: 'discover' | 'request', client: ClientFrame): string[] {
  const extra = [
    dhcpOptionFromText('tftp-server', 'boot.example'),
    dhcpOptionFromText('ntp-server', '10.0.0.5,10.0.0.6'),
    dhcpOptionFromText('224', '0x0102'),
  ]
  const options = new Map(extra.map(({ code, value }) => [code, value]))
  const outcome = answerDhcp(clientFrame(type, client), { ...binding, options }, 0)
  if (outcome.kind !== 'reply') throw new Error(outcome.kind)
  return tcpdump(outcome.frame).split(' | ')
}

test('a DHCP offer', () => {
  const lines = answered('discover', { options: { 'max-message-size': 1500 } })
  expect(lines[0]).toContain('fa:16:3e:ff:ff:02 > fa:16:3e:00:00:0a, ethertype IPv4 (0x0800)')
  expect(lines[1]).toMatch(
    /^10\.0\.0\.2\.67 > 10\.0\.0\.11\.68: \[udp sum ok\] BOOTP\/DHCP, Reply, .*xid 0x12345678, Flags \[none\]/,
  )
  expect(lines.slice(2)).toEqual([
    'Your-IP 10.0.0.11',
    'Client-Ethernet-Address fa:16:3e:00:00:0a',
    'Vendor-rfc1048 Extensions',
    'Magic Cookie 0x63825363',
    'DHCP-Message (53), length 1: Offer',
    'Server-ID (54), length 4: 10.0.0.2',
    'Lease-Time (51), length 4: 86400',
    'RN (58), length 4: 43200',
    'RB (59), length 4: 75600',
    'Subnet-Mask (1), length 4: 255.255.255.0',
    'Default-Gateway (3), length 4: 10.0.0.1',
    'Domain-Name-Server (6), length 8: 10.0.0.3,10.0.0.4',
    'MTU (26), length 2: 1450',
    'Classless-Static-Route (121), length 12: (10.9.0.0/16:10.0.0.9),(default:10.0.0.1)',
    'Domain-Name (15), length 11: "red.example"',
    'Hostname (12), length 5: "red-a"',
    'BR (28), length 4: 10.0.0.255',
    'TFTP (66), length 12: "boot.example"',
    'NTP (42), length 8: 10.0.0.5,10.0.0.6',
    'Unknown (224), length 2: 258',
    'END (255), length 0',
  ])
})

test('a DHCP nak', () => {
  const lines = answered('request', { ciaddr: parseIpv4Address('10.0.0.12'), broadcast: true })
  expect(lines[0]).toContain('fa:16:3e:ff:ff:02 > ff:ff:ff:ff:ff:ff')
  expect(lines[1]).toMatch(/^10\.0\.0\.2\.67 > 255\.255\.255\.255\.68: \[udp sum ok\] .*Flags \[Broadcast\]/)
  expect(lines).toEqual(
    expect.arrayContaining(['DHCP-Message (53), length 1: NACK', 'MSG (56), length 23: "this port has 10.0.0.11"']),
  )
})
