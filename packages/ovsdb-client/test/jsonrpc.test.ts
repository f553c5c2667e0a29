import { type Duplex, duplexPair } from 'node:stream'
import { expect, test } from 'vitest'
import { ConnectionClosed, OvsdbError, ProtocolError } from '../src/errors.ts'
import type { Json } from '../src/json.ts'
import { JsonRpc, type JsonRpcHandlers, type JsonRpcOptions } from '../src/jsonrpc.ts'
import type { Timers } from '../src/timers.ts'

/** A clock that goes on when told to. */
class ManualTimers implements Timers {
  private time = 0
  private readonly waiting = new Map<object, { readonly at: number; readonly callback: () => void }>()

  now(): number {
    return this.time
  }

  set(callback: () => void, ms: number): object {
    const timer = {}
    this.waiting.set(timer, { at: this.time + ms, callback })
    return timer
  }

  clear(timer: unknown): void {
    this.waiting.delete(timer as object)
  }

  /** Goes on by so many milliseconds, through all timers that are due. */
  advance(ms: number): void {
    const end = this.time + ms
    for (;;) {
      const [next] = [...this.waiting].sort(([, a], [, b]) => a.at - b.at)
      if (!next || next[1].at > end) break
      this.waiting.delete(next[0])
      this.time = next[1].at
      next[1].callback()
    }
    this.time = end
  }
}

/** A connection and, at its other end, a peer that reads and writes text. */
const open = (handlers: JsonRpcHandlers = {}, options: JsonRpcOptions = {}) => {
  const [near, far] = duplexPair()
  const rpc = new JsonRpc(near, handlers, { inactivityProbe: 0, ...options })
  const peer = {
    socket: far as Duplex,
    writes: [] as string[],
    send: (...messages: Json[]) => far.write(messages.map(message => JSON.stringify(message)).join('')),
  }
  far.on('data', (chunk: Buffer) => peer.writes.push(chunk.toString()))
  far.on('error', () => {})
  return { rpc, peer }
}

/** The next bytes the peer gets. */
const nextWrite = ({ socket }: { readonly socket: Duplex }): Promise<string> =>
  new Promise(resolve => socket.once('data', (chunk: Buffer) => resolve(chunk.toString())))

const keep = (result: Json): Json => result

test('what is sent in one tick leaves in one write, also what its continuations send', async () => {
  const { rpc, peer } = open()
  const calls = [rpc.call('a', [], keep), rpc.call('b', [1], keep)]
  void Promise.resolve()
    .then(() => Promise.resolve())
    .then(() => rpc.notify('c', []))
  await nextWrite(peer)
  expect(peer.writes).toEqual([
    '{"method":"a","params":[],"id":1}{"method":"b","params":[1],"id":2}{"method":"c","params":[],"id":null}',
  ])
  const written = nextWrite(peer)
  peer.send(
    { id: 2, result: 'B', error: null },
    { id: 1, result: 'A', error: null },
    { method: 'echo', params: ['x'], id: 'e' },
    { method: 'echo', params: [], id: 7 },
  )
  expect(await Promise.all(calls)).toEqual(['A', 'B'])
  expect(await written).toBe('{"result":["x"],"error":null,"id":"e"}{"result":[],"error":null,"id":7}')
})

test('an answer is parsed before the message after it is handled', async () => {
  const seen: string[] = []
  const { rpc, peer } = open({ notification: method => seen.push(method) })
  const call = rpc.call('monitor', [], () => seen.push('answer'))
  peer.send({ id: 1, result: {}, error: null }, { method: 'update', params: [], id: null })
  await call
  expect(seen).toEqual(['answer', 'update'])
})

test.each<[string, Json, object]>([
  ['with error and details', { error: 'unknown database', details: 'x' }, { error: 'unknown database', details: 'x' }],
  ['with a text', 'canceled', { error: 'canceled', details: undefined }],
  ['with anything', [1], { error: '[1]' }],
])('a request refused %s rejects', async (_, error, expected) => {
  const { rpc, peer } = open()
  const call = rpc.call('get_schema', [], keep)
  peer.send({ id: 1, result: null, error })
  await expect(call).rejects.toThrow(OvsdbError)
  await expect(call).rejects.toThrow(expect.objectContaining({ ...expected, method: 'get_schema' }))
  expect(rpc.isClosed).toBe(false)
})

test('an error that the answer itself means rejects, the connection stays', async () => {
  const { rpc, peer } = open()
  const call = rpc.call('transact', [], () => {
    throw new OvsdbError('transact', { error: 'aborted' })
  })
  peer.send({ id: 1, result: [], error: null })
  await expect(call).rejects.toThrow('aborted')
  expect(rpc.isClosed).toBe(false)
})

test('an unreadable answer rejects and ends the connection', async () => {
  const { rpc, peer } = open()
  const other = rpc.call('list_dbs', [], keep)
  const call = rpc.call('get_schema', [], () => {
    throw new ProtocolError('no schema')
  })
  peer.send({ id: 2, result: 1, error: null })
  await expect(call).rejects.toThrow('no schema')
  await expect(other).rejects.toThrow(ConnectionClosed)
  expect(await rpc.closed).toEqual({ kind: 'protocol error', message: 'no schema' })
})

