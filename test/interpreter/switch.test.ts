import { fields } from 'node-openflow'
import { describe, expect, test } from 'vitest'
import { Bridge, Switch } from '../../src/interpreter/bridge.ts'
import type { Flow } from '../../src/interpreter/flow-table.ts'
import type { Arrival, Passage } from '../../src/interpreter/passage.ts'
import { walk } from '../../src/interpreter/walk.ts'
import { flow, frameOf, leaves, output, resubmit, set } from './one-bridge.ts'

const frame = frameOf()

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

  test('pkt_mark does', () => {
    expect(leaves(joined([flow({}, [set('pkt_mark', 5), output(2)])], [flow({ pkt_mark: 5 }, [output(2)])]))).toEqual([
      'out',
    ])
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
