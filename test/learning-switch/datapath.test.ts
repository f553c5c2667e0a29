import fc from 'fast-check'
import { matchOf, PORT, type Version } from 'node-openflow'
import { describe, expect, test } from 'vitest'
import { LIMITS } from '../../src/learning-switch/datapath.ts'
import { HARD_TIMEOUT, IDLE_TIMEOUT } from '../../src/learning-switch/flows.ts'
import { createLogger } from '../../src/log.ts'
import { BROADCAST_MAC } from '../../src/packet/mac.ts'
import { COOKIE, frameOf, SimulatedSwitch } from './simulated-switch.ts'

const [A, B, C] = [0x02_00_00_00_00_0a, 0x02_00_00_00_00_0b, 0x02_00_00_00_00_0c]
const PORTS = [1, 2, 3, 4]
const SMALL = { ...LIMITS, stations: 4 }

describe.each<[string, Version]>([
  ['1.3', 4],
  ['1.4', 5],
  ['1.5', 6],
])('OpenFlow %s', (_, version) => {
  const start = (
    ...options: Parameters<typeof SimulatedSwitch.start> extends [unknown, unknown, ...infer Rest] ? Rest : never
  ) => SimulatedSwitch.start(version, PORTS, ...options)

  test('an unknown address is flooded, never back; a known one goes to its port, and then by a flow', async () => {
    const s = await start()
    expect(await s.receive(1, frameOf(A, B, 1))).toEqual([2, 3, 4])
    expect(await s.receive(2, frameOf(B, A, 2))).toEqual([1])
    expect(await s.receive(1, frameOf(A, B, 3))).toEqual([2])
    expect(s.packetIns).toBe(3)
    for (let n = 0; n < 3; n++) {
      expect(await s.receive(1, frameOf(A, B, n))).toEqual([2])
      expect(await s.receive(2, frameOf(B, A, n))).toEqual([1])
    }
    expect(s.packetIns).toBe(3)
    expect(s.controller.counters).toMatchObject({ packetIns: 3, forwarded: 2, flooded: 1, dropped: 0 })
  })

  test('broadcast and multicast reach all others, after the first frame without us', async () => {
    const s = await start()
    for (const group of [BROADCAST_MAC, 0x01_00_5e_00_00_fb, 0x33_33_00_00_00_01]) {
      s.packetIns = 0
      for (let n = 0; n < 3; n++) expect(await s.receive(2, frameOf(B, group, n))).toEqual([1, 3, 4])
      expect(s.packetIns).toBe(1)
    }
  })

  test('what goes to where it came from goes nowhere, and does not come to us again', async () => {
    const s = await start()
    await s.receive(1, frameOf(A, BROADCAST_MAC))
    expect(await s.receive(1, frameOf(B, A))).toEqual([])
    expect(await s.receive(1, frameOf(B, A))).toEqual([])
    expect(s.packetIns).toBe(2)
  })

  test.each([
    ['STP', 0x01_80_c2_00_00_00],
    ['LACP', 0x01_80_c2_00_00_02],
    ['LLDP', 0x01_80_c2_00_00_0e],
  ])('%s is not forwarded, whoever looks at it first', async (_name, group) => {
    const s = await start()
    expect(await s.receive(1, frameOf(A, group))).toEqual([])
    expect(s.packetIns).toBe(0)
    const packetIn = { type: 'packet_in', bufferId: 0xffff_ffff, totalLen: 60, reason: 'no_match', tableId: 0 } as const
    const before = s.heard.length
    s.tell({ ...packetIn, cookie: COOKIE, match: matchOf({ in_port: 1 }), data: frameOf(A, group) })
    await s.pass(0)
    expect(s.heard).toHaveLength(before)
  })

  test('a station that moved is found where it is, at once and from everywhere', async () => {
    const s = await start()
    for (const [port, mac] of [
      [1, A],
      [2, B],
      [3, C],
    ] as const)
      await s.receive(port, frameOf(mac, BROADCAST_MAC))
    await s.receive(2, frameOf(B, A))
    await s.receive(3, frameOf(C, A))
    await s.receive(1, frameOf(A, B))
    await s.receive(4, frameOf(A, BROADCAST_MAC, 7))
    expect(await s.receive(2, frameOf(B, A))).toEqual([4])
    expect(await s.receive(3, frameOf(C, A))).toEqual([4])
    expect(await s.receive(4, frameOf(A, B))).toEqual([2])
    expect(s.controller.counters.moves).toBe(1)
  })

  test('a station that is heard here and there is held where it was first; it is said once; later it may move', async () => {
    const said: string[] = []
    const s = await start({ log: createLogger('warn', (_level, message) => said.push(message)) })
    await s.receive(1, frameOf(A, BROADCAST_MAC))
    for (let n = 1; n <= LIMITS.moves; n++)
      expect(await s.receive(1 + (n % 2), frameOf(A, BROADCAST_MAC, n))).toHaveLength(3)
    expect(said).toEqual([])
    // Held at port 1, whichever port the last straw came by.
    await s.receive(3, frameOf(A, BROADCAST_MAC))
    expect(said).toHaveLength(1)
    for (const elsewhere of [2, 3, 4]) expect(await s.receive(elsewhere, frameOf(A, B))).toEqual([])
    expect(await s.receive(1, frameOf(A, BROADCAST_MAC))).toEqual([2, 3, 4])
    expect(await s.receive(2, frameOf(B, A))).toEqual([1])
    s.packetIns = 0
    for (const elsewhere of [2, 3, 4]) expect(await s.receive(elsewhere, frameOf(A, B))).toEqual([])
    expect(s.packetIns).toBe(0)
    expect(said).toHaveLength(1)

    await s.pass(LIMITS.holdTime / 1000 + 1)
    expect(await s.receive(2, frameOf(B, A))).toEqual([1])
    expect(await s.receive(4, frameOf(A, B))).toEqual([2])
    expect(await s.receive(2, frameOf(B, A))).toEqual([4])
  })

  test('the last straw may come by the port where the station is held: then it is heard', async () => {
    const s = await start()
    await s.receive(1, frameOf(A, BROADCAST_MAC))
    for (let n = 1; n <= LIMITS.moves + 1; n++) {
      expect(await s.receive(1 + (n % 2), frameOf(A, BROADCAST_MAC, n))).toHaveLength(3)
    }
    expect(s.controller.counters.flaps).toBe(1)
    expect(await s.receive(1, frameOf(A, BROADCAST_MAC))).toEqual([2, 3, 4])
    expect(await s.receive(2, frameOf(A, BROADCAST_MAC))).toEqual([])
  })

  test.each(['delete', 'modify'] as const)('a port that is gone (%s) takes its stations along', async reason => {
    const s = await start()
    await s.receive(1, frameOf(A, BROADCAST_MAC))
    await s.receive(2, frameOf(B, A))
    await s.receive(1, frameOf(A, B))
    await s.receive(3, frameOf(C, B))
    await s.lose(2, reason)
    expect(s.controller.stations.get(B)).toBeUndefined()
    expect(s.learned.map(({ match }) => match)).toEqual([matchOf({ in_port: 1, eth_src: A, eth_dst: BROADCAST_MAC })])
    expect(await s.receive(1, frameOf(A, B))).toEqual([2, 3, 4].filter(port => s.ports.has(port)))
    await s.receive(4, frameOf(B, A))
    expect(await s.receive(1, frameOf(A, B))).toEqual([4])
  })

  test('flows end when idle; who talks is never forgotten, who is silent is', async () => {
    const s = await start()
    await s.receive(1, frameOf(A, BROADCAST_MAC))
    await s.receive(2, frameOf(B, A))
    await s.receive(1, frameOf(A, B))
    for (let time = 0; time < 2 * LIMITS.age; time += 50_000) {
      await s.pass(50)
      expect(await s.receive(1, frameOf(A, B))).toEqual(time < LIMITS.age ? [2] : [2, 3, 4])
    }
    expect(s.controller.stations.get(A)).toBeDefined()
    expect(s.controller.stations.get(B)).toBeUndefined()
    expect(s.packetIns).toBeLessThan(15)
    await s.pass(HARD_TIMEOUT + IDLE_TIMEOUT + 1)
    expect(s.controller.stations.size).toBe(0)
    expect(s.learned).toEqual([])
  })

  test('a table that is full makes room for other ports, not for the one that fills it', async () => {
    const s = await start({ limits: SMALL })
    await s.receive(1, frameOf(A, BROADCAST_MAC))
    for (let n = 0; n < 10; n++) {
      // Who has no place is served all the same.
      expect(await s.receive(2, frameOf(0x100 + n, A))).toEqual([1])
      expect(s.controller.stations.size).toBeLessThanOrEqual(SMALL.stations)
    }
    expect([...s.controller.stations.at(2)].map(({ mac }) => mac)).toEqual([0x100, 0x101, 0x102])
    await s.receive(1, frameOf(A, 0x100))
    await s.receive(3, frameOf(C, BROADCAST_MAC))
    expect(s.controller.stations.get(0x100)).toBeUndefined()
    expect(s.controller.stations.get(C)?.port).toBe(3)
    expect(await s.receive(1, frameOf(A, 0x100))).toEqual([2, 3, 4])
  })

  test('a frame that the switch keeps is not sent back to it', async () => {
    const s = await start()
    await s.receive(1, frameOf(A, BROADCAST_MAC))
    expect(await s.receive(2, frameOf(B, A), 77)).toEqual([1])
    expect(s.heard.at(-1)).toMatchObject({ type: 'packet_out', bufferId: 77, data: new Uint8Array() })
  })

  test('a frame may be as large as a message can carry', async () => {
    const s = await start()
    for (const size of [1_600, 9_000, 65_000, 1_500]) {
      const frame = new Uint8Array(size).fill(size % 251)
      frame.set(frameOf(A, B))
      expect(await s.receive(1, frame)).toEqual([2, 3, 4])
    }
    expect(await s.receive(1, frameOf(A, B, 1))).toEqual([2, 3, 4])
  })

  test('a packet-in that says more than the port is understood as well', async () => {
    const s = await start()
    const packetIn = { type: 'packet_in', bufferId: 0xffff_ffff, totalLen: 60, reason: 'no_match', tableId: 0 } as const
    const match = matchOf({ in_port: 3, metadata: 5n, tunnel_id: 7n })
    s.tell({ ...packetIn, cookie: 0xffff_ffff_ffff_ffffn, match, data: frameOf(C, A) })
    await s.pass(0)
    expect(s.heard.at(-1)).toMatchObject({ type: 'packet_out', match: matchOf({ in_port: 3 }), data: frameOf(C, A) })
    expect(await s.receive(1, frameOf(A, C))).toEqual([3])
  })

  test.each([
    ['of another’s flow', { cookie: 1n }, frameOf(A, B)],
    ['shorter than its header', {}, frameOf(A, B).subarray(0, 13)],
    ['from a group address', {}, frameOf(0x01_00_5e_00_00_01, B)],
    ['from no port', { match: matchOf({ in_port: PORT.CONTROLLER }) }, frameOf(A, B)],
  ])('a packet-in %s changes nothing', async (_what, more, data) => {
    const s = await start()
    const before = s.heard.length
    const packetIn = { type: 'packet_in', bufferId: 0xffff_ffff, totalLen: 60, reason: 'no_match', tableId: 0 } as const
    s.tell({ ...packetIn, cookie: COOKIE, match: matchOf({ in_port: 1 }), data, ...more })
    await s.pass(0)
    expect(s.heard).toHaveLength(before)
    expect(s.controller.stations.size).toBe(0)
  })

  test('when somebody removes our flows, those to start with come back', async () => {
    const s = await start()
    const before = s.flows
    const miss = s.flows.find(({ priority }) => priority === 0)!
    const counts = { durationSec: 0, durationNsec: 0, packetCount: 0n, byteCount: 0n }
    s.tell({ ...miss, ...counts, type: 'flow_removed', reason: 'delete' })
    await s.pass(0)
    expect(s.flows).toEqual(before)
    expect(s.heard.filter(message => message.type === 'flow_mod' && message.priority === 0)).toHaveLength(2)
  })

  test('after any history a frame goes to where its station was last heard, or to all, and never twice or back', async () => {
    const mac = fc.constantFrom(A, B, C, 0x02_00_00_00_00_0d, 0x02_00_00_00_00_0e, 0x02_00_00_00_00_0f)
    const port = fc.constantFrom(...PORTS)
    const event = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({
          kind: fc.constant('frame'),
          port,
          from: mac,
          to: fc.oneof(mac, fc.constant(BROADCAST_MAC)),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose'), port }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass'), seconds: fc.constantFrom(1, 59, 61, 239, 301) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 60 }), async history => {
        const s = await start({ limits: { ...SMALL, moves: 1_000 } })
        /** Where each station was last heard. */
        const heard = new Map<number, number>()
        for (const step of history) {
          if ('seconds' in step) await s.pass(step.seconds)
          else if (!('from' in step)) {
            await s.lose(step.port, 'modify')
            for (const [station, at] of heard) if (at === step.port) heard.delete(station)
          } else {
            const out = await s.receive(step.port, frameOf(step.from, step.to))
            heard.set(step.from, step.port)
            const all = PORTS.filter(one => one !== step.port)
            const at = heard.get(step.to)
            const right = at === step.port ? [] : at === undefined ? all : [at]
            // Where a station was forgotten, to all; that includes where it is.
            if (out.length === all.length) expect(out).toEqual(all)
            else expect(out).toEqual(right)
          }
          for (const { match } of s.learned) {
            for (const { field, value } of match) {
              if (field.name === 'in_port' || value === BROADCAST_MAC) continue
              expect(s.controller.stations.get(Number(value))).toBeDefined()
            }
          }
        }
      }),
      { numRuns: 100 },
    )
  })
})

test('what one datapath learns no other knows', async () => {
  const [one, other] = [await SimulatedSwitch.start(4, PORTS), await SimulatedSwitch.start(6, PORTS)]
  await one.receive(1, frameOf(A, BROADCAST_MAC))
  expect(await one.receive(2, frameOf(B, A))).toEqual([1])
  expect(await other.receive(2, frameOf(B, A))).toEqual([1, 3, 4])
})
