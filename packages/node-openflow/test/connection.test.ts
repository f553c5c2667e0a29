import { duplexPair } from 'node:stream'
import { describe, expect, test } from 'vitest'
import {
  BUNDLE_FLAG,
  BundleError,
  type DecodedMessage,
  DecodeError,
  encodeMessage,
  type Message,
  OpenFlowConnection,
  OpenFlowError,
  type Timers,
  type Version,
  Writer,
} from '../src/index.ts'
import { connected, hex, Peer } from './peer.ts'

const encoded = (message: Message, version: Version, xid: number): Uint8Array => {
  const writer = new Writer()
  encodeMessage(writer, message, version, xid)
  return writer.bytes()
}

/** A clock that stands still until it is told to go on. */
class FakeTimers implements Timers {
  #now = 0
  #due: { at: number; callback: () => void }[] = []

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms, callback }
    this.#due.push(timer)
    return () => {
      this.#due = this.#due.filter(other => other !== timer)
    }
  }

  advance(ms: number): void {
    const until = this.#now + ms
    for (;;) {
      const next = this.#due.filter(({ at }) => at <= until).toSorted((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.#due = this.#due.filter(other => other !== next)
      this.#now = next.at
      next.callback()
    }
    this.#now = until
  }
}

describe('handshake', () => {
  const cases: [ours: Version[], theirs: Version[], agreed: Version][] = [
    [[4, 6], [4, 6], 6],
    [[4, 6], [4], 4],
    [[6], [4, 5, 6], 6],
    [[4, 5], [5, 6], 5],
  ]
  test.each(cases)('%j and %j agree on %i', async (ours, theirs, agreed) => {
    const [a, b] = duplexPair()
    const ends = [new OpenFlowConnection(a, { versions: ours }), new OpenFlowConnection(b, { versions: theirs })]
    await Promise.all(ends.map(end => end.opened))
    expect(ends.map(end => end.version)).toEqual([agreed, agreed])
  })

  test('no common version: both say why', async () => {
    const [a, b] = duplexPair()
    const ends = [new OpenFlowConnection(a, { versions: [4] }), new OpenFlowConnection(b, { versions: [6] })]
    for (const end of ends) {
      await expect(end.opened).rejects.toMatchObject({ code: 'refused' })
      expect((await end.closed).code).toBe('refused')
    }
  })

  test('the peer learns why from an error message', async () => {
    const [stream, far] = duplexPair()
    const connection = new OpenFlowConnection(stream, { versions: [6] })
    const peer = new Peer(far)
    await peer.next()
    peer.write(hex('01 00 0008 00000009'))
    expect((await peer.message()).message).toMatchObject({ type: 'error' })
    expect((await connection.closed).code).toBe('refused')
  })

  test('what comes in the same chunk as HELLO is not lost', async () => {
    const [stream, far] = duplexPair()
    const heard: string[] = []
    const connection = new OpenFlowConnection(stream, {
      onOpen: () => ({ message: message => heard.push(message.type) }),
    })
    const features = encoded({ type: 'features_request' }, 6, 7)
    far.write(Buffer.concat([hex('06 00 0008 00000001'), features, features]))
    await connection.opened
    expect(heard).toEqual(['features_request', 'features_request'])
  })

  test('a message before HELLO is a protocol error', async () => {
    const [stream, far] = duplexPair()
    const connection = new OpenFlowConnection(stream)
    far.write(hex('06 05 0008 00000001'))
    await expect(connection.opened).rejects.toMatchObject({ code: 'protocol' })
  })
})

describe('echo', () => {
  test('answered with the same transaction id and data, also before HELLO', async () => {
    const [stream, far] = duplexPair()
    const peer = new Peer(far)
    const connection = new OpenFlowConnection(stream)
    await peer.next()
    peer.write(hex('06 02 000b 00000007 aabbcc'))
    expect(await peer.next()).toEqual(hex('06 03 000b 00000007 aabbcc'))
    peer.write(hex('04 00 0008 00000001 04 02 0008 00000008'))
    await connection.opened
    expect(await peer.next()).toEqual(hex('04 03 0008 00000008'))
  })

  test('silence: one probe after the interval, the end after another', async () => {
    const timers = new FakeTimers()
    const { connection, peer } = await connected(6, { timers, probeInterval: 1_000 })
    timers.advance(1_000) // the HELLO was heard in this one
    timers.advance(1_000)
    expect((await peer.message()).message.type).toBe('echo_request')
    expect(connection.reason).toBeUndefined()
    timers.advance(1_000)
    expect((await connection.closed).code).toBe('silent')
  })

  test('a peer that answers its probes stays', async () => {
    const timers = new FakeTimers()
    const { connection, peer } = await connected(6, { timers, probeInterval: 1_000 })
    timers.advance(1_000)
    for (let i = 0; i < 5; i++) {
      timers.advance(1_000)
      const probe = await peer.next()
      probe[1] = 3
      peer.write(probe)
      peer.write(hex('06 02 0008 00000001'))
      await peer.next() // its answer shows that what came before was read
      timers.advance(1_000)
    }
    expect(connection.reason).toBeUndefined()
  })
})

