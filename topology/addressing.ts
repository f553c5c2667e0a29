import { type AllocationBook, type AllocationKind, type Entry, highestFree, lowestFree } from './allocation-book.ts'
import type { TopologyDocument } from './document.ts'
import { contains, formatIpv4, ipv4 } from './ipv4.ts'
import { BASE_MAC, formatMac, mac, macComplaint } from './mac.ts'
import type { FixedIp, Port } from './port.ts'
import type { Path, Report } from './problem.ts'
import { lowBits24, resourceId } from './resource-id.ts'
import { type AddressPlan, addressPlan, type SubnetAttributes } from './subnet.ts'

/** The addresses of every port, and of the DHCP server of every subnet that has one, by name. */
export interface Addresses {
  readonly ports: ReadonlyMap<string, Pick<Port, 'id' | 'mac_address' | 'fixed_ips'>>
  readonly servers: ReadonlyMap<string, { readonly ip_address: string; readonly mac_address: string }>
}

/** The addresses that are taken, each with its place in the file; undefined for what was allocated. */
type Taken = Map<number, Path | undefined>

/** A network while its addresses are settled. */
interface Link {
  readonly id: string
  readonly macs: Taken
  readonly subnets: Pool[]
}

/** A subnet while its addresses are settled. */
interface Pool {
  readonly id: string
  readonly name: string
  readonly subnet: SubnetAttributes
  readonly plan: AddressPlan
  readonly link: Link
  readonly taken: Taken
  readonly free: Iterator<number, undefined>
  /** The DHCP server's address and MAC address, as far as they are known. */
  server?: number
  serverMac?: number
  /** The record behind `server`, while it can still make way for a port. */
  record?: Entry | undefined
}

/** A port while its addresses are settled. */
interface Guest {
  readonly id: string
  readonly name: string
  readonly link: Link
  mac?: number
  readonly slots: Slot[]
}

/** One address of a port. */
interface Slot {
  /** The subnets it may come from; a new one comes from the first. */
  readonly pools: readonly Pool[]
  /** The file says which address it is. */
  readonly given?: boolean
  settled?: { readonly pool: Pool; readonly address: number }
}

/** Settles all addresses: the given ones, then the recorded ones, then those of new ports, then those of new DHCP servers. */
export function assignAddresses(document: TopologyDocument, book: AllocationBook, report: Report): Addresses {
  const links = linksOf(document)
  const guests = guestsOf(document, links)
  const pools = [...links.values()].flatMap(({ subnets }) => subnets)
  for (const guest of guests) restoreGuest(guest, book, report)
  for (const pool of pools) if (pool.subnet.enable_dhcp !== false) restoreServer(pool, book)
  const hungry = new Map<Pool, Guest[]>()
  for (const guest of guests) allocateGuest(guest, book, hungry)
  for (const guest of guests) orderAllocated(guest)
  for (const [pool, guests] of hungry) reportExhausted(pool, guests, report)
  for (const pool of pools) if (pool.subnet.enable_dhcp !== false) allocateServer(pool, book, report)
  return {
    ports: new Map(
      guests.map(guest => [
        guest.name,
        { id: guest.id, mac_address: formatMac(guest.mac!), fixed_ips: guest.slots.flatMap(fixedIp) },
      ]),
    ),
    servers: new Map(
      pools.flatMap(({ name, server, serverMac }) =>
        server === undefined ? [] : [[name, { ip_address: formatIpv4(server), mac_address: formatMac(serverMac!) }]],
      ),
    ),
  }
}

/** Of several addresses allocated to a port from one subnet the lowest comes first, whenever each of them was allocated. */
function orderAllocated(guest: Guest): void {
  const allocated = Map.groupBy(
    guest.slots.filter(slot => slot.settled && !slot.given),
    slot => slot.settled!.pool,
  )
  for (const slots of allocated.values()) {
    if (slots.length < 2) continue
    const inOrder = slots.map(slot => slot.settled!).sort((a, b) => a.address - b.address)
    for (const [index, slot] of slots.entries()) slot.settled = inOrder[index]!
  }
}

function fixedIp({ settled }: Slot): FixedIp[] {
  return settled ? [{ subnet_id: settled.pool.id, ip_address: formatIpv4(settled.address) }] : []
}

function linksOf(document: TopologyDocument): Map<string, Link> {
  const links = new Map<string, Link>()
  for (const name of document.networks.keys())
    links.set(name, { id: resourceId('network', name), macs: new Map(), subnets: [] })
  for (const [name, subnet] of document.subnets) {
    const link = links.get(subnet.network)!
    const plan = addressPlan(subnet)
    const taken: Taken = new Map()
    link.subnets.push({
      id: resourceId('subnet', name),
      name,
      subnet,
      plan,
      link,
      taken,
      free: lowestFree(plan.pools, taken),
    })
  }
  return links
}

/** All ports, with what the file gives. */
function guestsOf(document: TopologyDocument, links: ReadonlyMap<string, Link>): Guest[] {
  return [...document.ports].map(([name, port]) => {
    const link = links.get(port.network)!
    const guest: Guest = { id: resourceId('port', name), name, link, slots: [] }
    if (port.mac_address !== undefined) {
      guest.mac = mac(port.mac_address)
      link.macs.set(guest.mac, ['ports', name, 'mac_address'])
    }
    if (!port.fixed_ips && link.subnets.length > 0) guest.slots.push({ pools: link.subnets })
    for (const [index, { subnet, ip_address }] of (port.fixed_ips ?? []).entries()) {
      const named = link.subnets.filter(pool => pool.name === subnet)
      if (ip_address === undefined) {
        guest.slots.push({ pools: named })
        continue
      }
      const address = ipv4(ip_address)
      const pool = link.subnets.find(({ plan }) => contains(plan.prefix, address))!
      pool.taken.set(address, ['ports', name, 'fixed_ips', index, 'ip_address'])
      guest.slots.push({ pools: [pool], given: true, settled: { pool, address } })
    }
    return guest
  })
}

