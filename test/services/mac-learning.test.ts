import { describe, expect, test } from 'vitest'
import { createInputs, presenceId } from '../../flows/inputs.ts'
import { learnedAmong } from '../../flows/learning.ts'
import { packetUserdata } from '../../flows/packet-in.ts'
import { writeTopology } from '../../flows/topology-rows.ts'
import { declareUnits } from '../../flows/units.ts'
import type { Event } from '../../src/event.ts'
import { silentLogger } from '../../src/log.ts'
import { buildFrame } from '../../src/packet/frame.ts'
import { BROADCAST_MAC } from '../../src/packet/mac.ts'
import { FREEZE, MOVES, WINDOW } from '../../src/services/flap-damping.ts'
import { MACS_A_PORT, MacLearning } from '../../src/services/mac-learning.ts'
import { resolveTopology } from '../../topology/allocation.ts'
import { parseTopology } from '../../topology/document.ts'
import { resourceId } from '../../topology/resource-id.ts'

const TOPOLOGY = `
hosts:
  h1: { ovsdb: "tcp:198.18.0.1:6640", tunnel_ip: 192.0.2.1 }
  h2: { ovsdb: "tcp:198.18.0.2:6640", tunnel_ip: 192.0.2.2 }
networks:
  red:  { network_type: vxlan }
  blue: { network_type: vxlan }
subnets:
  red-v4:  { network: red, cidr: 10.0.0.0/24 }
  blue-v4: { network: blue, cidr: 10.0.0.0/24 }
ports:
  red-a:  { network: red, port_security_enabled: false }
  red-b:  { network: red, port_security_enabled: false }
  red-c:  { network: red, mac_address: "fa:16:3e:00:00:0c" }
  blue-a: { network: blue, port_security_enabled: false }
`

const portId = (name: string) => resourceId('port', name)
const redId = resourceId('network', 'red')

/** Where each port is plugged, as `host ofport`. */
const PLACES = { 'red-a': ['h1', 10], 'blue-a': ['h1', 11], 'red-b': ['h2', 10], 'red-c': ['h2', 11] } as const
type PortName = keyof typeof PLACES

function bench(text = TOPOLOGY) {
  const inputs = createInputs()
  declareUnits(inputs)
  const events: Event[] = []
  const clock = { now: 1_000_000 }
  const service = new MacLearning({
    inputs,
    log: silentLogger,
    onEvent: event => events.push(event),
    now: () => clock.now,
  })
  const use = (source: string) => {
    const { topology, problems } = resolveTopology(parseTopology(source, 'topology.yaml').document!, [])
    if (topology === undefined) throw new Error(problems.map(({ message }) => message).join())
    writeTopology(inputs, topology)
    service.setTopology(topology)
  }
  const bind = (name: PortName, host: string, ofport: number) => {
    const port = portId(name)
    const network = inputs.ports.get(port)!.network
    inputs.engine.set(inputs.bindings, port, { port, network, host, ofport })
    const presence = { host, network, localVlan: inputs.networks.get(network)!.number }
    inputs.engine.set(inputs.presences, presenceId(host, network), presence)
  }
  use(text)
  for (const [index, name] of ['h1', 'h2'].entries()) {
    inputs.engine.set(inputs.hosts, name, {
      name,
      tunnelIp: 0xc0000201 + index,
      brInt: { patchTun: 1 },
      brTun: { patchInt: 1, vxlan: 2, gre: 3 },
      providers: {},
    })
  }
  for (const [name, [host, ofport]] of Object.entries(PLACES)) bind(name as PortName, host, ofport)
  /** A packet with this source MAC that the flow of `name` has sent, from where that port is or was. */
  const packet = (name: PortName, source: number, [host, inPort]: readonly [string, number] = PLACES[name]) =>
    service.handle({
      host,
      bridge: 'br-int',
      inPort,
      data: buildFrame({ ethernet: { source, destination: BROADCAST_MAC, type: 0x88b5, payload: new Uint8Array(46) } }),
      userdata: packetUserdata('learn', portId(name)),
      reply: () => {
        throw new Error('learning answers nothing')
      },
    })
  /** MAC -> port name, of all that is learned. */
  const learned = () =>
    Object.fromEntries(
      [...inputs.learned.values()].map(({ mac, port }) => [mac.toString(16), inputs.ports.get(port)?.name]),
    )
  return { inputs, service, events, clock, use, bind, packet, learned, kinds: () => events.map(({ kind }) => kind) }
}

