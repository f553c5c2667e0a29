import type { Version } from 'node-openflow'
import { describe, expect, test } from 'vitest'
import { LIMITS } from '../../src/learning-switch/datapath.ts'
import { BROADCAST_MAC } from '../../src/packet/mac.ts'
import { frameOf, SimulatedSwitch } from './simulated-switch.ts'

const [A, B] = [0x02_00_00_00_00_0a, 0x02_00_00_00_00_0b]
/** Where a host is plugged in; the other ports lead to other switches. */
const HOST = 1

/** Switches by name, joined by links between their ports. */
class SimulatedNetwork {
  readonly switches: ReadonlyMap<string, SimulatedSwitch>
  readonly #links = new Map<string, string>()

  constructor(switches: ReadonlyMap<string, SimulatedSwitch>, links: readonly (readonly [string, string])[]) {
    this.switches = switches
    for (const [one, other] of links) this.#links.set(one, other).set(other, one)
  }

  static async start(version: Version, names: string[], links: readonly (readonly [string, string])[]) {
    const switches = new Map<string, SimulatedSwitch>()
    for (const name of names) switches.set(name, await SimulatedSwitch.start(version, [HOST, 2, 3]))
    return new SimulatedNetwork(switches, links)
  }

  /** A host sends a frame; returns how often each host got it, once no copy is under way; throws when that goes on and on. */
  async send(from: string, frame: Uint8Array): Promise<Record<string, number>> {
    const got: Record<string, number> = {}
    const underWay = [`${from}:${HOST}`]
    for (let hops = 0; underWay.length > 0; hops++) {
      if (hops > 1_000) throw new Error('the frame goes round and round')
      const [name, port] = underWay.shift()!.split(':')
      for (const out of await this.switches.get(name!)!.receive(Number(port), frame)) {
        const next = this.#links.get(`${name}:${out}`)
        if (next !== undefined) underWay.push(next)
        else if (out === HOST) got[name!] = (got[name!] ?? 0) + 1
      }
    }
    return got
  }
}

describe.each([
  [
    'two links between two switches',
    ['s1', 's2'],
    [
      ['s1:2', 's2:2'],
      ['s1:3', 's2:3'],
    ],
  ],
  [
    'a ring of three switches',
    ['s1', 's2', 's3'],
    [
      ['s1:2', 's2:3'],
      ['s2:2', 's3:3'],
      ['s3:2', 's1:3'],
    ],
  ],
] as const)('%s', (_, names, links) => {
  test.each([
    ['a broadcast', BROADCAST_MAC],
    ['an unknown address', B],
  ])('%s does not run for ever', async (_what, destination) => {
    const network = await SimulatedNetwork.start(4, [...names], links)
    expect(await network.send('s1', frameOf(A, destination))).toHaveProperty('s2')
    // Where the station is held, its copies are dropped: all is quiet, and nobody is cut off.
    for (const name of names) expect(network.switches.get(name)!.controller.stations.get(A)).toBeDefined()
    for (let n = 1; n <= 3; n++) {
      const got = await network.send('s1', frameOf(A, BROADCAST_MAC, n))
      expect(got).toHaveProperty('s2')
      expect(got).not.toHaveProperty('s1')
    }
    for (const one of network.switches.values()) await one.pass(LIMITS.holdTime / 1000 + 1)
    expect(await network.send('s1', frameOf(A, BROADCAST_MAC, 9))).toHaveProperty('s2')
  })
})
