import {
  type ConnectionHandlers,
  connectOpenFlow,
  type DecodedMessage,
  decodeMessage,
  encodeMessage,
  type Message,
  matchOf,
  NO_BUFFER,
  type OpenFlowConnection,
  PORT,
  type Version,
  Writer,
} from 'node-openflow'

/** Bytes of every frame: addresses, a type, the number of the question, and padding. */
const FRAME = 64
/** Where the number of the question is: which one of those that are out, and which of its lives. */
const SLOT = 14
const LIFE = 16
const PORTS = 50
const FIRST_MAC = 0x02_00_00_00_00_00
const BROADCAST = 0xffff_ffff_ffff

const PACKET_OUT = 13
const FLOW_MOD = 14
/** Bytes of an output action, and where its port is. OpenFlow 1.5.1 § 7.2.6.1 */
const OUTPUT_ACTION = 16
const OUTPUT_PORT = 4

/** ms without an answer after which a question is taken as lost. */
const LOST_AFTER = 3_000

export interface Tally {
  /** Packet-outs that carried the right frame to the right port. */
  answers: number
  /** Those that did not. */
  wrong: number
  flowMods: number
  /** Questions that were given up, and answers to what was asked no more: late, or a second time. */
  lost: number
  stale: number
}

/** A packet-in that waits for its answer; it is sent again and again with other addresses. */
interface Question {
  readonly bytes: Uint8Array
  readonly view: DataView
  life: number
  expected: number
  askedAt: number
}

/** A switch that keeps some frames outstanding, from and to random stations, and looks where the controller sends them. */
export class AskingSwitch implements ConnectionHandlers {
  readonly tally: Tally = { answers: 0, wrong: 0, flowMods: 0, lost: 0, stale: 0 }
  /** Resolves when every station has been heard once. */
  readonly learned: Promise<void>
  readonly #connection: OpenFlowConnection
  readonly #datapathId: bigint
  readonly #macs: number
  readonly #questions: Question[]
  /** Where the ingress port and the frame are in a packet-in. */
  readonly #inPortAt: number
  readonly #frameAt: number
  #introduced = 0
  #confirmed = 0
  #random: number
  #started = false
  #checked = false
  #onLearned = (): void => {}

  private constructor(connection: OpenFlowConnection, datapathId: bigint, macs: number, outstanding: number) {
    this.#connection = connection
    this.#datapathId = datapathId
    this.#macs = macs
    this.#random = Number(datapathId)
    this.learned = new Promise(resolve => {
      this.#onLearned = resolve
    })
    const [zeros, ones] = [0, 0xffff_ffff].map(port => packetIn(port, connection.version))
    this.#inPortAt = zeros!.findIndex((byte, at) => byte !== ones![at])
    this.#frameAt = zeros!.length - FRAME
    this.#questions = Array.from({ length: outstanding }, (_, slot) => {
      const bytes = packetIn(0, connection.version)
      const view = new DataView(bytes.buffer)
      view.setUint16(this.#frameAt + 12, 0x88b5)
      view.setUint16(this.#frameAt + SLOT, slot)
      return { bytes, view, life: 0, expected: 0, askedAt: 0 }
    })
  }

  static async connect(port: number, version: Version, datapathId: bigint, macs: number, outstanding: number) {
    let made: AskingSwitch | undefined
    await connectOpenFlow(
      { transport: 'tcp', host: '127.0.0.1', port },
      {
        versions: [version],
        onOpen: connection => {
          made = new AskingSwitch(connection, datapathId, macs, outstanding)
          return made
        },
      },
    )
    return made!
  }

  close(): void {
    this.#connection.close()
  }