const M1 = 0x020000000001
const M2 = 0x020000000002

describe('a packet from an unknown MAC', () => {
  test('is learned, once, in the network of its port', () => {
    const { packet, learned, service, inputs } = bench()
    packet('red-a', M1)
    packet('red-a', M1)
    packet('red-b', M2)
    expect(learned()).toEqual({ [M1.toString(16)]: 'red-a', [M2.toString(16)]: 'red-b' })
    expect([...inputs.learned.values()].map(({ network }) => network)).toEqual([redId, redId])
    expect(service.counters).toMatchObject({ learned: 2, moved: 0 })
  })

  test('the same MAC in another network is another one', () => {
    const { packet, service, inputs } = bench()
    packet('red-a', M1)
    packet('blue-a', M1)
    expect([...inputs.learned.values()].map(({ network }) => network)).toEqual([redId, resourceId('network', 'blue')])
    expect(service.counters).toMatchObject({ learned: 2, moved: 0 })
  })

  test.each([
    ['the MAC of another port', 0xfa163e00000c, 1],
    ['a group address', 0x010000000001, 0],
    ['zero', 0, 0],
  ])('%s is not learned', (_what, source, spoofed) => {
    const { packet, learned, service } = bench()
    packet('red-a', source)
    expect(learned()).toEqual({})
    expect(service.counters.spoofed).toBe(spoofed)
  })

  test('the MAC of a port of another network may well be behind this one', () => {
    const { packet, learned } = bench()
    packet('blue-a', 0xfa163e00000c)
    expect(learned()).toEqual({ fa163e00000c: 'blue-a' })
  })

  test.each([
    ['a port that has port security', 'red-c', PLACES['red-c']],
    ['where the port was before', 'red-a', ['h2', 10]],
    ['a number the port had before', 'red-a', ['h1', 12]],
  ] as const)('from %s is nobody’s', (_what, name, place) => {
    const { packet, learned } = bench()
    packet(name, M1, place)
    expect(learned()).toEqual({})
  })

  test('that is cut short, or that another service is meant for, is left alone', () => {
    const { service, learned } = bench()
    const packet = { host: 'h1', bridge: 'br-int', inPort: 10, reply: () => {} }
    service.handle({ ...packet, data: new Uint8Array(13), userdata: packetUserdata('learn', portId('red-a')) })
    service.handle({ ...packet, data: new Uint8Array(60).fill(2), userdata: packetUserdata('dhcp', portId('red-a')) })
    expect(learned()).toEqual({})
  })
})

test('a port has so many MACs and no more, whoever lives behind it; the other ports have theirs', () => {
  const { packet, learned, service, kinds } = bench()
  for (let n = 0; n < MACS_A_PORT + 50; n++) packet('red-a', M1 + n)
  packet('red-b', 0x060000000001)
  expect(Object.values(learned()).filter(name => name === 'red-a')).toHaveLength(MACS_A_PORT)
  expect(Object.values(learned())).toContain('red-b')
  expect(service.counters.overflowed).toBe(50)
  expect(kinds()).toEqual(['mac-overflow'])
})

describe('a MAC that moves', () => {
  test('is where it was seen last, on another host too', () => {
    const { packet, learned, events, service } = bench()
    packet('red-a', M1)
    packet('red-b', M1)
    expect(learned()).toEqual({ [M1.toString(16)]: 'red-b' })
    expect(service.counters).toMatchObject({ learned: 1, moved: 1 })
    expect(events).toEqual([
      {
        kind: 'mac-moved',
        subject: 'port red-b',
        message: '02:00:00:00:00:01 from port red-a on h1 to port red-b on h2',
      },
    ])
  })

  test('too often stays where it is for a while, which is told once', () => {
    const { packet, learned, service, clock, kinds } = bench()
    packet('red-a', M1)
    const flap = (times: number) => {
      for (let n = 0; n < times; n++) packet(learned()[M1.toString(16)] === 'red-a' ? 'red-b' : 'red-a', M1)
    }
    flap(MOVES)
    const frozen = learned()
    flap(20)
    expect(learned()).toEqual(frozen)
    expect(service.counters).toMatchObject({ moved: MOVES, damped: 20 })
    expect(kinds()).toEqual([...Array(MOVES).fill('mac-moved'), 'mac-flapping'])
    clock.now += FREEZE
    flap(1)
    expect(service.counters.moved).toBe(MOVES + 1)
  })

  test('now and then is followed for ever', () => {
    const { packet, service, clock } = bench()
    packet('red-a', M1)
    for (let n = 0; n < 50; n++) {
      packet(n % 2 === 0 ? 'red-b' : 'red-a', M1)
      clock.now += WINDOW / MOVES
    }
    expect(service.counters).toMatchObject({ moved: 50, damped: 0 })
  })

  test('goes with its port when that moves', () => {
    const { packet, inputs, bind } = bench()
    packet('red-a', M1)
    bind('red-a', 'h2', 77)
    inputs.engine.flush()
    expect([...learnedAmong(inputs.engine.desired('h1/br-int').values())]).toEqual([])
    const { number } = inputs.networks.get(redId)!
    expect([...learnedAmong(inputs.engine.desired('h2/br-int').values())]).toEqual([
      { network: number, mac: M1, ofport: 77 },
    ])
  })
})

