import { readFileSync } from 'node:fs'
import type { Address } from 'node-openflow'
import type { Inputs } from '../flows/inputs.ts'
import type { Plan } from '../flows/plan.ts'
import type { TopologyText } from '../topology/document.ts'
import { TopologyError } from '../topology/problem.ts'
import type { Topology } from '../topology/topology.ts'
import type { EventLog } from './api/event-log.ts'
import { type Endpoint, formatEndpoint, parseEndpoint } from './endpoint.ts'
import type { Event } from './event.ts'
import type { Fabric } from './fabric/fabric.ts'
import type { LearningSwitch } from './learning-switch/learning-switch.ts'
import { createLogger, type Logger } from './log.ts'
import type { DhcpCounters } from './services/dhcp-service.ts'
import type { Leases } from './services/lease.ts'
import type { MacLearningCounters } from './services/mac-learning.ts'
import type { Revision } from './store/store.ts'
import { readTopologyTexts } from './topology-source.ts'

/** Key and certificates as PEM files, as ovs-pki(8) makes them. */
export interface TlsFiles {
  readonly privateKey: string
  readonly certificate: string
  readonly caCert: string
}

/** What becomes of datapaths that no host declares: sent away, or served as learning switches. */
export const UNMANAGED = ['reject', 'learn'] as const
export type Unmanaged = (typeof UNMANAGED)[number]

export interface ControllerOptions {
  /** A topology file or folder, or its texts. */
  readonly topology: string | readonly TopologyText[]
  /** The folder of durable state; default: none, everything is forgotten at the end. */
  readonly state?: string | undefined
  /** Where bridges connect; default `tcp:127.0.0.1:0`, any free port. */
  readonly openflow?: string | undefined
  /** Where hosts may dial in, or `none` (default). */
  readonly ovsdb?: string | undefined
  /** Where the API listens, or `none` (default). */
  readonly api?: string | undefined
  /** What hosts are told to connect to; default: where `openflow` listens. */
  readonly advertise?: string | undefined
  /** Default `reject`. */
  readonly unmanaged?: Unmanaged | undefined
  /** For `ssl:` endpoints. */
  readonly tls?: TlsFiles | undefined
  readonly log?: Logger | undefined
  /** ms since 1970; default the system's clock. */
  readonly now?: (() => number) | undefined
  readonly leaseSeconds?: number | undefined
}

export { TopologyError }

/** A running controller. */
export interface Controller extends AsyncDisposable {
  readonly endpoints: { readonly openflow: string; readonly ovsdb: string; readonly api: string }
  readonly topology: Topology
  readonly inputs: Inputs
  readonly fabric: Fabric
  readonly leases: Leases
  readonly dhcp: DhcpCounters
  readonly macLearning: MacLearningCounters
  /** Serves the datapaths that no host declares, where that is wanted. */
  readonly learningSwitch: LearningSwitch | undefined
  /** What has happened since the start, the last few thousand events. */
  readonly events: EventLog
  /**
   * Resolves when every host has been heard out and every bridge has acknowledged what it is to hold.
   *
   * @param timeout ms.
   * @throws {Error} after the timeout, naming who lags behind.
   */
  settled(timeout?: number): Promise<void>
  /** What another topology would change; nothing is changed. @throws {TopologyError} when it has any problem. */
  plan(topology: string | readonly TopologyText[]): Promise<Plan>
  /**
   * Replaces the topology; when it returns, that is on disk.
   *
   * @param confirmWithin ms within which `confirm` has to come, or the revision before comes back.
   * @throws {TopologyError} when it has any problem; then nothing has changed.
   */
  apply(topology: string | readonly TopologyText[], confirmWithin?: number): Revision
  /** Keeps what was applied on condition. @throws {Error} when nothing waits for it. */
  confirm(): Revision
  /** Applies an earlier revision again, by default the one before. @throws {Error} when there is none. */
  rollback(number?: number): Revision
  /** Reads the file again that the controller was started with. @throws {TopologyError} */
  reload(): Revision
  /** The topologies that were applied, the newest first. */
  revisions(): readonly Revision[]
  /** Ends all sessions. The bridges keep what they hold. */
  close(): Promise<void>
}

/**
 * Starts a controller: the one place where the rooms are wired together.
 *
 * @throws {TopologyError} when the topology has problems, before anything listens.
 */
