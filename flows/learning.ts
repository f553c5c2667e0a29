import type { FlowMod } from 'node-openflow'
import { decodeFlow, tableOf } from '../src/pipeline/flow-bytes.ts'
import type { Flow, Item } from '../src/pipeline/item.ts'
import { floodGroup } from '../src/pipeline/pipeline.ts'
import { brInt } from './br-int.ts'
import { brTun } from './br-tun.ts'
import type { BindingRow, HostRow, NetworkRow, PortRow } from './inputs.ts'
import { MULTICAST, ownerOf } from './network.ts'
import { meterOf, packetUserdata } from './packet-in.ts'
import { ORIGIN } from './registers.ts'

/** How long a learned MAC may be silent before the switch forgets it, s. */
export const LEARNED_IDLE = 300

/** Group ids of floods of unknown unicast; those of broadcast floods, the networks' numbers, lie below. */
const UNKNOWN = 0x8000_0000

const UNTAGGED = 0

/** What every br-int holds: nothing real sends from these addresses (IEEE 802-2014 § 8.2). */
export function sourceGuards(owner: string): Flow[] {
  const t = brInt.tables
  return [
    t.learn({ eth_src: MULTICAST }, 'guard').because(owner, 'drops what says it comes from a group address'),
    t.learn({ eth_src: 0 }, 'guard').because(owner, 'drops what says it comes from the address zero'),
  ]
}

/** A port that learns: whom else it may speak for is not known beforehand. */
export function learningPortItems(portId: string, port: PortRow, network: NetworkRow, binding: BindingRow): Item[] {
  const t = brInt.tables
  const owner = `port ${port.name}`
  const at = { network: network.number, in_port: binding.ofport, vlan_vid: UNTAGGED }
  return [
    t
      .learn({ ...at, eth_src: port.mac }, 'specific')
      .goto('arp_responder')
      .because(owner, 'the port’s own MAC needs no learning'),
    t
      .learn(at, 'fallback')
      .controller({ userdata: packetUserdata('learn', portId), meterId: meterOf(binding) })
      .goto('arp_responder')
      .because(owner, 'the controller gets a copy of what comes from an unknown MAC'),
    brInt
      .bucket()
      .set({ out_port: binding.ofport })
      .resubmit('output')
      .inGroup(UNKNOWN + network.number, binding.ofport, owner, 'whom nobody knows may be behind this port'),
  ]
}

/** A learned MAC on the host of its port. The first of the flows is what ages: the switch reports when it has been idle. */
export function learnedMacFlows(mac: number, port: PortRow, network: NetworkRow, binding: BindingRow): Flow[] {
  const t = brInt.tables
  const owner = `port ${port.name}`
  return [
    t
      .learn({ network: network.number, in_port: binding.ofport, vlan_vid: UNTAGGED, eth_src: mac })
      .expires(LEARNED_IDLE)
      .goto('arp_responder')
      .because(owner, 'this MAC has been learned behind the port'),
    t
      .l2_lookup({ network: network.number, eth_dst: mac }, 'specific')
      .set({ out_port: binding.ofport })
      .goto('output')
      .because(owner, 'this MAC has been learned here'),
  ]
}

/** What the flow of a learned MAC that ages says. */
export interface LearnedFlow {
  /** The network's number. */
  readonly network: number
  readonly mac: number
  readonly ofport: number
}

/** Reads the flow that ages; `undefined` for every other flow of br-int. */
export function readLearnedFlow({
  tableId,
  idleTimeout = 0,
  match,
}: Pick<FlowMod, 'tableId' | 'idleTimeout' | 'match'>): LearnedFlow | undefined {
  if (tableId !== brInt.declarations.learn.id || idleTimeout === 0) return undefined
  const value = (name: string) => match?.find(term => term.field.name === name)?.value
  const [network, mac, ofport] = [value(brInt.registers.network.field.name), value('eth_src'), value('in_port')]
  if (network === undefined || mac === undefined || ofport === undefined) return undefined
  return { network: Number(network), mac: Number(mac), ofport: Number(ofport) }
}

/** The learned MACs among what a br-int holds. */
export function* learnedAmong(items: Iterable<Item>): Iterable<LearnedFlow> {
  for (const item of items) {
    if (item.kind !== 'flow' || tableOf(item.bytes) !== brInt.declarations.learn.id) continue
    const learned = readLearnedFlow(decodeFlow(item.bytes))
    if (learned !== undefined) yield learned
  }
}

/** Frames to a MAC that nobody knows, on a host of a network with ports that learn: to those of them that are here, and on. */
export function unknownUnicastItems(network: NetworkRow, host: HostRow, goesOn: boolean): Item[] {
  const t = brInt.tables
  const owner = ownerOf(network, host)
  const { number } = network
  const fromGuest = t.l2_lookup({ network: number, origin: ORIGIN.guest }, 'fallback').group(UNKNOWN + number)
  return [
    floodGroup(UNKNOWN + number, owner, 'the ports of the network on this host that learn'),
    goesOn
      ? fromGuest
          .goto('to_elsewhere')
          .because(owner, 'a MAC that nobody knows is looked for behind the ports here that learn, and elsewhere')
      : fromGuest.because(owner, 'a MAC that nobody knows is looked for behind the ports here that learn'),
    t
      .l2_lookup({ network: number, origin: ORIGIN.elsewhere }, 'fallback')
      .group(UNKNOWN + number)
      .because(owner, 'a MAC that nobody knows is looked for behind the ports here that learn'),
  ]
}

/** The same on br-tun: to all other hosts of the network. */
export function unknownUnicastOverTunnels(network: NetworkRow, host: HostRow): Flow {
  return brTun.tables
    .unicast({ network: network.number }, 'fallback')
    .group(network.number)
    .because(ownerOf(network, host), 'a MAC that nobody knows is looked for on the other hosts that have the network')
}

/** On the other hosts of a network with ports that learn: this MAC is not to be looked for behind them. */
export function knownElsewhereFlow(mac: number, port: PortRow, network: NetworkRow, host: HostRow): Flow {
  return brInt.tables
    .l2_lookup({ network: network.number, origin: ORIGIN.guest, eth_dst: mac })
    .goto('to_elsewhere')
    .because(`port ${port.name} on ${host.name}`, 'its MAC is elsewhere')
}
