import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createInputs, type Inputs } from '../../flows/inputs.ts'
import { declareUnits } from '../../flows/units.ts'
import type { Table } from '../../src/engine/table.ts'
import { sameItem } from '../../src/pipeline/item.ts'
import { dump, learn, type Plan, plug, rowsOf, unplug } from './fixture.ts'

const plan: Plan = {
  hosts: ['h1', 'h2', 'h3'],
  networks: { red: { type: 'vxlan', segment: 5001 }, blue: { type: 'gre', segment: 6001 } },
  ports: {
    'red-a': ['red', 'h1'],
    'blue-a': ['blue', 'h1'],
    'red-b': ['red', 'h2'],
    'blue-b': ['blue', 'h3'],
  },
}

describe('two tenants on three hosts', () => {
  const inputs = rowsOf(plan)
  test.each(['h1/br-int', 'h1/br-tun', 'h2/br-int', 'h2/br-tun', 'h3/br-tun'])('%s', async target => {
    await expect(dump(inputs, target)).toMatchFileSnapshot(`golden/${target.replace('/', '-')}.flows`)
  })

  test('no two resources want one place', () => {
    expect(inputs.engine.conflicts()).toEqual([])
  })
})

describe('provider and local networks', () => {
  const inputs = rowsOf({
    hosts: ['h1', 'h2'],
    networks: { tagged: { type: 'vlan', segment: 101 }, plain: { type: 'flat' }, alone: { type: 'local' } },
    ports: {
      'tagged-a': ['tagged', 'h1'],
      'tagged-b': ['tagged', 'h2'],
      'plain-a': ['plain', 'h1'],
      'alone-a': ['alone', 'h1'],
      'alone-b': ['alone', 'h2'],
    },
  })
  test.each(['h1/br-int', 'h1/br-tun', 'h1/br-ex'])('%s', async target => {
    await expect(dump(inputs, target)).toMatchFileSnapshot(`golden/provider-${target.replace('/', '-')}.flows`)
  })

  test('nothing of a local network is known on another host', () => {
    expect(dump(inputs, 'h2/br-int')).not.toContain('alone-a')
  })
})

describe('a network whose ports learn', () => {
  const inputs = rowsOf({
    hosts: ['h1', 'h2'],
    networks: { red: { type: 'vxlan', segment: 5001 }, wire: { type: 'flat' }, alone: { type: 'local' } },
    ports: { 'red-a': ['red', 'h1'], 'red-b': ['red', 'h2'], 'wire-a': ['wire', 'h1'], 'alone-a': ['alone', 'h1'] },
    learning: ['red', 'wire', 'alone'],
  })
  learn(inputs, 'red', 0x020000000001, 'red-a')
  learn(inputs, 'wire', 0x020000000001, 'wire-a')
  learn(inputs, 'alone', 0x020000000001, 'alone-a')
  inputs.engine.flush()
  test.each(['h1/br-int', 'h2/br-int', 'h2/br-tun'])('%s', async target => {
    await expect(dump(inputs, target)).toMatchFileSnapshot(`golden/learning-${target.replace('/', '-')}.flows`)
  })

  test('no two resources want one place', () => {
    expect(inputs.engine.conflicts()).toEqual([])
  })

  test('a MAC that is no longer known leaves nothing behind', () => {
    const before = dump(inputs, 'h1/br-int') + dump(inputs, 'h2/br-int') + dump(inputs, 'h2/br-tun')
    learn(inputs, 'red', 0x020000000002, 'red-a')
    inputs.engine.flush()
    expect(dump(inputs, 'h2/br-tun')).toContain('02:00:00:00:00:02')
    learn(inputs, 'red', 0x020000000002, undefined)
    inputs.engine.flush()
    expect(dump(inputs, 'h1/br-int') + dump(inputs, 'h2/br-int') + dump(inputs, 'h2/br-tun')).toBe(before)
  })

  test('a learned MAC of a port that has port security again is nobody’s', () => {
    const [id, port] = [...inputs.ports.entries()].find(([, { name }]) => name === 'red-a')!
    inputs.engine.set(inputs.ports, id, { ...port, learning: false })
    inputs.engine.flush()
    expect(dump(inputs, 'h1/br-int')).not.toMatch(/reg0=0x1,.*02:00:00:00:00:01/)
    expect(dump(inputs, 'h2/br-tun')).not.toContain('02:00:00:00:00:01')
  })
})