/** Gives a port back what was recorded for it. */
function restoreGuest(guest: Guest, book: AllocationBook, report: Report): void {
  const words = `port ${guest.name}`
  if (guest.mac === undefined) {
    const entry = book
      .recorded('mac_address', guest.id)
      .find(({ allocation, number }) => allocation.scope === guest.link.id && !macComplaint(number))
    const given = entry && guest.link.macs.get(entry.number)
    if (given) reportClash(given, `mac_address ${formatMac(entry.number)}`, words, report)
    if (entry && !guest.link.macs.has(entry.number)) {
      guest.mac = entry.number
      guest.link.macs.set(entry.number, undefined)
      book.keep(entry)
    }
  }
  for (const slot of guest.slots) {
    if (slot.settled) continue
    for (const entry of book.recorded('ip_address', guest.id)) {
      const pool = slot.pools.find(
        ({ id, plan }) => id === entry.allocation.scope && contains(plan.hosts, entry.number),
      )
      if (!pool) continue
      const given =
        entry.number === pool.plan.gateway ? ['subnets', pool.name, 'gateway_ip'] : pool.taken.get(entry.number)
      if (given) reportClash(given, `${given.at(-1)} ${formatIpv4(entry.number)}`, words, report)
      if (given || pool.taken.has(entry.number)) continue
      slot.settled = { pool, address: entry.number }
      pool.taken.set(entry.number, undefined)
      book.keep(entry)
      break
    }
  }
}

function reportClash(path: Path, value: string, owner: string, report: Report): void {
  report(path, `${value} is already allocated to ${owner}`, {
    hint: () => `choose another one, or give ${owner} one of its own in the file`,
  })
}

/** Gives a DHCP server back what was recorded for it and no port has. */
function restoreServer(pool: Pool, book: AllocationBook): void {
  const { id, plan, taken, link } = pool
  const entry = book.recorded('dhcp_address', id).find(({ number }) => {
    return number === plan.gateway || (plan.pools.some(range => contains(range, number)) && !taken.has(number))
  })
  if (entry) {
    pool.server = entry.number
    book.keep(entry)
    if (entry.number !== plan.gateway) {
      taken.set(entry.number, undefined)
      pool.record = entry
    }
  }
  const macEntry = book
    .recorded('dhcp_mac', id)
    .find(({ allocation, number }) => allocation.scope === link.id && !macComplaint(number) && !link.macs.has(number))
  if (macEntry) {
    pool.serverMac = macEntry.number
    link.macs.set(macEntry.number, undefined)
    book.keep(macEntry)
  }
}

/** Gives a port what it still lacks; where there is nothing left to give it joins the hungry. */
function allocateGuest(guest: Guest, book: AllocationBook, hungry: Map<Pool, Guest[]>): void {
  guest.mac ??= allocateMac('mac_address', guest.id, guest.link, book)
  for (const slot of guest.slots) {
    if (slot.settled) continue
    const pool = slot.pools[0]!
    const address = pool.free.next().value ?? evictServer(pool, book)
    if (address === undefined) {
      const others = hungry.get(pool)
      if (others) others.push(guest)
      else hungry.set(pool, [guest])
      continue
    }
    slot.settled = { pool, address }
    pool.taken.set(address, undefined)
    book.add('ip_address', pool.id, guest.id, address)
  }
}

/** The DHCP server's address, which it gives up for a port. */
function evictServer(pool: Pool, book: AllocationBook): number | undefined {
  const { record } = pool
  if (!record) return undefined
  book.drop(record)
  delete pool.record
  delete pool.server
  return record.number
}

/** Gives a DHCP server what it still lacks. */
function allocateServer(pool: Pool, book: AllocationBook, report: Report): void {
  const { id, name, plan, link, taken } = pool
  pool.serverMac ??= allocateMac('dhcp_mac', id, link, book)
  if (pool.server !== undefined) return
  const address = highestFree(plan.pools, taken) ?? plan.gateway
  if (address === undefined) {
    report(['subnets', name, 'enable_dhcp'], `no address is left for the DHCP server of subnet ${name}`, {
      hint: () => 'widen allocation_pools, name a gateway_ip, or write enable_dhcp: false',
    })
    return
  }
  pool.server = address
  book.add('dhcp_address', id, id, address)
}

const LOW_24_BITS = 0xffffff

function allocateMac(kind: AllocationKind, owner: string, link: Link, book: AllocationBook): number {
  let low = lowBits24(owner)
  while (link.macs.has(BASE_MAC + low)) low = (low + 1) & LOW_24_BITS
  const address = BASE_MAC + low
  link.macs.set(address, undefined)
  book.add(kind, link.id, owner, address)
  return address
}

function reportExhausted(pool: Pool, [first, ...others]: readonly Guest[], report: Report): void {
  const size = pool.plan.pools.reduce((sum, { start, end }) => sum + end - start + 1, 0)
  const more = others.length > 0 ? ` and ${others.length} more` : ''
  report(
    ['ports', first!.name],
    `no address is left in subnet ${pool.name} for port ${first!.name}${more} (its pools hold ${size})`,
    {
      part: 'key',
      hint: () => 'widen allocation_pools, or add a subnet and name it in fixed_ips',
    },
  )
}
