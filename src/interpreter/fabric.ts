import { Bridge, type BridgeState, Switch, type TunnelType } from './bridge.ts'
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
  readonly port: string
  readonly frame: Uint8Array
}

/** A frame in a tunnel. */
export interface Transmission extends Tunnel {
  readonly type: TunnelType
  readonly frame: Uint8Array
  /** The host that has the destination's address; `undefined` where nobody does. */
  readonly to: string | undefined
}

/** A frame on a wire. */
export interface Emission {
  readonly wire: string
  readonly frame: Uint8Array
}

/** What became of a frame in the whole fabric. */
export interface Outcome {
  readonly delivered: readonly At<Delivery>[]
  readonly controller: readonly At<PacketIn>[]
  readonly tunnelled: readonly At<Transmission>[]
  readonly wired: readonly At<Emission>[]
  /** Host by host, as the frame and its copies came in. */
  readonly passages: readonly At<{ readonly arrival: Arrival; readonly passage: Passage }>[]
  /** Everything that happened, in order. */
  readonly trace: readonly At<Step>[]
  /** The last steps of those ways that ended in a flow that does nothing, or in none. */
  readonly drops: readonly At<Step>[]
}

/** Hosts that a frame and its copies may come into before this counts as a loop. */
const MAX_PASSAGES = 4096

/** What is on the wire of a tunnel id (RFC 7348 § 5, RFC 2890 § 2). */
export const TUNNEL_ID_BITS = { vxlan: 24, gre: 32 } as const

/** The hosts of a fabric, joined by tunnels and wires. */
export class Fabric {
  readonly #hosts = new Map<string, { readonly bridges: Switch; readonly tunnelAddress: number | bigint | undefined }>()
  readonly #byAddress = new Map<number | bigint, string>()

  /** @throws {Unsupported} for what a bridge holds and the interpreter does not know. */
  constructor(hosts: Iterable<HostState>) {
    for (const { name, tunnelAddress, bridges } of hosts) {
      this.#hosts.set(name, { bridges: new Switch(bridges.map(state => new Bridge(state))), tunnelAddress })
      if (tunnelAddress !== undefined) this.#byAddress.set(tunnelAddress, name)
    }
  }

  /**
   * Follows a frame that the guest at a port sends.
   *
   * @throws {Unsupported} for an action or field on its way that the interpreter does not know.
   * @throws {Error} when no port, or more than one, has the name, and when the frame goes in circles.
   */
  send(port: string, frame: Uint8Array): Outcome {
    const places = [...this.#hosts].flatMap(([host, { bridges }]) => {
      const place = bridges.find(port)
      return place?.port.kind === 'endpoint' ? [{ host, ...place }] : []
    })
    const [place, second] = places
    if (place === undefined || second !== undefined) throw new Error(`${places.length} ports have the name ${port}`)
    return this.receive(place.host, { bridge: place.bridge.name, port: place.port.number, frame })
  }

  /** Follows a frame that comes in by a port of a host. Throws as `send` does. */
  receive(host: string, arrival: Arrival): Outcome {
    return this.#follow([{ host, arrival }])
  }

  /** Follows a frame that something else on a wire sends. Throws as `send` does. */
  hear(wire: string, frame: Uint8Array): Outcome {
    return this.#follow(this.#onWire(wire, frame))
  }

  #follow(arrivals: At<{ arrival: Arrival }>[]): Outcome {
    const delivered: At<Delivery>[] = []
    const controller: At<PacketIn>[] = []
    const tunnelled: At<Transmission>[] = []
    const wired: At<Emission>[] = []
    const passages: At<{ arrival: Arrival; passage: Passage }>[] = []
    // The list grows while it is gone through.
    for (const { host, arrival } of arrivals) {
      if (passages.length === MAX_PASSAGES) throw new Error('the frame goes in circles between hosts')
      const passage = walk(this.#hosts.get(host)!.bridges, arrival)
      passages.push({ host, arrival, passage })
      controller.push(...passage.packetIns.map(packetIn => ({ host, ...packetIn })))
      for (const { port, frame, tunnel } of passage.departures) {
        if (port.kind === 'endpoint') delivered.push({ host, port: port.name, frame })
        else if (port.kind === 'uplink') {
          wired.push({ host, wire: port.wire, frame })
          arrivals.push(...this.#onWire(port.wire, frame, { host, port: port.name }))
        } else {
          const to = this.#byAddress.get(tunnel!.destination)
          tunnelled.push({ host, type: port.type, ...tunnel!, frame, to })
          if (to !== undefined) arrivals.push(...this.#atTunnelEnd(to, port.type, tunnel!, frame, host))
        }
      }
    }
    const trace = passages.flatMap(({ host, passage }) => passage.steps.map(step => ({ host, ...step })))
    const isDrop = (step: Step) => step.kind === 'miss' || (step.kind === 'flow' && drops(step.flow))
    return { delivered, controller, tunnelled, wired, passages, trace, drops: trace.filter(isDrop) }
  }

  /** By every port on the wire but the one it was sent from. */
  #onWire(wire: string, frame: Uint8Array, from?: { host: string; port: string }): At<{ arrival: Arrival }>[] {
    return [...this.#hosts].flatMap(([host, { bridges }]) =>
      [...bridges.ports()]
        .filter(({ port }) => port.kind === 'uplink' && port.wire === wire)
        .filter(({ port }) => host !== from?.host || port.name !== from.port)
        .map(({ bridge, port }) => ({ host, arrival: { bridge: bridge.name, port: port.number, frame } })),
    )
  }

  /** By the host's port for that type of tunnel, if it has one. */
  #atTunnelEnd(
    host: string,
    type: TunnelType,
    { id, destination }: Tunnel,
    frame: Uint8Array,
    from: string,
  ): At<{ arrival: Arrival }>[] {
    const source = this.#hosts.get(from)!.tunnelAddress
    if (source === undefined) return []
    const tunnel = { id: BigInt.asUintN(TUNNEL_ID_BITS[type], id), source, destination }
    return [...this.#hosts.get(host)!.bridges.ports()]
      .filter(({ port }) => port.kind === 'tunnel' && port.type === type)
      .map(({ bridge, port }) => ({ host, arrival: { bridge: bridge.name, port: port.number, frame, tunnel } }))
  }
}
