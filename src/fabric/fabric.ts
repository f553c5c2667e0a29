import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type ConnectionHandlers,
  type DecodedMessageOf,
  listenOpenFlow,
  type Address as OpenFlowAddress,
  type OpenFlowConnection,
  type OpenFlowServer,
} from 'node-openflow'
import {
  type Listener,
  listenOvsdb,
  type Address as OvsdbAddress,
  type OvsdbSession,
  operations,
  vswitch,
} from 'ovsdb-client'
import { brInt } from '../../flows/br-int.ts'
import { brTun } from '../../flows/br-tun.ts'
import { brIntOf, type Inputs } from '../../flows/inputs.ts'
import { type LearnedFlow, learnedAmong, readLearnedFlow } from '../../flows/learning.ts'
import type { Host } from '../../topology/host.ts'
import { ipv4 } from '../../topology/ipv4.ts'
import type { Topology } from '../../topology/topology.ts'
import type { EventKind, OnEvent } from '../event.ts'
import type { Logger } from '../log.ts'
import { encodeFlow, flowKey } from '../pipeline/flow-bytes.ts'
import type { AdoptionPlan, Consent } from './adoption.ts'
import { Bindings } from './bindings.ts'
import { BridgeSession } from './bridge-session.ts'
import { datapathIdOf } from './host-config.ts'
import { HostSession, type HostWish } from './host-session.ts'
import type { HostView } from './host-view.ts'
import { sendFrame } from './packet-out.ts'
import type { ReleasePlan } from './release.ts'
import { Waiters } from './waiters.ts'

/** A packet that a flow sent to the controller. */
export interface PacketIn {
  readonly host: string
  readonly bridge: string
  /** OpenFlow port it came in by. */
  readonly inPort: number
  readonly data: Uint8Array
  /** What the flow said about it. */
  readonly userdata: Uint8Array
  /** Sends a frame out of a port of the same bridge. */
  readonly reply: (outPort: number, frame: Uint8Array) => void
}

export interface FabricOptions {
  readonly inputs: Inputs
  readonly log: Logger
  readonly onEvent: OnEvent
  /** The controller endpoint in the Controller rows of a host, in OVSDB's grammar. */
  readonly targetFor: (host: Host) => string
  /** How a host's OVSDB is reached; `undefined` for hosts that dial in. */
  readonly addressOf: (host: Host) => OvsdbAddress | undefined
  /** May write rows. */
  readonly onPacketIn: (packet: PacketIn) => void
  /** The flow of a learned MAC has gone: no packet had matched it for long. May write rows. */
  readonly onMacIdle: (host: string, flow: LearnedFlow) => void
  /** The learned MACs that a host’s br-int holds, before it is told to hold anything else. May write rows. */
  readonly onMacsHeld: (host: string, flows: Iterable<LearnedFlow>) => void
  /** The hosts that were released; `set` returns when it is on disk. */
  readonly released: { has(host: string): boolean; set(host: string, released: boolean): void }
  /** Who serves a datapath that no host declares; where nobody does, it is sent away. */
  readonly onUnmanaged?:
    | ((connection: OpenFlowConnection, features: DecodedMessageOf<'features_reply'>) => ConnectionHandlers | undefined)
    | undefined
}

/** How long the engine may run before the event loop gets a turn, ms. */
const SLICE = 20

/** Units between two looks at the clock. */
const BATCH = 64

/** Bridges that are given their first fill at the same time: what waits for a bridge is held in memory. */
const FILLS = 8

/** How long the bridges of a host that is released may take to connect, and then to give up their flows, ms. */
const WITHDRAWAL = 3_000

/** How long `release` waits for the host to be clean, ms. */
const RELEASE = 10_000

/** The bridges Weft keeps on a host. */
const bridgesOf = (host: Host): string[] => [brInt.name, brTun.name, ...Object.values(host.bridge_mappings)]