/** The messages that arrive at the peer, by type; ends with `last`. */
async function until(peer: Peer, last: Message['type']): Promise<{ message: DecodedMessage; xid: number }[]> {
  const out = []
  for (;;) {
    const arrived = await peer.message()
    out.push(arrived)
    if (arrived.message.type === last) return out
  }
}

describe('sending', () => {
  test('what is sent in one turn leaves in one write', async () => {
    const { connection, peer, stream } = await connected(6)
    const writes: number[] = []
    const write = stream.write.bind(stream)
    stream.write = ((chunk: Uint8Array, ...rest: []) => {
      writes.push(chunk.length)
      return write(chunk, ...rest)
    }) as typeof stream.write
    for (let i = 0; i < 1_000; i++) connection.send({ type: 'features_request' })
    connection.sendBytes(encoded({ type: 'barrier_request' }, 6, 9_999))
    const arrived = await until(peer, 'barrier_request')
    expect(arrived).toHaveLength(1_001)
    expect(new Set(arrived.map(({ xid }) => xid)).size).toBe(1_001)
    expect(writes).toEqual([1_001 * 8])
  })

  test('a message that cannot be encoded throws and leaves nothing behind', async () => {
    const { connection, peer } = await connected(6)
    const bad: Message = { type: 'flow_mod', command: 'add', priority: 70_000, match: [] }
    expect(() => connection.send(bad)).toThrow()
    connection.send({ type: 'barrier_request' })
    expect((await peer.message()).message.type).toBe('barrier_request')
  })

  test('on a closed connection it goes nowhere', async () => {
    const { connection } = await connected(6)
    connection.close()
    connection.send({ type: 'barrier_request' })
    expect(connection.queued).toBe(0)
  })
})

describe('backpressure', () => {
  test('a peer that does not read is closed at the limit, and little is kept', async () => {
    const { connection, peer } = await connected(6, { maxQueuedBytes: 100_000 })
    peer.pause()
    const data = new Uint8Array(1_000)
    let sent = 0
    while (connection.reason === undefined && sent < 1_000) {
      connection.send({ type: 'echo_request', data })
      sent++
    }
    expect((await connection.closed).code).toBe('slow')
    expect(sent).toBeLessThan(110)
    expect(connection.queued).toBe(0)
  })

  test('also when it asks for more than it reads', async () => {
    const { connection, peer } = await connected(6, { maxQueuedBytes: 100_000 })
    peer.pause()
    const request = encoded({ type: 'echo_request', data: new Uint8Array(1_000) }, 6, 1)
    for (let i = 0; i < 110; i++) peer.write(request)
    expect((await connection.closed).code).toBe('slow')
  })

  test('a write that makes no progress closes the connection', async () => {
    const timers = new FakeTimers()
    const { connection, peer } = await connected(6, { timers, probeInterval: 1_000 })
    const keepTalking = () => peer.write(hex('06 03 0008 00000001'))
    peer.pause()
    connection.send({ type: 'echo_request', data: new Uint8Array(60_000) })
    connection.send({ type: 'echo_request', data: new Uint8Array(60_000) })
    for (let i = 0; i < 5 && connection.reason === undefined; i++) {
      keepTalking()
      await new Promise(resolve => setImmediate(resolve))
      timers.advance(1_000)
    }
    expect((await connection.closed).code).toBe('slow')
  })

  test('drained resolves once the peer has read', async () => {
    const { connection, peer } = await connected(6)
    peer.pause()
    for (let i = 0; i < 100; i++) connection.send({ type: 'echo_request', data: new Uint8Array(60_000) })
    let drained = false
    const drain = connection.drained(0).then(() => {
      drained = true
    })
    await new Promise(resolve => setImmediate(resolve))
    expect(drained).toBe(false)
    peer.resume()
    await drain
    expect(connection.queued).toBe(0)
    await connection.drained()
  })

  test('drained rejects when the connection closes first', async () => {
    const { connection, peer } = await connected(6)
    peer.pause()
    for (let i = 0; i < 100; i++) connection.send({ type: 'echo_request', data: new Uint8Array(60_000) })
    const drained = connection.drained(0)
    connection.close()
    await expect(drained).rejects.toMatchObject({ code: 'closed' })
  })
})

