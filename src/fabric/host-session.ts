import {
  type Address,
  all,
  connectOvsdb,
  type Operation,
  OvsdbError,
  type OvsdbSession,
  operations,
  vswitch,
} from 'ovsdb-client'
import type { EventKind } from '../event.ts'
import type { Logger } from '../log.ts'
import { type AdoptionPlan, type Consent, planAdoption } from './adoption.ts'
import { CONTROLLER_COLUMNS } from './former.ts'
import { type HostDatabase, planHost, type WantedHost } from './host-config.ts'
import { type HostView, viewHost } from './host-view.ts'
import { planRelease, type ReleasePlan } from './release.ts'

/** The columns that are read: nothing that changes with every packet. */
const SELECTION = {
  Open_vSwitch: ['bridges'],
  Bridge: [
    'name',
    'ports',
    'controller',
    'fail_mode',
    'protocols',
    'datapath_type',
    'other_config',
    'external_ids',
    'flow_tables',
  ],
  Port: ['name', 'interfaces', 'external_ids'],
  Interface: ['name', 'type', 'options', 'ofport', 'admin_state', 'status', 'external_ids'],
  Controller: CONTROLLER_COLUMNS,
  Flow_Table: ['name'],
} as const

/** Shortest and longest time between attempts to reach a host, ms. */
const BACKOFF = { first: 100, last: 2_000 } as const

/** How long a switch may take to follow its database, ms. */
const SWITCH = 5_000

/** What is wanted of a host besides what its own plugs decide. */
export type HostWish = Omit<WantedHost, 'present'> & {
  /** The VTEP in host order. */
  readonly tunnelAddress: number | undefined
  /** The network of the port that an iface-id names; `undefined` for ports Weft does not know. */
  readonly networkOf: (ifaceId: string) => string | undefined
}

export interface HostSessionOptions {
  readonly name: string
  /** Where the host's OVSDB listens; without it the host dials in, and `accept` is called. */
  readonly address: Address | undefined
  readonly log: Logger
  readonly onEvent: (kind: EventKind, message: string) => void
  readonly wish: () => HostWish
  /** Whether the host was released: then nothing of Weft's is to be on it. */
  readonly isReleased: () => boolean
  /** Removes Weft's flows from these bridges of a released host, as far as they can be reached. */
  readonly withdraw: (bridges: readonly string[]) => Promise<void>
  /** The host's OVSDB was read or changed. */
  readonly onView: (view: HostView, first: boolean) => void
  readonly onProgress: () => void
}

/** Keeps a session to one host's OVSDB: reads it, makes it say what is wanted, and reports what it says. */
export class HostSession {
  readonly name: string
  readonly #options: HostSessionOptions
  readonly #log: Logger
  #session: OvsdbSession | undefined
  #database: HostDatabase | undefined
  #timer: NodeJS.Timeout | undefined
  #backoff: number = BACKOFF.first
  #writing = false
  /** Nothing is written before what was written last has come back as an update, or was refused. */
  #stale = false
  #closed = false
  #seen = false
  #clean = false
  #problems: readonly string[] = []
  #transactions = 0

  constructor(options: HostSessionOptions) {
    this.name = options.name
    this.#options = options
    this.#log = options.log
    if (options.address !== undefined) this.#dial(options.address)
  }

  get connected(): boolean {
    return this.#database !== undefined
  }

  /** Whether the host is expected to open the session itself. */
  get dialsIn(): boolean {
    return this.#options.address === undefined
  }

  /** Whether the host's OVSDB was ever read since the start. */
  get seen(): boolean {
    return this.#seen
  }

  /** Whether the host's OVSDB says all that is wanted of it. */
  get settled(): boolean {
    return this.#database !== undefined && !this.#writing && !this.#stale
  }

  /** Whether the host was released and nothing of Weft's is on it. */
  get clean(): boolean {
    return this.#clean && this.settled
  }

  /** Why something of the host is not as wanted, one sentence each. */
  get problems(): readonly string[] {
    return this.#problems
  }

  /** How many transactions were sent. */
  get transactions(): number {
    return this.#transactions
  }

