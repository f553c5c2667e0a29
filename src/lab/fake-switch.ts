import {
  type Address,
  connectOpenFlow,
  type DecodedMessageOf,
  type FlowEntry,
  type OpenFlowConnection,
  type Version,
} from 'node-openflow'
import { Datapath, isAnnounced } from './fake-switch/datapath.ts'
import type { Description, SwitchPort } from './fake-switch/multipart.ts'
import { Session } from './fake-switch/session.ts'
import type { FakeSwitchCounters, PacketIn, Refuse, SwitchState } from './fake-switch/state.ts'

export type { Description, FakeSwitchCounters, PacketIn, Refuse, SwitchPort }

export interface FakeSwitchOptions {
  readonly datapathId: bigint
  /** The controller to dial. */
  readonly connect: Address
  /** The one version it speaks: 6 (default) is 1.5, 4 is 1.3. */
  readonly version?: Version
  readonly description?: Partial<Description>
  readonly ports?: readonly Pick<SwitchPort, 'portNo' | 'name' | 'hwAddr'>[]
  /** Time (ms) after which a connection that was lost, or could not be made, is dialled again. Default: never. */
  readonly redialAfter?: number
  /** False: modifications are counted and acknowledged, not kept and not even decoded; for benchmarks. Default: true. */
  readonly storeFlows?: boolean
}

const OVS: Description = {
  manufacturer: 'Nicira, Inc.',
  hardware: 'Open vSwitch',
  software: '3.1.0',
  serialNumber: 'None',
  datapath: 'None',
}
const NO_ETHERNET = { curr: 0, advertised: 0, supported: 0, peer: 0, currSpeed: 0, maxSpeed: 0 }

/**
 * A switch in this process. It speaks real OpenFlow with a controller that it dials, keeps flows, groups and meters as
 * ovs-vswitchd would, and forwards nothing: for tests and benchmarks without root, or with hundreds of bridges.
 */
export class FakeSwitch {
  readonly #state: SwitchState
  readonly #options: FakeSwitchOptions
  #session: Session | undefined
  #redial: NodeJS.Timeout | undefined
  #stopped = true
  #waiting: { holds: () => boolean; resolve: () => void }[] = []
  #looking = false

