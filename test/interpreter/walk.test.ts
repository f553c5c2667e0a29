import type { MatchObject } from 'node-openflow'
import { describe, expect, test } from 'vitest'
import { Bridge, type BridgeState, type Port, Switch } from '../../src/interpreter/bridge.ts'
import type { Flow } from '../../src/interpreter/flow-table.ts'
import type { Passage } from '../../src/interpreter/passage.ts'
import { Unsupported } from '../../src/interpreter/unsupported.ts'
import { flow, frameOf, leaves, output, resubmit, set, through } from './one-bridge.ts'

const frame = frameOf()

/** The kinds of steps, flows by their priority. */
const stepsOf = ({ steps }: Passage): string[] =>
  steps.map(step => (step.kind === 'flow' ? `${step.table}: ${step.flow.priority}` : step.kind))

describe('looking up', () => {
  const matches: [what: string, flows: [priority: number, match: MatchObject][], found: number | undefined][] = [
    ['nothing in an empty table', [], undefined],
    ['nothing that does not match', [[5, { eth_dst: 0xc }]], undefined],
    ['what matches everything', [[0, {}]], 0],
    [
      'the highest priority',
      [
        [1, {}],
        [3, { eth_dst: 0xb }],
        [2, { eth_src: 0xa }],
      ],
      3,
    ],
    [
      'the highest that matches',
      [
        [1, {}],
        [3, { eth_dst: 0xc }],
        [2, { eth_src: 0xa }],
      ],
      2,
    ],
    [
      'one of a shape that has a higher one',
      [
        [1, { eth_dst: 0xb }],
        [9, { eth_dst: 0xc }],
        [5, {}],
      ],
      5,
    ],
    [
      'by some bits',
      [
        [1, { eth_dst: [0x0, 0x010000000000] }],
        [2, { eth_dst: [0x010000000000, 0x010000000000] }],
      ],
      1,
    ],
    [
      'by two fields',
      [
        [1, { in_port: 1, eth_src: 0xa }],
        [2, { in_port: 2, eth_src: 0xa }],
      ],
      1,
    ],
    [
      'one that replaces another',
      [
        [1, { in_port: 1 }],
        [1, { in_port: 1 }],
      ],
      1,
    ],
  ]
  test.each(matches)('%s', (_what, flows, found) => {
    const table = flows.map(([priority, match]) => flow(match, [], { priority }))
    const [step] = through(table, frame).steps
    expect(step?.kind === 'flow' ? step.flow.priority : undefined).toBe(found)
  })

  test('a flow without a priority has OpenFlow’s', () => {
    const flows: Flow[] = [{ match: [] }, flow({}, [], { priority: 0x7fff })]
    expect(through(flows, frame).steps).toEqual([{ kind: 'flow', bridge: 'br', table: '0', flow: flows[0] }])
  })
})

describe('instructions', () => {
  test('go on in a later table, with what was written', () => {
    const flows: Flow[] = [
      {
        match: [],
        instructions: [
          { type: 'goto_table', tableId: 5 },
          { type: 'write_metadata', metadata: 0xff07n, mask: 0xffn },
          { type: 'apply_actions', actions: [set('metadata', 0x100n), set('reg0', 3)] },
        ],
      },
      flow({ metadata: 0x107n, reg0: 3 }, [output(2)], { table: 5 }),
    ]
    const passage = through(flows, frame)
    expect(leaves(passage)).toEqual(['p2'])
    expect(stepsOf(passage)).toEqual(['0: undefined', '5: 100', 'output'])
  })

  test.each(['write_actions', 'clear_actions', 'meter'] as const)('%s is refused', type => {
    const instruction = { type, actions: [], meterId: 1 } as never
    expect(() => through([{ match: [], instructions: [instruction] }], frame)).toThrow(Unsupported)
  })

  test('a table without a match ends the way', () => {
    const passage = through([flow({}, [], { next: 2 }), flow({ in_port: 9 }, [], { table: 2 })], frame)
    expect(passage.steps.at(-1)).toEqual({ kind: 'miss', bridge: 'br', table: '2' })
  })
})

test('a frame leaves as it came', () => {
  expect(through([flow({}, [output(2)])], frame).departures).toEqual([
    { bridge: 'br', port: { kind: 'endpoint', number: 2, name: 'p2' }, frame, tunnel: undefined },
  ])
})

test('a frame too short for Ethernet is refused', () => {
  expect(() => through([], new Uint8Array(13))).toThrow(RangeError)
})

describe('circles', () => {
  test('back to the same table: 64 times, and then nothing leaves', () => {
    const passage = through([flow({}, [output(2), resubmit(0)])], frame)
    expect(passage.steps.filter(({ kind }) => kind === 'output')).toHaveLength(65)
    expect(passage.steps.at(-1)).toMatchObject({ kind: 'abort' })
    expect(passage.departures).toEqual([])
  })

  test('one after the other is no circle', () => {
    const times = [...Array(100)].map(() => resubmit(0, 2))
    const flows = [flow({ in_port: 1 }, [...times, output(3)]), flow({ in_port: 2 }, [output(4)])]
    expect(leaves(through(flows, frame))).toHaveLength(101)
  })

  test('onward they are no circles: 200 tables are walked', () => {
    const chain = Array.from({ length: 200 }, (_, table) => flow({}, [], { table, next: table + 1 }))
    expect(leaves(through([...chain, flow({}, [output(2)], { table: 200 })], frame))).toEqual(['p2'])
  })

  test('4096 tables after the first', () => {
    const many = (times: number) => [...Array(times)].map(() => resubmit(1))
    const flows = (times: number) => [flow({}, [...many(times), output(3)]), flow({}, [output(2)], { table: 1 })]
    expect(leaves(through(flows(4096), frame))).toHaveLength(4097)
    expect(leaves(through(flows(4097), frame))).toEqual([])
  })

  test('groups count as deep as tables', () => {
    const groups = [{ groupId: 1, buckets: [{ actions: [{ type: 'group' as const, groupId: 1 }] }] }]
    const passage = through([flow({}, [output(2), { type: 'group', groupId: 1 }])], frame, groups)
    expect(stepsOf(passage)).toEqual(['0: 100', 'output', 'abort'])
    expect(passage.departures).toEqual([])
  })
})

describe('a bridge', () => {
  test('with a group that would have to choose is refused', () => {
    const state: BridgeState = {
      name: 'br',
      ports: [],
      flows: [],
      groups: [{ groupId: 1, groupType: 'select', buckets: [] }],
    }
    expect(() => new Bridge(state)).toThrow(Unsupported)
  })

  test('without the group of a flow is a mistake', () => {
    expect(() => through([flow({}, [{ type: 'group', groupId: 9 }])], frame)).toThrow('br has no group 9')
  })

  test('names of ports are unique on a host', () => {
    const port: Port = { kind: 'endpoint', number: 1, name: 'p1' }
    const bridge = (name: string) => new Bridge({ name, ports: [port], flows: [] })
    expect(() => new Switch([bridge('a'), bridge('b')])).toThrow('two ports have the name p1')
  })
})
