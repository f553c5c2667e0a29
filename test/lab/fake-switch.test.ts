import {
  type DecodedMessage,
  listenOpenFlow,
  type MatchObject,
  type Message,
  type MessageOf,
  type MeterMod,
  matchOf,
  type OpenFlowConnection,
  type OpenFlowServer,
  PORT,
  type Version,
} from 'node-openflow'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FakeSwitch, type FakeSwitchOptions } from '../../src/lab/fake-switch.ts'

let server: OpenFlowServer
let fake: FakeSwitch
/** The controller's end, and what it heard beside answers. */
let controller: OpenFlowConnection
let heard: { message: DecodedMessage; xid: number }[]
let opened = (): void => {}

beforeEach(async () => {
  heard = []
  server = await listenOpenFlow(
    { transport: 'tcp', host: '127.0.0.1', port: 0 },
    {
      onOpen(connection) {
        controller = connection
        opened()
        return { message: (message, xid) => heard.push({ message, xid }) }
      },
    },
  )
})
afterEach(async () => {
  await fake.close()
  await server.close()
})

/** Does what makes a switch dial; resolves once `controller` is the new connection. */
async function dialled(dial: () => Promise<void>): Promise<void> {
  const came = new Promise<void>(resolve => {
    opened = resolve
  })
  await Promise.all([dial(), came])
}

/** A switch that is connected to the controller. */
async function connected(options: Partial<FakeSwitchOptions> = {}): Promise<FakeSwitch> {
  fake = new FakeSwitch({ datapathId: 0xabcn, connect: server.address, ...options })
  await dialled(() => fake.connect())
  return fake
}

const flow = (
  cookie: number,
  match: MatchObject = {},
  more: Partial<MessageOf<'flow_mod'>> = {},
): MessageOf<'flow_mod'> => ({
  type: 'flow_mod',
  command: 'add',
  tableId: 1,
  priority: 100,
  cookie: BigInt(cookie),
  match: matchOf(match),
  instructions: [{ type: 'apply_actions', actions: [{ type: 'output', port: 1 }] }],
  ...more,
})
const dump = () => controller.multipart({ type: 'multipart_request', kind: 'flow' })
const cookies = async () => (await dump()).map(({ cookie }) => Number(cookie)).toSorted((a, b) => a - b)

describe('what a controller asks', () => {
  test.each([4, 5, 6] as Version[])('version %i: features, description, ports, configuration', async version => {
    const ports = [{ portNo: 1, name: 'tap1', hwAddr: 0xfa163e000001 }]
    await connected({ version, ports, description: { datapath: 'h1/br-int' } })
    expect(controller.version).toBe(version)
    const features = await controller.request({ type: 'features_request' }, 'features_reply')
    expect(features).toMatchObject({ datapathId: 0xabcn, tableCount: 254 })
    const [desc] = await controller.multipart({ type: 'multipart_request', kind: 'desc' })
    expect(desc).toMatchObject({ hardware: 'Open vSwitch', datapath: 'h1/br-int' })
    expect(await controller.multipart({ type: 'multipart_request', kind: 'port_desc' })).toMatchObject(ports)
    controller.send({ type: 'set_config', flags: 0, missSendLen: 0xffff })
    const config = await controller.request({ type: 'get_config_request' }, 'get_config_reply')
    expect(config).toMatchObject({ missSendLen: 0xffff })
    await expect(controller.multipart({ type: 'multipart_request', kind: 'table' })).rejects.toMatchObject({
      errorType: 1,
      code: 2,
    })
  })

  test('roles: a stale generation is refused, a slave may not modify', async () => {
    await connected()
    const role = (role: 'master' | 'slave' | 'equal', generationId: bigint) =>
      controller.request({ type: 'role_request', role, generationId }, 'role_reply')
    expect(await role('master', 5n)).toMatchObject({ role: 'master', generationId: 5n })
    await expect(role('master', 4n)).rejects.toMatchObject({ errorType: 11, code: 0 })
    expect(await role('slave', 6n)).toMatchObject({ role: 'slave' })
    controller.send(flow(1))
    await controller.barrier()
    expect(heard).toMatchObject([{ message: { type: 'error', errorType: 1, code: 10 } }])
    expect(fake.packetIn({ inPort: 1, data: new Uint8Array(60) })).toBe(false)
    await role('equal', 6n)
    controller.send(flow(1))
    expect(await cookies()).toEqual([1])
  })
})

describe('flows', () => {
  test('a dump of many flows comes in several parts, complete', async () => {
    await connected()
    const flows = Array.from({ length: 5_000 }, (_, i) => flow(i, { tunnel_id: BigInt(i) }))
    await controller.bundle(flows)
    expect(await cookies()).toEqual(flows.map((_, i) => i))
    expect(fake.counters).toMatchObject({ flowMods: 5_000, bundles: 1, errors: 0 })
    expect(fake.datapath.flows.size).toBe(5_000)
  })

  test('what was sent comes back', async () => {
    await connected()
    const sent = flow(
      7,
      { eth_type: 0x0800, ipv4_dst: [0x0a000000, 0xff000000] },
      { idleTimeout: 3, hardTimeout: 4, flags: 1 },
    )
    controller.send(sent)
    const [entry] = await dump()
    expect(entry).toMatchObject({ cookie: 7n, tableId: 1, priority: 100, idleTimeout: 3, hardTimeout: 4, flags: 1 })
    expect(entry?.match).toEqual(sent.match)
    expect(entry?.instructions).toMatchObject(sent.instructions!)
  })

  test('a flow that wanted it is announced when it goes', async () => {
    await connected()
    controller.send(flow(7, {}, { flags: 1 }))
    controller.send(flow(8, { in_port: 1 }))
    controller.send(flow(0, {}, { command: 'delete', tableId: 255 }))
    await controller.barrier()
    expect(heard).toMatchObject([{ message: { type: 'flow_removed', cookie: 7n, reason: 'delete' }, xid: 0 }])
  })
})

