import {
  type ConnectionClosed,
  type ConnectionHandlers,
  type DecodedMessage,
  type DecodedMessageOf,
  errorName,
  type OpenFlowConnection,
  PORT,
  PORT_CONFIG,
  PORT_STATE,
} from 'node-openflow'
import type { Logger } from '../log.ts'
import { getUint48 } from '../packet/bytes.ts'
import { formatMac } from '../packet/mac.ts'
import { HARD_TIMEOUT, IDLE_TIMEOUT, isLinkLocal, LearningFlows } from './flows.ts'
import { MacTable, type MacTableLimits, type Station } from './mac-table.ts'
import { ForwardTemplate, PacketInTemplate } from './template.ts'

export const LIMITS: MacTableLimits = {
  stations: 16_384,
  // Who talks at least once in every idle timeout is heard before this has passed, and never forgotten.
  age: (HARD_TIMEOUT + IDLE_TIMEOUT) * 1000,
  moves: 5,
  flapWindow: 10_000,
  holdTime: 30_000,
}

const ETHERNET_HEADER = 14
/** A packet-in's cookie where the switch does not know it. OpenFlow 1.5.1 § 7.4.1 */
const NO_COOKIE = 0xffff_ffff_ffff_ffffn
const ONES = 0xffff_ffff

/** What has happened on a datapath since it connected. */
export interface DatapathCounters {
  packetIns: number
  /** Frames sent to one port, and to all others. */
  forwarded: number
  flooded: number
  /** Frames sent nowhere: of a held station, to the port they came from, malformed, ... */
  dropped: number
  moves: number
  flaps: number
  /** Messages that the switch refused. */
  errors: number
}

export interface LearningDatapathOptions {
  readonly connection: OpenFlowConnection
  readonly datapathId: bigint
  /** Of every flow we add, and of no other: what carries it is ours to remove. */
  readonly cookie: bigint
  readonly log: Logger
  /** ms. */
  readonly now: () => number
  readonly limits?: MacTableLimits
  readonly onClose?: () => void
}

/**
 * One datapath served as a learning switch over one connection.
 *
 * Flows match ingress port and both addresses, so that a station that moved is heard at once. Whenever a station is forgotten or
 * moves, the flows from it and to it go: a flow names only stations that the table has, where the table has them.
 */
export class LearningDatapath implements ConnectionHandlers {
  readonly datapathId: bigint
  readonly connection: OpenFlowConnection
  readonly stations: MacTable
  readonly counters: DatapathCounters = {
    packetIns: 0,
    forwarded: 0,
    flooded: 0,
    dropped: 0,
    moves: 0,
    flaps: 0,
    errors: 0,
  }
  /** Resolves when the switch has acknowledged the flows it starts with, or is gone. */
  readonly ready: Promise<void>
  readonly #options: LearningDatapathOptions
  readonly #name: string
  readonly #cookieHigh: number
  readonly #cookieLow: number
  readonly #flows: LearningFlows
  readonly #forward: ForwardTemplate
  readonly #packetIn: PacketInTemplate
  readonly #complained = new Set<string>()
  #prepared = false
  /** Until when no further flapping is worth a warning. */
  #flapsSaidUntil = Number.NEGATIVE_INFINITY

