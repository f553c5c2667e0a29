import fc from 'fast-check'
import { Bridge, type Group, Switch } from '../../src/interpreter/bridge.ts'
import type { Flow } from '../../src/interpreter/flow-table.ts'
import type { Arrival } from '../../src/interpreter/passage.ts'
import { Unsupported } from '../../src/interpreter/unsupported.ts'
import { walk } from '../../src/interpreter/walk.ts'
import { buildFrame, parseFrame } from '../../src/packet/frame.ts'
import { type FabricPlan, fabricPlan, frameFrom, IPS, MACS, rowsOfPlan, traffic } from '../interpreter/arbitraries.ts'
import { fabricOf } from '../interpreter/fixture.ts'
import { bridgeContents } from './flow-arbitraries.ts'
import { type BridgeName, type Leaving, leavingOf, PORTS, type TraceOracle } from './trace-oracle.ts'

export interface Effort {
  /** Fabrics, or sets of tables. */
  readonly runs: number
  /** Packets in each. */
  readonly packets: number
  readonly seed?: number
}

/**
 * Random fabrics, packets of random guests followed through every host they come to: at each the interpreter lets leave what
 * ovs-vswitchd would. Resolves with the number of packets compared.
 *
 * @throws {Error} with the smallest counterexample, Open vSwitch's trace in it.
 */
export async function pipelineAgrees(oracle: TraceOracle, { runs, packets, seed }: Effort): Promise<number> {
  let compared = 0
  const sending = fabricPlan
    .filter(({ ports }) => ports.some(({ host }) => host !== undefined))
    .chain(plan =>
      fc.record({
        plan: fc.constant(plan),
        frames: traffic(plan, { min: packets, max: packets }),
        strays: fc.array(stray(plan), { minLength: packets / 10, maxLength: packets / 10 }),
      }),
    )
  await fc.assert(
    fc.asyncProperty(sending, async ({ plan, frames, strays }) => {
      const { hosts, fabric } = fabricOf(rowsOfPlan(plan))
      const passages = [
        ...frames.flatMap(({ from, frame }) => fabric.send(from.name, frame).passages),
        ...strays.flatMap(({ host, arrival }) => fabric.receive(host, arrival).passages),
      ]
      for (const { name, bridges } of hosts) {
        for (const { name, flows, groups } of bridges) await oracle.install(name as BridgeName, flows, groups)
        for (const { host, arrival, passage } of passages) {
          if (host !== name) continue
          await agree(oracle, arrival, leavingOf(passage))
          compared++
        }
      }
    }),
    { numRuns: runs, ...(seed === undefined ? {} : { seed }) },
  )
  return compared
}

/** A frame that says it comes from another host, or from none. */
const stray = ({ hosts, ports }: FabricPlan): fc.Arbitrary<{ host: string; arrival: Arrival }> =>
  fc
    .record({
      host: fc.nat({ max: hosts - 1 }),
      port: fc.constantFrom(2, 3, 4),
      layers: frameFrom(ports[0]!),
      id: fc.constantFrom(0n, 5n, 6n, 7n, 0x123456n),
      source: fc.integer({ min: 0xc0000201, max: 0xc0000206 }),
    })
    .map(({ host, port, layers, id, source }) => ({
      host: `h${host}`,
      arrival: {
        bridge: 'br-tun',
        port,
        frame: buildFrame(layers),
        tunnel: { id, source, destination: 0xc0000201 + host },
      },
    }))

/**
 * Random flows and groups in both bridges, random packets of a guest: the interpreter lets leave what ovs-vswitchd would.
 * Resolves with the number of packets that left somehow.
 *
 * @throws {Error} with the smallest counterexample, Open vSwitch's trace in it.
 */
export async function tablesAgree(oracle: TraceOracle, { runs, packets, seed }: Effort): Promise<number> {
  let left = 0
  const guests = MACS.slice(0, 3).map((mac, index) => ({ name: '', network: 0, host: 0, mac, ips: [IPS[index]!] }))
  const arrival = fc
    .record({ port: fc.constantFrom(10, 11, 12), layers: fc.oneof(...guests.map(frameFrom)) })
    .map(({ port, layers }): Arrival => ({ bridge: 'br-int', port, frame: buildFrame(layers) }))
    .filter(({ frame }) => isPlain(frame))
  const trial = fc.record({
    inside: bridgeContents,
    overlay: bridgeContents,
    arrivals: fc.array(arrival, { minLength: packets, maxLength: packets }),
  })
  await fc.assert(
    fc.asyncProperty(trial, async ({ inside, overlay, arrivals }) => {
      const bridges: Bridge[] = []
      for (const [name, { flows, groups }] of [
        ['br-int', inside],
        ['br-tun', overlay],
      ] as const) {
        await oracle.install(name, [])
        const taken = { flows: [] as Flow[], groups: [] as Group[] }
        for (const one of groups) if (await oracle.offer(name, one)) taken.groups.push(one)
        for (const one of flows) if (await oracle.offer(name, one)) taken.flows.push(one)
        bridges.push(new Bridge({ name, ports: PORTS[name], ...taken }))
      }
      const host = new Switch(bridges)
      for (const arrival of arrivals) {
        const leaving = attempt(host, arrival)
        if (leaving === undefined) continue
        await agree(oracle, arrival, leaving)
        if (leaving.outputs.length + leaving.packetIns.length > 0) left++
      }
    }),
    { numRuns: runs, ...(seed === undefined ? {} : { seed }) },
  )
  return left
}

/** `undefined` where the interpreter says that it does not know: a third VLAN tag. */
function attempt(host: Switch, arrival: Arrival): Leaving | undefined {
  try {
    return leavingOf(walk(host, arrival))
  } catch (error) {
    if (error instanceof Unsupported) return undefined
    throw error
  }
}

/** Whether a frame is one that the datapath's actions can be tried on. */
function isPlain(frame: Uint8Array): boolean {
  try {
    return Buffer.from(buildFrame(parseFrame(frame))).equals(frame)
  } catch {
    return false
  }
}

async function agree(oracle: TraceOracle, arrival: Arrival, leaving: unknown): Promise<void> {
  const { leaving: real, text } = await oracle.trace(arrival)
  if (JSON.stringify(leaving) === JSON.stringify(real)) return
  throw new Error(`here ${JSON.stringify(leaving, null, 1)}\nOpen vSwitch ${JSON.stringify(real, null, 1)}\n${text}`)
}