describe('a MAC that falls silent', () => {
  const red = (inputs: ReturnType<typeof bench>['inputs']) => inputs.networks.get(redId)!.number

  test('is forgotten when the switch says so', () => {
    const { packet, learned, service, inputs } = bench()
    packet('red-a', M1)
    service.expire('h1', { network: red(inputs), mac: M1, ofport: 10 })
    expect(learned()).toEqual({})
    expect(service.counters.expired).toBe(1)
  })

  test.each([
    ['another host', 'h2', 10, 1],
    ['another port', 'h1', 11, 1],
    ['another network', 'h1', 10, 2],
    ['no network', 'h1', 10, 99],
  ])('is not forgotten when the word is about %s', (_what, host, ofport, network) => {
    const { packet, learned, service, inputs } = bench()
    expect(red(inputs)).toBe(1)
    packet('red-a', M1)
    service.expire(host, { network, mac: M1, ofport })
    expect(learned()).toEqual({ [M1.toString(16)]: 'red-a' })
  })
})

describe('a controller that comes back', () => {
  test('knows what the bridges hold', () => {
    const before = bench()
    before.packet('red-a', M1)
    before.packet('blue-a', M1)
    before.packet('red-b', M2)
    before.inputs.engine.flush()
    const after = bench()
    for (const host of ['h1', 'h2']) {
      after.service.adopt(host, learnedAmong(before.inputs.engine.desired(`${host}/br-int`).values()))
    }
    expect([...after.inputs.learned.entries()].sort()).toEqual([...before.inputs.learned.entries()].sort())
    expect(after.service.counters).toMatchObject({ adopted: 3, learned: 0 })
    expect(after.events).toEqual([])
  })

  test.each([
    ['a port number that is nobody’s', { network: 1, mac: M1, ofport: 99 }],
    ['another network than that of the port', { network: 2, mac: M1, ofport: 10 }],
    ['a network that is gone', { network: 99, mac: M1, ofport: 10 }],
    ['the MAC of a port', { network: 1, mac: 0xfa163e00000c, ofport: 10 }],
  ])('takes over nothing about %s', (_what, flow) => {
    const { service, learned } = bench()
    service.adopt('h1', [flow])
    expect(learned()).toEqual({})
  })

  test('believes what it has seen itself since', () => {
    const { service, packet, learned } = bench()
    packet('red-b', M1)
    service.adopt('h1', [{ network: 1, mac: M1, ofport: 10 }])
    expect(learned()).toEqual({ [M1.toString(16)]: 'red-b' })
  })
})

describe('a topology that changes', () => {
  test.each([
    ['the port has port security now', TOPOLOGY.replace('red, port_security_enabled: false', 'red')],
    ['the port is gone', TOPOLOGY.replace(/^ +red-a:.*\n/m, '')],
    ['the port is in another network', TOPOLOGY.replace('red-a:  { network: red,', 'red-a:  { network: blue,')],
    ['the MAC is that of a port now', TOPOLOGY.replace('fa:16:3e:00:00:0c', '02:00:00:00:00:01')],
  ])('forgets what was learned when %s', (_what, text) => {
    const { packet, use, learned } = bench()
    packet('red-a', M1)
    packet('red-b', M2)
    use(text)
    expect(learned()).toEqual({ [M2.toString(16)]: 'red-b' })
  })
})
