import { type Inputs, presenceId } from '../../flows/inputs.ts'
import type { Topology } from '../../topology/topology.ts'
import type { EventKind, OnEvent } from '../event.ts'
import type { Logger } from '../log.ts'
import { type Claim, Claims } from './claim.ts'
import type { HostView } from './host-view.ts'

export interface BindingsOptions {
  readonly inputs: Inputs
  readonly log: Logger
  readonly onEvent: OnEvent
}

/** What a host says of a port that is plugged into it. */
interface Plugged {
  readonly ofport: number
  readonly network: string
}

/** Which port is where: turns what hosts say into rows of hosts, bindings and presences. */
export class Bindings {
  readonly #inputs: Inputs
  readonly #log: Logger
  readonly #onEvent: OnEvent
  readonly #claims = new Claims()
  /** What each host said last: host -> port id -> plug. */
  readonly #plugged = new Map<string, ReadonlyMap<string, Plugged>>()
  /** iface-id (port id or name) -> port. */
  #portByIface = new Map<string, { readonly id: string; readonly network: string }>()
  #topology: Topology | undefined

  constructor({ inputs, log, onEvent }: BindingsOptions) {
    this.#inputs = inputs
    this.#log = log
    this.#onEvent = onEvent
  }

  /** Takes a topology; what hosts say means something else now: each has to be looked at again. */
  setTopology(topology: Topology): void {
    this.#topology = topology
    this.#portByIface = new Map()
    const ports = [...topology.ports.values()]
    for (const { id, name, network_id: network } of ports) this.#portByIface.set(name, { id, network })
    // An id is never the name of another port: ids are UUIDs made of names.
    for (const { id, network_id: network } of ports) this.#portByIface.set(id, { id, network })
  }

  /** The network of the port that an iface-id names. */
  networkOf(ifaceId: string): string | undefined {
    return this.#portByIface.get(ifaceId)?.network
  }

  /** Ports that several hosts claim, with the hosts in the order of their claims: the last one has it. */
  contested(): ReadonlyMap<string, readonly string[]> {
    return this.#claims.contested()
  }

  /**
   * Writes what a host says into rows.
   *
   * @param first whether the host is read for the first time since the start.
   */
  look(host: string, view: HostView, first: boolean): void {
    const { engine, hosts, presences } = this.#inputs
    engine.set(hosts, host, view.row)

    const plugged = new Map<string, Plugged>()
    for (const { ifaceId, ofport } of view.plugs) {
      const port = this.#portByIface.get(ifaceId)
      // Two interfaces of one host that say the same: the older number has it, as long as it is there.
      if (port !== undefined && !plugged.has(port.id)) plugged.set(port.id, { ofport, network: port.network })
    }
    const before = this.#plugged.get(host)
    this.#plugged.set(host, plugged)
    for (const port of before?.keys() ?? []) if (!plugged.has(port)) this.#bind(port, host, undefined)
    for (const [port, { ofport, network }] of plugged) {
      const known = before?.get(port)
      if (known?.ofport !== ofport || known.network !== network) this.#bind(port, host, { ofport, fresh: !first })
    }

    const networks = new Set([...plugged.values()].map(plug => plug.network))
    for (const network of networks) {
      const localVlan = view.localVlans.get(network)
      if (localVlan === undefined) networks.delete(network)
      else engine.set(presences, presenceId(host, network), { host, network, localVlan })
    }
    for (const { network } of [...presences.where('host', host)]) {
      if (!networks.has(network)) engine.set(presences, presenceId(host, network), undefined)
    }
  }

  /** Takes back what a host said. */
  forget(host: string): void {
    const { engine, hosts, presences } = this.#inputs
    for (const port of this.#plugged.get(host)?.keys() ?? []) this.#bind(port, host, undefined)
    this.#plugged.delete(host)
    for (const { network } of [...presences.where('host', host)]) {
      engine.set(presences, presenceId(host, network), undefined)
    }
    engine.set(hosts, host, undefined)
  }

  #bind(port: string, host: string, claim: Omit<Claim, 'host'> | undefined): void {
    const { engine, bindings } = this.#inputs
    const winner = this.#claims.say(port, host, claim)
    const network = this.#topology?.ports.get(port)?.network_id
    const before = bindings.get(port)
    if (winner === undefined || network === undefined) {
      engine.set(bindings, port, undefined)
      if (before !== undefined) this.#tell(port, 'port-unbound', `from ${before.host}`)
      return
    }
    // What was plugged in before Weft looked is found, not bound.
    if (before === undefined) {
      if (winner.fresh) this.#tell(port, 'port-bound', `to ${winner.host}, OpenFlow port ${winner.ofport}`)
    } else if (before.host !== winner.host) {
      this.#tell(port, 'port-moved', `from ${before.host} to ${winner.host}, OpenFlow port ${winner.ofport}`)
    } else if (before.ofport !== winner.ofport) {
      const message = `from OpenFlow port ${before.ofport} to ${winner.ofport} of ${before.host}`
      this.#tell(port, 'port-renumbered', message)
    }
    const hosts = claim !== undefined && winner.host === host ? this.#claims.hostsOf(port) : []
    if (hosts.length > 1) {
      this.#log.warn('port is plugged on several hosts', { port: this.#nameOf(port), hosts })
      this.#tell(port, 'port-contested', `plugged in on ${hosts.join(', ')}: ${winner.host} has it`)
    }
    engine.set(bindings, port, { port, network, host: winner.host, ofport: winner.ofport })
  }

  #nameOf(port: string): string {
    return this.#topology?.ports.get(port)?.name ?? port
  }

  #tell(port: string, kind: EventKind, message: string): void {
    this.#onEvent({ kind, subject: `port ${this.#nameOf(port)}`, message })
  }
}
