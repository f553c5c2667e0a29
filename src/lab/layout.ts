import { formatIpv4, ipv4 } from '../../topology/ipv4.ts'
import type { Port } from '../../topology/port.ts'
import type { Topology } from '../../topology/topology.ts'
import { parseEndpoint } from '../endpoint.ts'
import { LabError } from './error.ts'

/** Everything about a lab that its topology decides: who is there, where, and under which addresses. */
export interface LabLayout {
  readonly hosts: readonly LabHost[]
  readonly guests: readonly LabGuest[]
  /** Where the controller is in the management network, and the lengths of the prefixes there and in the underlay. */
  readonly controller: string
  readonly managementPrefix: number
  readonly underlayPrefix: number
  /** The physical networks, each a Linux bridge that joins the hosts which have it: `lan0`, `lan1`, ... */
  readonly lans: readonly string[]
}

export interface LabHost {
  readonly name: string
  /** 1.. */
  readonly index: number
  /** Its address in the management network. */
  readonly address: string
  /** Where its OVSDB listens there; absent when it dials the controller. */
  readonly ovsdbPort?: number
  readonly tunnelIp?: string
  readonly wires: readonly Wire[]
}

/** A host's network card in a physical network. */
export interface Wire {
  readonly interface: string
  /** The Linux bridge at its other end. */
  readonly lan: string
  /** The Open vSwitch bridge that it is plugged into, once there is one. */
  readonly bridge: string
}

export interface LabGuest {
  readonly name: string
  readonly portId: string
  readonly host: string
  readonly macAddress: string
  readonly fixedIps: readonly string[]
  readonly mtu: number
  /** Its interface on the host, as Nova and libvirt name it. */
  readonly tap: string
  /** Its interface inside. */
  readonly interface: string
}

/** The place beside hosts and guests where the controller runs. */
export const CONTROLLER = 'controller'

/** @throws {LabError} for what a lab cannot be made of. */
export function layOut(topology: Topology, { systemDatapath }: { systemDatapath: boolean }): LabLayout {
  const hosts = [...topology.hosts.values()]
  const names = new Set(hosts.map(host => host.name))
  if (hosts.length === 0) throw new LabError('the topology has no hosts')
  for (const host of hosts) {
    if (host.datapath_type !== 'netdev' && !systemDatapath)
      throw new LabError(`host ${host.name}: this kernel has no openvswitch module; write datapath_type: netdev`)
  }

  const endpoints = hosts.map(host => (host.ovsdb === undefined ? undefined : listener(host.name, host.ovsdb)))
  const given = endpoints.flatMap(endpoint => (endpoint === undefined ? [] : [ipv4(endpoint.host)]))
  const management = new AddressPool(given.length > 0 ? given : [ipv4('198.18.0.1')], given, hosts.length + 1)
  const tunnelIps = hosts.flatMap(host => (host.tunnel_ip === undefined ? [] : [ipv4(host.tunnel_ip)]))
  const underlay = new AddressPool(tunnelIps.length > 0 ? tunnelIps : [ipv4('192.0.2.1')], tunnelIps, 0)
  if (management.overlaps(underlay))
    throw new LabError('the addresses of ovsdb and tunnel_ip are in one network; a lab keeps the two apart')

  const physicalNetworks = [...new Set(hosts.flatMap(host => Object.keys(host.bridge_mappings)))].sort()
  const labHosts = hosts.map(({ name, tunnel_ip, bridge_mappings }, at): LabHost => {
    const endpoint = endpoints[at]
    return {
      name,
      index: at + 1,
      address: endpoint?.host ?? management.lowest(),
      ...(endpoint === undefined ? {} : { ovsdbPort: endpoint.port }),
      ...(tunnel_ip === undefined ? {} : { tunnelIp: tunnel_ip }),
      wires: Object.entries(bridge_mappings).map(([physicalNetwork, bridge]) => {
        const index = physicalNetworks.indexOf(physicalNetwork)
        return { interface: `wire${index}`, lan: `lan${index}`, bridge }
      }),
    }
  })
  const guests = [...topology.ports.values()].map((port, at): LabGuest => {
    if (names.has(port.name)) throw new LabError(`${port.name} is both a host and a port`)
    const host = port.host_id === undefined ? hosts[at % hosts.length] : topology.hosts.get(port.host_id)
    return {
      name: port.name,
      portId: port.id,
      host: host!.name,
      macAddress: port.mac_address,
      fixedIps: port.fixed_ips.map(({ ip_address }) => ip_address),
      mtu: topology.networks.get(port.network_id)!.mtu,
      tap: tapName(port),
      interface: 'eth0',
    }
  })
  for (const name of [...names, ...guests.map(guest => guest.name)])
    if (name === CONTROLLER) throw new LabError(`${CONTROLLER} is the controller's own name in a lab`)

  return {
    hosts: labHosts,
    guests,
    controller: management.highest(),
    managementPrefix: management.length,
    underlayPrefix: underlay.length,
    lans: physicalNetworks.map((_, index) => `lan${index}`),
  }
}

/** `tap` and the port's name where it fits into 15 characters, else the beginning of its id. */
function tapName({ name, id }: Port): string {
  return `tap${name.length <= 11 ? name : id.slice(0, 11)}`
}

function listener(host: string, ovsdb: string): { host: string; port: number } {
  const endpoint = parseEndpoint(ovsdb)
  if (endpoint.transport !== 'tcp') throw new LabError(`host ${host}: in a lab, ovsdb is tcp:ADDR:PORT, not ${ovsdb}`)
  let address: number
  try {
    address = ipv4(endpoint.host)
  } catch {
    throw new LabError(`host ${host}: in a lab, the address of ovsdb is an IPv4 address, not ${endpoint.host}`)
  }
  if (address >>> 24 === 127)
    throw new LabError(`host ${host}: in a lab, hosts are machines of their own: no loopback address in ${ovsdb}`)
  return endpoint
}

/** A network that holds the given addresses, and what is free in it. */
class AddressPool {
  readonly length: number
  readonly #start: number
  readonly #end: number
  readonly #taken: Set<number>

  /** The prefix around the addresses: a /24, or what it takes to hold them all and so many more. */
  constructor(around: readonly number[], taken: readonly number[], more: number) {
    this.#taken = new Set(taken)
    const [low, high] = [Math.min(...around), Math.max(...around)]
    let length = 24
    while (blockOf(low, length) !== blockOf(high, length) || 2 ** (32 - length) - 2 < taken.length + more) length -= 1
    this.length = length
    this.#start = blockOf(low, length) * 2 ** (32 - length)
    this.#end = this.#start + 2 ** (32 - length) - 1
  }

  overlaps(other: AddressPool): boolean {
    return this.#start <= other.#end && other.#start <= this.#end
  }

  lowest(): string {
    return this.#take(this.#start + 1, 1)
  }

  highest(): string {
    return this.#take(this.#end - 1, -1)
  }

  #take(from: number, step: number): string {
    let address = from
    while (this.#taken.has(address)) address += step
    this.#taken.add(address)
    return formatIpv4(address)
  }
}

function blockOf(address: number, length: number): number {
  return Math.floor(address / 2 ** (32 - length))
}
