import fc from 'fast-check'
import { Bridge, type BridgeState, type Group, Switch } from '../../src/interpreter/bridge.ts'
import type { HostState, Outcome } from '../../src/interpreter/fabric.ts'
import type { Flow } from '../../src/interpreter/flow-table.ts'
import type { Arrival } from '../../src/interpreter/passage.ts'
import { Unsupported } from '../../src/interpreter/unsupported.ts'
import { walk } from '../../src/interpreter/walk.ts'
import { buildFrame, parseFrame } from '../../src/packet/frame.ts'
import {
  type FabricPlan,
  fabricPlan,
  frameFrom,
  IPS,
  MACS,
  type PlanPort,
  rowsOfPlan,
  traffic,
} from '../interpreter/arbitraries.ts'
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

export interface Agreement {
  /** Packets that were treated alike, host by host. */
  readonly compared: number
  /** Those of them that left their host in some way. */
  readonly left: number
}

/**
 * Random fabrics, packets of random guests followed through every host they come to: at each the interpreter lets leave what
 * ovs-vswitchd would.
 *
 * @throws {Error} with the smallest counterexample, Open vSwitch's trace in it.
 */
export async function pipelineAgrees(oracle: TraceOracle, { runs, packets, seed }: Effort): Promise<Agreement> {
  const tally = { compared: 0, left: 0 }
  const sending = fabricPlan
    .filter(({ ports }) => ports.some(({ host }) => host !== undefined))
    .chain(plan =>
      fc.record({
        plan: fc.constant(plan),
        frames: traffic(plan, { min: packets, max: packets }),
        strays: fc.array(stray(plan), { minLength: packets / 10, maxLength: packets / 10 }),
      }),
    )
  const details = await fc.check(
    fc.asyncProperty(sending, async ({ plan, frames, strays }) => {
      const { hosts, fabric } = fabricOf(rowsOfPlan(plan))
      const passages = [
        ...frames.flatMap(({ from, frame }) => fabric.send(from.name, frame).passages),
        ...strays.flatMap(({ host, arrival }) => fabric.receive(host, arrival).passages),
      ]
      for (const { name, bridges } of hosts) {
        await installHost(oracle, bridges)
        for (const { host, arrival, passage } of passages) {
          if (host === name) await agree(oracle, arrival, leavingOf(passage), tally)
        }
      }
    }),
    { numRuns: runs, ...(seed === undefined ? {} : { seed }) },
  )
  conclude(details)
  return tally
}

/** Compares what became of a frame, host by host, with what ovs-vswitchd would make of it. @throws {Error} where they differ. */
export async function outcomeAgrees(
  oracle: TraceOracle,
  hosts: readonly HostState[],
  { passages }: Outcome,
): Promise<void> {
  for (const { host, arrival, passage } of passages) {
    await installHost(oracle, hosts.find(({ name }) => name === host)!.bridges)
    await agree(oracle, arrival, leavingOf(passage), { compared: 0, left: 0 })
  }
}

/** Makes the oracle's bridges those of a host. */
async function installHost(oracle: TraceOracle, bridges: readonly BridgeState[]): Promise<void> {
  for (const name of Object.keys(PORTS) as BridgeName[]) {
    const { flows = [], groups = [] } = bridges.find(bridge => bridge.name === name) ?? {}
    await oracle.install(name, flows, groups)
  }
}

/** A frame that comes by a tunnel, of a host or of nobody, or from the wire. */
const stray = ({ hosts, ports }: FabricPlan): fc.Arbitrary<{ host: string; arrival: Arrival }> =>
  fc
    .record({
      host: fc.nat({ max: hosts - 1 }),
      place: fc.constantFrom(['br-tun', 2], ['br-tun', 3], ['br-tun', 4], ['br-ex', 2], ['br-ex', 3]),
      layers: frameFrom(ports[0]!),
      id: fc.constantFrom(0n, 5n, 6n, 7n, 0x123n),
      source: fc.integer({ min: 0xc0000201, max: 0xc0000206 }),
    })
    .map(({ host, place: [bridge, port], layers, id, source }) => ({
      host: `h${host}`,
      arrival: {
        bridge: bridge as string,
        port: port as number,
        frame: buildFrame(layers),
        tunnel: bridge === 'br-tun' ? { id, source, destination: 0xc0000201 + host } : undefined,
      },
    }))

