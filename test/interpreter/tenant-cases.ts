import { describe, expect, test } from 'vitest'
import { readPacketUserdata } from '../../flows/packet-in.ts'
import type { Outcome } from '../../src/interpreter/fabric.ts'
import type { Arrival } from '../../src/interpreter/passage.ts'
import { buildFrame, type FrameInput } from '../../src/packet/frame.ts'
import { BROADCAST_MAC } from '../../src/packet/mac.ts'
import { rowsOf } from '../flows/fixture.ts'
import { fabricOf } from './fixture.ts'

// Two tenants with the same addresses on three hosts: what becomes of a frame, and why.

const inputs = rowsOf({
  hosts: ['h1', 'h2', 'h3'],
  networks: { red: { type: 'vxlan', segment: 5001 }, blue: { type: 'gre', segment: 6001 } },
  ports: {
    'red-a': ['red', 'h1'],
    'red-b': ['red', 'h2'],
    'red-c': ['red', 'h1'],
    'red-d': ['red', 'h3'],
    'blue-a': ['blue', 'h1'],
    'blue-b': ['blue', 'h3'],
  },
})
export const twoTenants = fabricOf(inputs)
const { fabric, describe: explain } = twoTenants

/** MACs and addresses as the rows have them. */
const port = (name: string) => {
  const [id, row] = [...inputs.ports.entries()].find(([, row]) => row.name === name)!
  return { id, mac: row.mac, ip: row.addresses[0]!.ip }
}
const [a, b, c, d] = ['red-a', 'red-b', 'red-c', 'red-d'].map(port) as [Port, Port, Port, Port]
type Port = ReturnType<typeof port>
const blueA = port('blue-a')
const blueB = port('blue-b')
const server = { ip: 0x0a0000fe, mac: 0xfa163effff00 }
const TUNNEL_IP = { h1: 0xc0000201, h2: 0xc0000202, h3: 0xc0000203 }

const NOBODY = 0x0a0000c8
const icmp = { type: 8, code: 0, rest: 1 }
const ping = (from: Port, mac: number, ip: number): FrameInput => ({
  ethernet: { source: from.mac, destination: mac },
  ipv4: { source: from.ip, destination: ip },
  icmp,
})
const request = (from: Port, target: number, sender = from.ip): FrameInput => ({
  ethernet: { source: from.mac, destination: BROADCAST_MAC },
  arp: { operation: 1, senderMac: from.mac, senderAddress: sender, targetMac: 0, targetAddress: target },
})
const dhcp = (from: Port, destination = { mac: BROADCAST_MAC, ip: 0xffffffff }, source = 0): FrameInput => ({
  ethernet: { source: from.mac, destination: destination.mac },
  ipv4: { source, destination: destination.ip },
  udp: { sourcePort: 68, destinationPort: 67 },
})
const reached = ({ delivered }: Outcome) => delivered.map(({ host, port }) => `${host} ${port}`).sort()
const reasons = ({ drops }: Outcome) => drops.map(explain)

