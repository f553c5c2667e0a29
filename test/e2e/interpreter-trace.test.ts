import { type Action, fields, PORT } from 'node-openflow'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Bridge, Switch } from '../../src/interpreter/bridge.ts'
import type { Flow } from '../../src/interpreter/flow-table.ts'
import { walk } from '../../src/interpreter/walk.ts'
import { flow, frameOf, output, resubmit, set } from '../interpreter/one-bridge.ts'
import { tenantCases, twoTenants } from '../interpreter/tenant-cases.ts'
import { outcomeAgrees, pipelineAgrees, tablesAgree } from './trace-agreement.ts'
import { type BridgeName, leavingOf, PORTS, TraceOracle } from './trace-oracle.ts'

// The interpreter against ofproto/trace of a real ovs-vswitchd. `scripts/trace-fuzz` is the long form.

let oracle: TraceOracle
beforeAll(async () => {
  oracle = await TraceOracle.start()
})
afterAll(() => oracle[Symbol.asyncDispose]())

describe('does with a packet what ovs-vswitchd does', () => {
  test('in random fabrics', async () => {
    const { compared, left } = await pipelineAgrees(oracle, { runs: 25, packets: 20 })
    expect(compared).toBeGreaterThanOrEqual(500)
    expect(left).toBeGreaterThan(20)
  })

  test('in random tables', async () => {
    const { compared, left } = await tablesAgree(oracle, { runs: 40, packets: 10 })
    expect(compared).toBeGreaterThan(300)
    expect(left).toBeGreaterThan(20)
  })
})

describe('the cases of two tenants, on ovs-vswitchd', () => {
  tenantCases(outcome => outcomeAgrees(oracle, twoTenants.hosts, outcome))
})

test.each([
  'reg0',
  'reg15',
  'xreg7',
  'metadata',
  'tunnel_id',
  'tun_ipv4_src',
  'tun_ipv6_dst',
  'tun_gbp_id',
  'pkt_mark',
] as const)('forgets %s at a patch port, or not, as ovs-vswitchd does', async name => {
  const value = fields[name].wide ? 5n : 5
  const [patch, guest, back] = [1, 11, PORT.IN_PORT]
  const inside = [
    flow({ in_port: 10 }, [set(name, value), output(patch)]),
    flow({ in_port: patch, eth_dst: 7 }, [output(guest)]),
  ]
  const overlay = [flow({ [name]: value }, [set('eth_dst', 7), output(back)]), flow({}, [], { priority: 1 })]
  await oracle.install('br-int', inside)
  await oracle.install('br-tun', overlay)
  const bridge = (name: BridgeName, flows: Flow[]) => new Bridge({ name, ports: PORTS[name], flows })
  const arrival = { bridge: 'br-int', port: 10, frame: frameOf() }
  const { leaving } = await oracle.trace(arrival)
  expect(leavingOf(walk(new Switch([bridge('br-int', inside), bridge('br-tun', overlay)]), arrival))).toEqual(leaving)
  expect(leaving.outputs).toHaveLength(name === 'pkt_mark' ? 1 : 0)
})

describe('gives up where ovs-vswitchd does', () => {
  const times = (count: number, table: number): Action[] => [...Array(count)].map(() => resubmit(table))
  /** 63 * 65 tables after the first, and some more. */
  const wide = (more: number): Flow[] => [
    flow({}, [...times(63, 1), ...times(more, 2), output(11)]),
    flow({}, times(64, 2), { table: 1 }),
    flow({}, [], { table: 2 }),
  ]
  /** `steps` times back to the same table. */
  const deep = (steps: number): Flow[] => [
    ...[...Array(steps).keys()].map(n => flow({ reg0: n }, [set('reg0', n + 1), resubmit(0)])),
    flow({ reg0: steps }, [output(11)]),
  ]
  const cases: [what: string, flows: Flow[], leaves: number][] = [
    ['4,096 tables after the first', wide(1), 1],
    ['4,097 tables after the first', wide(2), 0],
    ['64 times back', deep(64), 1],
    ['65 times back', deep(65), 0],
  ]
  test.each(cases)('%s', async (_what, flows, leaves) => {
    await oracle.install('br-int', flows)
    const arrival = { bridge: 'br-int', port: 10, frame: frameOf() }
    const host = new Switch([new Bridge({ name: 'br-int', ports: PORTS['br-int'], flows })])
    const { leaving } = await oracle.trace(arrival)
    expect(leaving.outputs).toHaveLength(leaves)
    expect(leavingOf(walk(host, arrival))).toEqual(leaving)
  })
})
