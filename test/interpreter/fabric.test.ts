import { type Action, PORT } from 'node-openflow'
import { describe, expect, test } from 'vitest'
import type { Port, TunnelType } from '../../src/interpreter/bridge.ts'
import { Fabric, type HostState, type Outcome } from '../../src/interpreter/fabric.ts'
import type { Flow } from '../../src/interpreter/flow-table.ts'
import { flow, frameOf, output, set } from './one-bridge.ts'

const frame = frameOf()
const [GUEST, TUNNEL, UPLINK, SECOND_UPLINK] = [1, 2, 3, 4] as const

/** A host with one bridge: a guest, a tunnel port and two uplinks. Its address is its number. */
function host(number: number, flows: readonly Flow[], type: TunnelType = 'vxlan'): HostState {
  const ports: Port[] = [
    { kind: 'endpoint', number: GUEST, name: `guest${number}` },
    { kind: 'tunnel', type, number: TUNNEL, name: 'tunnel' },
    { kind: 'uplink', number: UPLINK, name: 'uplink', wire: 'wire' },
    { kind: 'uplink', number: SECOND_UPLINK, name: 'spare', wire: 'other' },
  ]
  return { name: `h${number}`, tunnelAddress: number, bridges: [{ name: 'br', ports, flows }] }
}

const to = (destination: number, id = 5n): Action[] => [
  set('tun_ipv4_dst', destination),
  set('tunnel_id', id),
  output(TUNNEL),
]
const sends = (...actions: Action[]) => flow({ in_port: GUEST }, actions)
const delivers = (tunnelId = 5n) => flow({ in_port: TUNNEL, tunnel_id: tunnelId }, [output(GUEST)])
const reached = ({ delivered }: Outcome) => delivered.map(({ host, port }) => `${host} ${port}`)

describe('a tunnel', () => {
  test('leads to the host of its destination, and says where from', () => {
    const from = flow({ in_port: TUNNEL, tun_ipv4_src: 1, tun_ipv4_dst: 2, tunnel_id: 5n }, [output(GUEST)])
    const outcome = new Fabric([host(1, [sends(...to(2))]), host(2, [from]), host(3, [delivers()])]).send(
      'guest1',
      frame,
    )
    expect(outcome.delivered).toEqual([{ host: 'h2', port: 'guest2', frame }])
    expect(outcome.tunnelled).toEqual([{ host: 'h1', type: 'vxlan', id: 5n, destination: 2, frame, to: 'h2' }])
    expect(outcome.trace.map(({ host, kind }) => `${host} ${kind}`)).toEqual([
      'h1 flow',
      'h1 output',
      'h2 flow',
      'h2 output',
    ])
  })

  test('to an address that nobody has is a loss, and seen', () => {
    const outcome = new Fabric([host(1, [sends(...to(9))])]).send('guest1', frame)
    expect(reached(outcome)).toEqual([])
    expect(outcome.tunnelled).toMatchObject([{ destination: 9, to: undefined }])
  })

  test('of one type does not end in a port of the other', () => {
    const fabric = new Fabric([host(1, [sends(...to(2))]), host(2, [delivers()], 'gre')])
    expect(reached(fabric.send('guest1', frame))).toEqual([])
  })

  test.each([
    ['vxlan', 24],
    ['gre', 32],
  ] as const)('carries an id of the bits that %s has: %i', (type, bits) => {
    const id = (1n << BigInt(bits)) | 7n
    const fabric = new Fabric([host(1, [sends(...to(2, id))], type), host(2, [delivers(7n)], type)])
    expect(reached(fabric.send('guest1', frame))).toEqual(['h2 guest2'])
  })

  test('carries nothing else: registers and metadata start anew', () => {
    const clean = flow({ in_port: TUNNEL, reg0: 0, metadata: 0n }, [output(GUEST)])
    const fabric = new Fabric([host(1, [sends(set('reg0', 1), set('metadata', 1n), ...to(2))]), host(2, [clean])])
    expect(reached(fabric.send('guest1', frame))).toEqual(['h2 guest2'])
  })

  test('over IPv6 likewise', () => {
    const far: HostState = { ...host(2, [delivers()]), tunnelAddress: 2n }
    const near: HostState = {
      ...host(1, [sends(set('tun_ipv6_dst', 2n), set('tunnel_id', 5n), output(TUNNEL))]),
      tunnelAddress: 1n,
    }
    expect(reached(new Fabric([near, far]).send('guest1', frame))).toEqual(['h2 guest2'])
  })

  test('that leads in circles is a mistake', () => {
    const onward = (number: number) => flow({ in_port: TUNNEL }, [set('tun_ipv4_dst', number), output(PORT.IN_PORT)])
    const fabric = new Fabric([host(1, [sends(...to(2)), onward(2)]), host(2, [onward(1)])])
    expect(() => fabric.send('guest1', frame)).toThrow('the frame goes in circles between hosts')
  })
})

describe('a wire', () => {
  const fabric = new Fabric([
    host(1, [sends(output(UPLINK)), flow({ in_port: UPLINK }, [output(GUEST)])]),
    host(2, [flow({ in_port: UPLINK }, [output(GUEST)])]),
    host(3, [flow({ in_port: UPLINK }, [output(GUEST)]), flow({ in_port: SECOND_UPLINK }, [output(GUEST)])]),
  ])

  test('is heard by all other hosts on it', () => {
    const outcome = fabric.send('guest1', frame)
    expect(reached(outcome)).toEqual(['h2 guest2', 'h3 guest3'])
    expect(outcome.wired).toEqual([{ host: 'h1', wire: 'wire', frame }])
  })

  test('carries what others send', () => {
    expect(reached(fabric.hear('wire', frame))).toEqual(['h1 guest1', 'h2 guest2', 'h3 guest3'])
    expect(reached(fabric.hear('other', frame))).toEqual(['h3 guest3'])
    expect(reached(fabric.hear('none', frame))).toEqual([])
  })
})

describe('what is told', () => {
  test('packet-ins and drops with their host', () => {
    const fabric = new Fabric([
      host(1, [sends({ type: 'output', port: PORT.CONTROLLER, maxLen: 0xffff }, ...to(2), ...to(3), ...to(4))]),
      host(2, [flow({}, [])]),
      host(3, []),
      host(4, [flow({}, [], { next: 1 }), { tableId: 1, match: [] }]),
    ])
    const { controller, drops } = fabric.send('guest1', frame)
    expect(controller).toMatchObject([{ host: 'h1', bridge: 'br', inPort: GUEST }])
    expect(drops.map(step => `${step.host} ${step.kind} ${'table' in step ? step.table : ''}`)).toEqual([
      'h2 flow 0',
      'h3 miss 0',
      'h4 flow 1',
    ])
  })

  test.each(['guest9', 'tunnel'])('that no guest is at %s', name => {
    expect(() => new Fabric([host(1, [])]).send(name, frame)).toThrow(`0 ports have the name ${name}`)
  })

  test('that two guests have one name', () => {
    const fabric = new Fabric([host(1, []), { ...host(1, []), name: 'h2' }])
    expect(() => fabric.send('guest1', frame)).toThrow('2 ports have the name guest1')
  })
})