test.each<[string, string, RegExp]>([
  ['no JSON', '{"a":}', /not JSON/],
  ['something else', 'SSH-2.0-OpenSSH', /must begin with/],
  ['a method that is none', '{"method":1,"id":1}', /no request/],
  ['params that are none', '{"method":"echo","params":{},"id":1}', /no request/],
  ['deep nesting', '{"a":'.repeat(100), /nested deeper/],
])('%s ends the connection with a reason', async (_, text, why) => {
  const { rpc, peer } = open()
  const pending = rpc.call('echo', [], keep)
  peer.socket.write(text)
  expect(await rpc.closed).toMatchObject({ kind: 'protocol error', message: expect.stringMatching(why) })
  await expect(pending).rejects.toThrow(ConnectionClosed)
  await expect(rpc.call('echo', [], keep)).rejects.toThrow(ConnectionClosed)
})

test.each<[string, Json]>([
  ['an answer to nothing', { id: 99, result: {}, error: null }],
  ['an answer to our own probe', { id: 'echo', result: [], error: null }],
  ['an unknown notification', { method: 'news', params: [], id: null }],
])('%s harms nobody', async (_, message) => {
  const { rpc, peer } = open()
  const call = rpc.call('x', [], keep)
  peer.send(message, { id: 1, result: 'ok', error: null })
  expect(await call).toBe('ok')
})

test('a request nobody handles is refused', async () => {
  const { peer } = open()
  peer.send({ method: 'transact', params: [], id: 3 })
  expect(await nextWrite(peer)).toBe('{"result":null,"error":{"error":"unknown method","details":"transact"},"id":3}')
})

test('a peer that says nothing is asked once, then given up', async () => {
  const timers = new ManualTimers()
  const { rpc, peer } = open({}, { timers, inactivityProbe: 1000 })
  timers.advance(999)
  expect(peer.writes).toEqual([])
  const probe = nextWrite(peer)
  timers.advance(1)
  expect(await probe).toBe('{"method":"echo","params":[],"id":"echo"}')
  timers.advance(999)
  expect(rpc.isClosed).toBe(false)
  timers.advance(1)
  expect(await rpc.closed).toEqual({ kind: 'inactive', message: 'no answer to an echo request within 1000 ms' })
})

test('anything a peer says counts as life', async () => {
  const timers = new ManualTimers()
  const { rpc, peer } = open({}, { timers, inactivityProbe: 1000 })
  for (let turn = 0; turn < 5; turn++) {
    timers.advance(900)
    const call = rpc.call('x', [], keep)
    peer.send({ id: turn + 1, result: null, error: null })
    await call
  }
  expect(peer.writes.join('')).not.toContain('"echo"')
  timers.advance(1900)
  expect(rpc.isClosed).toBe(false)
})

test('a request that takes too long rejects; a transaction is also cancelled', async () => {
  const timers = new ManualTimers()
  const { rpc, peer } = open({}, { timers })
  const call = rpc.call('transact', ['db'], keep, 100)
  await nextWrite(peer)
  const cancel = nextWrite(peer)
  timers.advance(100)
  await expect(call).rejects.toThrow('transact: no answer within 100 ms')
  expect(await cancel).toBe('{"method":"cancel","params":[1],"id":null}')
  expect(rpc.isClosed).toBe(false)
})

test('a peer that does not read is given up, not buffered for ever', async () => {
  const { rpc, peer } = open({}, { maxUnsentBytes: 100_000 })
  peer.socket.pause()
  const send = (): void => {
    if (rpc.isClosed) return
    rpc.notify('update', ['x'.repeat(10_000)])
    setImmediate(send)
  }
  send()
  expect(await rpc.closed).toMatchObject({ kind: 'peer does not read' })
})

test('what is sent before closing still goes out', async () => {
  const { rpc, peer } = open()
  rpc.notify('last', [])
  rpc.close()
  const ended = new Promise(resolve => peer.socket.once('end', resolve))
  expect(await nextWrite(peer)).toContain('"last"')
  await ended
  expect(await rpc.closed).toEqual({ kind: 'closed', message: 'closed' })
})

test('the peer closing rejects what is pending', async () => {
  const { rpc, peer } = open()
  const call = rpc.call('x', [], keep)
  peer.socket.end()
  await expect(call).rejects.toThrow('x: the peer closed the connection')
  expect(await rpc.closed).toMatchObject({ kind: 'peer closed' })
})

test('a handler that throws surfaces as our own fault; the messages after it are handled', async () => {
  const { promise: surfaced, resolve } = Promise.withResolvers<unknown>()
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.once('uncaughtException', resolve)
  const { rpc, peer } = open({
    notification: () => {
      throw new Error('mine')
    },
  })
  const call = rpc.call('x', [], keep)
  peer.send({ method: 'update', params: [], id: null }, { id: 1, result: 'ok', error: null })
  expect(await call).toBe('ok')
  expect(await surfaced).toEqual(new Error('mine'))
  for (const listener of listeners) process.on('uncaughtException', listener)
})
