import type { Inputs } from '../../flows/inputs.ts'
import { readPacketUserdata } from '../../flows/packet-in.ts'
import { ipv4, readCidr } from '../../topology/ipv4.ts'
import { mac } from '../../topology/mac.ts'
import type { Topology } from '../../topology/topology.ts'
import type { OnEvent } from '../event.ts'
import type { PacketIn } from '../fabric/fabric.ts'
import type { Logger } from '../log.ts'
import { answerDhcp, type DhcpBinding } from './dhcp.ts'
import type { Leases } from './lease.ts'

/** A lease of a day: guests ask again after half of it, so a controller may be away that long. */
const LEASE_SECONDS = 86_400

export interface DhcpCounters {
  offers: number
  acks: number
  naks: number
  releases: number
  declines: number
  silent: number
}

export interface DhcpServiceOptions {
  readonly inputs: Inputs
  readonly leases: Leases
  readonly log: Logger
  readonly onEvent: OnEvent
  /** ms since 1970. */
  readonly now: () => number
  readonly leaseSeconds?: number | undefined
}

/** Answers the DHCP requests that flows send to the controller, from what the topology says of the port. */
export class DhcpService {
  readonly counters: DhcpCounters = { offers: 0, acks: 0, naks: 0, releases: 0, declines: 0, silent: 0 }
  readonly #options: DhcpServiceOptions
  #topology: Topology | undefined
  readonly #bindings = new Map<string, DhcpBinding | undefined>()

  constructor(options: DhcpServiceOptions) {
    this.#options = options
  }

  setTopology(topology: Topology): void {
    this.#topology = topology
    this.#bindings.clear()
  }

  /** Answers a packet, if it is one of a port's DHCP requests. */
  handle(packet: PacketIn): void {
    const said = readPacketUserdata(packet.userdata)
    if (said?.service !== 'dhcp') return
    const { inputs, leases, log, onEvent } = this.#options
    const bound = inputs.bindings.get(said.portId)
    const port = this.#topology?.ports.get(said.portId)
    const binding = this.#bindingOf(said.portId)
    // A packet that was on its way when its port moved is nobody's.
    if (bound?.host !== packet.host || bound.ofport !== packet.inPort || port === undefined || binding === undefined)
      return
    const subject = `port ${port.name}`
    const now = this.#options.now()
    const outcome = answerDhcp(packet.data, binding, now)
    switch (outcome.kind) {
      case 'reply':
        packet.reply(packet.inPort, outcome.frame)
        if (outcome.message === 'offer') this.counters.offers++
        else if (outcome.message === 'nak') this.counters.naks++
        else this.counters.acks++
        if (outcome.lease !== undefined) {
          const ip_address = port.fixed_ips.find(fixed => ipv4(fixed.ip_address) === binding.address)!.ip_address
          const known = leases.get(port.id)
          // A guest that asks again for what it has is no news.
          if (known?.ip_address !== ip_address || known.host !== packet.host || known.expires < now) {
            onEvent({ kind: 'lease-granted', subject, message: `${ip_address} on ${packet.host}` })
          }
          leases.grant({
            port: port.id,
            mac_address: port.mac_address,
            ip_address,
            host: packet.host,
            ...(binding.hostname === undefined ? {} : { hostname: binding.hostname }),
            since: now,
            expires: outcome.lease.expiresMs,
          })
        }
        break
      case 'release':
        this.counters.releases++
        onEvent({ kind: 'lease-released', subject, message: `on ${packet.host}` })
        leases.release(port.id)
        break
      case 'decline':
        this.counters.declines++
        onEvent({ kind: 'lease-declined', subject, message: `on ${packet.host}: in use by another` })
        leases.release(port.id)
        log.warn('a guest says its address is in use by another', { port: port.name, host: packet.host })
        break
      case 'silent':
        this.counters.silent++
        if (log.enabled('debug')) log.debug('DHCP request left unanswered', { port: port.name, reason: outcome.reason })
        break
    }
  }

  #bindingOf(portId: string): DhcpBinding | undefined {
    if (!this.#bindings.has(portId)) this.#bindings.set(portId, this.#makeBinding(portId))
    return this.#bindings.get(portId)
  }

  /** The port's first address in a subnet with DHCP decides. */
  #makeBinding(portId: string): DhcpBinding | undefined {
    const topology = this.#topology
    const port = topology?.ports.get(portId)
    const network = port && topology?.networks.get(port.network_id)
    if (topology === undefined || port === undefined || network === undefined) return undefined
    for (const fixed of port.fixed_ips) {
      const subnet = topology.subnets.get(fixed.subnet_id)
      if (subnet?.dhcp_server === undefined) continue
      return {
        macAddress: mac(port.mac_address),
        address: ipv4(fixed.ip_address),
        prefixLength: readCidr(subnet.cidr)!.length,
        serverAddress: ipv4(subnet.dhcp_server.ip_address),
        serverMac: mac(subnet.dhcp_server.mac_address),
        ...(subnet.gateway_declared && subnet.gateway_ip !== null ? { router: ipv4(subnet.gateway_ip) } : {}),
        dnsServers: subnet.dns_nameservers.map(ipv4),
        mtu: network.mtu,
        routes: subnet.host_routes.map(route => {
          const destination = readCidr(route.destination)!
          return { destination: destination.start, prefixLength: destination.length, nexthop: ipv4(route.nexthop) }
        }),
        hostname: port.dns_name ?? port.name,
        ...(network.dns_domain === undefined ? {} : { domain: network.dns_domain }),
        leaseSeconds: this.#options.leaseSeconds ?? LEASE_SECONDS,
      }
    }
    return undefined
  }
}
