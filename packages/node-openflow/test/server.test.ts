import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Address,
  type CloseCode,
  ConnectionClosed,
  connectOpenFlow,
  type ListenOptions,
  listenOpenFlow,
  type TlsOptions,
} from '../src/index.ts'
import { hex } from './peer.ts'

let dir: string
let ours: TlsOptions
let stranger: TlsOptions

/** A key and a certificate that signs itself. */
function selfSigned(name: string): { key: string; cert: string } {
  const [key, cert] = [join(dir, `${name}.key`), join(dir, `${name}.crt`)]
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  execFileSync('openssl', ['req', '-x509', ...ec, '-keyout', key, '-out', cert, '-days', '2', '-subj', `/CN=${name}`], {
    stdio: 'ignore',
  })
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'openflow-server-'))
  const controller = selfSigned('controller')
  ours = { ...controller, ca: controller.cert }
  stranger = { ...selfSigned('stranger'), ca: controller.cert }
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** A server whose every connection answers barriers, and a promise of the first peer it refuses. */
async function listening(address: Address, options: ListenOptions = {}) {
  const refused = Promise.withResolvers<Error>()
  const server = await listenOpenFlow(address, {
    onOpen: connection => ({
      message(message, xid) {
        if (message.type === 'barrier_request') connection.send({ type: 'barrier_reply' }, xid)
      },
    }),
    onRefused: reason => refused.resolve(reason),
    ...options,
  })
  return { server, refused: refused.promise }
}

describe('transports', () => {
  const addresses: Record<string, () => Address> = {
    tcp: () => ({ transport: 'tcp', host: '127.0.0.1', port: 0 }),
    'tcp, IPv6': () => ({ transport: 'tcp', host: '::1', port: 0 }),
    ssl: () => ({ transport: 'ssl', host: '127.0.0.1', port: 0, tls: ours }),
    unix: () => ({ transport: 'unix', path: join(dir, 'listen.sock') }),
  }
  test.each(Object.keys(addresses))('%s: dialled, agreed, answered, closed', async transport => {
    const { server } = await listening(addresses[transport]!())
    const connection = await connectOpenFlow(server.address)
    expect(connection.version).toBe(6)
    await Promise.all([connection.barrier(), connection.barrier()])
    expect(server.connections.size).toBe(1)
    await server.close()
    expect((await connection.closed).code).toBe('ended')
    expect(server.connections.size).toBe(0)
  })

  test('a certificate that the authority did not sign is refused', async () => {
    const { server, refused } = await listening({ transport: 'ssl', host: '127.0.0.1', port: 0, tls: ours })
    const { address } = server
    if (address.transport !== 'ssl') throw new Error('not ssl')
    await expect(connectOpenFlow({ ...address, tls: stranger })).rejects.toThrow(ConnectionClosed)
    expect(await refused).toBeInstanceOf(Error)
    await server.close()
  })

  test('no certificate is refused', async () => {
    const { server, refused } = await listening({ transport: 'ssl', host: '127.0.0.1', port: 0, tls: ours })
    const { address } = server
    if (address.transport !== 'ssl') throw new Error('not ssl')
    await expect(connectOpenFlow({ ...address, tls: { ca: ours.ca! } })).rejects.toThrow(ConnectionClosed)
    expect(await refused).toBeInstanceOf(Error)
    await server.close()
  })

  test('nobody listens', async () => {
    await expect(connectOpenFlow({ transport: 'unix', path: join(dir, 'nobody.sock') })).rejects.toMatchObject({
      code: 'failed',
      cause: { code: 'ENOENT' },
    })
  })

  test('the port is taken', async () => {
    const { server } = await listening({ transport: 'tcp', host: '127.0.0.1', port: 0 })
    await expect(listenOpenFlow(server.address)).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await server.close()
  })
})

describe('unix socket files', () => {
  test('one that nobody listens on any more is replaced', async () => {
    const path = join(dir, 'stale.sock')
    // A process that dies without closing leaves its socket file.
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 9))`
    spawnSync(process.execPath, ['-e', script])
    expect(statSync(path).isSocket()).toBe(true)
    const { server } = await listening({ transport: 'unix', path })
    const connection = await connectOpenFlow(server.address)
    await connection.barrier()
    await server.close()
  })

  test('one that somebody listens on is left alone', async () => {
    const path = join(dir, 'busy.sock')
    const other = createServer().listen(path)
    await once(other, 'listening')
    await expect(listenOpenFlow({ transport: 'unix', path })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    other.close()
  })
})

describe('one bad peer', () => {
  /** What it sends after its HELLO, and the reason with which it is closed. */
  const cases: [name: string, sent: string, code: CloseCode][] = [
    ['a length below the header', '06 02 0004 00000001', 'protocol'],
    ['another version', '04 02 0008 00000001 05 05 0008 00000001', 'protocol'],
    ['a truncated body', '06 06 0009 00000001 00', 'undecodable'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n').toString('hex'), 'protocol'],
  ]
  test.each(cases)('%s: closed, and no other', async (_, sent, code) => {
    const reason = Promise.withResolvers<ConnectionClosed>()
    const { server } = await listening(
      { transport: 'unix', path: join(dir, 'bad.sock') },
      {
        onOpen: c => ({
          message: (message, xid) => message.type === 'barrier_request' && c.send({ type: 'barrier_reply' }, xid),
          close: reason.resolve,
        }),
      },
    )
    const good = await connectOpenFlow(server.address)
    const bad = connect({ path: join(dir, 'bad.sock') })
    bad.resume().write(hex('06 00 0008 00000001'))
    bad.write(hex(sent))
    expect(await reason.promise).toMatchObject({ code })
    await once(bad, 'close')
    await good.barrier()
    await server.close()
  })

  test('no HELLO at all: refused after the handshake timeout', async () => {
    const { server, refused } = await listening(
      { transport: 'unix', path: join(dir, 'mute.sock') },
      { handshakeTimeout: 20 },
    )
    const mute = connect({ path: join(dir, 'mute.sock') })
    expect(await refused).toMatchObject({ code: 'silent' })
    await once(mute.resume(), 'close')
    await server.close()
  })

  test('more connections than wanted: the newest are refused', async () => {
    const { server } = await listening({ transport: 'unix', path: join(dir, 'full.sock') }, { maxConnections: 1 })
    const first = await connectOpenFlow(server.address)
    await expect(connectOpenFlow(server.address)).rejects.toThrow(ConnectionClosed)
    await first.barrier()
    await server.close()
  })
})
