import { type Duplex, duplexPair } from 'node:stream'
import {
  type ConnectionOptions,
  type DecodedMessage,
  decodeMessage,
  OpenFlowConnection,
  type Version,
} from '../src/index.ts'

export const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'))

/** The other end of a connection under test, by hand: what it was sent, message by message, and a way to answer. */
export class Peer {
  readonly #stream: Duplex
  #bytes = Buffer.alloc(0)
  #arrived: Uint8Array[] = []
  #wake = (): void => {}

  constructor(stream: Duplex) {
    this.#stream = stream
    stream.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      while (this.#bytes.length >= 8 && this.#bytes.length >= this.#bytes.readUInt16BE(2)) {
        const length = this.#bytes.readUInt16BE(2)
        this.#arrived.push(new Uint8Array(this.#bytes.subarray(0, length)))
        this.#bytes = this.#bytes.subarray(length)
      }
      this.#wake()
    })
    stream.on('end', () => this.#wake())
  }

  write(bytes: Uint8Array): void {
    this.#stream.write(bytes)
  }

  /** Reads no more. */
  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  end(): void {
    this.#stream.end()
  }

  /** The next message, as bytes. */
  async next(): Promise<Uint8Array> {
    while (this.#arrived.length === 0) {
      if (this.#stream.readableEnded) throw new Error('the connection under test closed')
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    return this.#arrived.shift()!
  }

  async message(): Promise<{ message: DecodedMessage; xid: number; version: Version }> {
    return decodeMessage(await this.next())
  }
}

/** A connection under test and its peer. With `version` the peer has said HELLO for it and the connection is open. */
export async function connected(
  version: Version,
  options: ConnectionOptions = {},
): Promise<{ connection: OpenFlowConnection; peer: Peer; stream: Duplex }> {
  const [stream, far] = duplexPair()
  const connection = new OpenFlowConnection(stream, options)
  const peer = new Peer(far)
  await peer.next() // its HELLO
  peer.write(Uint8Array.of(version, 0, 0, 8, 0, 0, 0, 1))
  await connection.opened
  return { connection, peer, stream }
}