describe('requests', () => {
  test('answers find their request, in any order', async () => {
    const { connection, peer } = await connected(6)
    const [first, second] = [connection.request({ type: 'get_config_request' }), connection.barrier()]
    const [a, b] = [await peer.message(), await peer.message()]
    peer.write(encoded({ type: 'barrier_reply' }, 6, b.xid))
    await second
    peer.write(encoded({ type: 'get_config_reply', flags: 0, missSendLen: 128 }, 6, a.xid))
    expect(await first).toMatchObject({ type: 'get_config_reply', missSendLen: 128 })
  })

  test('an error rejects with its type and code', async () => {
    const { connection, peer } = await connected(6)
    const request = connection.request({ type: 'role_request', role: 'master', generationId: 1n })
    const { xid } = await peer.message()
    peer.write(encoded({ type: 'error', errorType: 11, code: 0, experimenter: 0, data: hex('0102') }, 6, xid))
    await expect(request).rejects.toThrow(OpenFlowError)
    await expect(request).rejects.toMatchObject({ errorType: 11, code: 0, data: hex('0102') })
  })

  test('an answer of another type is refused', async () => {
    const { connection, peer } = await connected(6)
    const request = connection.request({ type: 'features_request' }, 'features_reply')
    const { xid } = await peer.message()
    peer.write(encoded({ type: 'barrier_reply' }, 6, xid))
    await expect(request).rejects.toThrow('barrier_reply in answer to features_request')
  })

  test.each(['end', 'close'] as const)('rejected on %s, then and afterwards', async how => {
    const { connection, peer } = await connected(6)
    const pending = [
      connection.request({ type: 'features_request' }),
      connection.multipart({ type: 'multipart_request', kind: 'flow' }),
      connection.bundle([{ type: 'flow_mod', command: 'add', match: [] }]),
    ]
    if (how === 'end') peer.end()
    else connection.close()
    for (const promise of pending) await expect(promise).rejects.toBe(await connection.closed)
    await expect(connection.barrier()).rejects.toBe(connection.reason)
    await expect(connection.multipart({ type: 'multipart_request', kind: 'desc' })).rejects.toBe(connection.reason)
    await expect(connection.bundle([])).rejects.toBe(connection.reason)
  })

  test('what answers nobody is heard by the owner', async () => {
    const heard: string[] = []
    const { connection, peer } = await connected(6, { onOpen: () => ({ message: m => heard.push(m.type) }) })
    peer.write(encoded({ type: 'error', errorType: 5, code: 1, experimenter: 0, data: new Uint8Array() }, 6, 77))
    const barrier = connection.barrier()
    const { xid } = await peer.message()
    peer.write(encoded({ type: 'barrier_reply' }, 6, xid))
    await barrier
    expect(heard).toEqual(['error'])
  })

  test('what the owner takes raw is not decoded', async () => {
    const heard: string[] = []
    const { connection, peer } = await connected(6, {
      onOpen: () => ({ raw: (bytes, start) => bytes[start + 1] === 99, message: m => heard.push(m.type) }),
    })
    peer.write(hex('06 63 0008 00000001 06 05 0008 00000002 06 02 0008 00000003'))
    await peer.next()
    expect(heard).toEqual(['features_request'])
    expect(connection.reason).toBeUndefined()
  })

  test('a handler that throws closes this connection, with its error as the cause', async () => {
    const bug = new Error('bug')
    const { connection, peer } = await connected(6, {
      onOpen: () => ({
        message() {
          throw bug
        },
      }),
    })
    peer.write(encoded({ type: 'features_request' }, 6, 1))
    expect(await connection.closed).toMatchObject({ code: 'handler', cause: bug })
  })

  test('what cannot be decoded closes it, with the DecodeError as the cause', async () => {
    const { connection, peer } = await connected(6)
    peer.write(hex('06 06 0009 00000001 00'))
    const reason = await connection.closed
    expect(reason).toMatchObject({ code: 'undecodable' })
    expect(reason.cause).toBeInstanceOf(DecodeError)
  })
})