describe('bundles', () => {
  const toUnknownGroup = flow(
    3,
    { in_port: 3 },
    {
      instructions: [{ type: 'apply_actions', actions: [{ type: 'group', groupId: 9 }] }],
    },
  )
  const backwards = flow(3, { in_port: 3 }, { instructions: [{ type: 'goto_table', tableId: 0 }] })

  test.each([4, 6] as Version[])('version %i: one that fails leaves everything as it was', async version => {
    await connected({ version })
    controller.send(flow(1, { in_port: 1 }))
    controller.send({ type: 'group_mod', command: 'add', groupId: 1 })
    for (const bad of [toUnknownGroup, backwards]) {
      const parts: Message[] = [
        flow(2, { in_port: 2 }),
        flow(0, {}, { command: 'delete' }),
        flow(9, { in_port: 1 }),
        { type: 'group_mod', command: 'delete', groupId: 1 },
        bad,
      ]
      await expect(controller.bundle(parts)).rejects.toMatchObject({ index: 4 })
      expect(await cookies()).toEqual([1])
      expect(await controller.multipart({ type: 'multipart_request', kind: 'group_desc' })).toHaveLength(1)
    }
  })

  test('meters are refused in a bundle', async () => {
    await connected()
    const meter: MeterMod = { type: 'meter_mod', command: 'add', meterId: 1, bands: [] }
    await expect(controller.bundle([meter])).rejects.toMatchObject({ index: 0, cause: { errorType: 17, code: 10 } })
  })
})

describe('packets', () => {
  test('packet-ins in both formats, packet-outs recorded', async () => {
    await connected()
    const packet = { inPort: 4, data: new Uint8Array(60).fill(7), tableId: 2, cookie: 77n, match: { tunnel_id: 5n } }
    fake.packetIn(packet)
    controller.send({ type: 'set_packet_in_format', format: 'nxt_packet_in2' })
    await controller.barrier()
    fake.packetIn({ ...packet, userdata: Uint8Array.of(1, 2) })
    await controller.barrier()
    const match = matchOf({ in_port: 4, tunnel_id: 5n })
    expect(heard).toMatchObject([
      { message: { type: 'packet_in', tableId: 2, cookie: 77n, match, data: packet.data } },
      {
        message: {
          type: 'packet_in2',
          tableId: 2,
          cookie: 77n,
          match,
          packet: packet.data,
          userdata: Uint8Array.of(1, 2),
        },
      },
    ])
    controller.send({
      type: 'packet_out',
      match: matchOf({ in_port: PORT.CONTROLLER }),
      actions: [{ type: 'output', port: 4 }],
      data: packet.data,
    })
    await fake.until(({ packetOuts }) => packetOuts.length === 1)
    expect(fake.packetOuts).toMatchObject([{ data: packet.data, actions: [{ type: 'output', port: 4 }] }])
  })
})

describe('misbehaviour', () => {
  test('reconnect keeps the flows, restart forgets them, cut is heard', async () => {
    await connected()
    controller.send(flow(1))
    await controller.barrier()
    await dialled(() => fake.reconnect())
    expect(await cookies()).toEqual([1])
    await dialled(() => fake.restart())
    expect(await cookies()).toEqual([])
    const before = controller
    fake.cut()
    expect(await before.closed).toMatchObject({ name: 'ConnectionClosed' })
    expect(fake.counters.connections).toBe(3)
  })

  test('dials again by itself when told to, until it is closed', async () => {
    await connected({ redialAfter: 1 })
    controller.close()
    await fake.until(({ counters }) => counters.connections === 2)
    await fake.close()
    expect(fake.connected).toBe(false)
  })

  test('an error on the message of one choice', async () => {
    await connected()
    fake.refuse = (message, index) => (message.type === 'flow_mod' && index === 1 ? [5, 1] : undefined)
    for (let i = 0; i < 3; i++) controller.send(flow(i, { in_port: i + 1 }))
    expect(await cookies()).toEqual([0, 2])
    expect(heard).toMatchObject([{ message: { type: 'error', errorType: 5, code: 1 } }])
  })

  test('frozen: nothing is answered until it thaws', async () => {
    await connected()
    fake.freeze()
    let answered = false
    const barrier = controller.barrier().then(() => {
      answered = true
    })
    // Whatever could be answered would be, by the time another connection has been made and used.
    const other = new FakeSwitch({ datapathId: 1n, connect: server.address })
    const frozen = controller
    await dialled(() => other.connect())
    await controller.barrier()
    await other.close()
    expect(answered).toBe(false)
    fake.thaw()
    await barrier
    expect(frozen.reason).toBeUndefined()
  })

  test('with nothing stored modifications are counted and acknowledged', async () => {
    await connected({ storeFlows: false })
    await controller.bundle(Array.from({ length: 100 }, (_, i) => flow(i)))
    controller.send(flow(1))
    await controller.barrier()
    expect(fake.counters).toMatchObject({ flowMods: 101, bundles: 1 })
    expect(fake.datapath.flows.size).toBe(0)
  })

  test('waiting in vain ends', async () => {
    await connected()
    await expect(fake.until(({ counters }) => counters.bundles > 0, 20)).rejects.toThrow('waited 20 ms in vain')
  })
})
