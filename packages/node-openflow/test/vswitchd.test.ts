import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Address,
  BundleError,
  connectOpenFlow,
  listenOpenFlow,
  type MessageOf,
  matchOf,
  type OpenFlowConnection,
  type Version,
} from '../src/index.ts'
import { type Ovs, startOvs } from './ovs.ts'

let ovs: Ovs
let switchAddress: Address
beforeAll(async () => {
  ovs = await startOvs()
  switchAddress = { transport: 'unix', path: ovs.mgmt }
}, 30_000)
afterAll(async () => {
  await ovs[Symbol.asyncDispose]()
})

const flow = (tableId: number, tunId: number): MessageOf<'flow_mod'> => ({
  type: 'flow_mod',
  command: 'add',
  tableId,
  priority: 100,
  cookie: BigInt(tunId),
  match: matchOf({ tunnel_id: BigInt(tunId), eth_dst: 0xfa163e000000 + tunId }),
  instructions: [{ type: 'apply_actions', actions: [{ type: 'output', port: 0xfffffffe }] }],
})
const clear: MessageOf<'flow_mod'> = { type: 'flow_mod', command: 'delete', tableId: 255, match: [] }
const flowsOf = (connection: OpenFlowConnection) => connection.multipart({ type: 'multipart_request', kind: 'flow' })

describe.each([4, 5, 6] as Version[])('a real ovs-vswitchd, version %i', version => {
  let connection: OpenFlowConnection
  beforeAll(async () => {
    connection = await connectOpenFlow(switchAddress, { versions: [version] })
  })
  afterAll(() => connection.close())

  test('agrees on the version, says what it is', async () => {
    expect(connection.version).toBe(version)
    const features = await connection.request({ type: 'features_request' }, 'features_reply')
    const datapathId = await ovs.vsctl('get', 'bridge', 'br0', 'datapath_id')
    expect(`"${features.datapathId.toString(16).padStart(16, '0')}"`).toBe(datapathId)
    const [desc, ...more] = await connection.multipart({ type: 'multipart_request', kind: 'desc' })
    expect(desc).toMatchObject({ manufacturer: 'Nicira, Inc.', hardware: 'Open vSwitch' })
    expect(more).toEqual([])
    const ports = await connection.multipart({ type: 'multipart_request', kind: 'port_desc' })
    expect(ports.map(({ name }) => name)).toEqual(['br0'])
  })

  test('takes 10,000 flows in one bundle and gives them back', async () => {
    await connection.bundle([clear, ...Array.from({ length: 10_000 }, (_, i) => flow(i % 5, i))])
    const flows = await flowsOf(connection)
    expect(flows).toHaveLength(10_000)
    const byCookie = new Map(flows.map(entry => [Number(entry.cookie), entry]))
    for (const i of [0, 4_999, 9_999]) {
      const { tableId, priority, match, instructions } = flow(i % 5, i)
      expect(byCookie.get(i)).toMatchObject({ tableId, priority, match })
      expect(byCookie.get(i)?.instructions).toMatchObject(instructions ?? [])
    }
  })

  // Some messages OVS refuses when they are added, others at the commit: neither may leave a part of the bundle behind.
  const backwards = { ...flow(3, 50), instructions: [{ type: 'goto_table', tableId: 1 }] } as const
  const unknownGroup = {
    ...flow(3, 50),
    instructions: [{ type: 'apply_actions', actions: [{ type: 'group', groupId: 99 }] }],
  } as const
  test.each([
    ['when it is added', backwards, 'OFPBIC_BAD_TABLE_ID'],
    ['at the commit', unknownGroup, 'OFPBAC_BAD_OUT_GROUP'],
  ])('a message refused %s: nothing of the bundle stays, and the message is named', async (_, bad, name) => {
    await connection.bundle([clear])
    const parts = Array.from({ length: 100 }, (_, i) => (i === 50 ? bad : flow(3, i)))
    const refused = connection.bundle(parts)
    await expect(refused).rejects.toThrow(BundleError)
    await expect(refused).rejects.toMatchObject({ index: 50, cause: { message: name } })
    expect(await flowsOf(connection)).toEqual([])
    await connection.bundle([flow(1, 1)])
    expect(await flowsOf(connection)).toHaveLength(1)
  })

  test('what is sent after a bundle takes effect after it', async () => {
    connection.bundle([clear, flow(1, 1), flow(1, 2)])
    connection.send(clear)
    connection.bundle([flow(1, 3), flow(1, 4)])
    connection.send({ ...flow(1, 4), command: 'delete_strict' })
    expect((await flowsOf(connection)).map(({ cookie }) => cookie)).toEqual([3n])
  })

  test('a request that is refused rejects', async () => {
    const unknown = connection.multipart({
      type: 'multipart_request',
      kind: 'raw',
      tag: 0x7777,
      body: new Uint8Array(),
    })
    await expect(unknown).rejects.toMatchObject({ errorType: 1, code: 2 })
    await connection.barrier()
  })
})

test('a switch that dials us: told its controller, it comes and stays', async () => {
  const path = `${ovs.dir}/controller.sock`
  const came = Promise.withResolvers<OpenFlowConnection>()
  const server = await listenOpenFlow(
    { transport: 'unix', path },
    {
      onOpen: connection => {
        came.resolve(connection)
        return undefined
      },
    },
  )
  await ovs.vsctl('set-controller', 'br0', `unix:${path}`)
  const connection = await came.promise
  expect(connection.version).toBe(6)
  await connection.barrier()
  await server.close()
  await ovs.vsctl('del-controller', 'br0')
})
