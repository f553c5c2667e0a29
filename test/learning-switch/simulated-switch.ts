import { Duplex } from 'node:stream'
import {
  type DecodedMessage,
  type DecodedMessageOf,
  decodeMessage,
  encodeMessage,
  type Message,
  matchOf,
  NO_BUFFER,
  OpenFlowConnection,
  PORT,
  type Version,
  Writer,
} from 'node-openflow'
import { covers, stepsOf } from '../../src/lab/fake-switch/flow-table.ts'
import { LearningDatapath, type LearningDatapathOptions } from '../../src/learning-switch/datapath.ts'
import { silentLogger } from '../../src/log.ts'
import { getUint48, setUint48 } from '../../src/packet/bytes.ts'

export const COOKIE = 0x5745_0123_4567_89abn

/** A minimal frame; `payload` is what makes it this one. */
export function frameOf(source: number, destination: number, payload = 0): Uint8Array {
  const frame = new Uint8Array(60)
  setUint48(frame, 0, destination)
  setUint48(frame, 6, source)
  frame.set([0x88, 0xb5, payload >>> 8, payload], 12)
  return frame
}

interface Entry {
  readonly flow: DecodedMessageOf<'flow_mod'>
  readonly added: number
  used: number
}

/**
 * A switch that forwards by its flows, in this process and on a clock of its own, with a learning datapath as its controller: a frame goes
 * in, the ports that it comes out of are the answer.
 */
export class SimulatedSwitch {
  readonly version: Version
  readonly ports: Set<number>
  /** Messages of the controller, in order. */
  readonly heard: DecodedMessage[] = []
  controller!: LearningDatapath
  /** ms */
  clock = 0
  packetIns = 0
  #entries: Entry[] = []
  #arrived: Uint8Array[] = []
  #output: { port: number; frame: Uint8Array }[] = []

  private constructor(version: Version, ports: Iterable<number>) {
    this.version = version
    this.ports = new Set(ports)
  }