const GUEST: PlanPort = { name: '', network: 0, host: 0, mac: 0, ips: [], learning: false, learned: [] }

/**
 * Random flows and groups in all bridges, random packets of a guest: the interpreter lets leave what ovs-vswitchd would.
 *
 * @throws {Error} with the smallest counterexample, Open vSwitch's trace in it.
 */
export async function tablesAgree(oracle: TraceOracle, { runs, packets, seed }: Effort): Promise<Agreement> {
  const tally = { compared: 0, left: 0 }
  const guests = MACS.slice(0, 3).map((mac, index) => ({ ...GUEST, mac, ips: [IPS[index]!] }))
  const arrival = fc
    .record({ port: fc.constantFrom(10, 11, 12), layers: fc.oneof(...guests.map(frameFrom)) })
    .map(({ port, layers }): Arrival => ({ bridge: 'br-int', port, frame: buildFrame(layers) }))
    .filter(({ frame }) => isPlain(frame))
  const trial = fc.record({
    inside: bridgeContents,
    overlay: bridgeContents,
    outside: bridgeContents,
    arrivals: fc.array(arrival, { minLength: packets, maxLength: packets }),
  })
  const details = await fc.check(
    fc.asyncProperty(trial, async ({ inside, overlay, outside, arrivals }) => {
      const bridges: Bridge[] = []
      for (const [name, { flows, groups }] of [
        ['br-int', inside],
        ['br-tun', overlay],
        ['br-ex', outside],
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
        if (leaving !== undefined) await agree(oracle, arrival, leaving, tally)
      }
    }),
    { numRuns: runs, ...(seed === undefined ? {} : { seed }) },
  )
  conclude(details)
  return tally
}

/** More than a walk to the depth limit takes, less than fills 64 kB. */
const MANY_STEPS = 500

/** `undefined` where the two cannot be compared. */
function attempt(host: Switch, arrival: Arrival): Leaving | undefined {
  try {
    const passage = walk(host, arrival)
    // Open vSwitch has two more limits than the interpreter: 64 kB of datapath actions, and when a packet leaves by a tunnel it
    // counts the tables of the bridge below.
    const { steps } = passage
    const isTunnelled = steps.some(step => step.kind === 'output' && /vxlan|gre/.test(step.port))
    if (steps.length > MANY_STEPS || (isTunnelled && steps.some(({ kind }) => kind === 'abort'))) return undefined
    return leavingOf(passage)
  } catch (error) {
    // A third VLAN tag.
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

async function agree(
  oracle: TraceOracle,
  arrival: Arrival,
  here: Leaving,
  tally: { compared: number; left: number },
): Promise<void> {
  const { leaving: there, text } = await oracle.trace(arrival)
  if (JSON.stringify(here) !== JSON.stringify(there)) {
    const lines = (one: Leaving) => [...one.outputs, ...one.packetIns.map(line => `controller ${line}`)].join('\n  ')
    throw new Error(`here\n  ${lines(here)}\nin Open vSwitch\n  ${lines(there)}\n${text}`)
  }
  tally.compared++
  if (here.outputs.length + here.packetIns.length > 0) tally.left++
}

/** A counterexample as fast-check prints it is pages of fields: the trace says more. */
function conclude<Ts>({ failed, seed, counterexamplePath, errorInstance }: fc.RunDetails<Ts>): void {
  if (failed) throw new Error(`seed ${seed}, path ${counterexamplePath}`, { cause: errorInstance })
}