describe('multipart', () => {
  const groups = (from: number, count: number, more: boolean): Message => ({
    type: 'multipart_reply',
    kind: 'group_desc',
    more,
    body: Array.from({ length: count }, (_, i) => ({ groupType: 'all' as const, groupId: from + i, buckets: [] })),
  })

  test('the entries of many parts, in order, other messages between them', async () => {
    const { connection, peer } = await connected(6)
    const answer = connection.multipart({ type: 'multipart_request', kind: 'group_desc' })
    const { xid, message } = await peer.message()
    expect(message).toMatchObject({ type: 'multipart_request', kind: 'group_desc' })
    for (let part = 0; part < 100; part++) {
      peer.write(encoded(groups(part * 10, 10, true), 6, xid))
      peer.write(encoded({ type: 'port_status', reason: 'add', port: PORT_1 }, 6, 0))
    }
    peer.write(encoded(groups(0, 0, false), 6, xid))
    expect((await answer).map(({ groupId }) => groupId)).toEqual(Array.from({ length: 1_000 }, (_, i) => i))
  })

  test('a body that is no list is the one entry', async () => {
    const { connection, peer } = await connected(4)
    const answer = connection.multipart({ type: 'multipart_request', kind: 'desc' })
    const { xid } = await peer.message()
    const body = { manufacturer: 'm', hardware: 'h', software: '3.1.0', serialNumber: 's', datapath: 'd' }
    peer.write(encoded({ type: 'multipart_reply', kind: 'desc', body }, 4, xid))
    expect(await answer).toEqual([body])
  })

  test.each([
    [
      'an error',
      { type: 'error', errorType: 1, code: 2, experimenter: 0, data: new Uint8Array() } as const,
      OpenFlowError,
    ],
    ['another kind', { type: 'multipart_reply', kind: 'flow', body: [] } as const, Error],
  ])('%s in its midst rejects', async (_, last, reason) => {
    const { connection, peer } = await connected(6)
    const answer = connection.multipart({ type: 'multipart_request', kind: 'group_desc' })
    const { xid } = await peer.message()
    peer.write(encoded(groups(1, 1, true), 6, xid))
    peer.write(encoded(last, 6, xid))
    await expect(answer).rejects.toThrow(reason)
  })

  test('an answer without end is refused', async () => {
    const { connection, peer } = await connected(6, { maxMultipartEntries: 100 })
    const answer = connection.multipart({ type: 'multipart_request', kind: 'group_desc' })
    const { xid } = await peer.message()
    for (let part = 0; part < 11; part++) peer.write(encoded(groups(0, 10, true), 6, xid))
    await expect(answer).rejects.toThrow('more than 100 entries')
  })
})

const PORT_1 = { portNo: 1, hwAddr: 1, name: 'p1', config: 0, state: 0, properties: [] }

