import { rmSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  type Address,
  all,
  ConnectionClosed,
  connectOvsdb,
  declaredSchema,
  describeAddress,
  listenOvsdb,
  type OvsdbSession,
  operations,
  vswitch,
} from '../src/index.ts'
import { OvsdbServer } from '../src/server/index.ts'
import { Authority, type Certified } from './certificates.ts'
import { hasOvs, RealServer, run, temporaryDirectory } from './real-server.ts'

const { insert, select } = operations(vswitch)
const loopback: Address = { transport: 'tcp', host: '127.0.0.1', port: 0 }

/** Listens for hosts; gives the next session that comes in. */
const listenFor = async (address: Address) => {
  const waiting: ((session: OvsdbSession) => void)[] = []
  const refused: Error[] = []
  const listener = await listenOvsdb(address, {
    onSession: session => waiting.shift()?.(session),
    onRefused: error => refused.push(error),
  })
  return { listener, refused, next: () => new Promise<OvsdbSession>(resolve => waiting.push(resolve)) }
}

test.each<[Address, string]>([
  [{ transport: 'tcp', host: '192.0.2.1', port: 6640 }, 'tcp:192.0.2.1:6640'],
  [{ transport: 'ssl', host: 'fe80::1', port: 6640, tls: { key: 'secret' } }, 'ssl:[fe80::1]:6640'],
  [{ transport: 'unix', path: '/run/db.sock' }, 'unix:/run/db.sock'],
])('an address is described as Open vSwitch does: %j', (address, text) => {
  expect(describeAddress(address)).toBe(text)
})

describe('dialling', () => {
  test('a port where nobody listens rejects with the address', async () => {
    const listener = await listenOvsdb(loopback, { onSession: () => {} })
    listener.close()
    const dialling = connectOvsdb(listener.address)
    await expect(dialling).rejects.toThrow(ConnectionClosed)
    await expect(dialling).rejects.toThrow(describeAddress(listener.address))
  })

  test('can be given up', async () => {
    const silent = net.createServer(socket => socket.resume()).listen(0, '127.0.0.1')
    await new Promise(resolve => silent.once('listening', resolve))
    const { port } = silent.address() as net.AddressInfo
    // The TLS handshake never ends with a peer that says nothing.
    const address: Address = { transport: 'ssl', host: '127.0.0.1', port, tls: {} }
    const controller = new AbortController()
    silent.once('connection', () => controller.abort())
    await expect(connectOvsdb(address, { signal: controller.signal })).rejects.toThrow('given up')
    await expect(connectOvsdb(address, { connectTimeout: 1 })).rejects.toThrow('no connection within 1 ms')
    await expect(connectOvsdb(address, { signal: controller.signal })).rejects.toThrow('aborted')
    await new Promise(resolve => silent.close(resolve))
  })

  test('a listener gives the port it got, and the peer by its address', async () => {
    const { listener, next } = await listenFor(loopback)
    const server = new OvsdbServer(declaredSchema(vswitch))
    const session = next()
    await server.dial(listener.address)
    expect((await session).peer).toMatch(/^tcp:127\.0\.0\.1:\d+$/)
    expect((listener.address as { readonly port: number }).port).toBeGreaterThan(0)
    await server.close()
    expect(await (await session).closed).toMatchObject({ kind: 'peer closed' })
    listener.close()
  })
})

