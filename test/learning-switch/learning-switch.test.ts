import { matchOf, PORT, type Version } from 'node-openflow'
import { afterEach, describe, expect, test } from 'vitest'
import { parseEndpoint } from '../../src/endpoint.ts'
import { datapathIdOf } from '../../src/fabric/host-config.ts'
import { BROADCAST_MAC } from '../../src/packet/mac.ts'
import { isOurs } from '../../src/pipeline/cookie.ts'
import { type Controller, type ControllerOptions, createController, FakeHost, FakeSwitch } from '../../src/testing.ts'
import { frameOf } from './simulated-switch.ts'

const [A, B] = [0x02_00_00_00_00_0a, 0x02_00_00_00_00_0b]
const FOREIGN = 0xbeefn

const cleanUp: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step()
})

const topology = (text = '{}') => [{ file: 'topology.yaml', text }]

async function start(options: Partial<ControllerOptions> = {}): Promise<Controller> {
  const controller = await createController({ topology: topology(), unmanaged: 'learn', ...options })
  cleanUp.push(() => controller.close())
  return controller
}

function plug(controller: Controller, datapathId: bigint, version: Version = 6): FakeSwitch {
  const connect = parseEndpoint(controller.endpoints.openflow) as { transport: 'tcp'; host: string; port: number }
  const ports = [1, 2, 3].map(portNo => ({ portNo, name: `p${portNo}`, hwAddr: portNo }))
  const fake = new FakeSwitch({ datapathId, connect, version, ports })
  cleanUp.push(() => fake.close())
  return fake
}

const flowsOf = (fake: FakeSwitch) => [...fake.datapath.flows.select()]

/** Waits until the controller serves the datapath. */
async function served(controller: Controller, fake: FakeSwitch): Promise<void> {
  await fake.until(() => flowsOf(fake).some(({ priority, cookie }) => priority === 0 && isOurs(cookie)))
  await controller.learningSwitch!.datapaths.get(fake.datapathId)!.ready
}

describe.each<[string, Version]>([
  ['1.3', 4],
  ['1.5', 6],
])('a FakeSwitch of OpenFlow %s', (_, version) => {
  test('learns over the wire', async () => {
    const controller = await start()
    const fake = plug(controller, 7n, version)
    await fake.connect()
    await served(controller, fake)
    fake.packetIn({ inPort: 1, data: frameOf(A, BROADCAST_MAC) })
    fake.packetIn({ inPort: 2, data: frameOf(B, A, 1) })
    await fake.until(({ packetOuts }) => packetOuts.length === 2)
    expect(fake.packetOuts).toMatchObject([
      { match: matchOf({ in_port: 1 }), actions: [{ port: PORT.FLOOD }], data: frameOf(A, BROADCAST_MAC) },
      { match: matchOf({ in_port: 2 }), actions: [{ port: 1 }], data: frameOf(B, A, 1) },
    ])
    expect(flowsOf(fake).map(({ match }) => match)).toContainEqual(matchOf({ in_port: 2, eth_src: B, eth_dst: A }))
    expect(fake.counters.errors).toBe(0)

    fake.removePort(1)
    await fake.until(() => !flowsOf(fake).some(({ priority }) => priority === 10))
    expect(controller.learningSwitch!.datapaths.get(7n)!.stations.get(A)).toBeUndefined()
  })

  test('comes back: our flows begin anew, those of others stay', async () => {
    const controller = await start()
    const fake = plug(controller, 7n, version)
    const actions = [{ type: 'output', port: 3 }] as const
    const instructions = [{ type: 'apply_actions', actions }] as const
    const foreign = { match: matchOf({ in_port: 9 }), cookie: FOREIGN, instructions } as const
    fake.datapath.apply({ type: 'flow_mod', command: 'add', ...foreign } as never)
    await fake.connect()
    await served(controller, fake)
    fake.packetIn({ inPort: 1, data: frameOf(A, BROADCAST_MAC) })
    fake.packetIn({ inPort: 2, data: frameOf(B, A) })
    await fake.until(({ packetOuts }) => packetOuts.length === 2)
    expect(flowsOf(fake)).toHaveLength(5)

    await fake.reconnect()
    await fake.until(() => flowsOf(fake).length === 3)
    await served(controller, fake)
    expect(flowsOf(fake).map(({ cookie, priority }) => [isOurs(cookie), priority])).toEqual([
      [false, 0x8000],
      [true, 30],
      [true, 0],
    ])
    expect(controller.learningSwitch!.datapaths.get(7n)!.stations.size).toBe(0)
    fake.packetIn({ inPort: 2, data: frameOf(B, A) })
    await fake.until(({ packetOuts }) => packetOuts.length === 3)
    expect(fake.packetOuts[2]).toMatchObject({ actions: [{ port: PORT.FLOOD }] })
  })
})

test('without being told to, a datapath that no host declares is sent away', async () => {
  const controller = await start({ unmanaged: undefined })
  const fake = plug(controller, 7n)
  await fake.connect()
  await fake.until(({ connected }) => !connected)
  expect(fake.counters.flowMods).toBe(0)
  expect(controller.learningSwitch).toBeUndefined()
})

test('what one datapath learns no other knows', async () => {
  const controller = await start()
  const [one, other] = [plug(controller, 7n, 4), plug(controller, 8n, 6)]
  for (const fake of [one, other]) {
    await fake.connect()
    await served(controller, fake)
  }
  one.packetIn({ inPort: 1, data: frameOf(A, BROADCAST_MAC) })
  await one.until(({ packetOuts }) => packetOuts.length === 1)
  other.packetIn({ inPort: 2, data: frameOf(B, A) })
  await other.until(({ packetOuts }) => packetOuts.length === 1)
  expect(other.packetOuts[0]).toMatchObject({ actions: [{ port: PORT.FLOOD }] })
})

test('of two sessions of one datapath the newer one is served', async () => {
  const controller = await start()
  const [older, newer] = [plug(controller, 7n), plug(controller, 7n)]
  await older.connect()
  await served(controller, older)
  await newer.connect()
  await older.until(({ connected }) => !connected)
  await served(controller, newer)
  expect(controller.learningSwitch!.datapaths.size).toBe(1)
})

test('bridges of hosts are managed beside it; a datapath that a host comes to declare is let go', async () => {
  const host = await FakeHost.listen()
  cleanUp.push(() => host.close())
  const controller = await start({
    topology: topology(`hosts: { h1: { ovsdb: "${host.endpoint}", tunnel_ip: 192.0.2.1 } }`),
  })
  const fake = plug(controller, BigInt(`0x${datapathIdOf('h9', 'br-int')}`))
  await fake.connect()
  await served(controller, fake)
  await controller.settled(5_000)
  expect([...controller.fabric.bridges.keys()].sort()).toEqual(['h1/br-int', 'h1/br-tun'])
  expect(controller.learningSwitch!.datapaths.size).toBe(1)

  const h9 = 'h9: { ovsdb: "tcp:127.0.0.1:1", tunnel_ip: 192.0.2.9 }'
  controller.apply(topology(`hosts: { h1: { ovsdb: "${host.endpoint}", tunnel_ip: 192.0.2.1 }, ${h9} }`))
  await fake.until(({ connected }) => !connected)
  await fake.connect()
  await controller.fabric.until(() => controller.fabric.bridges.has('h9/br-int'), 5_000)
  expect(controller.learningSwitch!.datapaths.size).toBe(0)
})