/**
 * The hosts: their OVSDB and OpenFlow sessions, and the drivers that make their bridges hold what is wanted.
 *
 * It writes what hosts say into the engine's rows, and what the engine derives to the bridges. Nothing is removed from any
 * bridge before every host of the topology has been read once: until then what looks stale may be about a host still to come.
 */
export class Fabric {
  readonly #options: FabricOptions
  readonly #inputs: Inputs
  readonly #log: Logger
  readonly #hosts = new Map<string, HostSession>()
  readonly #bridges = new Map<string, BridgeSession>()
  /** Sessions of datapaths that no host declares, with their datapath ids. */
  readonly #unmanaged = new Map<OpenFlowConnection, string>()
  readonly #views = new Map<string, HostView>()
  readonly #bindings: Bindings
  readonly #targets = new Map<string, { readonly host: string; readonly bridge: string }>()
  readonly #waiters = new Waiters()
  /** Bridges that have been read since the start. */
  readonly #heard = new Set<string>()
  /** Ports behind which MACs are learned. */
  #learners: readonly string[] = []
  #topology: Topology | undefined
  #openflow: OpenFlowServer | undefined
  #ovsdb: Listener | undefined
  #scheduled = false
  #closed = false

  constructor(options: FabricOptions) {
    this.#options = options
    this.#inputs = options.inputs
    this.#log = options.log
    this.#bindings = new Bindings(options)
  }