describe('bundles', () => {
  const flow = (priority: number): Message => ({ type: 'flow_mod', command: 'add', priority, match: [] })
  const refusal = (errorType: number, code: number): Message => {
    return { type: 'error', errorType, code, experimenter: 0, data: new Uint8Array() }
  }
  const kindOf = ({ message }: { message: DecodedMessage }) =>
    message.type === 'bundle_control' ? message.kind : message.type

  /** Answers a bundle_control the way OVS does. */
  const answer = (peer: Peer, request: { message: DecodedMessage; xid: number }, version: Version = 6) => {
    if (request.message.type !== 'bundle_control') throw new Error(request.message.type)
    const { bundleId, kind } = request.message
    const reply = String(kind).replace('request', 'reply') as 'commit_reply'
    peer.write(encoded({ type: 'bundle_control', bundleId, kind: reply }, version, request.xid))
  }

  test.each([4, 6] as const)('version %i: opened, filled, closed, committed', async version => {
    const { connection, peer } = await connected(version)
    const ready = encoded(flow(3), version, 0xdeadbeef)
    const copy = ready.slice()
    const done = connection.bundle([flow(1), flow(2), ready])
    const arrived = [
      await peer.message(),
      await peer.message(),
      await peer.message(),
      await peer.message(),
      await peer.message(),
    ]
    expect(arrived.map(kindOf)).toEqual([
      'open_request',
      'bundle_add_message',
      'bundle_add_message',
      'bundle_add_message',
      'close_request',
    ])
    for (const { message } of arrived) {
      expect(message).toMatchObject({ bundleId: arrived[0]!.xid, flags: BUNDLE_FLAG.ATOMIC | BUNDLE_FLAG.ORDERED })
    }
    expect(arrived.slice(1, 4).map(({ message }) => (message as never as { message: object }).message)).toMatchObject([
      flow(1),
      flow(2),
      flow(3),
    ])
    answer(peer, arrived[0]!, version)
    answer(peer, arrived[4]!, version)
    const commit = await peer.message()
    expect(kindOf(commit)).toBe('commit_request')
    answer(peer, commit, version)
    await done
    expect(ready).toEqual(copy)
  })

  test('inner messages carry the transaction id of the outer one', async () => {
    const { connection, peer } = await connected(6)
    connection.bundle([flow(1), encoded(flow(2), 6, 0)]).catch(() => {})
    await peer.next()
    for (let i = 0; i < 2; i++) {
      const add = await peer.next()
      expect(add.subarray(16 + 4, 16 + 8)).toEqual(add.subarray(4, 8))
    }
    connection.close()
  })

  test('an add that was refused: discarded, and the message named', async () => {
    const { connection, peer } = await connected(6)
    const done = connection.bundle([flow(1), flow(2), flow(3)])
    const arrived = [
      await peer.message(),
      await peer.message(),
      await peer.message(),
      await peer.message(),
      await peer.message(),
    ]
    peer.write(encoded(refusal(3, 2), 6, arrived[2]!.xid))
    answer(peer, arrived[4]!)
    const decision = await peer.message()
    expect(kindOf(decision)).toBe('discard_request')
    answer(peer, decision)
    await expect(done).rejects.toThrow(BundleError)
    await expect(done).rejects.toMatchObject({ index: 1, cause: { errorType: 3, code: 2 } })
  })

  test('a commit that was refused: the message named that the switch names', async () => {
    const { connection, peer } = await connected(6)
    const done = connection.bundle([flow(1), flow(2)])
    const arrived = [await peer.message(), await peer.message(), await peer.message(), await peer.message()]
    answer(peer, arrived[3]!)
    const commit = await peer.message()
    peer.write(encoded(refusal(2, 9), 6, arrived[1]!.xid))
    peer.write(encoded(refusal(17, 13), 6, commit.xid))
    await expect(done).rejects.toMatchObject({ index: 0, cause: { errorType: 2, code: 9 } })
  })

  test('a commit that was refused without naming a message', async () => {
    const { connection, peer } = await connected(6)
    const done = connection.bundle([])
    await peer.next()
    answer(peer, await peer.message())
    peer.write(encoded(refusal(17, 14), 6, (await peer.message()).xid))
    await expect(done).rejects.toMatchObject({ index: undefined, cause: { errorType: 17, code: 14 } })
  })

  test('not atomic: all in one write, the commit included', async () => {
    const { connection, peer } = await connected(6)
    const done = connection.bundle([flow(1)], { atomic: false })
    const arrived = [await peer.message(), await peer.message(), await peer.message()]
    expect(arrived.map(kindOf)).toEqual(['open_request', 'bundle_add_message', 'commit_request'])
    expect(arrived[2]!.message).toMatchObject({ flags: BUNDLE_FLAG.ORDERED })
    answer(peer, arrived[2]!)
    await done
  })

  test('what is sent after a bundle takes effect after it', async () => {
    const { connection, peer } = await connected(6)
    const first = connection.bundle([flow(1)])
    connection.send({ type: 'features_request' })
    const second = connection.bundle([flow(2)])
    const barrier = connection.barrier()
    const arrived: string[] = []
    for (let i = 0; i < 10; i++) {
      const next = await peer.message()
      arrived.push(kindOf(next) as string)
      if (next.message.type === 'bundle_control') answer(peer, next)
      if (next.message.type === 'barrier_request') peer.write(encoded({ type: 'barrier_reply' }, 6, next.xid))
    }
    const bundle = ['open_request', 'bundle_add_message', 'close_request', 'commit_request']
    expect(arrived).toEqual([...bundle, 'features_request', ...bundle, 'barrier_request'])
    await Promise.all([first, second, barrier])
  })

  test('echo requests are answered while a bundle waits', async () => {
    const { connection, peer } = await connected(6)
    connection.bundle([flow(1)]).catch(() => {})
    connection.send({ type: 'features_request' })
    for (let i = 0; i < 3; i++) await peer.next()
    peer.write(hex('06 02 0008 00000005'))
    expect(await peer.next()).toEqual(hex('06 03 0008 00000005'))
    connection.close()
  })

  test('a part that cannot be encoded, or is of another version, sends nothing', async () => {
    const { connection, peer } = await connected(6)
    await expect(connection.bundle([flow(1), flow(70_000)])).rejects.toThrow()
    await expect(connection.bundle([flow(1), encoded(flow(2), 4, 0)])).rejects.toThrow('version 4')
    connection.barrier().catch(() => {})
    expect((await peer.message()).message.type).toBe('barrier_request')
    connection.close()
  })
})
