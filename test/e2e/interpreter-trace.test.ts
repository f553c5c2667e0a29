import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pipelineAgrees, tablesAgree } from './trace-agreement.ts'
import { TraceOracle } from './trace-oracle.ts'

// The interpreter against ofproto/trace of a real ovs-vswitchd. `scripts/trace-fuzz` is the long form.

let oracle: TraceOracle
beforeAll(async () => {
  oracle = await TraceOracle.start()
})
afterAll(() => oracle[Symbol.asyncDispose]())

describe('does with a packet what ovs-vswitchd does', () => {
  test('in random fabrics', async () => {
    const { compared, left } = await pipelineAgrees(oracle, { runs: 10, packets: 50 })
    expect(compared).toBeGreaterThanOrEqual(500)
    expect(left).toBeGreaterThan(100)
  })

  test('in random tables', async () => {
    const { compared, left } = await tablesAgree(oracle, { runs: 20, packets: 10 })
    expect(compared).toBeGreaterThan(150)
    expect(left).toBeGreaterThan(50)
  })
})
