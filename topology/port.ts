import type { z } from 'zod'
import {
  flag,
  ipv4Address,
  list,
  macAddress,
  mapping,
  name,
  optional,
  type ResourceSchema,
  required,
  text,
} from './attribute.ts'
import type { Draft } from './document.ts'
import { contains, ipv4 } from './ipv4.ts'
import { mac } from './mac.ts'
import { didYouMean } from './nearest.ts'
import type { Path, Report } from './problem.ts'
import { resourceId } from './resource-id.ts'
import { type AddressPlan, addressComplaint, addressPlan } from './subnet.ts'

/** Where one interface of a guest joins a network, everything filled in. */
export interface Port {
  readonly id: string
  readonly name: string
  readonly network_id: string
  readonly mac_address: string
  readonly fixed_ips: readonly FixedIp[]
  /** The guest's host name. */
  readonly dns_name?: string
  /** Whether its guest may send from its own MAC and addresses only; otherwise the MACs behind it are learned. */
  readonly port_security_enabled: boolean
  /** The host (its id) where the lab plugs the guest in. It binds nothing: a port is where its interface is. */
  readonly host_id?: string
}

export interface FixedIp {
  readonly subnet_id: string
  readonly ip_address: string
}

const LABEL = /^[a-z\d]([a-z\d-]{0,61}[a-z\d])?$/i

const schema = mapping({
  network: required(name('name'), 'the network it joins'),
  mac_address: optional(macAddress(), 'the one MAC address of its guest', 'allocated'),
  fixed_ips: optional(
    list(
      mapping({
        subnet: optional(name('name'), 'the subnet of the address', 'the one that holds `ip_address`'),
        ip_address: optional(ipv4Address(), 'the address', 'allocated'),
      }),
    ),
    'its addresses; `[]`: none',
    "one, allocated in the network's first subnet",
  ),
  dns_name: optional(
    text('host name', value =>
      LABEL.test(value) ? undefined : 'is not a host name (letters, digits, "-"; at most 63)',
    ),
    'the host name of its guest, told to it by DHCP',
    'none',
  ),
  port_security_enabled: optional(
    flag(),
    'its guest may send from its own MAC and addresses only; `false`: from any MAC, and Weft learns those',
    'true',
  ),
  'binding:host_id': optional(name('name'), 'the host where the lab plugs the guest in; it binds nothing', 'none'),
})

export type PortAttributes = z.infer<typeof schema>

export const portSchema: ResourceSchema<PortAttributes> = {
  kind: 'port',
  schema,
  later: [
    'admin_state_up',
    'allowed_address_pairs',
    'binding:profile',
    'binding:vnic_type',
    'description',
    'device_id',
    'device_owner',
    'dns_domain',
    'extra_dhcp_opts',
    'qos_policy',
    'security_groups',
    'tags',
    'trunk',
  ],
}

/** A subnet as its network's ports see it. */
interface Member {
  readonly name: string
  readonly cidr: string
  readonly plan: AddressPlan
}

/** The addresses given in the file, by network, each with the port that has it. */
class Given {
  readonly #owners = new Map<string, Map<number, { name: string; path: Path }>>()

  /** Who else has the address; otherwise it is now this port's. */
  claim(network: string, address: number, name: string, path: Path): { name: string; path: Path } | undefined {
    const owners = this.#owners.get(network) ?? new Map<number, { name: string; path: Path }>()
    this.#owners.set(network, owners)
    const other = owners.get(address)
    if (!other) owners.set(address, { name, path })
    return other
  }
}

/** What must hold within a port and between the ports of a network. */
export function checkPorts(draft: Draft, report: Report): void {
  const members = new Map<string, Member[]>()
  for (const [name, subnet] of draft.subnets) {
    const list = members.get(subnet.network) ?? []
    list.push({ name, cidr: subnet.cidr, plan: addressPlan(subnet) })
    members.set(subnet.network, list)
  }
  const [macs, addresses] = [new Given(), new Given()]
  checkNames(draft, report)
  for (const [name, port] of draft.ports) {
    const path = (...rest: Path) => ['ports', name, ...rest]
    if (!draft.names.networks.has(port.network))
      report(path('network'), `network ${port.network} is not in this topology`, {
        hint: didYouMean(port.network, draft.names.networks),
      })
    const host = port['binding:host_id']
    if (host !== undefined && !draft.names.hosts.has(host))
      report(path('binding:host_id'), `host ${host} is not in this topology`, {
        hint: didYouMean(host, draft.names.hosts),
      })
    if (port.mac_address !== undefined) {
      const at = path('mac_address')
      const other = macs.claim(port.network, mac(port.mac_address), name, at)
      if (other)
        report(at, `mac_address ${port.mac_address} is already that of port ${other.name} (${draft.at(other.path)})`)
    }
    if (!draft.names.networks.has(port.network)) continue
    for (const [index, fixedIp] of (port.fixed_ips ?? []).entries()) {
      checkFixedIp(fixedIp, path('fixed_ips', index), port, members.get(port.network) ?? [], draft, report)
      if (fixedIp.ip_address === undefined) continue
      const at = path('fixed_ips', index, 'ip_address')
      const other = addresses.claim(port.network, ipv4(fixedIp.ip_address), name, at)
      if (other)
        report(at, `ip_address ${fixedIp.ip_address} is already that of port ${other.name} (${draft.at(other.path)})`)
    }
  }
}

/** An interface names its port by name or by id: no port's name may be the id of another one. */
function checkNames(draft: Draft, report: Report): void {
  const idLike = [...draft.ports.keys()].filter(name => name.length === 36)
  if (idLike.length === 0) return
  const names = new Map(Array.from(draft.ports.keys(), name => [resourceId('port', name), name]))
  for (const name of idLike) {
    const other = names.get(name)
    if (other !== undefined) report(['ports', name], `${name} is the id of port ${other}`, { part: 'key' })
  }
}

function checkFixedIp(
  { subnet, ip_address }: { subnet?: string; ip_address?: string },
  path: Path,
  { network }: PortAttributes,
  members: readonly Member[],
  draft: Draft,
  report: Report,
): void {
  if (subnet === undefined && ip_address === undefined) {
    report(path, 'an entry of fixed_ips needs a subnet, an ip_address or both')
    return
  }
  const member = members.find(({ name }) => name === subnet)
  if (subnet !== undefined && !member) {
    const other = draft.subnets.get(subnet)
    if (other) {
      report([...path, 'subnet'], `subnet ${subnet} belongs to network ${other.network}, not to ${network}`)
    } else if (!draft.names.subnets.has(subnet)) {
      report([...path, 'subnet'], `subnet ${subnet} is not in this topology`, {
        hint: didYouMean(
          subnet,
          members.map(({ name }) => name),
        ),
      })
    }
    return
  }
  // A subnet that was refused may be the one that holds the address.
  if (ip_address === undefined || draft.subnets.size < draft.names.subnets.size) return
  const address = ipv4(ip_address)
  const holder = member ?? members.find(({ plan }) => contains(plan.prefix, address))
  const complaint = holder
    ? addressComplaint(address, holder.plan, holder.cidr)
    : `is in no subnet of network ${network}`
  if (complaint === undefined) return
  const known = members.map(({ name, cidr }) => `${name} ${cidr}`).join(', ')
  report([...path, 'ip_address'], `ip_address ${ip_address} ${complaint}`, {
    hint: () => (holder || known === '' ? undefined : `its subnets: ${known}`),
  })
}
