import { Bridge, type BridgeState, type Port, Switch } from './bridge.ts'
import { drops } from './flow-table.ts'
import type { Arrival, PacketIn, Passage, Step, Tunnel } from './passage.ts'
import { walk } from './walk.ts'

/** A host: its bridges, and the address at which the others reach its tunnel ports. */
export interface HostState {
  readonly name: string
  readonly tunnelAddress?: number | bigint | undefined
  readonly bridges: readonly BridgeState[]
}

export type At<Thing> = Thing & { readonly host: string }

/** A frame handed to whatever is behind a port. */
export interface Delivery {
  readonly host: string
  readonly port: string
  readonly frame: Uint8Array
}

/** A frame on the wire between hosts. */
export interface Transmission extends Tunnel {
  readonly host: string
  readonly kind: Port['kind']
  readonly frame: Uint8Array
  /** The host that has the destination's address; `undefined` where nobody does. */
  readonly to: string | undefined
}

/** What became of a frame in the whole fabric. */
export interface Outcome {
  readonly delivered: readonly Delivery[]
  readonly controller: readonly At<PacketIn>[]
  readonly tunnelled: readonly Transmission[]
  /** Host by host, as the frame and its copies came in. */
  readonly passages: readonly { readonly host: string; readonly arrival: Arrival; readonly passage: Passage }[]
  /** Everything that happened, in order. */
  readonly trace: readonly At<Step>[]
  /** The last steps of those ways that ended in a flow that does nothing, or in none. */
  readonly drops: readonly At<Step>[]
}

/** Hosts that a frame and its copies may come into before this counts as a loop. */
const MAX_PASSAGES = 4096

/** What is on the wire of a tunnel id (RFC 7348 § 5, RFC 2890 § 2). */
const ID_BITS = { vxlan: 24, gre: 32 } as const

/** The hosts of a fabric, joined by tunnels. */
export class Fabric {
  readonly #hosts = new Map<string, Switch>()
  readonly #addresses = new Map<number | bigint, string>()
  readonly #hostAddress = new Map<string, number | bigint>()

  /** @throws {Unsupported} for what a bridge holds and the interpreter does not know. */
  constructor(hosts: Iterable<HostState>) {
    for (const { name, tunnelAddress, bridges } of hosts) {
      this.#hosts.set(name, new Switch(bridges.map(state => new Bridge(state))))
      if (tunnelAddress === undefined) continue
      this.#addresses.set(tunnelAddress, name)
      this.#hostAddress.set(name, tunnelAddress)
    }
  }

  /**
   * Follows a frame that the guest at a port sends.
   *
   * @throws {Unsupported} for an action or field on its way that the interpreter does not know.
   * @throws {Error} when no port, or more than one, has the name, and when the frame goes in circles.
   */
  send(port: string, frame: Uint8Array): Outcome {
    const places = [...this.#hosts].flatMap(([host, bridges]) => {
      const place = bridges.find(port)
      return place?.port.kind === 'endpoint' ? [{ host, ...place }] : []
    })
    const [place, second] = places
    if (place === undefined || second !== undefined) throw new Error(`${places.length} ports have the name ${port}`)
    return this.receive(place.host, { bridge: place.bridge.name, port: place.port.number, frame })
  }

  /** Follows a frame that comes in by a port of a host. Throws as `send` does. */
  receive(host: string, arrival: Arrival): Outcome {
    const outcome = {
      delivered: [] as Delivery[],
      controller: [] as At<PacketIn>[],
      tunnelled: [] as Transmission[],
      passages: [] as { host: string; arrival: Arrival; passage: Passage }[],
    }
    const arrivals = [{ host, arrival }]
    for (const { host, arrival } of arrivals) {
      if (arrivals.length > MAX_PASSAGES) throw new Error('the frame goes in circles between hosts')
      const passage = walk(this.#hosts.get(host)!, arrival)
      outcome.passages.push({ host, arrival, passage })
      outcome.controller.push(...passage.packetIns.map(packetIn => ({ host, ...packetIn })))
      for (const { port, frame, tunnel } of passage.departures) {
        if (tunnel === undefined || port.kind === 'endpoint' || port.kind === 'patch') {
          outcome.delivered.push({ host, port: port.name, frame })
          continue
        }
        const to = this.#addresses.get(tunnel.destination)
        outcome.tunnelled.push({ host, kind: port.kind, ...tunnel, frame, to })
        const next = to === undefined ? undefined : this.#arrival(to, port.kind, tunnel, frame, host)
        if (to !== undefined && next !== undefined) arrivals.push({ host: to, arrival: next })
      }
    }
    const trace = outcome.passages.flatMap(({ host, passage }) => passage.steps.map(step => ({ host, ...step })))
    return {
      ...outcome,
      trace,
      drops: trace.filter(step => step.kind === 'miss' || (step.kind === 'flow' && drops(step.flow))),
    }
  }

  /** By the port of the same kind of tunnel, if the host has one. */
  #arrival(
    to: string,
    kind: 'vxlan' | 'gre',
    { id, destination }: Tunnel,
    frame: Uint8Array,
    from: string,
  ): Arrival | undefined {
    const source = this.#hostAddress.get(from)
    const place = [...this.#hosts.get(to)!.ports()].find(({ port }) => port.kind === kind)
    if (place === undefined || source === undefined) return undefined
    const tunnel = { id: BigInt.asUintN(ID_BITS[kind], id), source, destination }
    return { bridge: place.bridge.name, port: place.port.number, frame, tunnel }
  }
}
