import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readPacketUserdata } from '../../flows/packet-in.ts'
import type { Outcome } from '../../src/interpreter/fabric.ts'
import { parseEthernet } from '../../src/packet/ethernet.ts'
import { buildFrame, parseFrame } from '../../src/packet/frame.ts'
import { type FabricPlan, fabricPlan, type PlanPort, rowsOfPlan, type Sent, traffic, WIRE } from './arbitraries.ts'
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

/** Whether two plugged ports are to hear each other: a local network is another one on each host. */
const together = ({ networks }: FabricPlan, a: PlanPort, b: PlanPort): boolean =>
  b.host !== undefined && a.network === b.network && (networks[a.network]!.type !== 'local' || a.host === b.host)

describe('any frame of any guest', () => {
  test('is delivered to ports of the network of its sender only, at most once to each', () => {
    always(({ from }, { delivered }, plan) => {
      const network = plan.ports.filter(port => together(plan, from, port)).map(({ name }) => name)
      const reached = delivered.map(({ port }) => port)
      for (const port of reached) expect(network).toContain(port)
      expect(reached).toHaveLength(new Set(reached).size)
    })
  })

  test('travels only as a frame of its network: by that kind of tunnel or wire, under that id', () => {
    always(({ from }, { tunnelled, wired }, { networks, ports }) => {
      const { type, segment } = networks[from.network]!
      const hosts = ports.flatMap(({ network, host }) => (network === from.network && host !== from.host ? [host] : []))
      for (const { type: by, id, host, to } of tunnelled) {
        expect({ by, id: Number(id), host }).toEqual({ by: type, id: segment, host: `h${from.host}` })
        expect(hosts.map(host => `h${host}`)).toContain(to)
      }
      for (const { frame, host } of wired) {
        expect(['vlan', 'flat']).toContain(type)
        expect(host).toBe(`h${from.host}`)
        expect(parseEthernet(frame).vlans.map(({ vid }) => vid)).toEqual(segment === undefined ? [] : [segment])
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

  test('reaches another guest as it was sent, and untagged', () => {
    always(({ from, layers: { ethernet }, frame }, { delivered }) => {
      const others = delivered.filter(({ port }) => port !== from.name)
      for (const { frame: arrived } of others) expect(hex(arrived)).toBe(hex(frame))
      if (others.length > 0) expect(ethernet.vlans).toEqual([])
    })
  })

  test('with port security it has the MAC and an address of its sender', () => {
    always(({ from, layers: { ethernet, arp, ipv4 } }, { delivered, tunnelled, wired }) => {
      if (from.learning || delivered.length + tunnelled.length + wired.length === 0) return
      expect(ethernet.source).toBe(from.mac)
      if (arp !== undefined) expect(arp.senderMac).toBe(from.mac)
      expect([...from.ips, 0]).toContain(arp === undefined ? ipv4?.source : arp.senderAddress)
    })
  })

  test('comes to the controller from its own port only, as DHCP and then nowhere else, or to learn its MAC', () => {
    always(({ from, layers: { ethernet, udp } }, { controller, ...left }, { ports, networks }) => {
      const services = controller.map(({ host, userdata }) => {
        const { service, portId } = readPacketUserdata(userdata!)!
        expect({ host, port: Number(`0x${portId.replaceAll('-', '')}`) }).toEqual({
          host: `h${from.host}`,
          port: ports.indexOf(from),
        })
        return service
      })
      expect(services).toHaveLength(new Set(services).size)
      if (services.includes('dhcp')) {
        expect(networks[from.network]!.dhcp).toBe(true)
        expect(udp).toMatchObject({ sourcePort: 68, destinationPort: 67 })
        expect([...left.delivered, ...left.tunnelled, ...left.wired]).toEqual([])
      }
      if (services.includes('learn')) {
        expect(from.learning).toBe(true)
        expect([from.mac, ...from.learned]).not.toContain(ethernet.source)
      }
    })
  })
})

test('any frame from a wire reaches the network of its VLAN only, each port once, and stays off wires and tunnels', () => {
  fc.assert(
    fc.property(sending, ({ plan, frames }) => {
      const { fabric } = fabricOf(rowsOfPlan(plan))
      for (const { layers, frame } of frames) {
        const { delivered, tunnelled, wired, controller } = fabric.hear(WIRE, frame)
        const vlans = (layers.ethernet.vlans ?? []).map(({ vid }) => vid)
        const network = plan.networks.findIndex(({ type, segment }) =>
          vlans.length === 0 ? type === 'flat' : type === 'vlan' && segment === vlans[0],
        )
        const members = plan.ports.filter(port => port.network === network).map(({ name }) => name)
        const reached = delivered.map(({ port }) => port)
        for (const port of reached) expect(members).toContain(port)
        expect(reached).toHaveLength(new Set(reached).size)
        expect([...tunnelled, ...wired, ...controller]).toEqual([])
      }
    }),
    { numRuns: RUNS },
  )
})

describe('two guests of a network', () => {
  const pairs = fabricPlan.map(plan => {
    const plugged = plan.ports.filter(({ host, ips }) => host !== undefined && ips.length > 0)
    const pairs = plugged.flatMap(a => plugged.filter(b => a !== b && together(plan, a, b)).map(b => [a, b] as const))
    return { plan, pairs }
  })

  /** On a wire every host hears every frame, and one that has ports that learn looks for MACs it does not have behind them. */
  const overhearing = ({ networks, ports }: FabricPlan, a: PlanPort, b: PlanPort): string[] =>
    ['vlan', 'flat'].includes(networks[a.network]!.type) && a.host !== b.host
      ? ports.filter(port => port.learning && port.host !== a.host && port.host !== b.host).map(({ name }) => name)
      : []

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
          const { delivered, tunnelled, wired } = fabric.send(a.name, frame)
          const overheard = overhearing(plan, a, b)
          expect(delivered.filter(({ port }) => !overheard.includes(port))).toEqual([
            { host: `h${b.host}`, port: b.name, frame },
          ])
          expect([...tunnelled, ...wired]).toHaveLength(a.host === b.host ? 0 : 1)
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
          const members = plan.ports.filter(b => b !== a && together(plan, a, b))
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
          const { delivered, tunnelled, wired } = fabric.send(a.name, buildFrame(request))
          expect(delivered).toEqual([{ host: `h${a.host}`, port: a.name, frame: answer }])
          expect([...tunnelled, ...wired]).toEqual([])
        }
      }),
      { numRuns: RUNS },
    )
  })
})
