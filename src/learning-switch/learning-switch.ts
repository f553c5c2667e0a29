import { performance } from 'node:perf_hooks'
import type { ConnectionHandlers, DecodedMessageOf, OpenFlowConnection } from 'node-openflow'
import type { Logger } from '../log.ts'
import { LearningDatapath } from './datapath.ts'
import type { MacTableLimits } from './mac-table.ts'

export interface LearningSwitchOptions {
  /** Of every flow we add, and of no other flow. */
  readonly cookie: bigint
  readonly log: Logger
  /** ms; default a clock that never goes back. */
  readonly now?: () => number
  readonly limits?: MacTableLimits
}

/** Between two looks for stations that have been silent too long, ms. */
const EXPIRY_INTERVAL = 10_000

/** Serves datapaths that nobody has declared, each for itself, as reactive learning switches over OpenFlow 1.3 to 1.5. */
export class LearningSwitch {
  readonly #options: LearningSwitchOptions
  readonly #datapaths = new Map<bigint, LearningDatapath>()
  readonly #expiry: NodeJS.Timeout

  constructor(options: LearningSwitchOptions) {
    this.#options = options
    this.#expiry = setInterval(() => this.expire(), EXPIRY_INTERVAL)
    this.#expiry.unref()
  }

  /** Those that are connected, by datapath id. */
  get datapaths(): ReadonlyMap<bigint, LearningDatapath> {
    return this.#datapaths
  }

  /** Takes a datapath on; undefined for an auxiliary connection, of which no use is made. OpenFlow 1.5.1 § 6.3.8 */
  admit(
    connection: OpenFlowConnection,
    { datapathId, auxiliaryId }: DecodedMessageOf<'features_reply'>,
  ): ConnectionHandlers | undefined {
    if (auxiliaryId !== 0) return undefined
    // Of two sessions of one datapath the newer one is the living one.
    this.#datapaths.get(datapathId)?.connection.close('a newer session of this datapath is open')
    const { now = () => performance.now(), ...options } = this.#options
    const datapath = new LearningDatapath({
      ...options,
      now,
      connection,
      datapathId,
      onClose: () => {
        if (this.#datapaths.get(datapathId) === datapath) this.#datapaths.delete(datapathId)
      },
    })
    this.#datapaths.set(datapathId, datapath)
    return datapath
  }

  /** Forgets stations that have been silent too long; done every now and then without being asked. */
  expire(): void {
    for (const datapath of this.#datapaths.values()) datapath.expire()
  }

  /** Ends the sessions. Flows stay, until their time is up. */
  close(): void {
    clearInterval(this.#expiry)
    for (const { connection } of this.#datapaths.values()) connection.close()
  }
}
