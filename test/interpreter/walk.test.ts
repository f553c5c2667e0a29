import { fields, type MatchObject } from 'node-openflow'
import { describe, expect, test } from 'vitest'
import { Bridge, type BridgeState, type Port, Switch } from '../../src/interpreter/bridge.ts'
import type { Flow } from '../../src/interpreter/flow-table.ts'
import type { Arrival, Passage } from '../../src/interpreter/passage.ts'
import { Unsupported } from '../../src/interpreter/unsupported.ts'
import { walk } from '../../src/interpreter/walk.ts'
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

/** Bridges `one` (ports `in` 1, patch 2) and `two` (patch 1, `out` 2, `tun` 3) on one host. */
function joined(one: readonly Flow[], two: readonly Flow[], arrival: Partial<Arrival> = {}): Passage {
  const bridges = [
    new Bridge({
      name: 'one',
      flows: one,
      ports: [
        { kind: 'endpoint', number: 1, name: 'in' },
        { kind: 'patch', number: 2, name: 'to two', peer: 'to one' },
        { kind: 'patch', number: 3, name: 'to nowhere', peer: 'nothing' },
      ],
    }),
    new Bridge({
      name: 'two',
      flows: two,
      ports: [
        { kind: 'patch', number: 1, name: 'to one', peer: 'to two' },
        { kind: 'endpoint', number: 2, name: 'out' },
        { kind: 'tunnel', type: 'vxlan', number: 3, name: 'tun' },
      ],
      tableNames: new Map([[0, 'first']]),
    }),
  ]
  return walk(new Switch(bridges), { bridge: 'one', port: 1, frame, ...arrival })
}

describe('a patch port', () => {
  test('leads into the other bridge, by its port there', () => {
    const passage = joined([flow({}, [output(2)])], [flow({ in_port: 1 }, [output(2)])])
    expect(leaves(passage)).toEqual(['out'])
    expect(passage.steps.map(({ kind, bridge }) => `${bridge} ${kind}`)).toEqual([
      'one flow',
      'one patch',
      'two flow',
      'two output',
    ])
    expect(passage.steps[2]).toMatchObject({ table: 'first' })
  })

  test.each([
    'metadata',
    'tunnel_id',
    'tun_ipv4_dst',
    'tun_ipv4_src',
    'reg0',
    'reg15',
    'xreg3',
  ] as const)('%s does not cross', name => {
    const value = fields[name].wide ? 5n : 5
    const zero = fields[name].wide ? 0n : 0
    const found = [flow({ [name]: zero }, [output(2)]), flow({}, [], { priority: 1 })]
    expect(leaves(joined([flow({}, [set(name, value), output(2)])], found))).toEqual(['out'])
  })

  test('the frame as it is crosses, and changes there do not come back', () => {
    const one = [
      flow({}, [set('eth_dst', 5), set('reg0', 7), output(2), output(1), resubmit(1)]),
      flow({ reg0: 7, in_port: 1, eth_dst: 5 }, [output(3), output(2)], { table: 1 }),
    ]
    const two = [flow({ eth_dst: 5 }, [set('eth_dst', 6), set('reg0', 8), output(2)])]
    const { departures } = joined(one, two)
    expect(departures.map(({ frame }) => frame[5])).toEqual([6, 6])
  })

  test('back by the port it came by is no output, by IN_PORT it is', () => {
    const back = (port: number) =>
      joined([flow({ in_port: 1 }, [output(2)]), flow({ in_port: 2 }, [output(1)])], [flow({}, [output(port)])])
    expect(leaves(back(1))).toEqual([])
    expect(leaves(back(0xfffffff8))).toEqual(['in'])
  })

  test('whose other end is missing drops', () => {
    const passage = joined([flow({}, [output(3)])], [])
    expect(passage.steps.at(-1)).toMatchObject({ kind: 'skip', port: 'to nowhere' })
  })

  test('circles behind it are cut there: what left before stays, and the first bridge goes on', () => {
    const passage = joined([flow({}, [output(2), output(2)])], [flow({}, [output(2), resubmit(0)])])
    expect(leaves(passage).length).toBeGreaterThan(64)
    expect(passage.steps.filter(({ kind }) => kind === 'abort')).toHaveLength(2)
  })

  test('to and fro counts as deep as tables', () => {
    const passage = joined(
      [flow({}, [output(2), { type: 'output', port: 0xfffffff8 }])],
      [flow({}, [{ type: 'output', port: 0xfffffff8 }])],
    )
    expect(passage.steps.length).toBeLessThan(10_000)
    expect(passage.steps.some(({ kind }) => kind === 'abort')).toBe(true)
  })
})

describe('a tunnel port', () => {
  const arriving = { bridge: 'two', port: 3, tunnel: { id: 7n, source: 0xc0000202, destination: 0xc0000201 } }

  test('gets the id and destination that flows have set', () => {
    const two = [flow({}, [set('tunnel_id', 5n), set('tun_ipv4_dst', 0xc0000203), output(3)])]
    expect(joined([flow({}, [output(2)])], two).departures).toMatchObject([
      { tunnel: { id: 5n, destination: 0xc0000203 } },
    ])
  })

  test('over IPv6 likewise', () => {
    const two = [flow({}, [set('tun_ipv6_dst', 9n), output(3)])]
    expect(joined([flow({}, [output(2)])], two).departures).toMatchObject([{ tunnel: { id: 0n, destination: 9n } }])
  })

  test('without a destination gets nothing', () => {
    const passage = joined([flow({}, [output(2)])], [flow({}, [set('tunnel_id', 5n), output(3)])])
    expect(passage.steps.at(-1)).toMatchObject({
      kind: 'skip',
      port: 'tun',
      why: 'no flow said where the tunnel leads',
    })
  })

  test('tells what the headers said', () => {
    const match = { in_port: 3, tunnel_id: 7n, tun_ipv4_src: 0xc0000202, tun_ipv4_dst: 0xc0000201 }
    expect(leaves(joined([], [flow(match, [output(2)])], arriving))).toEqual(['out'])
    const over6 = { ...arriving, tunnel: { id: 7n, source: 3n, destination: 4n } }
    expect(leaves(joined([], [flow({ tun_ipv6_src: 3n, tun_ipv6_dst: 4n }, [output(2)])], over6))).toEqual(['out'])
  })

  test('does not lead back to where the packet came in', () => {
    const passage = joined([], [flow({}, [{ type: 'output', port: 0xfffffff8 }])], arriving)
    expect(passage.steps.at(-1)).toMatchObject({ kind: 'skip', why: 'the tunnel leads back here' })
    const onward = [flow({}, [set('tun_ipv4_dst', 0xc0000202), { type: 'output', port: 0xfffffff8 }])]
    expect(leaves(joined([], onward, arriving))).toEqual(['tun'])
  })
})
