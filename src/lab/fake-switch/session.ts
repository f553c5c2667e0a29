import {
  type ConnectionHandlers,
  type DecodedMessage,
  type DecodedMessageOf,
  decodeMessage,
  encodeMessage,
  type Message,
  type MessageOf,
  matchOf,
  NO_BUFFER,
  type OpenFlowConnection,
  Writer,
} from 'node-openflow'
import { isModification, type Modification, RefusedPart } from './datapath.ts'
import type { Flow } from './flow-table.ts'
import { answer } from './multipart.ts'
import { Refusal, refusal } from './refusal.ts'
import type { PacketIn, SwitchState } from './state.ts'

/** The header's types that can be counted undecoded. OpenFlow 1.5.1 § 7.1.1. */
const COUNTED = { flowMod: 14, groupMod: 15, meterMod: 29, bundleAdd: 34 } as const
/** Where the inner message of a bundle_add_message starts. OpenFlow 1.5.1 § 7.3.9.3. */
const INNER = 16

const BUNDLE_FAILED = 17
/** OpenFlow 1.3 has the errors of bundles as ONF extensions, in the same order from this code on. */
const ONF_BUNDLE = { errorType: 0xffff, firstCode: 2300, experimenter: 0x4f4e4600 } as const
/** Bytes of the refused message that an error carries. */
const ERROR_DATA = 64

interface Bundle {
  closed: boolean
  /** Its messages, encoded: ten thousand decoded ones of each of a hundred switches would be gigabytes. */
  readonly writer: Writer
  /** Where each starts. */
  readonly starts: number[]
}
const newBundle = (): Bundle => ({ closed: false, writer: new Writer(64), starts: [] })

/** One connection of a switch with its controller: role, packet-in format and open bundles end with it. */
export class Session implements ConnectionHandlers {
  readonly connection: OpenFlowConnection
  readonly #switch: SwitchState
  readonly #bundles = new Map<number, Bundle>()
  #role: DecodedMessageOf<'role_request'>['role'] = 'equal'
  #format: DecodedMessageOf<'set_packet_in_format'>['format'] = 'openflow10'
  #config = { flags: 0, missSendLen: 0 }

  constructor(connection: OpenFlowConnection, state: SwitchState) {
    this.connection = connection
    this.#switch = state
  }

  get role(): DecodedMessageOf<'role_request'>['role'] {
    return this.#role
  }

  /** Where nothing is kept, modifications need no decoding. */
  raw(bytes: Uint8Array, start: number): boolean {
    return !this.#switch.storeFlows && this.#count(bytes, start)
  }

  message(message: DecodedMessage, xid: number): void {
    const { counters } = this.#switch
    try {
      const refused = this.#switch.refuse?.(message, counters.messages++)
      if (refused !== undefined) throw new Refusal(...refused)
      this.#do(message, xid)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.#error(error, message, xid)
    }
    this.#switch.changed()
  }

  close(): void {
    this.#switch.closed(this)
  }

