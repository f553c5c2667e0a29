/** Where a station was last heard. Times are ms of the owner's clock. */
export interface Station {
  readonly mac: number
  /** The OpenFlow port that leads to it. */
  port: number
  /** When it was last heard. */
  seen: number
  /** When a flow from it or to it was last asked for. */
  flowed: number
  /** Moves since `moving`, when a series of them began at the port `home`. */
  moves: number
  moving: number
  home: number
  /** Until when it is taken to be at `home` whatever is heard. */
  heldUntil: number
}

/**
 * What hearing a station changed. `moved`: it was at `from`. `flaps`: it moved too often; it is taken to be at `home` again and held
 * there. `held`: still held, heard elsewhere. `full`: no room for it.
 */
export type Change =
  | { readonly kind: 'new'; readonly station: Station; readonly evicted: Station | undefined }
  | { readonly kind: 'moved' | 'flaps' | 'held'; readonly station: Station; readonly from: number }
  | { readonly kind: 'full' }

export interface MacTableLimits {
  /** Stations at most. */
  readonly stations: number
  /** ms of silence after which a station is forgotten. */
  readonly age: number
  /** Moves within `flapWindow` ms that are followed; one more and the station is held for `holdTime` ms. */
  readonly moves: number
  readonly flapWindow: number
  readonly holdTime: number
}

const NEVER = Number.NEGATIVE_INFINITY
const FULL: Change = { kind: 'full' }

/**
 * Which station is behind which port of one datapath.
 *
 * A station that goes back and forth is held where it was before that began, as RFC 7432 § 15.1 does with duplicate MACs: behind
 * a loop that is where it really is. A full table makes room for a newcomer by the oldest station of the port that has most, so that
 * a port that floods it with addresses drives out none but its own.
 */
export class MacTable {
  readonly #limits: MacTableLimits
  readonly #stations = new Map<number, Station>()
  /** Stations by port, the longest known first. */
  readonly #ports = new Map<number, Set<Station>>()

  constructor(limits: MacTableLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#stations.size
  }

  get(mac: number): Station | undefined {
    return this.#stations.get(mac)
  }

  /** The stations behind a port. */
  at(port: number): Iterable<Station> {
    return this.#ports.get(port) ?? []
  }

  /** A frame from `mac` came in by `port`, where the table does not have it. */
  learn(mac: number, port: number, now: number): Change {
    const station = this.#stations.get(mac)
    return station === undefined ? this.#add(mac, port, now) : this.#move(station, port, now)
  }

  forget(station: Station): void {
    this.#stations.delete(station.mac)
    this.#leave(station)
  }

  /** Forgets the stations that have been silent too long and returns them. */
  expire(now: number): Station[] {
    const silent = this.#stations.values().filter(({ seen }) => now - seen > this.#limits.age)
    const expired = [...silent]
    for (const station of expired) this.forget(station)
    return expired
  }

  #add(mac: number, port: number, now: number): Change {
    let evicted: Station | undefined
    if (this.#stations.size >= this.#limits.stations) {
      const [crowded, stations] = this.#mostCrowded()
      if (crowded === port) return FULL
      evicted = stations.values().next().value!
      this.forget(evicted)
    }
    const station: Station = {
      mac,
      port,
      seen: now,
      flowed: NEVER,
      moves: 0,
      moving: NEVER,
      home: port,
      heldUntil: NEVER,
    }
    this.#stations.set(mac, station)
    this.#enter(station)
    return { kind: 'new', station, evicted }
  }

  #move(station: Station, port: number, now: number): Change {
    const { port: from } = station
    if (now < station.heldUntil) return { kind: 'held', station, from }
    const { moves, flapWindow, holdTime } = this.#limits
    if (now - station.moving > flapWindow) {
      station.moving = now
      station.moves = 0
      station.home = from
    }
    station.moves++
    const flaps = station.moves > moves
    if (flaps) {
      station.heldUntil = now + holdTime
      station.moving = NEVER
    }
    this.#leave(station)
    station.port = flaps ? station.home : port
    station.seen = now
    this.#enter(station)
    return { kind: flaps ? 'flaps' : 'moved', station, from }
  }

  #mostCrowded(): readonly [port: number, stations: ReadonlySet<Station>] {
    return this.#ports.entries().reduce((most, next) => (next[1].size > most[1].size ? next : most))
  }

  #enter(station: Station): void {
    const stations = this.#ports.get(station.port)
    if (stations === undefined) this.#ports.set(station.port, new Set([station]))
    else stations.add(station)
  }

  #leave(station: Station): void {
    const stations = this.#ports.get(station.port)
    stations?.delete(station)
    if (stations?.size === 0) this.#ports.delete(station.port)
  }
}