  /** What adopting the host would do. @throws {Error} while its OVSDB is not connected. */
  planAdoption(consent: Consent): AdoptionPlan {
    return planAdoption(this.#connectedDatabase(), { ...this.#options.wish(), present: new Set() }, consent)
  }

  /**
   * Marks the bridges of a plan as Weft's; what is wanted of them follows from the mark.
   *
   * Nothing else is written before the switch has let go of their controllers: if it saw ours come in the same moment, flows
   * of theirs would stay.
   */
  async adopt({ operations }: AdoptionPlan): Promise<void> {
    const session = this.#session
    if (operations.length === 0 || session === undefined) return
    this.#writing = true
    this.#transactions++
    try {
      await transactInSwitch(session, operations, SWITCH)
    } finally {
      this.#writing = false
      if (this.#session === session) this.#changed()
    }
  }

  /** What releasing the host would do. @throws {Error} while its OVSDB is not connected. */
  planRelease(): ReleasePlan {
    return planRelease(this.#connectedDatabase(), this.name)
  }

  /** Takes the session of a host that dialled in. */
  async accept(session: OvsdbSession): Promise<void> {
    this.#session?.close()
    this.#session = session
    try {
      const replica = await session.monitor(vswitch, SELECTION)
      if (this.#session !== session) return
      this.#database = replica.tables as unknown as HostDatabase
      this.#backoff = BACKOFF.first
      this.#log.info('host connected', { host: this.name, peer: session.peer })
      this.#options.onEvent('host-connected', session.peer)
      replica.onChange = () => this.#changed()
      this.#changed()
    } catch (error) {
      session.close()
      this.#log.warn('host cannot be read', { host: this.name, error: text(error) })
    }
    const reason = await session.closed
    if (this.#session !== session) return
    this.#session = undefined
    this.#database = undefined
    if (this.#closed) return
    this.#log.warn('host disconnected', { host: this.name, reason: text(reason) })
    this.#options.onEvent('host-disconnected', reason.message)
    this.#options.onProgress()
    this.#retry()
  }

  /** Resolves when all that the host's OVSDB said before now has been heard. */
  async heardOut(): Promise<void> {
    await this.#session?.echo()
  }

  /** Looks again at what is wanted: topology changed. */
  refresh(): void {
    if (this.#database !== undefined) this.#evaluate()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#session?.close()
  }

  #connectedDatabase(): HostDatabase {
    if (this.#database === undefined) throw new Error(`host ${this.name}: its OVSDB is not connected`)
    return this.#database
  }

  #dial(address: Address): void {
    connectOvsdb(address).then(
      session => (this.#closed ? session.close() : this.accept(session)),
      (error: unknown) => {
        if (this.#log.enabled('debug')) this.#log.debug('host unreachable', { host: this.name, error: text(error) })
        this.#retry()
      },
    )
  }

  #retry(): void {
    const { address } = this.#options
    if (this.#closed || address === undefined) return
    this.#timer = setTimeout(() => this.#dial(address), this.#backoff)
    this.#backoff = Math.min(this.#backoff * 2, BACKOFF.last)
  }

  #changed(): void {
    this.#stale = false
    this.#evaluate()
  }

  #evaluate(): void {
    const database = this.#database
    if (database === undefined) return
    this.#clean = false
    if (this.#options.isReleased()) {
      this.#seen = true
      if (!this.#writing && !this.#stale) this.#release(database)
      this.#options.onProgress()
      return
    }
    const wish = this.#options.wish()
    const view = viewHost(database, this.name, wish.tunnelAddress, wish.bridgeMappings)
    const first = !this.#seen
    this.#seen = true
    this.#options.onView(view, first)
    if (!this.#writing && !this.#stale) this.#write(database, wish, view)
    this.#options.onProgress()
  }

  #write(database: HostDatabase, wish: HostWish, view: HostView): void {
    const present = new Set<string>()
    for (const plug of view.plugs) {
      const network = wish.networkOf(plug.ifaceId)
      if (network !== undefined) present.add(network)
    }
    const plan = planHost(database, { ...wish, present })
    this.#report(plan.problems)
    if (plan.operations.length > 0) this.#transact(plan.operations)
  }

  /** Removes what is Weft's, step by step as the host's OVSDB says that it is still there. */
  #release(database: HostDatabase): void {
    this.#report([])
    const { operations, staying } = planRelease(database, this.name)
    this.#clean = operations.length === 0
    if (!this.#clean) this.#transact(operations, this.#options.withdraw(staying))
  }

  #report(problems: readonly string[]): void {
    for (const problem of problems) {
      if (this.#problems.includes(problem)) continue
      this.#log.error('host is not as wanted', { host: this.name, problem })
      this.#options.onEvent('host-problem', problem)
    }
    for (const problem of this.#problems) {
      if (!problems.includes(problem)) this.#options.onEvent('host-cured', `no longer: ${problem}`)
    }
    this.#problems = problems
  }

  #transact(operations: readonly Operation[], before: Promise<void> = Promise.resolve()): void {
    const session = this.#session
    if (session === undefined) return
    this.#writing = true
    this.#stale = true
    this.#transactions++
    before
      .then(() => session.transact(vswitch, operations))
      .catch((error: unknown) => {
        if (this.#session !== session) return
        this.#log.error('host refused a transaction', { host: this.name, error: text(error) })
        this.#options.onEvent('host-refused', text(error))
        this.#timer = setTimeout(() => this.#changed(), BACKOFF.last)
      })
      .finally(() => {
        this.#writing = false
        // The update came before the answer.
        if (this.#session === session && !this.#stale) this.#evaluate()
        this.#options.onProgress()
      })
  }
}

/**
 * Carries out operations and waits until ovs-vswitchd has followed them, as ovs-vsctl does: it writes into `cur_cfg` which
 * `next_cfg` it has seen (ovs-vswitchd.conf.db(5)).
 *
 * @param timeout ms between two signs of life; a switch that is not there is not waited for any longer.
 */
async function transactInSwitch(session: OvsdbSession, steps: readonly Operation[], timeout: number): Promise<void> {
  const { mutate, select, wait } = operations(vswitch)
  const read = select('Open_vSwitch', all, ['next_cfg', 'cur_cfg'])
  const results = await session.transact(vswitch, [
    ...steps,
    mutate('Open_vSwitch', all, [['next_cfg', '+=', 1]]),
    read,
  ])
  const [root] = results.at(-1) as ReturnType<typeof read.result>
  let current = root?.cur_cfg ?? 0
  while (root !== undefined && current < root.next_cfg) {
    const change = wait('Open_vSwitch', all, ['cur_cfg'], '!=', [{ cur_cfg: current }], timeout)
    try {
      const [, rows] = await session.transact(vswitch, [change, read])
      current = rows[0]?.cur_cfg ?? root.next_cfg
    } catch (error) {
      if (error instanceof OvsdbError && error.error === 'timed out') return
      throw error
    }
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : typeof error === 'string' ? error : JSON.stringify(error)
}