  constructor(options: LearningDatapathOptions) {
    const { connection, datapathId, cookie, limits = LIMITS } = options
    this.#options = options
    this.connection = connection
    this.datapathId = datapathId
    this.stations = new MacTable(limits)
    this.#name = datapathId.toString(16).padStart(16, '0')
    this.#cookieHigh = Number(cookie >> 32n)
    this.#cookieLow = Number(cookie & 0xffff_ffffn)
    this.#flows = new LearningFlows(connection, cookie)
    this.#forward = new ForwardTemplate(connection.version, this.#flows.form)
    this.#packetIn = new PacketInTemplate(connection.version)
    this.ready = this.#prepare().catch((error: unknown) => {
      if (connection.reason === undefined) connection.close(`not to be had as a learning switch: ${String(error)}`)
    })
  }

  /** Table misses, undecoded; everything else is decoded. */
  raw(bytes: Uint8Array, start: number, end: number): boolean {
    const form = this.#packetIn
    if (!form.fits(bytes, start, end)) return false
    const high = form.cookieHigh(bytes, start)
    const low = form.cookieLow(bytes, start)
    if ((high === this.#cookieHigh && low === this.#cookieLow) || (high === ONES && low === ONES)) {
      this.#switch(form.inPort(bytes, start), form.bufferId(bytes, start), bytes, start + form.data, end)
    }
    return true
  }

  message(message: DecodedMessage): void {
    if (message.type === 'packet_in') {
      const { cookie, bufferId, match, data } = message
      const inPort = match.find(({ field }) => field.name === 'in_port')?.value
      if (inPort === undefined || (cookie !== this.#options.cookie && cookie !== NO_COOKIE)) return
      this.#switch(Number(inPort), bufferId, data, 0, data.length)
    } else if (message.type === 'port_status') {
      const { reason, port } = message
      const isDown = (port.config & PORT_CONFIG.PORT_DOWN) !== 0 || (port.state & PORT_STATE.LINK_DOWN) !== 0
      if (reason === 'delete' || isDown) this.#forgetPort(port.portNo)
    } else if (message.type === 'flow_removed') {
      // Ours is the table miss alone: without it we would be deaf.
      if (this.#prepared && message.cookie === this.#options.cookie) {
        this.#options.log.info('flows of an unmanaged datapath were removed; adding them again', {
          datapath: this.#name,
        })
        this.#flows.addStatic()
      }
    } else if (message.type === 'error') {
      this.#refused(message)
    }
  }

  close(reason: ConnectionClosed): void {
    this.#options.log.info('unmanaged datapath disconnected', { datapath: this.#name, reason: reason.message })
    this.#options.onClose?.()
  }

  /** Forgets stations that have been silent for too long. */
  expire(): void {
    const now = this.#options.now()
    for (const station of this.stations.expire(now)) this.#removeFlowsOf(station, now)
  }

  /** Removes the flows of an earlier session and adds those to start with. Flows of others stay as they are. */
  async #prepare(): Promise<void> {
    const { connection } = this
    const { log } = this.#options
    this.#flows.removeAll()
    const others = connection.multipart({ type: 'multipart_request', kind: 'aggregate' })
    this.#flows.addStatic()
    const [count] = await others
    await connection.barrier()
    this.#prepared = true
    log.info('unmanaged datapath served as a learning switch', {
      datapath: this.#name,
      version: connection.version,
      foreignFlows: count?.flowCount || undefined,
    })
  }

  /** Learns from the frame `bytes[at, end)`, sends it where it belongs, once, and has the switch do so with those that follow. */
  #switch(inPort: number, bufferId: number, bytes: Uint8Array, at: number, end: number): void {
    const { counters, stations } = this
    const forward = this.#forward
    counters.packetIns++
    const now = this.#options.now()
    const whole = end - at >= ETHERNET_HEADER && end - at <= forward.largestFrame
    if (!whole || (inPort > PORT.MAX && inPort !== PORT.LOCAL)) {
      counters.dropped++
      return
    }
    const destination = getUint48(bytes, at)
    const source = getUint48(bytes, at + 6)
    const sourceIsGroup = (bytes[at + 6]! & 1) !== 0
    if (sourceIsGroup || isLinkLocal(destination)) {
      counters.dropped++
      return
    }

    let from = stations.get(source)
    if (from?.port === inPort) from.seen = now
    else {
      from = this.#learn(source, inPort, now)
      if (from !== undefined && from.port !== inPort) {
        counters.dropped++
        return
      }
    }

    const isGroup = (bytes[at]! & 1) !== 0
    const to = isGroup ? undefined : stations.get(destination)
    const outPort = to === undefined ? PORT.FLOOD : to.port
    // A flow names only stations of the table, and one that floods an unknown address would hide where that is.
    const flows = from !== undefined && (isGroup || to !== undefined)
    if (flows) {
      from!.flowed = now
      if (to !== undefined) to.flowed = now
    }
    if (outPort === inPort) {
      // An output to the ingress port does nothing, which is what is wanted. OpenFlow 1.5.1 § 7.2.1.2
      counters.dropped++
      if (flows) this.connection.sendBytes(forward.flow(inPort, outPort, bytes, at))
      return
    }
    if (to === undefined) counters.flooded++
    else counters.forwarded++
    this.connection.sendBytes(
      flows
        ? forward.flowAndPacket(inPort, outPort, bufferId, bytes, at, end)
        : forward.packet(inPort, outPort, bufferId, bytes, at, end),
    )
  }

  /** A station is new, or not where it was; returns where the table has it from now on, if at all. */
  #learn(mac: number, port: number, now: number): Station | undefined {
    const { counters, stations } = this
    const { log } = this.#options
    const change = stations.learn(mac, port, now)
    switch (change.kind) {
      case 'full':
        return undefined
      case 'new':
        if (change.evicted !== undefined) this.#removeFlowsOf(change.evicted, now)
        return change.station
      case 'moved':
        counters.moves++
        this.#removeFlowsOf(change.station, now)
        break
      case 'flaps': {
        counters.flaps++
        const { home, heldUntil } = change.station
        const elsewhere = port === home ? change.from : port
        this.#removeFlowsOf(change.station, now)
        this.#hold(change.station, elsewhere, now)
        // A loop makes all stations flap: one stands for all.
        const level = now < this.#flapsSaidUntil ? 'debug' : 'warn'
        if (level === 'warn') this.#flapsSaidUntil = heldUntil
        log[level]('a station moves too often, a loop perhaps; what comes from it elsewhere is dropped for a while', {
          datapath: this.#name,
          mac: formatMac(mac),
          port: home,
          elsewhere,
          seconds: Math.ceil((heldUntil - now) / 1000),
        })
        break
      }
      case 'held':
        this.#hold(change.station, port, now)
        break
    }
    return change.station
  }

  /** Has the switch drop what a held station is said to send by another port. */
  #hold({ mac, heldUntil }: Station, inPort: number, now: number): void {
    this.#flows.drop(inPort, mac, Math.ceil((heldUntil - now) / 1000))
  }

  #forgetPort(port: number): void {
    for (const station of [...this.stations.at(port)]) this.stations.forget(station)
    this.#flows.removePort(port)
  }

  /** Removes the flows that name a station, if there can be any. */
  #removeFlowsOf({ mac, flowed }: Station, now: number): void {
    if (now - flowed <= HARD_TIMEOUT * 1000) this.#flows.removeStation(mac)
  }

  /** Said once for each kind of refusal: a full flow table would refuse every flow. */
  #refused(error: DecodedMessageOf<'error'>): void {
    this.counters.errors++
    const name = errorName(error)
    if (this.#complained.has(name)) return
    this.#complained.add(name)
    this.#options.log.warn('unmanaged datapath refused a message', { datapath: this.#name, error: name })
  }
}
