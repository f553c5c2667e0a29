import {
  FLOW_FLAG,
  type FlowMod,
  type MatchObject,
  matchOf,
  NO_TRUNCATION,
  type OpenFlowConnection,
  PORT,
  TABLE,
} from 'node-openflow'
import { type FlowForm, NO_ANSWER } from './template.ts'

/** Of the life of a flow that forwards, s: without a packet, and at all. The latter sees to it that who talks is heard now and then. */
export const IDLE_TIMEOUT = 60
export const HARD_TIMEOUT = 240

const PRIORITY = { miss: 0, forward: 10, hold: 20, linkLocal: 30 } as const

/** What bridges keep to themselves: STP, LACP, 802.1X, LLDP. IEEE 802.1Q § 8.6.3 */
const LINK_LOCAL = 0x0180_c200_0000
const LINK_LOCAL_MASK = 0xffff_ffff_fff0
const LINK_LOCALS = 0x10

export const isLinkLocal = (mac: number): boolean => mac >= LINK_LOCAL && mac < LINK_LOCAL + LINK_LOCALS

const EXACT = 0xffff_ffff_ffff_ffffn

const WHOLE_TO_CONTROLLER = { type: 'output', port: PORT.CONTROLLER, maxLen: NO_TRUNCATION } as const

/** The flows of one datapath but for the adding of those that forward, which is done by template; all carry one cookie. */
export class LearningFlows {
  readonly #connection: OpenFlowConnection
  readonly #cookie: bigint

  constructor(connection: OpenFlowConnection, cookie: bigint) {
    this.#connection = connection
    this.#cookie = cookie
  }

  /** The flows that forward. */
  get form(): FlowForm {
    const timeouts = { idleTimeout: IDLE_TIMEOUT, hardTimeout: HARD_TIMEOUT }
    return { cookie: this.#cookie, priority: PRIORITY.forward, ...timeouts }
  }

  /** Adds those that are always there. That the table miss is removed will be told. */
  addStatic(): void {
    this.#add({ priority: PRIORITY.linkLocal, match: matchOf({ eth_dst: [LINK_LOCAL, LINK_LOCAL_MASK] }) })
    this.#add({
      priority: PRIORITY.miss,
      flags: FLOW_FLAG.SEND_FLOW_REM,
      match: matchOf({}),
      instructions: [{ type: 'apply_actions', actions: [WHOLE_TO_CONTROLLER] }],
    })
  }

  /** Has the switch drop what a station is said to send by a port, for so many seconds. */
  drop(inPort: number, mac: number, hardTimeout: number): void {
    this.#add({ priority: PRIORITY.hold, hardTimeout, match: matchOf({ in_port: inPort, eth_src: mac }) })
  }

  /** Removes those from a station and to it. */
  removeStation(mac: number): void {
    this.#remove({ eth_src: mac })
    this.#remove({ eth_dst: mac })
  }

  /** Removes those from a port and to it. */
  removePort(port: number): void {
    this.#remove({ in_port: port })
    this.#remove({}, port)
  }

  removeAll(): void {
    this.#remove({})
  }

  #add(flow: Omit<FlowMod, 'type' | 'command' | 'cookie'>): void {
    this.#connection.send({ type: 'flow_mod', command: 'add', cookie: this.#cookie, ...flow }, NO_ANSWER)
  }

  #remove(match: MatchObject, outPort: number = PORT.ANY): void {
    const ours = { cookie: this.#cookie, cookieMask: EXACT, tableId: TABLE.ALL }
    this.#connection.send({ type: 'flow_mod', command: 'delete', ...ours, outPort, match: matchOf(match) }, NO_ANSWER)
  }
}
