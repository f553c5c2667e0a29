import type { Duplex } from 'node:stream'
import { deferred } from './deferred.ts'
import { type CloseReason, ConnectionClosed, OvsdbError, ProtocolError, RequestTimeout } from './errors.ts'
import { excerpt, isArray, isObject, type Json, type JsonObject, member } from './json.ts'
import { type JsonLimits, JsonStream } from './json-stream.ts'
import { systemTimers, type Timers } from './timers.ts'

/** How a connection behaves; every field has a default. */
export interface JsonRpcOptions {
  /** What one message of the peer may cost. */
  readonly limits?: JsonLimits
  /** Bytes that may wait for a peer that does not read before the connection is given up; default 64 MiB. */
  readonly maxUnsentBytes?: number
  /** Milliseconds of silence after which the peer is asked for an echo, and after as many again given up; 0 never. Default 5000. */
  readonly inactivityProbe?: number
  readonly timers?: Timers
}

/** A request of the peer that waits for its answer. */
export interface IncomingRequest {
  readonly method: string
  readonly params: readonly Json[]
  readonly id: Json
  /** Sends the result. */
  reply(result: Json): void
  /** Sends an error, in RFC notation an object with `error` and `details`. */
  fail(error: Json): void
}

/** What a connection does with what the peer sends; a ProtocolError thrown here closes the connection. */
export interface JsonRpcHandlers {
  request?(request: IncomingRequest): void
  notification?(method: string, params: readonly Json[]): void
}

interface Pending {
  readonly method: string
  /** Runs at once when the answer is read, before any later message of the peer is looked at. */
  readonly settle: (message: JsonObject) => void
  readonly reject: (error: Error) => void
}

/**
 * A JSON-RPC 1.0 peer over a byte stream, as RFC 7047 § 4 uses it: either side may send requests.
 *
 * It answers echo itself, and what is sent in one tick leaves in one write.
 */
export class JsonRpc {
  /** Settles once, when the connection has ended; never rejects. */
  readonly closed: Promise<CloseReason>
  private readonly stream: Duplex
  private readonly handlers: JsonRpcHandlers
  private readonly timers: Timers
  private readonly maxUnsentBytes: number
  private readonly probe: number
  private readonly pending = new Map<number, Pending>()
  private readonly settleClosed: (reason: CloseReason) => void
  private reason: CloseReason | undefined
  private lastId = 0
  private unsent: string[] = []
  private lastReceived: number
  private probed = false
  private probeTimer: unknown

  constructor(stream: Duplex, handlers: JsonRpcHandlers, options: JsonRpcOptions = {}) {
    this.stream = stream
    this.handlers = handlers
    this.timers = options.timers ?? systemTimers
    this.maxUnsentBytes = options.maxUnsentBytes ?? 64 * 1024 * 1024
    this.probe = options.inactivityProbe ?? 5000
    const { promise, resolve } = deferred<CloseReason>()
    this.closed = promise
    this.settleClosed = resolve

    const splitter = new JsonStream(options.limits)
    stream.on('data', (chunk: Buffer) => this.receive(splitter, chunk))
    stream.on('error', error => this.end({ kind: 'transport error', message: error.message }))
    stream.on('end', () => this.end({ kind: 'peer closed', message: 'the peer closed the connection' }))
    stream.on('close', () => this.end({ kind: 'peer closed', message: 'the connection was lost' }))
    this.lastReceived = this.timers.now()
    this.armProbe(this.probe)
  }

  /** Whether the connection has ended. */
  get isClosed(): boolean {
    return this.reason !== undefined
  }

  /**
   * Sends a request; the promise gives what `parse` makes of the result. `parse` runs before any later message is handled.
   *
   * Rejects with OvsdbError (the peer refused), ConnectionClosed or, `timeout` milliseconds later, RequestTimeout.
   */
  call<T>(method: string, params: readonly Json[], parse: (result: Json) => T, timeout?: number): Promise<T> {
    if (this.reason) return Promise.reject(new ConnectionClosed(this.reason, method))
    const id = ++this.lastId
    const { promise, resolve, reject } = deferred<T>()
    const settle = (message: JsonObject): void => {
      const error = member(message, 'error') ?? null
      try {
        if (error !== null) throw new OvsdbError(method, readError(error))
        resolve(parse(member(message, 'result') ?? null))
      } catch (failure) {
        reject(failure)
        if (failure instanceof ProtocolError) throw failure
      }
    }
    this.pending.set(id, { method, settle, reject })
    this.send({ method, params, id })
    if (timeout === undefined) return promise
    const timer = this.timers.set(() => {
      // RFC 7047 § 4.1.4: the transaction is dropped if it still waits.
      if (method === 'transact') this.notify('cancel', [id])
      reject(new RequestTimeout(`${method}: no answer within ${timeout} ms`))
    }, timeout)
    return promise.finally(() => this.timers.clear(timer))
  }

