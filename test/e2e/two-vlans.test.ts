import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLab, type Lab } from '../../src/lab/lab.ts'

let lab: Lab

beforeAll(async () => {
  lab = await createLab({ topology: 'topology/examples/two-vlans.yaml', name: `two-vlans-${process.pid}` })
  await lab.settled()
  await Promise.all(lab.guests.map(guest => lab.dhcp(guest)))
})
afterAll(() => lab?.down())

test.each([
  ['vnet0', 'vnet1', ['vnet2', 'vnet3'], 10],
  ['vnet2', 'vnet3', ['vnet0', 'vnet1'], 20],
] as const)('%s reaches %s under its VLAN, and the other pair hears nothing', async (from, to, others, vlan) => {
  const captures = await Promise.all(others.map(guest => lab.capture(guest, { interface: 'eth0' })))
  const wire = await lab.capture('h1', { interface: 'wire0' })
  expect(await lab.ping(from, to, { count: 3, intervalMs: 20 })).toMatchObject({ received: 3 })
  for (const other of others) {
    expect(await lab.ping(from, (await lab.address(other))!, { count: 1, intervalMs: 200 })).toMatchObject({
      received: 0,
    })
  }
  expect(await lab.ping(from, to, { count: 1 })).toMatchObject({ received: 1 })
  const lines = await wire.stop()
  expect(lines.length).toBeGreaterThanOrEqual(8)
  for (const line of lines) expect(line).toMatch(new RegExp(`vlan ${vlan},`))
  expect((await Promise.all(captures.map(capture => capture.stop()))).flat()).toEqual([])
})