  raw(bytes: Uint8Array, start: number, end: number): boolean {
    const type = bytes[start + 1]
    if (type === FLOW_MOD) {
      this.tally.flowMods++
      // It has been taken on: packet-ins are welcome from now on.
      if (!this.#started) this.#start()
      return true
    }
    if (type !== PACKET_OUT) return false
    this.#answer(bytes, start, end)
    return true
  }

  message(message: DecodedMessage, xid: number): void {
    const send = (reply: Message) => this.#connection.send(reply, xid)
    if (message.type === 'features_request') {
      const tables = { bufferCount: 0, tableCount: 254, auxiliaryId: 0, capabilities: 0x4f, reserved: 0 }
      send({ type: 'features_reply', datapathId: this.#datapathId, ...tables })
    } else if (message.type === 'barrier_request') {
      send({ type: 'barrier_reply' })
    } else if (message.type === 'multipart_request' && message.kind === 'aggregate') {
      send({ type: 'multipart_reply', kind: 'aggregate', body: { packetCount: 0n, byteCount: 0n, flowCount: 0 } })
    } else if (message.type === 'multipart_request' && message.kind === 'port_desc') {
      send({ type: 'multipart_reply', kind: 'port_desc', body: [] })
    }
  }

  /** Asks anew what was lost. */
  look(): void {
    const now = performance.now()
    if (!this.#started) return
    for (const question of this.#questions) {
      if (now - question.askedAt < LOST_AFTER) continue
      this.tally.lost++
      this.#ask(question)
    }
  }

  #start(): void {
    this.#started = true
    for (const question of this.#questions) this.#ask(question)
  }

  #answer(bytes: Uint8Array, start: number, end: number): void {
    const frame = end - FRAME
    if (!this.#checked) this.#check(bytes.subarray(start, end))
    const question = this.#questions[(bytes[frame + SLOT]! << 8) | bytes[frame + SLOT + 1]!]
    if (question !== undefined && getUint32(bytes, frame + LIFE) !== question.life) {
      this.tally.stale++
      return
    }
    const port = getUint32(bytes, frame - OUTPUT_ACTION + OUTPUT_PORT)
    if (question === undefined || !this.#carries(question, bytes, frame) || port !== question.expected) {
      this.tally.wrong++
      return
    }
    this.tally.answers++
    if (question.expected === PORT.FLOOD && ++this.#confirmed === this.#macs) this.#onLearned()
    this.#ask(question)
  }

  #carries({ bytes: asked }: Question, bytes: Uint8Array, frame: number): boolean {
    for (let at = 0; at < FRAME; at++) if (asked[this.#frameAt + at] !== bytes[frame + at]) return false
    return true
  }

  /** Holds the first answer against the codec: one output, and the frame at the end. */
  #check(bytes: Uint8Array): void {
    const { message } = decodeMessage(bytes)
    if (message.type !== 'packet_out') throw new Error(`${message.type} is no packet_out`)
    const [output, ...more] = message.actions
    const port = getUint32(bytes, bytes.length - FRAME - OUTPUT_ACTION + OUTPUT_PORT)
    if (output?.type !== 'output' || more.length > 0 || output.port !== port || message.data.length !== FRAME) {
      throw new Error('an answer of another form')
    }
    this.#checked = true
  }

  #ask(question: Question): void {
    let [from, to] = [this.#introduced, -1]
    if (from < this.#macs) this.#introduced++
    else {
      from = this.#draw()
      do to = this.#draw()
      while (portOf(to) === portOf(from))
    }
    const { bytes, view } = question
    const frame = this.#frameAt
    view.setUint32(this.#inPortAt, portOf(from))
    setMac(view, frame, to < 0 ? BROADCAST : FIRST_MAC + to)
    setMac(view, frame + 6, FIRST_MAC + from)
    question.life++
    view.setUint32(frame + LIFE, question.life)
    question.expected = to < 0 ? PORT.FLOOD : portOf(to)
    question.askedAt = performance.now()
    this.#connection.sendBytes(bytes)
  }

  /** Numerical Recipes' generator: any will do. */
  #draw(): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0
    return (this.#random >>> 8) % this.#macs
  }
}

const portOf = (mac: number): number => 1 + (mac % PORTS)

const setMac = (view: DataView, at: number, mac: number): void => {
  view.setUint16(at, Math.floor(mac / 2 ** 32))
  view.setUint32(at + 2, mac % 2 ** 32)
}

const getUint32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0

function packetIn(inPort: number, version: Version): Uint8Array<ArrayBuffer> {
  const writer = new Writer(256)
  const cookie = 0xffff_ffff_ffff_ffffn // not known: both controllers take that
  const about = { bufferId: NO_BUFFER, totalLen: FRAME, reason: 'no_match', tableId: 0, cookie } as const
  const message: Message = {
    type: 'packet_in',
    ...about,
    match: matchOf({ in_port: inPort }),
    data: new Uint8Array(FRAME),
  }
  encodeMessage(writer, message, version, 0)
  return writer.bytes()
}