  /** Sends a notification. */
  notify(method: string, params: readonly Json[]): void {
    this.send({ method, params, id: null })
  }

  /** Ends the connection from this side; what is unsent is still sent. */
  close(reason: CloseReason = { kind: 'closed', message: 'closed' }): void {
    this.end(reason)
  }

  private send(message: Json): void {
    if (this.reason) return
    this.unsent.push(JSON.stringify(message))
    // The next-tick queue runs when all microtasks have: answers of all continuations of this tick go together.
    if (this.unsent.length === 1) queueMicrotask(() => process.nextTick(() => this.flush()))
  }

  private flush(): void {
    if (this.unsent.length === 0 || this.stream.destroyed) return
    const text = this.unsent.join('')
    this.unsent = []
    this.stream.write(text)
    if (this.stream.writableLength > this.maxUnsentBytes) {
      this.end({
        kind: 'peer does not read',
        message: `more than ${this.maxUnsentBytes} bytes wait for a peer that does not read`,
      })
    }
  }

  private receive(splitter: JsonStream, chunk: Buffer): void {
    if (this.reason) return
    this.lastReceived = this.timers.now()
    this.probed = false
    try {
      splitter.push(chunk, message => {
        this.dispatch(message)
        return this.reason === undefined
      })
    } catch (error) {
      this.end({ kind: 'protocol error', message: (error as ProtocolError).message })
    }
  }

  private dispatch(message: JsonObject): void {
    try {
      this.handle(message)
    } catch (error) {
      if (error instanceof ProtocolError) throw error
      // A fault of ours or of our caller, not of the peer: it surfaces as an uncaught exception, and the stream goes on.
      queueMicrotask(() => {
        throw error
      })
    }
  }

  private handle(message: JsonObject): void {
    const method = member(message, 'method') ?? null
    const id = member(message, 'id') ?? null
    if (method === null) {
      this.settle(id, message)
      return
    }
    const params = member(message, 'params') ?? []
    if (typeof method !== 'string' || !isArray(params)) throw new ProtocolError(`no request: ${excerpt(message)}`)
    if (id === null) this.handlers.notification?.(method, params)
    else if (method === 'echo') this.send({ result: params, error: null, id })
    else this.request(method, params, id)
  }

  private settle(id: Json, message: JsonObject): void {
    // A peer may answer what was never asked (our own probe is such a thing); that harms nobody.
    if (typeof id !== 'number') return
    const pending = this.pending.get(id)
    this.pending.delete(id)
    pending?.settle(message)
  }

  private request(method: string, params: readonly Json[], id: Json): void {
    const request: IncomingRequest = {
      method,
      params,
      id,
      reply: result => this.send({ result, error: null, id }),
      fail: error => this.send({ result: null, error, id }),
    }
    if (this.handlers.request) this.handlers.request(request)
    else request.fail({ error: 'unknown method', details: method })
  }

  private armProbe(ms: number): void {
    if (this.probe === 0) return
    this.probeTimer = this.timers.set(() => {
      const silent = this.timers.now() - this.lastReceived
      if (silent < this.probe) {
        this.armProbe(this.probe - silent)
      } else if (this.probed) {
        this.end({ kind: 'inactive', message: `no answer to an echo request within ${this.probe} ms` })
      } else {
        this.probed = true
        this.send({ method: 'echo', params: [], id: 'echo' })
        this.armProbe(this.probe)
      }
    }, ms)
  }

  private end(reason: CloseReason): void {
    if (this.reason) return
    if (reason.kind === 'closed') this.flush()
    this.reason = reason
    this.unsent = []
    this.timers.clear(this.probeTimer)
    if (reason.kind === 'closed') this.finish()
    else this.stream.destroy()
    for (const { method, reject } of this.pending.values()) reject(new ConnectionClosed(reason, method))
    this.pending.clear()
    this.settleClosed(reason)
  }

  /** Sends what there is to send, but waits no longer than a second for a peer that does not read. */
  private finish(): void {
    const timer = this.timers.set(() => this.stream.destroy(), 1000)
    this.stream.end(() => {
      this.timers.clear(timer)
      this.stream.destroy()
    })
  }
}

const readError = (error: Json): { error: string; details?: string } => {
  if (!isObject(error)) return { error: typeof error === 'string' ? error : excerpt(error) }
  const name = member(error, 'error')
  const details = member(error, 'details')
  return {
    error: typeof name === 'string' ? name : excerpt(error),
    ...(typeof details === 'string' ? { details } : {}),
  }
}
