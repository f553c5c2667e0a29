import { type Action, fields, PORT } from 'node-openflow'
import { describe, expect, test } from 'vitest'
import type { Group } from '../../src/interpreter/bridge.ts'
import { Unsupported } from '../../src/interpreter/unsupported.ts'
import { buildFrame } from '../../src/packet/frame.ts'
import { flow, frameOf, leaves, move, output, resubmit, set, through } from './one-bridge.ts'

const push = (ethertype = 0x8100): Action => ({ type: 'push_vlan', ethertype })

const frame = frameOf()
const outputReg = (bits = 16): Action => ({ type: 'output_reg', field: fields.reg1, offset: 16, bits, maxLen: 0xffff })
const group = (groupId: number): Action => ({ type: 'group', groupId })

/** The ports by which a frame from port 1 leaves. */
const outputs: [what: string, actions: Action[], ports: string[], groups?: Group[]][] = [
  ['output', [output(2)], ['p2']],
  ['output twice', [output(3), output(2), output(3)], ['p3', 'p2', 'p3']],
  ['output to the port it came by', [output(1), output(2)], ['p2']],
  ['output to IN_PORT', [output(PORT.IN_PORT)], ['p1']],
  ['output to a port that is not there', [output(9), output(2)], ['p2']],
  ['output_reg', [set('reg1', 0x30000, 0xffff0000), outputReg()], ['p3']],
  ['output_reg to the port it came by', [set('reg1', 0x10000), outputReg()], []],
  ['output_reg to IN_PORT', [set('reg1', 0xfff80000), outputReg()], ['p1']],
  [
    'output_reg of more than a port number',
    [set('reg0', 1), set('reg1', 2), { ...outputReg(), field: fields.xreg0, offset: 0, bits: 64 } as Action],
    [],
  ],
  ['resubmit to another table', [resubmit(1), output(4)], ['p2', 'p4']],
  ['resubmit as another port', [resubmit(0, 3), output(4)], ['p2', 'p4']],
  ['resubmit of changed bits', [set('reg0', 5), resubmit(2)], ['p3']],
  ['clone', [{ type: 'clone', actions: [set('reg1', 0x20000), outputReg()] }, outputReg(), output(3)], ['p2', 'p3']],
  ['group without buckets', [group(1), output(2)], ['p2'], [{ groupId: 1, buckets: [] }]],
  [
    'group: each bucket a copy',
    [group(1), outputReg(), output(4)],
    ['p2', 'p3', 'p4'],
    [
      {
        groupId: 1,
        buckets: [{ actions: [set('reg0', 5), output(2)] }, { actions: [resubmit(2)] }, { actions: [output(3)] }],
      },
    ],
  ],
  [
    'group: in a bucket what is set is set before',
    [group(1)],
    ['p3'],
    [{ groupId: 1, buckets: [{ actions: [resubmit(2), set('reg0', 5)] }] }],
  ],
  [
    'group: of two ends the earlier kind counts',
    [group(1)],
    ['p4', 'p2'],
    [
      { groupId: 1, buckets: [{ actions: [output(4), resubmit(1)] }, { actions: [output(3), group(2)] }] },
      { groupId: 2, buckets: [{ actions: [output(4), output(2)] }] },
    ],
  ],
  ['group: a bucket without an end', [group(1)], [], [{ groupId: 1, buckets: [{ actions: [set('reg0', 5)] }] }]],
  ['meter', [{ type: 'meter', meterId: 1 }, output(2)], ['p2']],
  ['none', [], []],
]

test.each(outputs)('%s', (_what, actions, ports, groups = []) => {
  const flows = [
    flow({ in_port: 1 }, actions),
    flow({ in_port: 3 }, [output(2), output(1)]),
    flow({}, [output(2)], { table: 1 }),
    flow({ reg0: 5 }, [output(3)], { table: 2 }),
  ]
  expect(leaves(through(flows, frame, groups))).toEqual(ports)
})

test('a bucket has one push and one pop, and they come first', () => {
  const tagged = (vid: number) =>
    buildFrame({
      ethernet: { source: 1, destination: 2, vlans: [{ tpid: 0x8100, pcp: 0, dei: false, vid }], type: 0x88b5 },
    })
  const actions = [output(2), set('vlan_vid', 0x1009), push(0x88a8), push(), { type: 'pop_vlan' } as const]
  const { departures } = through([flow({}, [group(1)])], tagged(7), [{ groupId: 1, buckets: [{ actions }] }])
  expect(departures.map(({ frame }) => frame)).toEqual([tagged(9)])
})

describe('to the controller', () => {
  const userdata = Uint8Array.of(1, 2)
  const controller: Action = {
    type: 'controller',
    maxLen: 0xffff,
    controllerId: 0,
    reason: 'action',
    userdata,
    meterId: 7,
  }

  test('the frame as it is then, with the userdata and meter of the action and the flow’s cookie', () => {
    const flows = [
      { ...flow({}, [set('eth_dst', 5), controller, set('eth_dst', 6), output(2)], { table: 3 }), cookie: 9n },
    ]
    const { packetIns, departures } = through([flow({}, [], { next: 3 }), ...flows], frame)
    const as = (destination: number) => frame.with(5, destination)
    expect(packetIns).toEqual([{ bridge: 'br', inPort: 1, tableId: 3, cookie: 9n, userdata, meterId: 7, frame: as(5) }])
    expect(departures.map(({ frame }) => frame)).toEqual([as(6)])
  })

  test('by output, cut to the length asked for', () => {
    const { packetIns } = through([flow({}, [{ type: 'output', port: PORT.CONTROLLER, maxLen: 14 }])], frame)
    expect(packetIns).toMatchObject([{ userdata: undefined, cookie: 0n, frame: frame.subarray(0, 14) }])
  })
})

describe('refused', () => {
  const refusals: [what: string, actions: Action[], complaint: string][] = [
    ['an unknown action', [{ type: 'dec_ttl' }], 'action dec_ttl'],
    ['conntrack', [{ type: 'ct', actions: [] }], 'action ct'],
    ['a continuation', [{ type: 'controller', pause: true } as Action], 'controller(pause)'],
    ['resubmit with the connection’s tuple', [{ type: 'resubmit', table: 1, ct: true }], 'resubmit(ct)'],
    ['NORMAL', [output(PORT.NORMAL)], 'output to reserved port 0xfffffffa'],
    ['an unknown field', [set('ct_mark', 1)], 'ct_mark'],
    ['writing what Open vSwitch does not', [set('eth_type', 1)], 'eth_type'],
    ['a third tag', [push(), push(), push()], 'a third VLAN tag'],
    ['what is no action of a set', [group(1)], 'action output_reg in an action set'],
  ]
  test.each(refusals)('%s', (_what, actions, complaint) => {
    const run = () => through([flow({}, actions)], frame, [{ groupId: 1, buckets: [{ actions: [outputReg()] }] }])
    expect(run).toThrow(Unsupported)
    expect(run).toThrow(`${complaint} in br 0`)
  })

  test('not what no packet comes to', () => {
    const flows = [flow({}, [output(2)]), flow({ in_port: 2 }, [{ type: 'dec_ttl' }], { priority: 200 })]
    expect(leaves(through(flows, frame))).toEqual(['p2'])
  })

  test('an action that changes nothing is in the trace', () => {
    const { steps } = through([flow({}, [set('arp_op', 2), move('ipv4_src', 'reg0')])], frame)
    expect(steps.filter(({ kind }) => kind === 'unmet')).toMatchObject([{ field: 'arp_op' }, { field: 'ipv4_src' }])
  })
})
