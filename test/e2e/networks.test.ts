import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLab, type Lab } from '../../src/lab/lab.ts'

// Two hosts with six networks of five types, all with the same addresses.

let lab: Lab
const REACH = [
  ['over-a', 'over-b'],
  ['under-a', 'under-b'],
  ['tagged-a', 'tagged-b'],
  ['other-a', 'other-b'],
  ['plain-a', 'plain-b'],
  ['alone-a', 'alone-b'],
] as const

beforeAll(async () => {
  lab = await createLab({ topology: 'topology/examples/all-types.yaml', name: `networks-${process.pid}` })
  await lab.settled()
  await lab.underlayWarm()
  await Promise.all(lab.guests.map(guest => lab.dhcp(guest)))
})
afterAll(() => lab?.down())

describe('networks of every type in one fabric', () => {
  test.each(REACH)('%s reaches %s, and nobody of another network hears of it', async (from, to) => {
    const others = lab.guests.filter(guest => guest !== from && guest !== to && !guest.startsWith(from.split('-')[0]!))
    const captures = await Promise.all(others.map(guest => lab.capture(guest, { interface: 'eth0' })))
    expect(await lab.ping(from, to, { count: 3, intervalMs: 20 })).toMatchObject({ received: 3 })
    expect(await lab.tcp(from, to, 100_000)).toBe(100_000)
    await lab.exec(from, ['arping', '-c', '1', '-w', '1', '-I', 'eth0', '10.0.0.222'])
    expect((await Promise.all(captures.map(capture => capture.stop()))).flat()).toEqual([])
  })

  test('a local network stays on its host', async () => {
    const captures = await Promise.all([
      lab.capture('h1', { interface: 'wire0' }),
      lab.capture('h1', { interface: 'underlay0', filter: 'not arp' }),
      lab.capture('alone-c', { interface: 'eth0' }),
    ])
    await lab.exec('alone-a', ['arping', '-c', '1', '-w', '1', '-I', 'eth0', '10.0.0.222'])
    expect((await lab.ping('alone-a', 'alone-c', { count: 1 })).received).toBe(0)
    expect((await Promise.all(captures.map(capture => capture.stop()))).flat()).toEqual([])
  })

  test.each([
    ['tagged', /vlan 101/],
    ['other', /vlan 102/],
    ['plain', /ethertype (IPv4|ARP)/],
  ])('on the wire %s is %s', async (network, seen) => {
    const wire = await lab.capture('h1', { interface: 'wire0' })
    await lab.ping(`${network}-a`, `${network}-b`, { count: 2, intervalMs: 20 })
    const lines = await wire.stop()
    expect(lines.length).toBeGreaterThanOrEqual(4)
    for (const line of lines) expect(line).toMatch(seen)
    if (network === 'plain') for (const line of lines) expect(line).not.toMatch(/vlan \d/)
  })

  test('a machine on the physical network reaches the guests of the flat one, and only those', async () => {
    const peer = 'controller'
    await lab.exec(peer, ['ip', 'address', 'add', '10.0.0.200/24', 'dev', 'lan0'])
    const captures = await Promise.all(
      ['tagged-a', 'other-a', 'over-a', 'alone-a'].map(guest => lab.capture(guest, { interface: 'eth0' })),
    )
    expect(await lab.ping(peer, (await lab.address('plain-a'))!, { count: 2, intervalMs: 20 })).toMatchObject({
      received: 2,
    })
    expect(await lab.ping('plain-b', '10.0.0.200', { count: 2, intervalMs: 20 })).toMatchObject({ received: 2 })
    expect((await Promise.all(captures.map(capture => capture.stop()))).flat()).toEqual([])
  })

  test('a controller that comes back changes nothing on any bridge', async () => {
    const dumps = () =>
      Promise.all(
        ['h1', 'h2'].flatMap(host =>
          ['br-int', 'br-tun', 'br-ex'].map(bridge =>
            lab.ofctl(host, '-O', 'OpenFlow15', '--no-stats', 'dump-flows', bridge),
          ),
        ),
      )
    const before = await dumps()
    await lab.stopController('SIGKILL')
    await lab.startController()
    await lab.settled()
    expect(await dumps()).toEqual(before)
  })
})
