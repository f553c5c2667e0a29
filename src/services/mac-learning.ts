import { type BindingRow, type Inputs, type LearnedRow, learnedId } from '../../flows/inputs.ts'
import type { LearnedFlow } from '../../flows/learning.ts'
import { readPacketUserdata } from '../../flows/packet-in.ts'
import { mac } from '../../topology/mac.ts'
import type { Topology } from '../../topology/topology.ts'
import type { EventKind, OnEvent } from '../event.ts'
import type { PacketIn } from '../fabric/fabric.ts'
import type { Logger } from '../log.ts'
import { formatMac, isMulticastMac } from '../packet/mac.ts'
import { FlapDamping } from './flap-damping.ts'

/** MACs learned behind one port. The traffic of more is flooded, and the controller hears of it as far as the port's meter lets it. */
export const MACS_A_PORT = 256

export interface MacLearningCounters {
  learned: number
  moved: number
  expired: number
  /** Taken over from bridges, after a restart of the controller. */
  adopted: number
  /** Not learned: in that network it is the MAC of a port or of Weft. */
  spoofed: number
  /** Not learned: its port has `MACS_A_PORT`. */
  overflowed: number
  /** Not moved: it moves too often. */
  damped: number
}

export interface MacLearningOptions {
  readonly inputs: Inputs
  readonly log: Logger
  readonly onEvent: OnEvent
  /** ms since 1970. */
  readonly now: () => number
}

/**
 * Learns which MACs are behind ports without port security, from the first packet of each.
 *
 * It keeps rows. The flows that follow from them spare the controller further packets, and age on the switch.
 */
export class MacLearning {
  readonly counters: MacLearningCounters = {
    learned: 0,
    moved: 0,
    expired: 0,
    adopted: 0,
    spoofed: 0,
    overflowed: 0,
    damped: 0,
  }
  readonly #options: MacLearningOptions
  readonly #flaps = new FlapDamping()
  /** Ports that are told to be full. */
  readonly #full = new Set<string>()
  /** Network -> the MACs that are somebody's there. */
  readonly #known = new Map<string, Set<number>>()
  /** Network number -> network. */
  readonly #networks = new Map<number, string>()

  constructor(options: MacLearningOptions) {
    this.#options = options
  }

