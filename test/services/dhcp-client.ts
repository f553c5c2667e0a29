import { BROADCAST_ADDRESS, formatIpv4Address, parseIpv4Address } from '../../src/packet/address.ts'
import { BootpOp, type DhcpMessage, DhcpMessageType } from '../../src/packet/dhcp.ts'
import {
  type DhcpOptionName,
  type DhcpOptions,
  type DhcpOptionValue,
  encodeDhcpOptions,
  formatDhcpOption,
} from '../../src/packet/dhcp-options.ts'
import { buildFrame, parseFrame } from '../../src/packet/frame.ts'
import { BROADCAST_MAC, formatMac, parseMac } from '../../src/packet/mac.ts'
import type { DhcpBinding, DhcpOutcome } from '../../src/services/dhcp.ts'

// A DHCP client of test cases: frames from few words, answers as text.

export const ip = parseIpv4Address
export const guestMac = parseMac('fa:16:3e:00:00:0a')

export const binding: DhcpBinding = {
  macAddress: guestMac,
  address: ip('10.0.0.11'),
  prefixLength: 24,
  serverAddress: ip('10.0.0.2'),
  serverMac: parseMac('fa:16:3e:ff:ff:02'),
  router: ip('10.0.0.1'),
  dnsServers: [ip('10.0.0.3'), ip('10.0.0.4')],
  mtu: 1450,
  routes: [{ destination: ip('10.9.0.0'), prefixLength: 16, nexthop: ip('10.0.0.9') }],
  hostname: 'red-a',
  domain: 'red.example',
  leaseSeconds: 86_400,
}

/** What a client sends where it is not that of a fresh one: fields of the message, its options, how it travels. */
export interface ClientFrame extends Partial<Omit<DhcpMessage, 'options'>> {
  options?: { [Name in DhcpOptionName]?: DhcpOptionValue<Name> }
  rawOptions?: DhcpOptions
  /** Ethernet source. */
  from?: number
  /** IP destination. */
  to?: number
  port?: number
  vlan?: number
}

export function clientFrame(type: keyof typeof DhcpMessageType | undefined, client: ClientFrame = {}): Uint8Array {
  const { options, rawOptions = [], from = guestMac, to = BROADCAST_ADDRESS, port = 67, vlan, ...fields } = client
  return buildFrame({
    ethernet: {
      source: from,
      destination: to === BROADCAST_ADDRESS ? BROADCAST_MAC : binding.serverMac,
      vlans: vlan === undefined ? [] : [{ tpid: 0x8100, pcp: 0, dei: false, vid: vlan }],
    },
    ipv4: { source: fields.ciaddr ?? 0, destination: to },
    udp: { sourcePort: 68, destinationPort: port },
    dhcp: {
      op: BootpOp.request,
      hops: 0,
      xid: 0x1234_5678,
      secs: 3,
      broadcast: false,
      ciaddr: 0,
      yiaddr: 0,
      siaddr: 0,
      giaddr: 0,
      chaddr: guestMac,
      sname: '',
      file: '',
      ...fields,
      options: new Map([
        ...encodeDhcpOptions({ 'message-type': type && DhcpMessageType[type], ...options }),
        ...rawOptions,
      ]),
    },
  })
}

/** The message and options of an answer as text. */
export function readReply(outcome: DhcpOutcome): { message: DhcpMessage; options: string[]; length: number } {
  if (outcome.kind !== 'reply') throw new Error(`no reply: ${describeOutcome(outcome)}`)
  const { dhcp, udp } = parseFrame(outcome.frame)
  const options = [...dhcp!.options].map(([code, value]) => formatDhcpOption(code, value))
  return { message: dhcp!, options, length: udp!.payload.length }
}

/** An outcome in a line; of a reply its way and addresses: `ack to 10.0.0.11 (fa:...) yiaddr 10.0.0.11`. */
export function describeOutcome(outcome: DhcpOutcome): string {
  switch (outcome.kind) {
    case 'silent':
      return `silent: ${outcome.reason}`
    case 'release':
      return 'release'
    case 'decline':
      return `decline ${formatIpv4Address(outcome.address)}`
    case 'reply': {
      const { ethernet, ipv4, dhcp } = parseFrame(outcome.frame)
      const way = ethernet.destination === BROADCAST_MAC ? 'all' : formatMac(ethernet.destination)
      const lease = outcome.lease === undefined ? '' : ` until ${outcome.lease.expiresMs}`
      const addresses = (['ciaddr', 'yiaddr'] as const)
        .filter(field => dhcp![field] !== 0)
        .map(field => ` ${field} ${formatIpv4Address(dhcp![field])}`)
      return `${outcome.message} to ${formatIpv4Address(ipv4!.destination)} (${way})${addresses.join('')}${lease}`
    }
  }
}
