import { BROADCAST_ADDRESS, formatIpv4Address, ipv4Broadcast, ipv4Netmask, ipv4Network } from '../packet/address.ts'
import {
  BootpOp,
  type DhcpMessage,
  DhcpMessageType,
  DhcpPort,
  encodeDhcp,
  SHORTEST_DHCP_LIMIT,
} from '../packet/dhcp.ts'
import {
  type DhcpOptionName,
  type DhcpOptions,
  dhcpOption,
  dhcpOptionCode,
  encodeDhcpOption,
  encodeDhcpOptions,
} from '../packet/dhcp-options.ts'
import { PacketError } from '../packet/error.ts'
import { buildFrame, type Frame, parseFrame } from '../packet/frame.ts'
import { BROADCAST_MAC } from '../packet/mac.ts'

/** All that a port's DHCP answers are made of. MACs are numbers of 48 bits, addresses of 32. */
export interface DhcpBinding {
  macAddress: number
  address: number
  prefixLength: number
  serverAddress: number
  serverMac: number
  router?: number
  dnsServers: readonly number[]
  /** Of the network, in bytes; answers are no larger. */
  mtu: number
  routes: readonly { destination: number; prefixLength: number; nexthop: number }[]
  hostname?: string
  domain?: string
  /** 0xffffffff is for ever. */
  leaseSeconds: number
  /** Further options by number; they win over the above, but not over what the protocol itself says (type, server, lease). */
  options?: DhcpOptions
}

/** What a guest's DHCP frame comes to. `frame` is a whole Ethernet frame, for the guest's port alone. */
export type DhcpOutcome =
  /** `lease` where the answer grants one: not in an offer, not to an inform. */
  | { kind: 'reply'; frame: Uint8Array; message: ReplyType; lease?: { expiresMs: number } }
  | { kind: 'release' }
  /** The guest saw its address in use by another. */
  | { kind: 'decline'; address: number }
  | { kind: 'silent'; reason: string }

type ReplyType = 'offer' | 'ack' | 'nak'

/** The server's answer to a frame that a guest's port sent; depends on nothing else. RFC 2131 § 4.3 */
export function answerDhcp(frame: Uint8Array, binding: DhcpBinding, nowMs: number): DhcpOutcome {
  try {
    const received = parseFrame(frame)
    const reason = notOurs(received, binding)
    return reason === undefined ? answer(received.dhcp!, binding, nowMs) : silent(reason)
  } catch (error) {
    if (error instanceof PacketError) return silent(error.message)
    throw error
  }
}

const silent = (reason: string): DhcpOutcome => ({ kind: 'silent', reason })

/** Why a frame is none that this port's server answers; undefined if it is one. */
function notOurs({ ethernet, ipv4, udp, dhcp }: Frame, binding: DhcpBinding): string | undefined {
  if (ethernet.vlans.length > 0) return 'tagged frame'
  if (ethernet.source !== binding.macAddress) return "Ethernet source is not the port's MAC"
  if (!dhcp || udp?.destinationPort !== DhcpPort.server) return 'no DHCP request'
  if (ipv4?.destination !== BROADCAST_ADDRESS && ipv4?.destination !== binding.serverAddress) return 'to another server'
  if (dhcp.op !== BootpOp.request) return 'a reply'
  if (dhcp.chaddr !== binding.macAddress) return "chaddr is not the port's MAC"
  if (dhcp.giaddr !== 0) return 'relayed'
  return undefined
}

function answer(request: DhcpMessage, binding: DhcpBinding, nowMs: number): DhcpOutcome {
  const type = dhcpOption(request.options, 'message-type')
  const server = dhcpOption(request.options, 'server-id')
  const requested = dhcpOption(request.options, 'requested-address')
  const reply = (message: ReplyType) => ({
    kind: 'reply' as const,
    message,
    frame: replyFrame(message, request, binding),
  })
  const grant = () => ({ ...reply('ack'), lease: { expiresMs: expiry(binding, nowMs) } })
  // Which is how a client turns down an offer: it takes another server's.
  if (server !== undefined && server !== binding.serverAddress) return silent("another server's client")

  switch (type) {
    case DhcpMessageType.discover:
      if (request.options.has(dhcpOptionCode('rapid-commit'))) return grant()
      return reply('offer')

    case DhcpMessageType.request: {
      // SELECTING and INIT-REBOOT ask by option 50, RENEWING and REBINDING by ciaddr (RFC 2131 table 5). A port has one address at all
      // times, so all four come to the same: is it that one?
      const wanted = [requested, request.ciaddr || undefined].filter(address => address !== undefined)
      if (wanted.length === 0) return silent('request for no address')
      return wanted.every(address => address === binding.address) ? grant() : reply('nak')
    }

    case DhcpMessageType.inform:
      if (request.ciaddr === 0) return silent('inform without an address')
      if (!inSubnet(request.ciaddr, binding)) return silent("inform from outside the port's subnet")
      return reply('ack')

    case DhcpMessageType.release:
      return request.ciaddr === binding.address ? { kind: 'release' } : silent("release of an address not the port's")

    case DhcpMessageType.decline:
      return requested === binding.address
        ? { kind: 'decline', address: requested }
        : silent("decline of an address not the port's")

    case undefined:
      return silent('BOOTP')
    default:
      return silent(`message type ${type}`)
  }
}

const inSubnet = (address: number, { address: own, prefixLength }: DhcpBinding): boolean =>
  ipv4Network(address, prefixLength) === ipv4Network(own, prefixLength)

const FOREVER = 0xffff_ffff

const expiry = ({ leaseSeconds }: DhcpBinding, nowMs: number): number =>
  leaseSeconds === FOREVER ? Number.POSITIVE_INFINITY : nowMs + leaseSeconds * 1000