  constructor(options: FakeSwitchOptions) {
    const { datapathId, version = 6, description, ports = [], storeFlows = true } = options
    this.#options = options
    this.#state = {
      version,
      datapathId,
      description: { ...OVS, ...description },
      ports: new Map(ports.map(port => [port.portNo, whole(port)])),
      datapath: new Datapath(version, (flow, reason) => {
        if (isAnnounced(flow)) this.#session?.flowRemoved(flow, reason)
      }),
      storeFlows,
      counters: {
        connections: 0,
        messages: 0,
        flowMods: 0,
        groupMods: 0,
        meterMods: 0,
        bundles: 0,
        packetOuts: 0,
        errors: 0,
      },
      packetOuts: [],
      resumes: [],
      generationId: undefined,
      refuse: undefined,
      changed: () => this.#changed(),
      closed: session => this.#closed(session),
    }
  }

  get datapathId(): bigint {
    return this.#state.datapathId
  }

  get counters(): Readonly<FakeSwitchCounters> {
    return this.#state.counters
  }

  /** What it holds: flow, group and meter tables, which tests may read and change behind the controller's back. */
  get datapath(): Datapath {
    return this.#state.datapath
  }

  /** Packets the controller sent out, in order. */
  get packetOuts(): readonly DecodedMessageOf<'packet_out'>[] {
    return this.#state.packetOuts
  }

  /** Paused packets the controller let go on, in order. */
  get resumes(): readonly DecodedMessageOf<'resume'>[] {
    return this.#state.resumes
  }

  /** Decides which messages are answered with an error; undefined (default): those that OVS would refuse. */
  set refuse(refuse: Refuse | undefined) {
    this.#state.refuse = refuse
  }

  get connected(): boolean {
    return this.#session !== undefined
  }

  get role(): Session['role'] | undefined {
    return this.#session?.role
  }

  /** Dials the controller; resolves once the version is agreed, rejects with ConnectionClosed. */
  async connect(): Promise<void> {
    this.#stopped = false
    clearTimeout(this.#redial)
    try {
      await connectOpenFlow(this.#options.connect, {
        versions: [this.#state.version],
        onOpen: connection => {
          if (this.#stopped) {
            connection.close()
            return undefined
          }
          this.#session = new Session(connection, this.#state)
          this.#state.counters.connections++
          this.#changed()
          return this.#session
        },
      })
    } catch (error) {
      if (this.#scheduleRedial()) return
      throw error
    }
  }

  /** Hangs up and stays away; what it holds stays. */
  async close(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#redial)
    const connection = this.#session?.connection
    connection?.close()
    await connection?.closed
  }

  /** Hangs up and dials again, as after a cable was pulled. What it holds stays. */
  async reconnect(): Promise<void> {
    await this.close()
    await this.connect()
  }

  /** Forgets flows, groups and meters and dials again, as ovs-vswitchd does when it is started again. */
  async restart(): Promise<void> {
    await this.close()
    this.#state.datapath.clear()
    await this.connect()
  }

  /** Cuts the connection in the middle of whatever is on its way. */
  cut(): void {
    this.#session?.connection.stream.destroy()
  }

  /** Reads and answers nothing any more, echo requests included, as ovs-vswitchd does while its database is away. */
  freeze(): void {
    this.#session?.connection.stream.pause()
  }

  thaw(): void {
    this.#session?.connection.stream.resume()
  }

  /** Sends a packet to the controller; false where there is none that wants it. */
  packetIn(packet: PacketIn): boolean {
    return this.#session?.packetIn(packet) ?? false
  }

  /** Adds or changes a port and tells the controller. */
  setPort(port: Pick<SwitchPort, 'portNo' | 'name' | 'hwAddr'>): void {
    const reason = this.#state.ports.has(port.portNo) ? 'modify' : 'add'
    this.#state.ports.set(port.portNo, whole(port))
    this.#connection?.send({ type: 'port_status', reason, port: whole(port) }, 0)
  }

  /** Removes a port and tells the controller. */
  removePort(portNo: number): void {
    const port = this.#state.ports.get(portNo)
    if (port === undefined) return
    this.#state.ports.delete(portNo)
    this.#connection?.send({ type: 'port_status', reason: 'delete', port }, 0)
  }

  /** Resolves as soon as `holds` says so, which is asked after each turn in which something came; rejects after `deadline` ms. */
  until(holds: (fake: this) => boolean, deadline = 5_000): Promise<void> {
    if (holds(this)) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const waiting = { holds: () => holds(this), resolve: () => done() }
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter(other => other !== waiting)
        reject(new Error(`waited ${deadline} ms in vain; the switch has ${JSON.stringify(this.counters)}`))
      }, deadline)
      const done = (): void => {
        clearTimeout(timer)
        resolve()
      }
      this.#waiting.push(waiting)
    })
  }

  get #connection(): OpenFlowConnection | undefined {
    return this.#session?.connection
  }

  #changed(): void {
    if (this.#waiting.length === 0 || this.#looking) return
    this.#looking = true
    setImmediate(() => {
      this.#looking = false
      const waiting = this.#waiting
      this.#waiting = []
      for (const waiter of waiting) {
        if (waiter.holds()) waiter.resolve()
        else this.#waiting.push(waiter)
      }
    })
  }

  #closed(session: Session): void {
    if (this.#session === session) this.#session = undefined
    this.#scheduleRedial()
    this.#changed()
  }

  /** False where nobody asked for that. */
  #scheduleRedial(): boolean {
    const { redialAfter } = this.#options
    if (this.#stopped || redialAfter === undefined) return false
    clearTimeout(this.#redial)
    this.#redial = setTimeout(() => {
      // Closed meanwhile: nobody waits for it.
      this.connect().catch(() => {})
    }, redialAfter)
    return true
  }
}

const whole = (port: Pick<SwitchPort, 'portNo' | 'name' | 'hwAddr'>): SwitchPort => ({
  config: 0,
  state: 4,
  properties: [{ type: 'ethernet', ...NO_ETHERNET }],
  ...port,
})

export type { FlowEntry }