describe('cost of a change', () => {
  const count = (inputs: Inputs, act: () => void): { runs: number; changes: Record<string, number> } => {
    for (const target of [...inputs.engine.targets()]) inputs.engine.watch(target)
    inputs.engine.flush()
    const before = inputs.engine.runs
    act()
    const delta = inputs.engine.flush()
    return {
      runs: inputs.engine.runs - before,
      changes: Object.fromEntries([...delta].map(([target, changes]) => [target, changes.length]).sort()),
    }
  }

  /** `hosts` hosts that all have the network, `ports` ports in it. */
  const fabric = (hosts: number, ports: number, learning: readonly string[] = []) =>
    rowsOf({
      learning,
      hosts: [...Array(hosts).keys()].map(n => `h${n}`),
      networks: { red: { type: 'vxlan', segment: 1 } },
      ports: Object.fromEntries([...Array(ports).keys()].map(n => [`p${n}`, ['red', `h${n % hosts}`] as const])),
    })

  test.each([
    [3, 3],
    [3, 300],
    [30, 300],
  ])('one more port with %i hosts and %i ports re-runs two units, and costs each other host two flows', (hosts, ports) => {
    const inputs = fabric(hosts, ports)
    const { runs, changes } = count(inputs, () => plug(inputs, 'new', 'red', 'h1'))
    expect(runs).toBe(2)
    expect(changes['h0/br-int']).toBe(1)
    expect(changes['h0/br-tun']).toBe(1)
    expect(changes['h1/br-tun']).toBeUndefined()
    expect(Object.keys(changes)).toHaveLength(2 * hosts - 1)
  })

  test.each([
    [3, 3],
    [3, 300],
    [30, 300],
  ])('one more learned MAC with %i hosts and %i ports re-runs one unit, and so does one that moves', (hosts, ports) => {
    const inputs = fabric(hosts, ports, ['red'])
    const learned = count(inputs, () => learn(inputs, 'red', 0x020000000001, 'p1'))
    expect(learned.runs).toBe(1)
    // On its own host who may send and where it is; on each other host that it is there, on both bridges.
    expect(learned.changes['h1/br-int']).toBe(2)
    expect(learned.changes['h1/br-tun']).toBeUndefined()
    expect(learned.changes['h0/br-int']).toBe(1)
    expect(learned.changes['h0/br-tun']).toBe(1)
    expect(Object.keys(learned.changes)).toHaveLength(2 * hosts - 1)
    expect(count(inputs, () => learn(inputs, 'red', 0x020000000001, 'p2')).runs).toBe(1)
  })

  test('a port that moves re-runs two units', () => {
    const inputs = fabric(10, 100)
    expect(count(inputs, () => plug(inputs, 'p5', 'red', 'h7')).runs).toBe(2)
  })

  test('a host that gets a network is told of its ports; the others get one bucket', () => {
    const inputs = rowsOf({ ...plan, hosts: [...plan.hosts, 'h4'] })
    const { runs, changes } = count(inputs, () => plug(inputs, 'red-c', 'red', 'h4'))
    expect(runs).toBe(3)
    expect(changes['h1/br-tun']).toBe(2)
    expect(changes['h3/br-tun']).toBeUndefined()
  })

  test('a port number that changes touches its own host only', () => {
    const inputs = fabric(3, 9)
    const [id, binding] = [...inputs.bindings.entries()][0]!
    const { changes } = count(inputs, () => inputs.engine.set(inputs.bindings, id, { ...binding, ofport: 99 }))
    expect(Object.keys(changes)).toEqual([`${binding.host}/br-int`])
  })

  test('plugging and unplugging leaves the tables as they were', () => {
    const inputs = fabric(3, 9)
    const before = ['h0/br-int', 'h0/br-tun', 'h1/br-int', 'h1/br-tun'].map(target => dump(inputs, target))
    plug(inputs, 'new', 'red', 'h1')
    inputs.engine.flush()
    unplug(inputs, 'new')
    inputs.engine.flush()
    expect(['h0/br-int', 'h0/br-tun', 'h1/br-int', 'h1/br-tun'].map(target => dump(inputs, target))).toEqual(before)
  })
})