  packetIn({ inPort, data, tableId = 0, cookie, reason = 'action', match, userdata }: PacketIn): boolean {
    if (this.#role === 'slave') return false
    const metadata = matchOf({ in_port: inPort, ...match })
    if (this.#format === 'nxt_packet_in2') {
      const optional = { ...(cookie === undefined ? {} : { cookie }), ...(userdata === undefined ? {} : { userdata }) }
      this.connection.send({ type: 'packet_in2', packet: data, tableId, reason, match: metadata, ...optional }, 0)
    } else {
      const packet = { bufferId: NO_BUFFER, totalLen: data.length, data, tableId, reason, match: metadata }
      this.connection.send({ type: 'packet_in', cookie: cookie ?? 0xffff_ffff_ffff_ffffn, ...packet }, 0)
    }
    return true
  }

  flowRemoved(flow: Flow, reason: DecodedMessageOf<'flow_removed'>['reason']): void {
    const { tableId, priority, idleTimeout, hardTimeout, cookie, match } = flow
    const traffic = { durationSec: 0, durationNsec: 0, packetCount: 0n, byteCount: 0n }
    const entry = { tableId, priority, idleTimeout, hardTimeout, cookie, match }
    this.connection.send({ type: 'flow_removed', reason, ...entry, ...traffic }, 0)
  }

  #do(message: DecodedMessage, xid: number): void {
    const { counters } = this.#switch
    if (isModification(message)) {
      this.#mayModify()
      this.#switch.datapath.apply(message)
      if (message.type === 'flow_mod') counters.flowMods++
      else if (message.type === 'group_mod') counters.groupMods++
      else counters.meterMods++
      return
    }
    switch (message.type) {
      case 'features_request': {
        const { datapathId } = this.#switch
        const tables = { bufferCount: 0, tableCount: 254, auxiliaryId: 0 }
        this.#reply({ type: 'features_reply', datapathId, ...tables, capabilities: 0x4f, reserved: 0 }, xid)
        break
      }
      case 'get_config_request':
        this.#reply({ type: 'get_config_reply', ...this.#config }, xid)
        break
      case 'set_config':
        this.#config = { flags: message.flags, missSendLen: message.missSendLen }
        break
      case 'set_packet_in_format':
        this.#format = message.format
        break
      case 'set_async':
        break
      case 'role_request':
        this.#takeRole(message, xid)
        break
      case 'barrier_request':
        this.#reply({ type: 'barrier_reply' }, xid)
        break
      case 'packet_out':
        counters.packetOuts++
        this.#switch.packetOuts.push(message)
        break
      case 'resume':
        this.#switch.resumes.push(message)
        break
      case 'multipart_request':
        for (const part of answer(message, this.#switch)) this.#reply(part, xid)
        break
      case 'bundle_control':
        this.#control(message, xid)
        break
      case 'bundle_add_message':
        this.#add(message, xid)
        break
      case 'echo_reply':
      case 'error':
        break
      default:
        throw refusal('BAD_TYPE')
    }
  }

  #mayModify(): void {
    if (this.#role === 'slave') throw refusal('IS_SLAVE')
  }

  #takeRole({ role, generationId }: DecodedMessageOf<'role_request'>, xid: number): void {
    if (role === 'master' || role === 'slave') {
      // Generations compare circularly. OpenFlow 1.5.1 § 7.3.8.
      const known = this.#switch.generationId
      if (known !== undefined && BigInt.asIntN(64, generationId - known) < 0n) throw refusal('STALE')
      this.#switch.generationId = generationId
    }
    if (role !== 'nochange') this.#role = role
    const generation = this.#switch.generationId ?? 0xffff_ffff_ffff_ffffn
    this.#reply({ type: 'role_reply', role: this.#role, generationId: generation }, xid)
  }

  #control({ bundleId, kind, flags }: DecodedMessageOf<'bundle_control'>, xid: number): void {
    const bundle = this.#bundles.get(bundleId)
    const reply = (kind: MessageOf<'bundle_control'>['kind']): void =>
      this.#reply({ type: 'bundle_control', bundleId, kind, flags }, xid)
    switch (kind) {
      case 'open_request':
        if (bundle !== undefined) throw refusal('BUNDLE_EXIST')
        this.#bundles.set(bundleId, newBundle())
        reply('open_reply')
        break
      case 'close_request':
        if (bundle === undefined) throw refusal('BUNDLE_BAD_ID')
        if (bundle.closed) throw refusal('BUNDLE_CLOSED')
        bundle.closed = true
        reply('close_reply')
        break
      case 'discard_request':
        if (bundle === undefined) throw refusal('BUNDLE_BAD_ID')
        this.#bundles.delete(bundleId)
        reply('discard_reply')
        break
      case 'commit_request':
        if (bundle === undefined) throw refusal('BUNDLE_BAD_ID')
        this.#bundles.delete(bundleId)
        this.#commit(bundle)
        reply('commit_reply')
        break
      default:
        throw refusal('BAD_TYPE')
    }
  }

  #commit({ writer, starts }: Bundle): void {
    this.#mayModify()
    const part = (index: number): { modification: Modification; xid: number } => {
      const bytes = writer.view(starts[index]).subarray(0, (starts[index + 1] ?? writer.offset) - starts[index]!)
      const { message, xid } = decodeMessage(bytes)
      return { modification: message as Modification, xid }
    }
    const applied = { flow_mod: 0, group_mod: 0, meter_mod: 0 }
    function* modifications(): Generator<Modification> {
      for (const index of starts.keys()) {
        const { modification } = part(index)
        yield modification
        applied[modification.type]++
      }
    }
    try {
      this.#switch.datapath.applyAll(modifications())
    } catch (error) {
      if (!(error instanceof RefusedPart)) throw error
      const { modification, xid } = part(error.index)
      this.#error(error.cause, modification, xid)
      throw refusal('BUNDLE_MSG_FAILED')
    }
    const { counters } = this.#switch
    counters.flowMods += applied.flow_mod
    counters.groupMods += applied.group_mod
    counters.bundles++
  }

  #add({ bundleId, message }: DecodedMessageOf<'bundle_add_message'>, xid: number): void {
    const bundle = this.#bundles.get(bundleId) ?? newBundle()
    this.#bundles.set(bundleId, bundle)
    if (bundle.closed) throw refusal('BUNDLE_CLOSED')
    const modification = this.#switch.datapath.check(message)
    bundle.starts.push(bundle.writer.offset)
    encodeMessage(bundle.writer, modification, this.connection.version, xid)
  }

  /** Counts modifications without decoding them; true where that is all there is to do. */
  #count(bytes: Uint8Array, start: number): boolean {
    const { counters } = this.#switch
    const outer = bytes[start + 1]
    switch (outer === COUNTED.bundleAdd ? bytes[start + INNER + 1] : outer) {
      case COUNTED.flowMod:
        counters.flowMods++
        break
      case COUNTED.groupMod:
        counters.groupMods++
        break
      case COUNTED.meterMod:
        counters.meterMods++
        break
      default:
        return false
    }
    counters.messages++
    this.#switch.changed()
    return true
  }

  #reply(message: Message, xid: number): void {
    this.connection.send(message, xid)
  }

  #error({ errorType, code }: Refusal, message: DecodedMessage, xid: number): void {
    this.#switch.counters.errors++
    const { version } = this.connection
    const asExtension = version === 4 && errorType === BUNDLE_FAILED
    const kind = asExtension
      ? { errorType: ONF_BUNDLE.errorType, code: ONF_BUNDLE.firstCode + code, experimenter: ONF_BUNDLE.experimenter }
      : { errorType, code, experimenter: 0 }
    const writer = new Writer()
    encodeMessage(writer, message, version, xid)
    this.#reply({ type: 'error', ...kind, data: writer.bytes().subarray(0, ERROR_DATA) }, xid)
  }
}