  /** Listens for bridges; resolves with the address it really got. */
  async listenOpenFlow(address: OpenFlowAddress): Promise<OpenFlowAddress> {
    this.#openflow = await listenOpenFlow(address, {
      onOpen: connection => this.#admit(connection),
      onRefused: (reason, remote) => this.#log.warn('OpenFlow connection refused', { remote, reason: reason.message }),
    })
    return this.#openflow.address
  }

  /** Listens for hosts that dial in (`ovs-vsctl set-manager`); resolves with the address it really got. */
  async listenOvsdb(address: OvsdbAddress): Promise<OvsdbAddress> {
    this.#ovsdb = await listenOvsdb(address, {
      onSession: session => {
        this.#welcome(session).catch((error: unknown) => {
          this.#log.warn('a host that dialled in was sent away', { peer: session.peer, reason: String(error) })
          const message = error instanceof Error ? error.message : String(error)
          this.#options.onEvent({ kind: 'host-refused', subject: `peer ${session.peer}`, message })
          session.close()
        })
      },
      onRefused: error => this.#log.warn('OVSDB connection refused', { reason: error.message }),
    })
    return this.#ovsdb.address
  }

  /** Takes a topology: its rows are in the engine already. */
  setTopology(topology: Topology): void {
    this.#topology = topology
    this.#learners = [...topology.ports.values()].flatMap(port => (port.port_security_enabled ? [] : [port.id]))
    this.#bindings.setTopology(topology)
    const names = new Set<string>()
    for (const host of topology.hosts.values()) {
      names.add(host.name)
      for (const bridge of bridgesOf(host)) {
        this.#targets.set(datapathIdOf(host.name, bridge), { host: host.name, bridge })
      }
      if (this.#hosts.has(host.name)) continue
      this.#hosts.set(
        host.name,
        new HostSession({
          name: host.name,
          address: this.#options.addressOf(host),
          log: this.#log,
          onEvent: (kind, message) => this.#options.onEvent({ kind, subject: `host ${host.name}`, message }),
          wish: () => this.#wishFor(host.name),
          isReleased: () => this.#options.released.has(host.name),
          withdraw: bridges => this.#withdraw(host.name, bridges),
          onView: (view, first) => this.#look(host.name, view, first),
          onProgress: () => this.#progress(),
        }),
      )
    }
    for (const [name, session] of this.#hosts) {
      if (names.has(name)) {
        session.refresh()
        continue
      }
      session.close()
      this.#hosts.delete(name)
      this.#forget(name)
    }
    for (const [connection, datapathId] of this.#unmanaged) {
      if (this.#targets.has(datapathId)) connection.close('a host declares this datapath now')
    }
    this.schedule()
  }

  get hosts(): ReadonlyMap<string, HostSession> {
    return this.#hosts
  }

  /** The OpenFlow sessions by `host/bridge`. */
  get bridges(): ReadonlyMap<string, BridgeSession> {
    return this.#bridges
  }

  get views(): ReadonlyMap<string, HostView> {
    return this.#views
  }

  /** Whether a host was released: it is in the topology, and Weft keeps off it. */
  isReleased(host: string): boolean {
    return this.#options.released.has(host)
  }

  /** What adopting a host would do. @throws {Error} while its OVSDB is not connected. */
  planAdoption(host: string, consent: Consent): AdoptionPlan {
    return this.#session(host).planAdoption(consent)
  }

  /**
   * Takes a host in: the bridges that are there become Weft's, and a host that was released is so no more.
   *
   * @returns the plan; when it has refusals, nothing was done.
   * @throws {Error} while its OVSDB is not connected, or when that refuses.
   */
  async adopt(host: string, consent: Consent): Promise<AdoptionPlan> {
    const session = this.#session(host)
    // A release that is under way ends first.
    await this.until(() => session.settled || !session.connected, RELEASE)
    const plan = session.planAdoption(consent)
    if (plan.refusals.length > 0) return plan
    if (this.isReleased(host)) {
      this.#options.released.set(host, false)
      for (const [target, bridge] of this.#bridges) {
        if (hostOf(target) === host) bridge.connection.close('the host is adopted')
      }
    }
    await session.adopt(plan)
    this.#log.info('host adopted', { host, steps: plan.steps })
    this.#options.onEvent({ kind: 'host-adopted', subject: `host ${host}`, message: plan.steps.join('; ') })
    session.refresh()
    return plan
  }

  /** What releasing a host would do. @throws {Error} while its OVSDB is not connected. */
  planRelease(host: string): ReleasePlan {
    return this.#session(host).planRelease()
  }

  /**
   * Lets go of a host: from here on nothing of Weft's is to be on it, until it is adopted again.
   *
   * @returns whether nothing is left; otherwise that goes on for as long as it takes.
   */
  async release(host: string): Promise<boolean> {
    const session = this.#session(host)
    this.#options.released.set(host, true)
    this.#forgetRows(host)
    this.#log.info('host released', { host })
    this.#options.onEvent({ kind: 'host-released', subject: `host ${host}`, message: 'until it is adopted again' })
    session.refresh()
    this.schedule()
    await this.until(() => session.clean || !session.connected, RELEASE).catch(() => {})
    return session.clean
  }

  /** Ports that several hosts claim, with the hosts in the order of their claims: the last one has it. */
  contested(): ReadonlyMap<string, readonly string[]> {
    return this.#bindings.contested()
  }

  /** Why the fabric is not settled, one sentence each; empty when every bridge holds what it is to hold. */
  laggards(): string[] {
    const laggards: string[] = []
    if (this.#scheduled || this.#inputs.engine.pending) laggards.push('flows are being computed')
    for (const [name, host] of this.#hosts) {
      if (this.isReleased(name)) {
        if (host.connected && !host.clean) laggards.push(`host ${name}: is being released`)
      } else if (!host.connected) laggards.push(`host ${name}: its OVSDB is not connected`)
      else if (!host.settled) laggards.push(`host ${name}: its OVSDB has not taken the last change`)
      else if (host.problems.length > 0) laggards.push(...host.problems.map(problem => `host ${name}: ${problem}`))
      for (const bridge of this.#views.get(name)?.bridges.keys() ?? []) {
        const session = this.#bridges.get(`${name}/${bridge}`)
        if (session === undefined) laggards.push(`bridge ${name}/${bridge}: not connected`)
        else if (!session.synced) laggards.push(`bridge ${name}/${bridge}: has not acknowledged the last change`)
      }
    }
    return laggards
  }

  /**
   * Resolves when every host's OVSDB has been heard out and every bridge has acknowledged what it is to hold.
   *
   * @param timeout ms; without one it waits for ever.
   * @throws {Error} after the timeout, naming who lags behind.
   */
  async settled(timeout?: number): Promise<void> {
    const deadline = timeout === undefined ? undefined : performance.now() + timeout
    // What a host's OVSDB said before now is in the engine afterwards.
    await this.#until(() => this.#hosts.values().every(host => host.connected || this.isReleased(host.name)), deadline)
    await Promise.allSettled([...this.#hosts.values()].map(host => host.heardOut()))
    await this.#until(() => this.laggards().length === 0, deadline)
  }

  /** Resolves when `condition` holds; it is looked at whenever a session makes progress. */
  until(condition: () => boolean, timeout?: number): Promise<void> {
    return this.#until(condition, timeout === undefined ? undefined : performance.now() + timeout)
  }

  /** Runs units and sends what changed, soon. */
  schedule(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    setImmediate(() => this.#work())
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const host of this.#hosts.values()) host.close()
    await Promise.all([this.#openflow?.close(), this.#ovsdb?.close()])
  }

  #until(condition: () => boolean, deadline: number | undefined): Promise<void> {
    const complaint = () => `the fabric has not settled: ${this.laggards().join('; ') || 'the condition does not hold'}`
    return this.#waiters.until(condition, deadline, complaint)
  }

  #progress(): void {
    this.#waiters.progress()
  }

  /**
   * Whether every host of the topology has been read since the start, and every bridge that may hold learned MACs: only then is
   * what is not wanted stale.
   */
  #complete(): boolean {
    for (const host of this.#hosts.values()) if (!host.seen && !this.isReleased(host.name)) return false
    return this.#learners.every(port => {
      const host = this.#inputs.bindings.get(port)?.host
      if (host === undefined || !this.#views.get(host)?.bridges.has(brInt.name)) return true
      return this.#heard.has(brIntOf(host))
    })
  }

  /** Takes over what is learned from what a bridge holds, so that it is wanted before the two are compared. */
  #hear(target: string, session: BridgeSession): void {
    const { engine } = this.#inputs
    const host = hostOf(target)
    if (target === brIntOf(host)) this.#options.onMacsHeld(host, learnedAmong(session.held?.values() ?? []))
    // The comparison sees all that is wanted so far: only what changes later is a change of this bridge.
    engine.unwatch(target)
    engine.run()
    engine.watch(target)
    if (!this.#heard.has(target)) this.schedule()
    this.#heard.add(target)
    this.#follow()
  }

  /** A flow has gone: of old age, as was wanted, or by another's hand. */
  #gone(session: BridgeSession, flow: DecodedMessageOf<'flow_removed'>): void {
    const host = hostOf(session.target)
    if (flow.reason === 'idle') {
      const learned = session.target === brIntOf(host) ? readLearnedFlow(flow) : undefined
      if (learned !== undefined) this.#options.onMacIdle(host, learned)
      this.#follow()
    } else if (this.#inputs.engine.find(session.target, keyOf(flow)) !== undefined) {
      session.emptied()
    }
  }

  /** Sends what follows from rows that were just written, if there are any. */
  #follow(): void {
    if (this.#inputs.engine.pending) this.schedule()
  }

  #work(): void {
    if (this.#closed) return
    const { engine } = this.#inputs
    const end = performance.now() + SLICE
    while (!engine.run(BATCH)) {
      if (performance.now() < end) continue
      setImmediate(() => this.#work())
      return
    }
    this.#scheduled = false
    for (const [target, changes] of engine.flush()) this.#bridges.get(target)?.apply(changes)
    const complete = this.#complete()
    let fills = this.#bridges.values().reduce((count, session) => count + (session.filling ? 1 : 0), 0)
    for (const [target, session] of this.#bridges) {
      // A bridge may take tens of milliseconds: the others get their turn after the event loop had one.
      if (performance.now() > end) {
        this.schedule()
        break
      }
      if (session.state === 'read') {
        if (this.isReleased(hostOf(target))) continue
        if (fills >= FILLS || !this.#hosts.get(hostOf(target))?.seen) continue
        this.#hear(target, session)
        session.reconcile(complete)
        if (session.filling) fills++
      } else if (complete && session.withheldCount > 0) {
        session.sweep()
      }
    }
    this.#progress()
  }

  #wishFor(name: string): HostWish {
    const host = this.#topology?.hosts.values().find(one => one.name === name)
    if (host === undefined) throw new Error(`host ${name} is not in the topology`)
    return {
      name,
      datapathType: host.datapath_type,
      tunnelIp: host.tunnel_ip,
      bridgeMappings: host.bridge_mappings,
      tunnelAddress: host.tunnel_ip === undefined ? undefined : ipv4(host.tunnel_ip),
      target: this.#options.targetFor(host),
      networkOf: ifaceId => this.#bindings.networkOf(ifaceId),
      networkExists: network => this.#topology?.networks.has(network) ?? false,
      physicalNetworkOf: network => {
        const row = this.#inputs.networks.get(network)
        return row?.physicalNetwork === undefined ? undefined : { name: row.name, physicalNetwork: row.physicalNetwork }
      },
    }
  }

  #look(name: string, view: HostView, first: boolean): void {
    this.#views.set(name, view)
    this.#bindings.look(name, view, first)
    this.schedule()
  }

  #forget(name: string): void {
    this.#forgetRows(name)
    for (const [datapathId, place] of this.#targets) {
      if (place.host !== name) continue
      this.#targets.delete(datapathId)
      this.#bridges.get(`${name}/${place.bridge}`)?.connection.close('the host is no longer in the topology')
    }
  }

  /** Takes back what a host said. */
  #forgetRows(name: string): void {
    this.#bindings.forget(name)
    this.#views.delete(name)
  }

  #session(host: string): HostSession {
    const session = this.#hosts.get(host)
    if (session === undefined) throw new Error(`host ${host} is not in the topology`)
    return session
  }

  /** Removes Weft's flows from bridges that go on without it; one that does not connect in time keeps them. */
  async #withdraw(host: string, bridges: readonly string[]): Promise<void> {
    const targets = bridges.map(bridge => `${host}/${bridge}`)
    await this.until(() => targets.every(target => this.#bridges.has(target)), WITHDRAWAL).catch(() => {})
    const withdrawn = targets.map(async target => {
      const session = this.#bridges.get(target)
      if (session === undefined) throw new Error('it is not connected')
      this.#inputs.engine.unwatch(target)
      const late = delay(WITHDRAWAL, undefined, { ref: false }).then(() => {
        throw new Error('it does not answer')
      })
      await Promise.race([session.withdraw(), late])
    })
    for (const [index, outcome] of (await Promise.allSettled(withdrawn)).entries()) {
      if (outcome.status === 'fulfilled') continue
      this.#log.warn('flows could not be removed', { bridge: targets[index], reason: String(outcome.reason) })
    }
  }

  /** A host has dialled in: its `external_ids:hostname` (or `system-id`) says which one of the topology it is. */
  async #welcome(session: OvsdbSession): Promise<void> {
    const [rows] = await session.transact(vswitch, [operations(vswitch).select('Open_vSwitch', [], ['external_ids'])])
    const ids = rows[0]?.external_ids
    const name = [ids?.get('hostname'), ids?.get('system-id')].find(one => one !== undefined && this.#hosts.has(one))
    const host = name === undefined ? undefined : this.#hosts.get(name)
    if (host === undefined)
      throw new Error(`no host of the topology is called ${ids?.get('hostname') ?? '(no hostname)'}`)
    if (!host.dialsIn) throw new Error(`host ${name} is dialled by Weft`)
    await host.accept(session)
  }

  /** A datapath has connected: it says who it is, and either is a bridge of ours or is sent away. */
  #admit(connection: OpenFlowConnection): ConnectionHandlers {
    let session: BridgeSession | undefined
    let place: { readonly host: string; readonly bridge: string } | undefined
    let unmanaged: ConnectionHandlers | undefined
    connection.request({ type: 'features_request' }, 'features_reply').then(
      features => {
        const datapathId = features.datapathId.toString(16).padStart(16, '0')
        place = this.#targets.get(datapathId)
        if (place === undefined) {
          unmanaged = this.#options.onUnmanaged?.(connection, features)
          if (unmanaged !== undefined) {
            this.#unmanaged.set(connection, datapathId)
            return
          }
          this.#log.warn('unknown datapath sent away', { datapathId })
          const message = 'no host declares it'
          this.#options.onEvent({ kind: 'datapath-refused', subject: `datapath ${datapathId}`, message })
          connection.close('unknown datapath')
          return
        }
        const target = `${place.host}/${place.bridge}`
        // Of two sessions of one bridge the newer one is the living one.
        this.#bridges.get(target)?.connection.close('a newer session of this bridge is open')
        this.#inputs.engine.unwatch(target)
        const onEvent = (kind: EventKind, message: string) =>
          this.#options.onEvent({ kind, subject: `bridge ${target}`, message })
        session = new BridgeSession({
          target,
          connection,
          log: this.#log,
          onEvent,
          desired: () => this.#inputs.engine.desired(target),
          onRead: () => this.schedule(),
          onFilled: () => this.schedule(),
          onProgress: () => this.#progress(),
        })
        this.#bridges.set(target, session)
        this.#log.info('bridge connected', { bridge: target, datapathId, version: connection.version })
        onEvent('bridge-connected', `datapath ${datapathId}`)
      },
      (error: unknown) => connection.close(`no features: ${String(error)}`),
    )
    return {
      raw: (bytes, start, end) => unmanaged?.raw?.(bytes, start, end) ?? false,
      message: (message, xid) => {
        if (unmanaged !== undefined) {
          unmanaged.message?.(message, xid)
        } else if (message.type === 'packet_in2') {
          if (place === undefined || message.packet === undefined) return
          const inPort = message.match?.find(term => term.field.name === 'in_port')?.value
          this.#options.onPacketIn({
            ...place,
            inPort: Number(inPort ?? 0),
            data: message.packet,
            userdata: message.userdata ?? new Uint8Array(),
            reply: (outPort, frame) => sendFrame(connection, outPort, frame),
          })
          this.#follow()
        } else if (message.type === 'flow_removed') {
          if (session !== undefined) this.#gone(session, message)
        } else if (message.type === 'error') {
          session?.refused(message)
        }
      },
      close: reason => {
        unmanaged?.close?.(reason)
        this.#unmanaged.delete(connection)
        session?.closed()
        if (session === undefined || this.#bridges.get(session.target) !== session) return
        this.#bridges.delete(session.target)
        this.#inputs.engine.unwatch(session.target)
        if (!this.#closed) {
          this.#log.warn('bridge disconnected', { bridge: session.target, reason: reason.message })
          const subject = `bridge ${session.target}`
          this.#options.onEvent({ kind: 'bridge-disconnected', subject, message: reason.message })
        }
        this.#progress()
      },
    }
  }
}

/** What makes a flow of this place the one that was wanted there. */
const keyOf = ({ tableId, priority, cookie, match }: DecodedMessageOf<'flow_removed'>) =>
  flowKey(encodeFlow({ tableId, priority, cookie, flags: 0, idleTimeout: 0, match, instructions: [] }))

const hostOf = (target: string) => target.slice(0, target.lastIndexOf('/'))
