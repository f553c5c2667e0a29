import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Outcome } from '../../src/interpreter/fabric.ts'
import { buildFrame, parseFrame } from '../../src/packet/frame.ts'
import { type FabricPlan, fabricPlan, rowsOfPlan, type Sent, traffic } from './arbitraries.ts'
import { fabricOf } from './fixture.ts'

// Whatever fabric there is and whatever a guest sends. A network stands for its tenant.

const RUNS = 150

const sending = fabricPlan.chain(plan =>
  fc.record({ plan: fc.constant(plan), frames: traffic(plan, { min: 1, max: 20 }) }),
)

/** Runs `check` on what becomes of every frame of a run. */
function always(check: (sent: Sent, outcome: Outcome, plan: FabricPlan) => void): void {
  fc.assert(
    fc.property(sending, ({ plan, frames }) => {
      const { fabric } = fabricOf(rowsOfPlan(plan))
      for (const sent of frames) check(sent, fabric.send(sent.from.name, sent.frame), plan)
    }),
    { numRuns: RUNS },
  )
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('any frame of any guest', () => {
  test('is delivered to ports of the network of its sender only, at most once to each', () => {
    always(({ from }, { delivered }, { ports }) => {
      const network = ports.filter(port => port.network === from.network).map(({ name }) => name)
      const reached = delivered.map(({ port }) => port)
      for (const port of reached) expect(network).toContain(port)
      expect(reached).toHaveLength(new Set(reached).size)
    })
  })

  test('travels only under the segmentation id of its network, to hosts that have it', () => {
    always(({ from }, { tunnelled }, { networks, ports }) => {
      const { type, segment } = networks[from.network]!
      const hosts = ports.flatMap(({ network, host }) =>
        network === from.network && host !== from.host ? [`h${host}`] : [],
      )
      for (const { kind, id, host, to } of tunnelled) {
        expect({ kind, id, host }).toEqual({ kind: type, id: BigInt(segment), host: `h${from.host}` })
        expect(hosts).toContain(to)
      }
    })
  })

  test('comes back to its sender only as the answer to an ARP request', () => {
    always(({ from, layers: { arp: request } }, { delivered }) => {
      for (const { frame: back } of delivered.filter(({ port }) => port === from.name)) {
        expect(request?.operation).toBe(1)
        expect(parseFrame(back).arp).toMatchObject({ operation: 2, senderAddress: request!.targetAddress })
      }
    })
  })

  test('reaches another guest as it was sent, with the MAC and an address of the sender', () => {
    always(({ from, layers: { ethernet, arp, ipv4 }, frame }, { delivered }) => {
      const others = delivered.filter(({ port }) => port !== from.name)
      for (const { frame: arrived } of others) expect(hex(arrived)).toBe(hex(frame))
      if (others.length === 0) return
      expect({ source: ethernet.source, vlans: ethernet.vlans }).toEqual({ source: from.mac, vlans: [] })
      const sender = arp ?? ipv4!
      if ('senderMac' in sender) expect(sender.senderMac).toBe(from.mac)
      expect([...from.ips, 0]).toContain('senderMac' in sender ? sender.senderAddress : sender.source)
    })
  })

  test('comes to the controller only as DHCP, from its own port and nowhere else', () => {
    always(({ from, layers: { udp } }, { controller, delivered, tunnelled }, { ports, networks }) => {
      for (const { host, userdata } of controller) {
        expect(host).toBe(`h${from.host}`)
        expect(userdata?.at(-1)).toBe(ports.indexOf(from))
        expect(networks[from.network]!.dhcp).toBe(true)
        expect(udp).toMatchObject({ sourcePort: 68, destinationPort: 67 })
      }
      if (controller.length > 0) expect([...delivered, ...tunnelled]).toEqual([])
    })
  })
})

describe('two guests of a network', () => {
  const pairs = fabricPlan.map(plan => {
    const plugged = plan.ports.filter(({ host, ips }) => host !== undefined && ips.length > 0)
    const pairs = plugged.flatMap(a =>
      plugged.filter(b => a !== b && a.network === b.network).map(b => [a, b] as const),
    )
    return { plan, pairs }
  })

  test('reach each other by unicast, and nobody else does', () => {
    let met = 0
    fc.assert(
      fc.property(pairs, ({ plan, pairs }) => {
        const { fabric } = fabricOf(rowsOfPlan(plan))
        for (const [a, b] of pairs) {
          const frame = buildFrame({
            ethernet: { source: a.mac, destination: b.mac },
            ipv4: { source: a.ips[0]!, destination: b.ips[0]! },
            icmp: { type: 8, code: 0, rest: 1 },
          })
          const { delivered, tunnelled } = fabric.send(a.name, frame)
          expect(delivered).toEqual([{ host: `h${b.host}`, port: b.name, frame }])
          expect(tunnelled).toHaveLength(a.host === b.host ? 0 : 1)
          met++
        }
      }),
      { numRuns: RUNS },
    )
    expect(met).toBeGreaterThan(RUNS)
  })

  test('hear each other’s broadcasts, and so does the rest of the network', () => {
    fc.assert(
      fc.property(pairs, ({ plan, pairs }) => {
        const { fabric } = fabricOf(rowsOfPlan(plan))
        for (const a of new Set(pairs.map(([a]) => a))) {
          const frame = buildFrame({
            ethernet: { source: a.mac, destination: 0xffffffffffff },
            ipv4: { source: a.ips[0]!, destination: 0xffffffff },
            udp: { sourcePort: 5353, destinationPort: 5353 },
          })
          const members = plan.ports.filter(b => b !== a && b.network === a.network && b.host !== undefined)
          const { delivered } = fabric.send(a.name, frame)
          expect(delivered.map(({ port }) => port).sort()).toEqual(members.map(({ name }) => name).sort())
        }
      }),
      { numRuns: RUNS },
    )
  })

  test('answer ARP for each other, whichever host they are on', () => {
    fc.assert(
      fc.property(pairs, ({ plan, pairs }) => {
        const { fabric } = fabricOf(rowsOfPlan(plan))
        for (const [a, b] of pairs) {
          const request = {
            ethernet: { source: a.mac, destination: 0xffffffffffff },
            arp: { operation: 1, senderMac: a.mac, senderAddress: a.ips[0]!, targetMac: 0, targetAddress: b.ips[0]! },
          }
          const answer = buildFrame({
            ethernet: { source: b.mac, destination: a.mac },
            arp: {
              operation: 2,
              senderMac: b.mac,
              senderAddress: b.ips[0]!,
              targetMac: a.mac,
              targetAddress: a.ips[0]!,
            },
          })
          const { delivered, tunnelled } = fabric.send(a.name, buildFrame(request))
          expect(delivered).toEqual([{ host: `h${a.host}`, port: a.name, frame: answer }])
          expect(tunnelled).toEqual([])
        }
      }),
      { numRuns: RUNS },
    )
  })
})