  static async start(
    version: Version,
    ports: Iterable<number>,
    options: Partial<LearningDatapathOptions> = {},
  ): Promise<SimulatedSwitch> {
    const simulated = new SimulatedSwitch(version, ports)
    const stream = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        simulated.#arrived.push(new Uint8Array(chunk))
        done()
      },
    })
    const connection = new OpenFlowConnection(stream, { versions: [version], probeInterval: 0 })
    stream.push(simulated.#encode({ type: 'hello', elements: [] }))
    await connection.opened
    const clock = () => simulated.clock
    const datapath = new LearningDatapath({
      ...{ connection, datapathId: 1n, cookie: COOKIE, log: silentLogger, now: clock },
      ...options,
    })
    simulated.controller = datapath
    await simulated.#settle()
    return simulated
  }

  /** A frame comes in by a port; returns the ports it goes out of, in order, each as often as it does. */
  async receive(inPort: number, frame: Uint8Array, bufferId = NO_BUFFER): Promise<number[]> {
    this.#output = []
    const entry = this.#lookUp(inPort, frame)
    if (entry !== undefined) {
      entry.used = this.clock
      const packetIn = { bufferId, totalLen: frame.length, reason: 'no_match', tableId: 0 } as const
      for (const step of stepsOf(entry.flow)) {
        if (step.type !== 'output') continue
        if (step.port === PORT.CONTROLLER) {
          this.packetIns++
          const { cookie } = entry.flow
          this.tell({ type: 'packet_in', ...packetIn, cookie, match: matchOf({ in_port: inPort }), data: frame })
        } else this.#emit(step.port, inPort, frame)
      }
    }
    await this.#settle(frame)
    for (const { frame: out } of this.#output) {
      if (!Buffer.from(out).equals(frame)) throw new Error('another frame came out')
    }
    return this.#output.map(({ port }) => port).sort((a, b) => a - b)
  }

  /** Hands the controller a message. */
  tell(message: Message): void {
    const bytes = this.#encode(message)
    // Somewhere in a longer chunk, as it is when it comes from a socket.
    const chunk = new Uint8Array(bytes.length + 14)
    chunk.set(bytes, 7)
    if (!this.controller.raw(chunk, 7, 7 + bytes.length)) this.controller.message(decodeMessage(bytes).message)
  }

  /** A port goes down, or away. */
  async lose(portNo: number, reason: 'delete' | 'modify'): Promise<void> {
    if (reason === 'delete') this.ports.delete(portNo)
    const port = { portNo, hwAddr: portNo, name: `p${portNo}`, config: 0, state: reason === 'delete' ? 4 : 1 }
    this.tell({ type: 'port_status', reason, port: { ...port, properties: [ETHERNET] } })
    await this.#settle()
  }

  /** Time passes. */
  async pass(seconds: number): Promise<void> {
    this.clock += seconds * 1000
    this.#entries = this.#entries.filter(({ flow, added, used }) => {
      const { idleTimeout, hardTimeout } = flow
      const idle = idleTimeout !== 0 && this.clock - used >= idleTimeout * 1000
      const old = hardTimeout !== 0 && this.clock - added >= hardTimeout * 1000
      return !idle && !old
    })
    this.controller.expire()
    await this.#settle()
  }

  /** Flows that it holds, but for those that it starts with. */
  get learned(): DecodedMessageOf<'flow_mod'>[] {
    return this.#entries.map(({ flow }) => flow).filter(({ hardTimeout }) => hardTimeout !== 0)
  }

  get flows(): DecodedMessageOf<'flow_mod'>[] {
    return this.#entries.map(({ flow }) => flow)
  }

  /** Carries out what the controller has sent; a packet-out without data is about the frame in the buffer. */
  async #settle(buffered: Uint8Array = new Uint8Array()): Promise<void> {
    for (;;) {
      await this.controller.connection.drained(0)
      const bytes = new Uint8Array(Buffer.concat(this.#arrived.splice(0)))
      if (bytes.length === 0) return
      for (let at = 0; at < bytes.length; ) {
        const length = new DataView(bytes.buffer).getUint16(at + 2)
        const { message, xid } = decodeMessage(bytes.subarray(at, at + length))
        this.#carryOut(message, xid, buffered)
        at += length
      }
      // What is answered may be answered in turn.
      await new Promise(setImmediate)
    }
  }

  #carryOut(message: DecodedMessage, xid: number, buffered: Uint8Array): void {
    if (message.type !== 'hello') this.heard.push(message)
    if (message.type === 'flow_mod') this.#modify(message)
    else if (message.type === 'packet_out') {
      const frame = message.bufferId === NO_BUFFER ? message.data : buffered
      const inPort = Number(message.match.find(({ field }) => field.name === 'in_port')?.value)
      for (const action of message.actions) if (action.type === 'output') this.#emit(action.port, inPort, frame)
    } else if (message.type === 'barrier_request') this.#answer({ type: 'barrier_reply' }, xid)
    else if (message.type === 'multipart_request') {
      const body = { packetCount: 0n, byteCount: 0n, flowCount: this.#entries.length }
      this.#answer({ type: 'multipart_reply', kind: 'aggregate', body }, xid)
    }
  }

  #modify(flow: DecodedMessageOf<'flow_mod'>): void {
    if (flow.command === 'add') {
      const isSame = (other: DecodedMessageOf<'flow_mod'>) =>
        other.priority === flow.priority && covers(other.match, flow.match) && covers(flow.match, other.match)
      this.#entries = this.#entries.filter(entry => !isSame(entry.flow))
      this.#entries.push({ flow, added: this.clock, used: this.clock })
    } else if (flow.command === 'delete') {
      this.#entries = this.#entries.filter(({ flow: other }) => {
        const isOurs = ((other.cookie ^ flow.cookie) & flow.cookieMask) === 0n
        const goesThere =
          flow.outPort === PORT.ANY || stepsOf(other).some(step => step.type === 'output' && step.port === flow.outPort)
        return !(isOurs && goesThere && covers(flow.match, other.match))
      })
    } else throw new Error(`a learning switch has no use for ${flow.command}`)
  }

  #lookUp(inPort: number, frame: Uint8Array): Entry | undefined {
    const packet = matchOf({ in_port: inPort, eth_dst: getUint48(frame, 0), eth_src: getUint48(frame, 6) })
    return this.#entries
      .filter(({ flow }) => covers(flow.match, packet))
      .reduce<Entry | undefined>(
        (best, next) => (best && best.flow.priority >= next.flow.priority ? best : next),
        undefined,
      )
  }

  #emit(port: number, inPort: number, frame: Uint8Array): void {
    const ports = port === PORT.FLOOD ? this.ports : new Set([port])
    for (const one of ports) if (one !== inPort && this.ports.has(one)) this.#output.push({ port: one, frame })
  }

  #answer(message: Message, xid: number): void {
    this.controller.connection.stream.push(this.#encode(message, xid))
  }

  #encode(message: Message, xid = 0): Uint8Array {
    const writer = new Writer()
    encodeMessage(writer, message, this.version, xid)
    return writer.bytes()
  }
}

const SPEEDS = { curr: 0, advertised: 0, supported: 0, peer: 0, currSpeed: 0, maxSpeed: 0 }
const ETHERNET = { type: 'ethernet', ...SPEEDS } as const