describe('what a port costs', () => {
  test('each other host of its network: one L2 flow and one answer per address', () => {
    const inputs = rowsOf(plan)
    const size = () => inputs.engine.desired('h2/br-int').size + inputs.engine.desired('h2/br-tun').size
    const before = size()
    plug(inputs, 'red-z', 'red', 'h1')
    inputs.engine.flush()
    expect(size() - before).toBe(2)
  })
})

describe('after any history', () => {
  const host = fc.constantFrom('h1', 'h2', 'h3')
  const network = fc.constantFrom('red', 'blue')
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.tuple(fc.constant('plug' as const), fc.integer({ min: 0, max: 7 }), network, host) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('unplug' as const), fc.integer({ min: 0, max: 7 }), network, host) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('flush' as const), fc.constant(0), network, host) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('retag' as const), fc.integer({ min: 1, max: 9 }), network, host) },
    { weight: 3, arbitrary: fc.tuple(fc.constant('learn' as const), fc.integer({ min: 0, max: 7 }), network, host) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('forget' as const), fc.integer({ min: 0, max: 7 }), network, host) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('host' as const), fc.integer({ min: 0, max: 3 }), network, host) },
  )

  test('incremental equals rebuilt, and the deltas lead there', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), steps => {
        const live = rowsOf({ ...plan, ports: {}, learning: ['blue'] })
        const targets = plan.hosts.flatMap(name => [`${name}/br-int`, `${name}/br-tun`])
        const installed = new Map(targets.map(target => [target, new Map(live.engine.desired(target))]))
        for (const target of targets) live.engine.watch(target)
        const apply = () => {
          for (const [target, changes] of live.engine.flush()) {
            for (const { key, after } of changes) {
              if (after === undefined) installed.get(target)!.delete(key)
              else installed.get(target)!.set(key, after)
            }
          }
        }
        for (const [kind, number, net, at] of steps) {
          if (kind === 'plug') plug(live, `${net}-${number}`, net, at)
          else if (kind === 'unplug') unplug(live, `${net}-${number}`)
          else if (kind === 'learn') learn(live, net, 0x020000000000 + (number % 3), `${net}-${number}`)
          else if (kind === 'forget') learn(live, net, 0x020000000000 + (number % 3), undefined)
          else if (kind === 'flush') apply()
          else if (kind === 'retag') {
            const row = live.networks.get(net)!
            live.engine.set(live.networks, net, { ...row, segment: 5000 + number })
          } else {
            const row = live.hosts.get(at)
            if (number === 0) live.engine.set(live.hosts, at, undefined)
            else
              live.engine.set(live.hosts, at, {
                name: at,
                tunnelIp: 0xc0000200 + number * 16 + Number(at[1]),
                brInt: row?.brInt ?? { patchTun: 1 },
                providers: {},
                brTun: { patchInt: number, vxlan: number + 1, gre: number + 2 },
              })
          }
        }
        apply()
        const rebuilt = createInputs()
        declareUnits(rebuilt)
        for (const name of ['learned', 'bindings', 'presences', 'ports', 'subnets', 'networks', 'hosts'] as const) {
          const table = rebuilt[name] as Table<object>
          for (const [id, row] of live[name].entries()) rebuilt.engine.set(table, id, row)
        }
        rebuilt.engine.flush()
        for (const target of targets) {
          const wanted = rebuilt.engine.desired(target)
          for (const state of [live.engine.desired(target), installed.get(target)!]) {
            expect([...state.keys()].sort()).toEqual([...wanted.keys()].sort())
            for (const [key, item] of state) expect(sameItem(item, wanted.get(key)!)).toBe(true)
          }
        }
        expect(live.engine.conflicts()).toEqual(rebuilt.engine.conflicts())
      }),
      { numRuns: 100 },
    )
  })
})
