import { once } from 'node:events'
import { lstat, unlink } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import {
  createServer as createTlsServer,
  type ConnectionOptions as TlsConnectionOptions,
  connect as tlsConnect,
} from 'node:tls'
import type { ConnectionClosed } from './closed.ts'
import { type ConnectionOptions, HANDSHAKE_TIMEOUT, OpenFlowConnection } from './connection.ts'

/**
 * Keys, certificates and authorities. Both sides must show a certificate that `ca` signed; host names are not compared
 * (Open vSwitch's certificates carry none) unless `checkServerIdentity` is given.
 */
export type TlsOptions = Pick<
  TlsConnectionOptions,
  'ca' | 'cert' | 'key' | 'passphrase' | 'minVersion' | 'maxVersion' | 'ciphers' | 'servername' | 'checkServerIdentity'
>

/** Where an OpenFlow peer listens, or we do. Port 0: one that is free. */
export type Address =
  | { transport: 'tcp'; host: string; port: number }
  | { transport: 'ssl'; host: string; port: number; tls: TlsOptions }
  | { transport: 'unix'; path: string }

/** Dials an OpenFlow peer; resolves once the version is agreed, rejects with ConnectionClosed. */
export function connectOpenFlow(address: Address, options: ConnectionOptions = {}): Promise<OpenFlowConnection> {
  return new OpenFlowConnection(dial(address), options).opened
}

function dial(address: Address): Socket {
  switch (address.transport) {
    case 'tcp':
      return connect({ host: address.host, port: address.port })
    case 'unix':
      return connect({ path: address.path })
    case 'ssl': {
      const { host, port, tls } = address
      return tlsConnect({ checkServerIdentity: () => undefined, ...tls, host, port })
    }
  }
}

export interface ListenOptions extends ConnectionOptions {
  /** Connections at most, the newest refused. Default: no limit. */
  maxConnections?: number
  /** A peer that never came to an agreed version: no TLS, no HELLO, no common version, ... */
  onRefused?: (reason: Error, remote: string) => void
}

/** Connections that may wait to be accepted: after a restart of ours all switches come at once. */
const BACKLOG = 4_096

/** Listens for OpenFlow peers; those that agree on a version are handed to `options.onOpen`. */
export async function listenOpenFlow(address: Address, options: ListenOptions = {}): Promise<OpenFlowServer> {
  const server =
    address.transport === 'ssl'
      ? createTlsServer({
          ...address.tls,
          requestCert: true,
          rejectUnauthorized: true,
          handshakeTimeout: options.handshakeTimeout ?? HANDSHAKE_TIMEOUT,
        })
      : createServer()
  const listening = new OpenFlowServer(server, address, options)
  if (address.transport === 'unix') await removeStaleSocket(address.path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    const place = address.transport === 'unix' ? { path: address.path } : { host: address.host, port: address.port }
    server.listen({ ...place, backlog: BACKLOG }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return listening
}

/** A listening socket and the connections that came in through it. */
export class OpenFlowServer {
  readonly #server: Server
  readonly #address: Address
  readonly #connections = new Set<OpenFlowConnection>()
  /** Every socket, also those still in their TLS handshake. */
  readonly #sockets = new Set<Socket>()

  constructor(server: Server, address: Address, options: ListenOptions) {
    this.#server = server
    this.#address = address
    if (options.maxConnections !== undefined) server.maxConnections = options.maxConnections
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    server.on('tlsClientError', (error: Error, socket: Socket) => options.onRefused?.(error, remoteOf(socket)))
    server.on(address.transport === 'ssl' ? 'secureConnection' : 'connection', (socket: Socket) => {
      const remote = remoteOf(socket)
      const connection = new OpenFlowConnection(socket, options)
      this.#connections.add(connection)
      connection.closed.then(() => this.#connections.delete(connection))
      connection.opened.catch((reason: ConnectionClosed) => options.onRefused?.(reason, remote))
    })
  }

  /** Where it listens, with the port it really got. */
  get address(): Address {
    const bound = this.#server.address()
    if (this.#address.transport === 'unix' || bound === null || typeof bound === 'string') return this.#address
    return { ...this.#address, port: bound.port }
  }

  /** The connections that are up or shaking hands. */
  get connections(): ReadonlySet<OpenFlowConnection> {
    return this.#connections
  }

  /** Listens no more, closes every connection and resolves when all are gone. */
  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    const streams = [...this.#connections].map(connection => {
      connection.close('the server closed')
      return connection.stream
    })
    await Promise.all(streams.map(stream => stream.closed || once(stream, 'close')))
    // What is left never got as far as a connection.
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

const remoteOf = (socket: Socket): string => `${socket.remoteAddress ?? 'unix'}:${socket.remotePort ?? ''}`

/** A socket file that a crashed process left would make the path unusable; one that somebody answers on is left alone. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (!found?.isSocket()) return
  const answered = await new Promise<boolean>(resolve => {
    const probe = connect({ path })
    probe.once('error', () => resolve(false))
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
  })
  if (!answered) await unlink(path)
}