/** An answer and its way to the client. RFC 2131 § 4.1 and table 3 */
function replyFrame(type: ReplyType, request: DhcpMessage, binding: DhcpBinding): Uint8Array {
  const informed = dhcpOption(request.options, 'message-type') === DhcpMessageType.inform
  const leases = type !== 'nak' && !informed
  const yiaddr = leases ? binding.address : 0
  const toAll = type === 'nak' || (request.ciaddr === 0 && request.broadcast)
  const message: DhcpMessage = {
    op: BootpOp.reply,
    hops: 0,
    xid: request.xid,
    secs: 0,
    broadcast: request.broadcast,
    ciaddr: type === 'ack' ? request.ciaddr : 0,
    yiaddr,
    siaddr: 0,
    giaddr: 0,
    chaddr: request.chaddr,
    sname: '',
    file: '',
    options: replyOptions(type, leases, request, binding),
  }
  return buildFrame({
    ethernet: { destination: toAll ? BROADCAST_MAC : request.chaddr, source: binding.serverMac },
    ipv4: {
      source: binding.serverAddress,
      destination: toAll ? BROADCAST_ADDRESS : request.ciaddr || yiaddr,
      dontFragment: true,
    },
    udp: {
      sourcePort: DhcpPort.server,
      destinationPort: DhcpPort.client,
      payload: encodeDhcp(message, { maxLength: room(request, binding), overflow: 'omit' }),
    },
  })
}

const HEADERS = 28 // of IP and UDP, which option 57 counts in

/** Bytes of DHCP that the client takes and the network carries in one packet. RFC 2132 § 9.10 */
function room(request: DhcpMessage, binding: DhcpBinding): number {
  const accepted = (dhcpOption(request.options, 'max-message-size') ?? 0) - HEADERS
  return Math.max(SHORTEST_DHCP_LIMIT, Math.min(accepted, binding.mtu - HEADERS))
}

/** The options of an answer, the most needed first: where there is too little room, the last ones are left out. RFC 2131 § 4.3.1 */
function replyOptions(type: ReplyType, leases: boolean, request: DhcpMessage, binding: DhcpBinding): DhcpOptions {
  const options = encodeDhcpOptions({
    'message-type': DhcpMessageType[type],
    'server-id': binding.serverAddress,
  })
  const clientId = request.options.get(dhcpOptionCode('client-id'))
  if (clientId) options.set(dhcpOptionCode('client-id'), clientId) // RFC 6842 § 3
  if (type === 'nak') {
    options.set(
      dhcpOptionCode('message'),
      encodeDhcpOption('message', `this port has ${formatIpv4Address(binding.address)}`),
    )
    return options
  }
  if (leases) setLease(options, type, request, binding)
  const parameters = networkParameters(binding)
  const requested = dhcpOption(request.options, 'parameter-request') ?? []
  // The mask before the router (RFC 2132 § 3.3); then in the client's order; then what it did not ask for, but has to know as it is not
  // what a host assumes (RFC 2131 § 4.3.1).
  for (const code of [...ALWAYS_FIRST, ...requested, ...parameters.keys()]) {
    const value = parameters.get(code)
    if (value && !options.has(code)) options.set(code, value)
  }
  return options
}

const ALWAYS_FIRST = (['netmask', 'router'] satisfies DhcpOptionName[]).map(dhcpOptionCode)

function setLease(
  options: Map<number, Uint8Array>,
  type: ReplyType,
  request: DhcpMessage,
  { leaseSeconds }: DhcpBinding,
): void {
  const times =
    leaseSeconds === FOREVER
      ? { 'lease-time': leaseSeconds }
      : { 'lease-time': leaseSeconds, T1: Math.floor(leaseSeconds / 2), T2: Math.floor((leaseSeconds * 7) / 8) }
  const rapid = type === 'ack' && dhcpOption(request.options, 'message-type') === DhcpMessageType.discover
  for (const [code, value] of encodeDhcpOptions({ ...times, 'rapid-commit': rapid || undefined }))
    options.set(code, value)
}

/** What only the course of the protocol decides; no further options of a binding touch it. */
const PROTOCOL = new Set(
  (
    [
      'requested-address',
      'lease-time',
      'option-overload',
      'message-type',
      'server-id',
      'parameter-request',
      'message',
      'max-message-size',
      'T1',
      'T2',
      'client-id',
      'rapid-commit',
      'relay-agent',
    ] satisfies DhcpOptionName[]
  ).map(dhcpOptionCode),
)

/** The parameters of the port's network, in the order of their worth. */
function networkParameters(binding: DhcpBinding): DhcpOptions {
  const { address, prefixLength, router, dnsServers } = binding
  const parameters = encodeDhcpOptions({
    netmask: ipv4Netmask(prefixLength),
    router: router === undefined ? undefined : [router],
    'dns-server': dnsServers.length > 0 ? dnsServers : undefined,
    mtu: binding.mtu,
    'classless-static-route': classlessRoutes(binding),
    'domain-name': binding.domain || undefined,
    hostname: binding.hostname || undefined,
    broadcast: ipv4Broadcast(address, prefixLength),
  })
  for (const [code, value] of binding.options ?? []) if (!PROTOCOL.has(code)) parameters.set(code, value)
  return parameters
}

/** With routes the default one among them, as a client that takes option 121 disregards option 3. RFC 3442 "DHCP Client Behavior" */
function classlessRoutes({ routes, router }: DhcpBinding): DhcpBinding['routes'] | undefined {
  if (routes.length === 0) return undefined
  if (router === undefined || routes.some(route => route.prefixLength === 0)) return routes
  return [...routes, { destination: 0, prefixLength: 0, nexthop: router }]
}
