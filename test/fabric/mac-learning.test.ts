import { decodeMessage } from 'node-openflow'
import { afterEach, describe, expect, test } from 'vitest'
import { learnedAmong } from '../../flows/learning.ts'
import { packetUserdata } from '../../flows/packet-in.ts'
import { buildFrame } from '../../src/packet/frame.ts'
import { BROADCAST_MAC } from '../../src/packet/mac.ts'
import { deletionOf } from '../../src/pipeline/flow-bytes.ts'
import { type Controller, createController, FakeHost } from '../../src/testing.ts'
import { resourceId } from '../../topology/resource-id.ts'

const MAC = 0x020000000001
const stack: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of stack.splice(0).reverse()) await close()
})

/** Two hosts, each with a port behind which MACs are learned. */
async function twoHosts() {
  const hosts = [await FakeHost.listen(), await FakeHost.listen()] as const
  for (const host of hosts) stack.push(() => host.close())
  const [h1, h2] = hosts
  const text = `
hosts:
  h1: { ovsdb: "${h1.endpoint}", tunnel_ip: 192.0.2.1 }
  h2: { ovsdb: "${h2.endpoint}", tunnel_ip: 192.0.2.2 }
networks:
  red: { network_type: vxlan }
ports:
  red-a: { network: red, port_security_enabled: false }
  red-b: { network: red, port_security_enabled: false }
`
  const start = async (openflow?: string): Promise<Controller> => {
    const topology = [{ text, file: 'topology.yaml' }]
    const controller = await createController({ topology, ...(openflow === undefined ? {} : { openflow }) })
    stack.push(() => controller.close())
    return controller
  }
  const controller = await start()
  await controller.settled(5_000)
  h1.plug('red-a')
  h2.plug('red-b')
  await controller.fabric.until(() => controller.inputs.bindings.size === 2, 5_000)
  await controller.settled(5_000)
  return { h1, h2, controller, start }
}

/** The guest at a port sends from a MAC that its bridge does not know. */
function speak(controller: Controller, host: FakeHost, port: string, source = MAC): void {
  const binding = controller.inputs.bindings.get(resourceId('port', port))!
  host.bridge('br-int').packetIn({
    inPort: binding.ofport,
    data: buildFrame({ ethernet: { source, destination: BROADCAST_MAC, type: 0x88b5, payload: new Uint8Array(46) } }),
    userdata: packetUserdata('learn', resourceId('port', port)),
  })
}

/** How many flows of a bridge mention the MAC. */
function mentions(host: FakeHost, bridge: string, mac = MAC): number {
  const flows = [...host.bridge(bridge).datapath.flows.select()]
  return flows.filter(({ match }) => match.some(term => Number(term.value) === mac)).length
}

const where = ({ h1, h2 }: { h1: FakeHost; h2: FakeHost }) => ({
  'h1/br-int': mentions(h1, 'br-int'),
  'h1/br-tun': mentions(h1, 'br-tun'),
  'h2/br-int': mentions(h2, 'br-int'),
  'h2/br-tun': mentions(h2, 'br-tun'),
})
const BEHIND_RED_A = { 'h1/br-int': 2, 'h1/br-tun': 0, 'h2/br-int': 1, 'h2/br-tun': 1 }

const flowMods = (host: FakeHost) => [...host.switches.values()].map(one => one.counters.flowMods)

describe('a packet from an unknown MAC', () => {
  test('becomes flows on all hosts of the network; from another host they follow it', async () => {
    const { h1, h2, controller } = await twoHosts()
    speak(controller, h1, 'red-a')
    await h2.bridge('br-tun').until(() => mentions(h2, 'br-tun') === 1)
    await controller.settled(5_000)
    expect(where({ h1, h2 })).toEqual(BEHIND_RED_A)
    speak(controller, h2, 'red-b')
    await h1.bridge('br-tun').until(() => mentions(h1, 'br-tun') === 1)
    await controller.settled(5_000)
    expect(where({ h1, h2 })).toEqual({ 'h1/br-int': 1, 'h1/br-tun': 1, 'h2/br-int': 2, 'h2/br-tun': 0 })
    expect(controller.events.since(0).events.map(({ kind }) => kind)).not.toContain('bridge-emptied')
  })

  test('a flow of it that somebody removes is put back', async () => {
    const { h1, h2, controller } = await twoHosts()
    speak(controller, h1, 'red-a')
    await h2.bridge('br-tun').until(() => mentions(h2, 'br-tun') === 1)
    await controller.settled(5_000)
    for (const item of controller.inputs.engine.desired('h1/br-int').values()) {
      if (item.kind !== 'flow' || [...learnedAmong([item])].length === 0) continue
      const { message } = decodeMessage(deletionOf(item.bytes))
      if (message.type === 'flow_mod') h1.bridge('br-int').datapath.apply(message)
    }
    expect(mentions(h1, 'br-int')).toBe(1)
    await h1.bridge('br-int').until(() => mentions(h1, 'br-int') === 2)
    expect(controller.macLearning).toMatchObject({ learned: 1, expired: 0 })
  })
})

describe('a controller that comes back', () => {
  test('knows what it had learned, and sends nothing', async () => {
    const { h1, h2, controller, start } = await twoHosts()
    speak(controller, h1, 'red-a')
    await h2.bridge('br-tun').until(() => mentions(h2, 'br-tun') === 1)
    await controller.settled(5_000)
    await controller.close()
    const before = [flowMods(h1), flowMods(h2)]
    const second = await start(controller.endpoints.openflow)
    await second.settled(5_000)
    expect(second.macLearning).toMatchObject({ adopted: 1, learned: 0 })
    expect([flowMods(h1), flowMods(h2)]).toEqual(before)
    expect(where({ h1, h2 })).toEqual(BEHIND_RED_A)
  })

  test('removes nothing that may have been learned before it has read every bridge', async () => {
    const { h1, h2, controller, start } = await twoHosts()
    speak(controller, h1, 'red-a')
    await h2.bridge('br-tun').until(() => mentions(h2, 'br-tun') === 1)
    await controller.settled(5_000)
    await controller.close()
    await h1.bridge('br-int').close()
    const before = [flowMods(h1), flowMods(h2)]
    const second = await start(controller.endpoints.openflow)
    await second.fabric.until(() => second.fabric.bridges.get('h2/br-tun')?.synced === true, 5_000)
    expect(second.fabric.bridges.get('h2/br-tun')!.withheldCount).toBe(1)
    await h1.bridge('br-int').connect()
    await second.settled(5_000)
    expect(second.fabric.bridges.get('h2/br-tun')!.withheldCount).toBe(0)
    expect([flowMods(h1), flowMods(h2)]).toEqual(before)
    expect(where({ h1, h2 })).toEqual(BEHIND_RED_A)
  })
})