  /** Takes a topology: its rows are in the engine already. What is learned and no longer may be is forgotten. */
  setTopology(topology: Topology): void {
    this.#known.clear()
    this.#networks.clear()
    for (const { id, number } of topology.networks.values()) {
      this.#known.set(id, new Set())
      this.#networks.set(number, id)
    }
    for (const port of topology.ports.values()) this.#known.get(port.network_id)?.add(mac(port.mac_address))
    for (const { network_id, dhcp_server } of topology.subnets.values()) {
      if (dhcp_server !== undefined) this.#known.get(network_id)?.add(mac(dhcp_server.mac_address))
    }
    for (const [id, row] of [...this.#options.inputs.learned.entries()]) {
      if (!this.#learns(row.port, row.network) || this.#isKnown(row)) this.#forget(id, row)
    }
  }

  /** Learns from a packet, if a flow sent it for that. */
  handle(packet: PacketIn): void {
    const said = readPacketUserdata(packet.userdata)
    if (said?.service !== 'learn' || packet.data.length < 14) return
    const { inputs } = this.#options
    const binding = inputs.bindings.get(said.portId)
    // A packet that was on its way when its port moved is nobody's.
    if (binding?.host !== packet.host || binding.ofport !== packet.inPort) return
    const source = Buffer.from(packet.data.buffer, packet.data.byteOffset).readUIntBE(6, 6)
    const row: LearnedRow = { network: binding.network, mac: source, port: said.portId }
    if (!this.#learns(row.port, row.network) || source === 0 || isMulticastMac(source)) return
    const id = learnedId(row.network, source)
    const before = inputs.learned.get(id)
    // Several first packets may be on their way before the flow is there.
    if (before?.port === row.port) return
    if (this.#isKnown(row)) {
      this.counters.spoofed++
      this.#debug('the MAC of another is not learned', row)
    } else if (this.#isFull(row.port)) {
      this.#overflow(row)
    } else if (before === undefined) {
      this.counters.learned++
      this.#write(id, row)
      this.#debug('MAC learned', row)
    } else {
      this.#move(id, before, row)
    }
  }

  /** The flow of a MAC has gone because no packet had matched it for long. */
  expire(host: string, { network: number, mac, ofport }: LearnedFlow): void {
    const network = this.#networks.get(number)
    if (network === undefined) return
    const { bindings, learned } = this.#options.inputs
    const id = learnedId(network, mac)
    const row = learned.get(id)
    const binding = row && bindings.get(row.port)
    // It may have moved meanwhile.
    if (row === undefined || binding?.host !== host || binding.ofport !== ofport) return
    this.counters.expired++
    this.#forget(id, row)
    this.#debug('MAC expired', row)
  }

  /** Takes over what a bridge holds as learned: a controller that comes back need not learn it again. */
  adopt(host: string, flows: Iterable<LearnedFlow>): void {
    const { inputs } = this.#options
    let bindings: Map<number, BindingRow> | undefined
    for (const { network, mac, ofport } of flows) {
      bindings ??= new Map([...inputs.bindings.where('host', host)].map(binding => [binding.ofport, binding]))
      const binding = bindings.get(ofport)
      if (binding === undefined || this.#networks.get(network) !== binding.network) continue
      const row: LearnedRow = { network: binding.network, mac, port: binding.port }
      const id = learnedId(row.network, row.mac)
      if (inputs.learned.get(id) !== undefined || !this.#learns(row.port, row.network)) continue
      if (this.#isKnown(row) || this.#isFull(row.port)) continue
      this.counters.adopted++
      this.#write(id, row)
    }
  }

  #move(id: string, before: LearnedRow, row: LearnedRow): void {
    const verdict = this.#flaps.move(id, this.#options.now())
    if (verdict === 'follow') {
      this.counters.moved++
      this.#write(id, row)
      this.#full.delete(before.port)
      this.#tell('mac-moved', row, `from ${this.#placeOf(before.port)} to ${this.#placeOf(row.port)}`)
      return
    }
    this.counters.damped++
    if (verdict === 'freeze') {
      const places = `${this.#placeOf(before.port)} and ${this.#placeOf(row.port)}`
      this.#tell('mac-flapping', before, `keeps moving between ${places}; it stays at the former for a while`)
    }
  }

  #overflow(row: LearnedRow): void {
    this.counters.overflowed++
    if (this.#full.has(row.port)) return
    this.#full.add(row.port)
    this.#tell('mac-overflow', row, `is not learned: ${MACS_A_PORT} are behind the port already`)
  }

  /** Whether a port is there, in this network, and without port security. */
  #learns(port: string, network: string): boolean {
    const row = this.#options.inputs.ports.get(port)
    return row?.network === network && row.learning
  }

  #isKnown({ network, mac }: LearnedRow): boolean {
    return this.#known.get(network)?.has(mac) ?? true
  }

  #isFull(port: string): boolean {
    let count = 0
    for (const _ of this.#options.inputs.learned.where('port', port)) if (++count >= MACS_A_PORT) return true
    return false
  }

  #placeOf(port: string): string {
    const { ports, bindings } = this.#options.inputs
    const name = ports.get(port)?.name
    const host = bindings.get(port)?.host
    return `port ${name ?? port}${host === undefined ? '' : ` on ${host}`}`
  }

  #tell(kind: EventKind, row: LearnedRow, message: string): void {
    const subject = `port ${this.#options.inputs.ports.get(row.port)?.name ?? row.port}`
    this.#options.onEvent({ kind, subject, message: `${formatMac(row.mac)} ${message}` })
  }

  #debug(message: string, row: LearnedRow): void {
    const { log } = this.#options
    if (log.enabled('debug')) log.debug(message, { mac: formatMac(row.mac), at: this.#placeOf(row.port) })
  }

  #write(id: string, row: LearnedRow): void {
    const { engine, learned } = this.#options.inputs
    engine.set(learned, id, row)
  }

  #forget(id: string, row: LearnedRow): void {
    const { engine, learned } = this.#options.inputs
    engine.set(learned, id, undefined)
    this.#flaps.forget(id)
    this.#full.delete(row.port)
  }
}