describe.skipIf(!hasOvs)('a real ovsdb-server', () => {
  const directory = temporaryDirectory()
  let authority: Authority
  let host: Certified
  let ours: Certified
  let server: RealServer | undefined
  beforeAll(async () => {
    authority = await Authority.create(directory)
    host = await authority.certify('host-1')
    ours = await authority.certify('weft')
  })
  afterEach(async () => {
    await server?.stop()
    server = undefined
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  const withTls = () =>
    RealServer.start([
      '--remote=pssl:0:127.0.0.2',
      '--remote=db:Open_vSwitch,Open_vSwitch,manager_options',
      `--private-key=${host.keyFile}`,
      `--certificate=${host.certFile}`,
      `--ca-cert=${authority.caFile}`,
    ])
  const tls = () => ({ key: ours.key, cert: ours.cert, ca: authority.ca })

  test('over a unix socket', async () => {
    server = await RealServer.start()
    const session = await connectOvsdb(server.unix)
    expect(await session.listDbs()).toContain('Open_vSwitch')
    expect([session.peer, session.peerCommonName]).toEqual([describeAddress(server.unix), undefined])
    session.close()
    expect(await session.closed).toEqual({ kind: 'closed', message: 'closed' })
  })

  test('over TLS, each side knowing the other', async () => {
    server = await withTls()
    const session = await connectOvsdb({ transport: 'ssl', host: '127.0.0.2', port: server.tlsPort, tls: tls() })
    expect(session.peerCommonName).toBe('host-1')
    expect(await session.transact(vswitch, [insert('Open_vSwitch', {})])).toHaveLength(1)
    session.close()
  })

  test('over TLS, not with a certificate of another authority', async () => {
    server = await withTls()
    const address = { transport: 'ssl', host: '127.0.0.2', port: server.tlsPort } as const
    const stranger = await Authority.create(temporaryDirectory())
    const forged = await stranger.certify('weft')
    const untrusting = connectOvsdb({ ...address, tls: { ...tls(), ca: stranger.ca } })
    await expect(untrusting).rejects.toThrow(ConnectionClosed)
    // TLS 1.3 tells the client of a refused certificate only after the handshake.
    const outcome = await connectOvsdb({ ...address, tls: { ...tls(), key: forged.key, cert: forged.cert } }).then(
      session => session.closed,
      (error: ConnectionClosed) => error.reason,
    )
    expect(outcome.kind).toMatch(/transport error|peer closed/)
    rmSync(stranger.directory, { recursive: true })
  })

  test.each(['tcp', 'ssl'] as const)('dials us over %s when a manager is set', async transport => {
    server = await withTls()
    const { listener, next } = await listenFor(transport === 'tcp' ? loopback : { ...loopback, transport, tls: tls() })
    const first = next()
    await run(
      'ovs-vsctl',
      `--db=${describeAddress(server.unix)}`,
      '--no-wait',
      'set-manager',
      describeAddress(listener.address),
    )
    const session = await first
    const replica = await session.monitor(vswitch, { Bridge: ['name'], Manager: ['target'] })
    expect([...replica.tables.Manager.values()]).toMatchObject([{ target: describeAddress(listener.address) }])
    expect(session.peerCommonName).toBe(transport === 'ssl' ? 'host-1' : undefined)
    session.close()
    listener.close()
  })

  test('a listener tells of those who fail the handshake, and goes on', async () => {
    const { listener, refused, next } = await listenFor({ ...loopback, transport: 'ssl', tls: tls() })
    const { port } = listener.address as { readonly port: number }
    const plain = net.connect(port, '127.0.0.1')
    const closed = new Promise(resolve => plain.once('close', resolve))
    plain.on('error', () => {})
    plain.write('{"method":"echo","params":[],"id":1}')
    await closed
    expect(refused).toHaveLength(1)
    const session = next()
    const dialler = new OvsdbServer(declaredSchema(vswitch))
    await dialler.dial({
      transport: 'ssl',
      host: '127.0.0.1',
      port,
      tls: { key: host.key, cert: host.cert, ca: authority.ca },
    })
    expect((await session).peerCommonName).toBe('host-1')
    await dialler.close()
    listener.close()
  })

  test('killed: the session ends with a reason, what is pending rejects', async () => {
    server = await RealServer.start()
    const session = await connectOvsdb(server.tcp)
    const { wait } = operations(vswitch)
    const pending = session.transact(vswitch, [wait('Open_vSwitch', all, ['next_cfg'], '==', [{ next_cfg: 5 }])])
    const rejected = expect(pending).rejects.toThrow(ConnectionClosed)
    await session.echo()
    const stopped = server.stop('SIGKILL')
    expect((await session.closed).kind).toMatch(/peer closed|transport error/)
    await rejected
    await stopped
    server = undefined
  })

  test('stopped in its tracks: the probe finds out', async () => {
    server = await RealServer.start()
    const session = await connectOvsdb(server.tcp, { inactivityProbe: 50 })
    server.signal('SIGSTOP')
    expect(await session.closed).toMatchObject({ kind: 'inactive' })
    server.signal('SIGCONT')
  })

  test('ovs-vsctl and ovsdb-client take the server in memory for a real one', async () => {
    const memory = new OvsdbServer(declaredSchema(vswitch, '8.3.1'))
    memory.transact([insert('Open_vSwitch', {})])
    const socket: Address = { transport: 'unix', path: join(directory, 'memory.sock') }
    await memory.listen(socket)
    const vsctl = (...args: readonly string[]) =>
      run('ovs-vsctl', `--db=${describeAddress(socket)}`, '--no-wait', ...args)
    // prettier-ignore
    await vsctl(
      'add-br',
      'br-int',
      '--',
      'add-port',
      'br-int',
      'tap0',
      'tag=7',
      '--',
      'set',
      'Interface',
      'tap0',
      'external_ids:iface-id=a',
    )
    await vsctl('set-controller', 'br-int', 'tcp:192.0.2.1:6653')
    expect(await vsctl('list-ports', 'br-int')).toBe('tap0\n')
    expect(await vsctl('get', 'Port', 'tap0', 'tag')).toBe('7\n')
    expect(memory.transact([select('Controller', all, ['target'])])).toMatchObject([[{ target: 'tcp:192.0.2.1:6653' }]])
    await vsctl('del-port', 'tap0')
    expect(await vsctl('--columns=name', '--bare', 'list', 'Interface')).toBe('br-int\n')
    expect(await run('ovsdb-client', 'list-dbs', describeAddress(socket))).toBe('Open_vSwitch\n')
    await memory.close()
  })
})
