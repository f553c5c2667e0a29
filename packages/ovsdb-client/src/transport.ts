import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { type Address, describeAddress } from './address.ts'
import { deferred } from './deferred.ts'
import { ConnectionClosed } from './errors.ts'
import { systemTimers, type Timers } from './timers.ts'

/** A byte stream to a peer. */
export interface Stream {
  readonly socket: Duplex
  /** The peer in Open vSwitch's spelling, for logs. */
  readonly peer: string
  /** The common name (CN) of the peer's verified certificate. */
  readonly peerCommonName: string | undefined
}

/** How to dial. */
export interface DialOptions {
  /** Milliseconds until dialling, with the TLS handshake, is given up; default 10,000. */
  readonly connectTimeout?: number
  readonly signal?: AbortSignal
  readonly timers?: Timers
}

/** Something that listens. */
export interface Listener {
  /** Where it listens, with the port it got. */
  readonly address: Address
  /** Stops listening; streams that came in stay open. */
  close(): void
}

/** Dials; rejects with ConnectionClosed. */
export const dial = async (address: Address, options: DialOptions = {}): Promise<Stream> => {
  const timers = options.timers ?? systemTimers
  const ms = options.connectTimeout ?? 10_000
  const where = describeAddress(address)
  options.signal?.throwIfAborted()
  const socket = open(address)
  const { promise, resolve, reject } = deferred<void>()
  const fail = (message: string): void => {
    reject(new ConnectionClosed({ kind: 'transport error', message: `${where}: ${message}` }))
    socket.destroy()
  }
  const onError = (error: Error): void => fail(error.message)
  const onClose = (): void => fail('closed while connecting')
  const onAbort = (): void => fail('given up')
  const timer = timers.set(() => fail(`no connection within ${ms} ms`), ms)
  options.signal?.addEventListener('abort', onAbort, { once: true })
  socket.once('error', onError)
  socket.once('close', onClose)
  socket.once(address.transport === 'ssl' ? 'secureConnect' : 'connect', resolve)
  try {
    await promise
  } finally {
    timers.clear(timer)
    options.signal?.removeEventListener('abort', onAbort)
    socket.off('close', onClose)
    if (!socket.destroyed) socket.off('error', onError)
  }
  socket.setNoDelay(true)
  return { socket, peer: where, peerCommonName: commonName(socket) }
}

const open = (address: Address): net.Socket => {
  switch (address.transport) {
    case 'unix':
      return net.connect({ path: address.path })
    case 'tcp':
      return net.connect({ host: address.host, port: address.port })
    case 'ssl':
      return tls.connect({
        host: address.host,
        port: address.port,
        // Open vSwitch's certificates name a switch, not a host: with a CA of one's own its signature is what counts.
        ...(address.tls.ca ? { checkServerIdentity: () => undefined } : {}),
        ...address.tls,
      })
  }
}

const commonName = (socket: Duplex): string | undefined => {
  if (!(socket instanceof tls.TLSSocket) || !socket.authorized) return undefined
  const name = socket.getPeerCertificate().subject?.CN
  return typeof name === 'string' ? name : undefined
}

/** Listens; gives each stream that comes in, after its TLS handshake, to `accept`, and each that fails it to `refused`. */
export const listen = async (
  address: Address,
  accept: (stream: Stream) => void,
  refused: (error: Error) => void = () => {},
): Promise<Listener> => {
  const onSocket = (socket: net.Socket): void => {
    socket.setNoDelay(true)
    accept({ socket, peer: peerOf(address, socket), peerCommonName: commonName(socket) })
  }
  const server =
    address.transport === 'ssl'
      ? tls.createServer({ requestCert: address.tls.ca !== undefined, ...address.tls }, onSocket)
      : net.createServer(onSocket)
  server.on('tlsClientError', refused)
  const { promise, resolve, reject } = deferred<void>()
  server.once('error', reject)
  if (address.transport === 'unix') server.listen(address.path, resolve)
  else server.listen(address.port, address.host, resolve)
  await promise
  server.off('error', reject)
  server.on('error', refused)
  const bound = server.address()
  return {
    address:
      address.transport !== 'unix' && bound && typeof bound === 'object' ? { ...address, port: bound.port } : address,
    // The callback would wait for the streams that came in, too.
    close: () => void server.close(),
  }
}

const peerOf = (address: Address, { remoteAddress = '', remotePort = 0 }: net.Socket): string =>
  address.transport === 'unix'
    ? describeAddress(address)
    : describeAddress({ transport: 'tcp', host: remoteAddress, port: remotePort }).replace(/^tcp/, address.transport)