export async function createController(options: ControllerOptions): Promise<Controller> {
  const log = options.log ?? createLogger('error', () => {})
  const now = options.now ?? Date.now
  // Imported here, so that commands that only ask start without them.
  const [
    { createInputs },
    { declareUnits },
    { writeTopology },
    { Fabric },
    { DhcpService },
    { MacLearning },
    { Leases },
    { openStore },
    { TopologyHistory },
    { EventLog },
    { planOf },
    { rehearseTopology },
  ] = await Promise.all([
    import('../flows/inputs.ts'),
    import('../flows/units.ts'),
    import('../flows/topology-rows.ts'),
    import('./fabric/fabric.ts'),
    import('./services/dhcp-service.ts'),
    import('./services/mac-learning.ts'),
    import('./services/lease.ts'),
    import('./store/store.ts'),
    import('./store/topology-history.ts'),
    import('./api/event-log.ts'),
    import('../flows/plan.ts'),
    import('./fabric/rehearsal.ts'),
  ])

  await using undo = new AsyncDisposableStack()
  const store = undo.adopt(openStore(options.state ?? ':memory:'), opened => opened.close())

  const textsOf = (source: string | readonly TopologyText[]) =>
    typeof source === 'string' ? readTopologyTexts(source) : source
  const file = textsOf(options.topology)
  const history = new TopologyHistory(store, now, file)
  const { texts, origin } = history.atStart(file)
  const first = history.consider(texts)
  // What was allocated is on disk before anybody hears of it.
  first.take(origin)
  let { topology } = first

  const tls = options.tls === undefined ? undefined : readTls(options.tls)
  const addressOf = (endpoint: Endpoint): Address => {
    if (endpoint.transport !== 'ssl') return endpoint as Address
    if (tls === undefined) {
      throw new Error(`${formatEndpoint(endpoint)} needs --private-key, --certificate and --ca-cert`)
    }
    return { ...endpoint, transport: 'ssl', tls }
  }

  const inputs = createInputs(conflict =>
    log.error('two resources want different flows in one place', {
      bridge: conflict.target,
      winner: conflict.winner.owner,
      loser: conflict.loser.owner,
    }),
  )
  declareUnits(inputs)
  const leases = new Leases(store.leases(), (saved, removed) => store.saveLeases(saved, removed))
  undo.defer(() => leases.flush())
  const events = new EventLog(now)
  const onEvent = (event: Event) => events.add(event)
  const dhcp = new DhcpService({ inputs, leases, log, onEvent, now, leaseSeconds: options.leaseSeconds })
  const macs = new MacLearning({ inputs, log, onEvent, now })
  const learning = options.unmanaged === 'learn' ? await learningSwitch(log) : undefined
  if (learning !== undefined) undo.defer(() => learning.close())
  const released = new Set(store.releasedHosts())
  const setReleased = (host: string, isReleased: boolean) => {
    store.setReleased(host, isReleased ? now() : undefined)
    if (isReleased) released.add(host)
    else released.delete(host)
  }
  let advertised = options.advertise ?? ''
  const fabric = undo.adopt(
    new Fabric({
      inputs,
      log,
      onEvent,
      targetFor: host => host.controller ?? advertised,
      addressOf: host => (host.ovsdb === undefined ? undefined : addressOf(parseEndpoint(host.ovsdb))),
      onPacketIn: packet => {
        dhcp.handle(packet)
        macs.handle(packet)
      },
      onMacIdle: (host, flow) => macs.expire(host, flow),
      onMacsHeld: (host, flows) => macs.adopt(host, flows),
      released: { has: host => released.has(host), set: setReleased },
      onUnmanaged: learning && ((connection, features) => learning.admit(connection, features)),
    }),
    made => made.close(),
  )

  const openflow = await fabric.listenOpenFlow(addressOf(parseEndpoint(options.openflow ?? 'tcp:127.0.0.1:0')))
  if (options.advertise === undefined) {
    if (openflow.transport !== 'unix' && /^(0\.0\.0\.0|::)$/.test(openflow.host)) {
      throw new Error(`bridges cannot connect to ${openflow.host}: say with --advertise what they are to be told`)
    }
    advertised = formatEndpoint(openflow)
  } else {
    parseEndpoint(options.advertise)
  }
  const listen = async (text: string | undefined, start: (endpoint: Endpoint) => Promise<Endpoint>) =>
    text === undefined || text === 'none' ? 'none' : formatEndpoint(await start(parseEndpoint(text)))
  const ovsdb = await listen(options.ovsdb, endpoint => fabric.listenOvsdb(addressOf(endpoint)))

  const use = (next: Topology) => {
    topology = next
    writeTopology(inputs, next)
    dhcp.setTopology(next)
    macs.setTopology(next)
    fabric.setTopology(next)
    const { hosts, networks, subnets, ports } = next
    const message = `hosts ${hosts.size}, networks ${networks.size}, subnets ${subnets.size}, ports ${ports.size}`
    events.add({ kind: 'topology-applied', subject: 'topology', message })
  }
  use(topology)

  const plan = async (source: string | readonly TopologyText[]): Promise<Plan> => {
    const candidate = history.consider(textsOf(source))
    await fabric.until(() => !inputs.engine.pending)
    return planOf(topology, candidate.topology, rehearseTopology(inputs, fabric.views, candidate.topology))
  }

  let unconfirmed: NodeJS.Timeout | undefined
  undo.defer(() => clearTimeout(unconfirmed))
  const take = (source: readonly TopologyText[], from: Revision['origin'], confirmWithin?: number): Revision => {
    try {
      const candidate = history.consider(source)
      clearTimeout(unconfirmed)
      unconfirmed = undefined
      const revision = candidate.take(from, confirmWithin === undefined ? undefined : now() + confirmWithin)
      use(candidate.topology)
      return revision
    } catch (error) {
      if (error instanceof TopologyError)
        events.add({ kind: 'topology-refused', subject: 'topology', message: firstOf(error) })
      throw error
    }
  }
  const rollback = (number?: number): Revision => {
    const [latest, ...earlier] = history.revisions()
    const wanted = number === undefined ? earlier[0] : earlier.find(revision => revision.number === number)
    if (wanted === undefined)
      throw new Error(
        number === undefined
          ? 'there is no revision before'
          : `there is no revision ${number} before ${latest?.number}`,
      )
    return take(wanted.texts, 'rollback')
  }
  const apply = (source: string | readonly TopologyText[], confirmWithin?: number): Revision => {
    const revision = take(textsOf(source), 'apply', confirmWithin)
    if (confirmWithin === undefined) return revision
    unconfirmed = setTimeout(() => {
      const back = rollback()
      log.warn('topology was not confirmed and is rolled back', { revision: revision.number, now: back.number })
    }, confirmWithin)
    unconfirmed.unref()
    return revision
  }
  const confirm = (): Revision => {
    const revision = history.current
    if (unconfirmed === undefined || revision === undefined) throw new Error('nothing waits for a confirmation')
    clearTimeout(unconfirmed)
    unconfirmed = undefined
    history.confirm(revision.number)
    return revision
  }

  const api = await listen(options.api, async endpoint => {
    const { createApi, listenApi } = await import('./api/server.ts')
    const server = undo.adopt(
      createApi(
        { topology: () => topology, inputs, fabric, leases, dhcp: dhcp.counters, events, log },
        { plan, apply, confirm, rollback, revisions: () => history.revisions() },
      ),
      made => made.close(),
    )
    return listenApi(server, endpoint)
  })

  const running = undo.move()
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= running.disposeAsync()
    return closing
  }
  return {
    endpoints: { openflow: formatEndpoint(openflow), ovsdb, api },
    get topology() {
      return topology
    },
    inputs,
    fabric,
    leases,
    dhcp: dhcp.counters,
    macLearning: macs.counters,
    learningSwitch: learning,
    events,
    settled: timeout => fabric.settled(timeout),
    plan,
    apply,
    confirm,
    rollback,
    reload: () => {
      const read = textsOf(options.topology)
      history.file = read
      return take(read, 'file')
    },
    revisions: () => history.revisions(),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** The first problem, and how many there are beside it. */
function firstOf({ message, problems: [first, ...others] }: TopologyError): string {
  return `${first?.message ?? message}${others.length === 0 ? '' : ` (and ${others.length} more)`}`
}

function readTls({ privateKey, certificate, caCert }: TlsFiles) {
  return { key: readFileSync(privateKey), cert: readFileSync(certificate), ca: readFileSync(caCert) }
}

async function learningSwitch(log: Logger): Promise<LearningSwitch> {
  const [{ LearningSwitch }, { cookieOf }] = await Promise.all([
    import('./learning-switch/learning-switch.ts'),
    import('./pipeline/cookie.ts'),
  ])
  // Weft's mark, so that a datapath that a host declares later is cleaned of these flows like of any other stale ones.
  return new LearningSwitch({ cookie: cookieOf('unmanaged', 'learn'), log })
}