/** Declares the cases as tests. `check` is told what became of every frame, and may compare it with something real. */
export function tenantCases(check: (outcome: Outcome) => Promise<void> = async () => {}): void {
  const checked = async (outcome: Outcome): Promise<Outcome> => {
    await check(outcome)
    return outcome
  }
  const sendFrame = (name: string, frame: Uint8Array) => checked(fabric.send(name, frame))
  const send = (name: string, layers: FrameInput) => sendFrame(name, buildFrame(layers))
  const receive = (host: string, arrival: Arrival) => checked(fabric.receive(host, arrival))

  test('the two tenants have the same addresses', async () => {
    expect([blueA.ip, blueB.ip]).toEqual([a.ip, b.ip])
  })

  describe('ARP', () => {
    const answers: [what: string, name: string, from: Port, target: { ip: number; mac: number }][] = [
      ['of a guest on another host', 'red-a', a, b],
      ['of a guest on the same host', 'red-a', a, c],
      ['of the other tenant’s guest with that address', 'blue-a', blueA, blueB],
      ['of the DHCP server', 'red-d', d, server],
    ]
    test.each(answers)('for the address %s is answered on the sender’s host', async (_what, name, from, target) => {
      const outcome = await send(name, request(from, target.ip))
      expect(outcome.delivered.map(({ port }) => port)).toEqual([name])
      expect(outcome.delivered[0]!.frame).toEqual(
        buildFrame({
          ethernet: { source: target.mac, destination: from.mac },
          arp: {
            operation: 2,
            senderMac: target.mac,
            senderAddress: target.ip,
            targetMac: from.mac,
            targetAddress: from.ip,
          },
        }),
      )
      expect(outcome.tunnelled).toEqual([])
    })

    test.each([
      ['a probe for its own address', request(a, a.ip, 0)],
      ['an announcement of its own address', request(a, a.ip)],
      ['a request for nobody’s address', request(a, NOBODY)],
      ['a gratuitous reply', { ...request(a, a.ip), arp: { ...request(a, a.ip).arp!, operation: 2 } }],
    ])('%s is not answered but heard by the network', async (_what, layers) => {
      expect(reached(await send('red-a', layers))).toEqual(['h1 red-c', 'h2 red-b', 'h3 red-d'])
    })

    test('a probe for another guest’s address is answered: it is taken', async () => {
      expect(reached(await send('red-a', request(a, b.ip, 0)))).toEqual(['h1 red-a'])
    })
  })

  describe('unicast', () => {
    test('to another host goes through the tunnel of the network, to that host alone', async () => {
      const frame = buildFrame(ping(a, b.mac, b.ip))
      const outcome = await sendFrame('red-a', frame)
      expect(outcome.delivered).toEqual([{ host: 'h2', port: 'red-b', frame }])
      expect(outcome.tunnelled).toEqual([
        { host: 'h1', type: 'vxlan', id: 5001n, destination: TUNNEL_IP.h2, frame, to: 'h2' },
      ])
    })

    test('of the other tenant by its own tunnel', async () => {
      const outcome = await send('blue-a', ping(blueA, blueB.mac, blueB.ip))
      expect(reached(outcome)).toEqual(['h3 blue-b'])
      expect(outcome.tunnelled).toMatchObject([{ type: 'gre', id: 6001n, destination: TUNNEL_IP.h3, to: 'h3' }])
    })

    test('on one host stays there', async () => {
      const outcome = await send('red-a', ping(a, c.mac, c.ip))
      expect(reached(outcome)).toEqual(['h1 red-c'])
      expect(outcome.tunnelled).toEqual([])
    })

    test.each([
      ['to a MAC that nobody has', 0x020000000001],
      ['to a MAC of the other tenant', blueB.mac],
    ])('%s is dropped', async (_what, mac) => {
      const outcome = await send('red-a', ping(a, mac, b.ip))
      expect(reached(outcome)).toEqual([])
      expect(reasons(outcome)).toEqual([
        'h1/br-tun unicast: drops unicast to a MAC that no port of the network has (host h1)',
      ])
    })

    test('to itself is not sent back', async () => {
      expect(reached(await send('red-a', ping(a, a.mac, a.ip)))).toEqual([])
    })
  })

  describe('broadcast and multicast', () => {
    test.each([
      BROADCAST_MAC,
      0x01005e0000fb,
      0x333300000001,
    ])('to %s reaches every other guest of the network once', async mac => {
      const outcome = await send('red-a', ping(a, mac, 0x0a0000ff))
      expect(reached(outcome)).toEqual(['h1 red-c', 'h2 red-b', 'h3 red-d'])
      expect(outcome.tunnelled.map(({ to, id }) => `${to} ${id}`)).toEqual(['h2 5001', 'h3 5001'])
      expect(reached(await send('blue-a', ping(blueA, mac, 0x0a0000ff)))).toEqual(['h3 blue-b'])
    })
  })

  describe('DHCP', () => {
    test.each([
      ['by broadcast', dhcp(a)],
      ['by unicast', dhcp(a, server, a.ip)],
    ])('%s goes to the controller with the id of the port, and nowhere else', async (_what, layers) => {
      const frame = buildFrame(layers)
      const { controller, delivered, tunnelled } = await sendFrame('red-a', frame)
      expect(controller).toMatchObject([{ host: 'h1', bridge: 'br-int', frame }])
      expect(readPacketUserdata(controller[0]!.userdata!)).toEqual({
        service: 'dhcp',
        portId: a.id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
      })
      expect([...delivered, ...tunnelled]).toEqual([])
    })

    test('goes through the port’s meter', async () => {
      const meters: (number | undefined)[] = []
      for (const name of ['red-a', 'red-c', 'blue-a']) {
        const { controller } = await send(name, dhcp(port(name)))
        meters.push(controller[0]?.meterId)
      }
      expect(new Set(meters).size).toBe(3)
    })
  })

  describe('port security', () => {
    const own = ping(a, b.mac, b.ip)
    const spoofed =
      'h1/br-int port_security: drops frames that do not carry the MAC and addresses of the port they come from (host h1)'
    const tag = (vid: number) => ({ tpid: 0x8100, pcp: 0, dei: false, vid })
    const refused: [what: string, layers: FrameInput, reason?: string][] = [
      ['another guest’s MAC', { ...own, ethernet: { source: c.mac, destination: b.mac } }],
      ['another guest’s address', { ...own, ipv4: { source: c.ip, destination: b.ip } }],
      ['no address', { ...own, ipv4: { source: 0, destination: b.ip } }],
      ['ARP with another guest’s address', request(a, b.ip, c.ip)],
      [
        'ARP with another guest’s MAC inside',
        { ...request(a, b.ip), arp: { ...request(a, b.ip).arp!, senderMac: c.mac } },
      ],
      ['a tag', { ...own, ethernet: { ...own.ethernet, vlans: [tag(7)] } }],
      ['the other network’s local VLAN', { ...own, ethernet: { ...own.ethernet, vlans: [tag(2)] } }],
      ['a priority tag', { ...own, ethernet: { ...own.ethernet, vlans: [tag(0)] } }],
      ['two tags', { ...own, ethernet: { ...own.ethernet, vlans: [tag(1), tag(2)] } }],
      [
        'IPv6, of which the port has no address',
        { ethernet: own.ethernet, ipv6: { source: 1n, destination: 2n }, udp: { sourcePort: 1, destinationPort: 2 } },
      ],
      ['LLDP', { ethernet: { ...own.ethernet, type: 0x88cc, payload: new Uint8Array(46) } }],
      [
        'DHCP as a server',
        { ethernet: own.ethernet, ipv4: own.ipv4!, udp: { sourcePort: 67, destinationPort: 68 } },
        'h1/br-int port_security: drops DHCP answers of guests: the server is Weft (host h1)',
      ],
    ]
    test.each(refused)('drops a frame with %s', async (_what, layers, reason = spoofed) => {
      const outcome = await send('red-a', layers)
      expect(reached(outcome)).toEqual([])
      expect([...outcome.tunnelled, ...outcome.controller]).toEqual([])
      expect(reasons(outcome)).toEqual([reason])
    })
  })

  describe('what does not come from a guest', () => {
    const frame = buildFrame(ping(d, a.mac, a.ip))
    const tunnel = { id: 5001n, source: TUNNEL_IP.h3, destination: TUNNEL_IP.h1 }
    const strays: [what: string, bridge: string, port: number, tunnel: typeof tunnel | undefined, reason: string][] = [
      [
        'a port that nobody has bound',
        'br-int',
        99,
        undefined,
        'classify: drops what comes from a port or with a local VLAN that is nobody’s',
      ],
      [
        'the patch port, untagged',
        'br-int',
        1,
        undefined,
        'classify: drops what comes from a port or with a local VLAN that is nobody’s',
      ],
      [
        'an address that is no host’s',
        'br-tun',
        2,
        { ...tunnel, source: 0xc00002fe },
        'vtep: drops what comes from an address that is no host’s tunnel endpoint',
      ],
      [
        'this host’s own address',
        'br-tun',
        2,
        { ...tunnel, source: TUNNEL_IP.h1 },
        'vtep: drops what comes from an address that is no host’s tunnel endpoint',
      ],
      [
        'an id that is no network',
        'br-tun',
        2,
        { ...tunnel, id: 5002n },
        'segment: drops a segmentation id that is no network here',
      ],
      ['the other kind of tunnel', 'br-tun', 3, tunnel, 'segment: drops a segmentation id that is no network here'],
    ]
    test.each(strays)('by %s is dropped', async (_what, bridge, port, tunnel, reason) => {
      const outcome = await receive('h1', { bridge, port, frame, tunnel })
      expect(reached(outcome)).toEqual([])
      expect(reasons(outcome)).toEqual([`h1/${bridge} ${reason} (host h1)`])
    })

    test('but from another host is delivered, and goes into no tunnel again', async () => {
      for (const destination of [a.mac, BROADCAST_MAC, 0x020000000001]) {
        const frame = buildFrame(ping(d, destination, a.ip))
        const outcome = await receive('h1', { bridge: 'br-tun', port: 2, frame, tunnel })
        const guests =
          destination === BROADCAST_MAC ? ['h1 red-a', 'h1 red-c'] : destination === a.mac ? ['h1 red-a'] : []
        expect(reached(outcome)).toEqual(guests)
        expect(outcome.tunnelled).toEqual([])
      }
    })
  })
}
