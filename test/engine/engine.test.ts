import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Engine } from '../../src/engine/engine.ts'

interface Item {
  readonly key: string
  readonly value: string
}
interface Network {
  readonly tag: number
}
interface Member {
  readonly network: string
  readonly host: string
}

/** A small model with everything the flow units use: a shared audience, an exception, memberships and rival keys. */
function model() {
  const engine = new Engine<Item>({ keyOf: item => item.key, same: (a, b) => a.value === b.value })
  const networks = engine.table<Network>('network')
  const members = engine.table<Member, 'network' | 'place'>('member', {
    network: row => row.network,
    place: row => `${row.host}/${row.network}`,
  })
  engine.unit('member', members, (cx, row, id) => {
    const network = cx.get(networks, row.network)
    if (network === undefined) return
    cx.join(row.network, row.host)
    cx.emit(row.host, { key: `local ${id}`, value: `${network.tag}` })
    cx.join(row.host, row.host)
    cx.emit(row.network, { key: `remote ${id}`, value: row.host }, row.host)
  })
  engine.unit('flood', networks, (cx, row, id) => {
    const hosts = new Set([...cx.where(members, 'network', id)].map(member => member.host))
    cx.emit(id, { key: `flood ${id}`, value: `${row.tag}:${[...hosts].sort().join(',')}` })
    // Networks with one tag are rivals for one key on purpose: the lower unit id must win, whatever came first.
    cx.emit(id, { key: `tag ${row.tag % 2}`, value: id })
  })
  return { engine, networks, members }
}

type Step =
  | { kind: 'network'; id: string; row: Network | undefined }
  | { kind: 'member'; id: string; row: Member | undefined }
  | { kind: 'flush' }

const name = (prefix: string, count: number) => fc.integer({ min: 1, max: count }).map(n => `${prefix}${n}`)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('network' as const),
    id: name('n', 4),
    row: fc.option(fc.record({ tag: fc.integer({ min: 0, max: 3 }) }), { nil: undefined }),
  }),
  fc.record({
    kind: fc.constant('member' as const),
    id: name('m', 6),
    row: fc.option(fc.record({ network: name('n', 4), host: name('h', 3) }), { nil: undefined }),
  }),
  fc.record({ kind: fc.constant('flush' as const) }),
)

const hosts = ['h1', 'h2', 'h3']
const state = (engine: Engine<Item>, host: string) =>
  Object.fromEntries([...engine.desired(host)].map(([key, item]) => [key, item.value]).sort())

describe('engine', () => {
  test('after any history the state equals the one rebuilt from the same rows, and the deltas lead there', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), steps => {
        const live = model()
        for (const host of hosts) live.engine.watch(host)
        const installed = new Map(hosts.map(host => [host, new Map<string, Item>()]))
        const apply = () => {
          for (const [host, changes] of live.engine.flush()) {
            const table = installed.get(host)!
            for (const { key, before, after } of changes) {
              expect(table.get(key)?.value).toBe(before?.value)
              if (after === undefined) table.delete(key)
              else table.set(key, after)
            }
          }
        }
        for (const one of steps) {
          if (one.kind === 'network') live.engine.set(live.networks, one.id, one.row)
          else if (one.kind === 'member') live.engine.set(live.members, one.id, one.row)
          else apply()
        }
        apply()

        const rebuilt = model()
        for (const [id, row] of live.members.entries()) rebuilt.engine.set(rebuilt.members, id, row)
        for (const [id, row] of live.networks.entries()) rebuilt.engine.set(rebuilt.networks, id, row)
        rebuilt.engine.flush()
        for (const host of hosts) {
          const wanted = state(rebuilt.engine, host)
          expect(state(live.engine, host)).toEqual(wanted)
          const held = Object.fromEntries([...installed.get(host)!].map(([key, item]) => [key, item.value]).sort())
          expect(held).toEqual(wanted)
        }
        expect(live.engine.unitCount).toBe(rebuilt.engine.unitCount)
        expect(live.engine.emissionCount).toBe(rebuilt.engine.emissionCount)
      }),
      { numRuns: 300 },
    )
  })

  test('a rehearsal tells what would change and changes nothing', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.array(step, { maxLength: 8 }), (past, wanted) => {
        const write = ({ engine, networks, members }: ReturnType<typeof model>, steps: readonly Step[]) => {
          for (const one of steps) {
            if (one.kind === 'network') engine.set(networks, one.id, one.row)
            else if (one.kind === 'member') engine.set(members, one.id, one.row)
          }
        }
        const live = model()
        write(live, past)
        live.engine.flush()
        const before = hosts.map(host => state(live.engine, host))
        const counts = [live.engine.unitCount, live.engine.emissionCount]
        const delta = live.engine.rehearse(() => write(live, wanted))
        expect(hosts.map(host => state(live.engine, host))).toEqual(before)
        expect([live.engine.unitCount, live.engine.emissionCount]).toEqual(counts)
        expect(live.engine.pending).toBe(false)

        write(live, wanted)
        live.engine.flush()
        hosts.forEach((host, index) => {
          const after = { ...before[index] }
          for (const { key, after: item } of delta.get(host) ?? []) {
            if (item === undefined) delete after[key]
            else after[key] = item.value
          }
          expect(after).toEqual(state(live.engine, host))
        })
      }),
      { numRuns: 200 },
    )
  })

  test('re-runs only the units that read what changed', () => {
    const { engine, networks, members } = model()
    for (let n = 1; n <= 10; n++) engine.set(networks, `n${n}`, { tag: n })
    for (let m = 1; m <= 100; m++)
      engine.set(members, `m${m}`, { network: `n${1 + (m % 10)}`, host: `h${1 + (m % 3)}` })
    engine.flush()
    const counted = (act: () => void) => {
      const before = engine.runs
      act()
      engine.flush()
      return engine.runs - before
    }
    expect(counted(() => engine.set(members, 'm101', { network: 'n1', host: 'h1' }))).toBe(2)
    expect(counted(() => engine.set(members, 'm101', { network: 'n1', host: 'h1' }))).toBe(0)
    expect(counted(() => engine.set(members, 'm101', undefined))).toBe(1)
    expect(counted(() => engine.set(networks, 'n2', { tag: 77 }))).toBe(11)
  })

  test('a run that yields what it yielded before changes nothing', () => {
    const { engine, networks, members } = model()
    engine.set(networks, 'n1', { tag: 1 })
    engine.set(members, 'm1', { network: 'n1', host: 'h1' })
    engine.flush()
    engine.watch('h1')
    engine.set(networks, 'n1', undefined)
    engine.set(networks, 'n1', { tag: 1 })
    expect(engine.flush().size).toBe(0)
  })

  test('two units that want different items under one key are named', () => {
    const { engine, networks, members } = model()
    engine.set(networks, 'n2', { tag: 2 })
    engine.set(networks, 'n1', { tag: 4 })
    engine.set(members, 'm1', { network: 'n1', host: 'h1' })
    engine.set(members, 'm2', { network: 'n2', host: 'h1' })
    engine.flush()
    expect(engine.conflicts()).toMatchObject([
      { target: 'h1', key: 'tag 0', winnerUnit: 'flood/n1', loserUnit: 'flood/n2' },
    ])
    expect(engine.find('h1', 'tag 0')?.item.value).toBe('n1')
  })
})
