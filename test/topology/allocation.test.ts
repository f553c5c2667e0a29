import { describe, expect, test } from 'vitest'
import { type Allocation, type Resolution, resolveTopology } from '../../topology/allocation.ts'
import { parseTopology } from '../../topology/document.ts'
import { formatProblem } from '../../topology/problem.ts'
import { resourceId } from '../../topology/resource-id.ts'

const NETWORK = 'networks: { red: { network_type: gre } }\n'
const SUBNET = `${NETWORK}subnets: { red-v4: { network: red, cidr: 10.0.0.0/29 } }\n`

function resolve(text: string, recorded: readonly Allocation[] = []): Resolution {
  const { document, problems } = parseTopology(text, 't.yaml')
  expect(problems.map(formatProblem)).toEqual([])
  return resolveTopology(document!, recorded)
}

/** What is on record after one topology after the other was used. */
function history(...texts: string[]): Allocation[] {
  return texts.reduce<Allocation[]>((recorded, text) => {
    const { added, released, problems } = resolve(text, recorded)
    expect(problems.map(formatProblem)).toEqual([])
    return [...recorded.filter(allocation => !released.includes(allocation)), ...added]
  }, [])
}

/** The addresses of all ports by name, the DHCP servers' by subnet name. */
function addresses({ topology, problems }: Resolution): Record<string, string | undefined> {
  expect(problems.map(formatProblem)).toEqual([])
  const ports = Array.from(topology!.ports.values(), ({ name, fixed_ips }) => [
    name,
    fixed_ips.map(ip => ip.ip_address).join(' '),
  ])
  const servers = Array.from(topology!.subnets.values(), ({ name, dhcp_server }) => [name, dhcp_server?.ip_address])
  return Object.fromEntries([...ports, ...servers])
}

function segments({ topology }: Resolution): Record<string, [number, number | undefined]> {
  return Object.fromEntries(
    Array.from(topology!.networks.values(), row => [row.name, [row.number, row.segmentation_id]]),
  )
}

const told = ({ problems }: Resolution) => problems.map(formatProblem).join('\n')

describe('networks', () => {
  test('numbers from 1; segmentation ids from 1 in each type, after those of the file', () => {
    const text = `networks:
      a: {}
      b: { segmentation_id: 2 }
      c: {}
      d: { network_type: gre }
      e: { network_type: vlan, physical_network: physnet1, segmentation_id: 101 }
      f: { network_type: local }`
    expect(segments(resolve(text))).toEqual({
      a: [1, 1],
      b: [2, 2],
      c: [3, 3],
      d: [4, 1],
      e: [5, 101],
      f: [6, undefined],
    })
  })

  test('what a network loses goes to another one in a later step, not in the same', () => {
    const before = history('networks: { a: {}, b: {} }')
    const swapped = resolve('networks: { b: {}, c: {} }', before)
    expect(segments(swapped)).toEqual({ b: [2, 2], c: [3, 3] })
    expect(swapped.released).toHaveLength(2)
    const later = history('networks: { a: {}, b: {} }', 'networks: { b: {} }')
    expect(segments(resolve('networks: { b: {}, c: {} }', later))).toEqual({ b: [2, 2], c: [1, 1] })
  })

  test('a value of the file that another network was given', () => {
    const recorded = history('networks: { a: {}, b: {} }')
    const text = 'networks: { a: {}, b: {}, c: { segmentation_id: 2 } }'
    const refused = resolve(text, recorded)
    expect(told(refused)).toBe(
      [
        't.yaml:1:49: segmentation_id 2 is already allocated to network b',
        text,
        `${' '.repeat(48)}^`,
        'choose another one, or give network b one of its own in the file',
      ].join('\n'),
    )
    expect(refused).toEqual({ added: [], released: [], problems: refused.problems })
    expect(segments(resolve('networks: { a: {}, c: { segmentation_id: 2 } }', recorded))['c']).toEqual([3, 2])
    expect(
      segments(resolve('networks: { a: {}, b: { segmentation_id: 7 }, c: { segmentation_id: 2 } }', recorded))['c'],
    ).toEqual([3, 2])
  })

  test('another type, another segmentation id', () => {
    const recorded = history('networks: { a: {}, b: { network_type: gre, segmentation_id: 1 } }')
    const { topology, added, released } = resolve(
      'networks: { a: { network_type: gre }, b: { network_type: local } }',
      recorded,
    )
    expect([...topology!.networks.values()]).toMatchObject([
      { name: 'a', network_type: 'gre', segmentation_id: 1, mtu: 1458 },
      { name: 'b', network_type: 'local', mtu: 1500 },
    ])
    expect(added).toEqual([{ kind: 'segmentation_id', scope: 'gre', owner: resourceId('network', 'a'), value: 1 }])
    expect(released).toEqual([{ kind: 'segmentation_id', scope: 'vxlan', owner: resourceId('network', 'a'), value: 1 }])
  })
})

describe('MAC addresses', () => {
  const id = resourceId('port', 'a')
  const derived = `fa:16:3e:${id.slice(-6).replace(/..(?=.)/g, '$&:')}`

  test("the low bits of the port's id; the next one when that is taken", () => {
    const { topology } = resolve(`${NETWORK}ports: { a: { network: red } }`)
    expect(topology!.ports.get(id)?.mac_address).toBe(derived)
    const taken = resolve(`${NETWORK}ports: { b: { network: red, mac_address: "${derived}" }, a: { network: red } }`)
    expect(Number.parseInt(taken.topology!.ports.get(id)!.mac_address.replaceAll(':', ''), 16)).toBe(
      Number.parseInt(derived.replaceAll(':', ''), 16) + 1,
    )
  })

  test('given to one port after it was allocated to another', () => {
    const recorded = history(`${NETWORK}ports: { a: { network: red } }`)
    const text = `${NETWORK}ports: { a: { network: red }, b: { network: red, mac_address: "${derived}" } }`
    expect(told(resolve(text, recorded))).toMatch(`t.yaml:2:63: mac_address ${derived} is already allocated to port a`)
    expect(resolve(text.replace('a: { network: red }, ', ''), recorded).problems).toEqual([])
  })
})

describe('addresses', () => {
  test('lowest free first, after those of the file; the DHCP server from above', () => {
    const text = `${SUBNET}ports: { a: { network: red }, b: { network: red, fixed_ips: [{ ip_address: 10.0.0.3 }] }, c: { network: red } }`
    expect(addresses(resolve(text))).toEqual({ a: '10.0.0.2', b: '10.0.0.3', c: '10.0.0.4', 'red-v4': '10.0.0.6' })
  })

  test('pools in their order; the DHCP server has the highest address of all', () => {
    const text = `${NETWORK}subnets:
      red-v4:
        network: red
        cidr: 10.0.0.0/24
        allocation_pools: [{ start: 10.0.0.90, end: 10.0.0.91 }, { start: 10.0.0.20, end: 10.0.0.29 }]
ports: { a: { network: red }, b: { network: red }, c: { network: red } }`
    expect(addresses(resolve(text))).toEqual({ a: '10.0.0.90', b: '10.0.0.91', c: '10.0.0.20', 'red-v4': '10.0.0.29' })
  })

  test("of the network's first subnet, of the subnet named, of several, of none", () => {
    const text = `networks: { red: {}, blue: {} }
subnets:
  one:  { network: red, cidr: 10.0.0.0/24 }
  two:  { network: red, cidr: 10.0.1.0/24, gateway_ip: null }
  solo: { network: red, cidr: 10.0.2.0/32, enable_dhcp: false }
  pair: { network: red, cidr: 10.0.2.2/31, enable_dhcp: false }
ports:
  a: { network: red }
  b: { network: red, fixed_ips: [{ subnet: two }] }
  c: { network: red, fixed_ips: [{ subnet: two }, { subnet: one }, { ip_address: 10.0.1.9 }, { subnet: two }] }
  d: { network: red, fixed_ips: [] }
  e: { network: red, fixed_ips: [{ subnet: solo }] }
  f: { network: red, fixed_ips: [{ subnet: pair }] }
  g: { network: blue }`
    expect(addresses(resolve(text))).toEqual({
      a: '10.0.0.2',
      b: '10.0.1.1',
      c: '10.0.1.2 10.0.0.3 10.0.1.9 10.0.1.3',
      d: '',
      e: '10.0.2.0',
      f: '10.0.2.3',
      g: '',
      one: '10.0.0.254',
      two: '10.0.1.254',
      solo: undefined,
      pair: undefined,
    })
  })

  test('no address is given up without need: other order, shrunken pools, a subnet put in front', () => {
    const recorded = history(`${SUBNET}ports: { a: { network: red }, b: { network: red } }`)
    const text = `${NETWORK}subnets:
  other:  { network: red, cidr: 10.0.1.0/24 }
  red-v4: { network: red, cidr: 10.0.0.0/28, allocation_pools: [{ start: 10.0.0.5, end: 10.0.0.14 }] }
ports: { c: { network: red }, b: { network: red }, a: { network: red } }`
    expect(addresses(resolve(text, recorded))).toEqual({
      a: '10.0.0.2',
      b: '10.0.0.3',
      c: '10.0.1.2',
      other: '10.0.1.254',
      'red-v4': '10.0.0.6',
    })
  })

  test('an address that the subnet no longer has is replaced', () => {
    const recorded = history(`${SUBNET}ports: { a: { network: red } }`)
    const moved = resolve(`${SUBNET.replace('10.0.0.0', '10.0.9.0')}ports: { a: { network: red } }`, recorded)
    expect(addresses(moved)).toEqual({ a: '10.0.9.2', 'red-v4': '10.0.9.6' })
    expect(moved.released.map(({ kind, value }) => [kind, value])).toEqual([
      ['ip_address', '10.0.0.2'],
      ['dhcp_address', '10.0.0.6'],
    ])
  })

  test('given to one port after it was allocated to another', () => {
    const recorded = history(`${SUBNET}ports: { a: { network: red } }`)
    const text = `${SUBNET}ports: { a: { network: red }, b: { network: red, fixed_ips: [{ ip_address: 10.0.0.2 }] } }`
    expect(told(resolve(text, recorded))).toMatch('t.yaml:3:76: ip_address 10.0.0.2 is already allocated to port a')
    expect(addresses(resolve(text.replace('a: { network: red }, ', ''), recorded))).toMatchObject({ b: '10.0.0.2' })
    const settled = text.replace('a: { network: red }', 'a: { network: red, fixed_ips: [{ ip_address: 10.0.0.3 }] }')
    expect(addresses(resolve(settled, recorded))).toMatchObject({ a: '10.0.0.3', b: '10.0.0.2' })
  })

  test('made the gateway after it was allocated to a port', () => {
    const open = `${NETWORK}subnets: { red-v4: { network: red, cidr: 10.0.0.0/29, gateway_ip: null } }\nports: { a: { network: red } }`
    const recorded = history(open)
    expect(addresses(resolve(open, recorded))).toMatchObject({ a: '10.0.0.1' })
    const closed = open.replace('gateway_ip: null', 'gateway_ip: 10.0.0.1')
    expect(told(resolve(closed, recorded))).toMatch('t.yaml:2:67: gateway_ip 10.0.0.1 is already allocated to port a')
    const standard = open.replace(', gateway_ip: null', '')
    expect(told(resolve(standard, recorded))).toMatch('t.yaml:2:12: gateway_ip 10.0.0.1 is already allocated to port a')
  })

  test('a guest may be the gateway', () => {
    const text = `${SUBNET}ports: { fw: { network: red, fixed_ips: [{ ip_address: 10.0.0.1 }] }, a: { network: red } }`
    expect(addresses(resolve(text))).toMatchObject({ fw: '10.0.0.1', a: '10.0.0.2' })
  })
})

describe('DHCP servers', () => {
  const ports = (count: number, more = '') =>
    `ports: { ${Array.from({ length: count }, (_, i) => `p${i}: { network: red }`).join(', ')}${more} }`

  test('full pools: the server calls itself by the gateway, and keeps to it', () => {
    const full = history(SUBNET + ports(5))
    expect(addresses(resolve(SUBNET + ports(5), full))).toMatchObject({ 'red-v4': '10.0.0.1' })
    expect(addresses(resolve(SUBNET + ports(4), full))).toMatchObject({ 'red-v4': '10.0.0.1' })
  })

  test("the pools' last address goes to a port", () => {
    const recorded = history(SUBNET + ports(4))
    expect(addresses(resolve(SUBNET + ports(4), recorded))).toMatchObject({ p3: '10.0.0.5', 'red-v4': '10.0.0.6' })
    const full = resolve(SUBNET + ports(5), recorded)
    expect(addresses(full)).toMatchObject({ p3: '10.0.0.5', p4: '10.0.0.6', 'red-v4': '10.0.0.1' })
    const subnet = resourceId('subnet', 'red-v4')
    expect(full.released).toEqual([{ kind: 'dhcp_address', scope: subnet, owner: subnet, value: '10.0.0.6' }])
    expect(resolve(SUBNET + ports(6), recorded).problems).toHaveLength(1)
  })

  test('it makes way for what the file gives a port', () => {
    const recorded = history(SUBNET + ports(1))
    const given = ', x: { network: red, mac_address: "fa:16:3e:60:4a:f8", fixed_ips: [{ ip_address: 10.0.0.6 }] }'
    const { topology, problems } = resolve(SUBNET + ports(1, given), recorded)
    expect(problems).toEqual([])
    expect([...topology!.subnets.values()][0]?.dhcp_server).toEqual({
      ip_address: '10.0.0.5',
      mac_address: 'fa:16:3e:60:4a:f9',
    })
  })

  test('it follows the pools', () => {
    const recorded = history(SUBNET + ports(1))
    const narrow = SUBNET.replace('/29', '/29, allocation_pools: [{ start: 10.0.0.2, end: 10.0.0.4 }]')
    expect(addresses(resolve(narrow + ports(1), recorded))).toMatchObject({ 'red-v4': '10.0.0.4' })
  })

  test('switched off: nothing is kept for it', () => {
    const recorded = history(SUBNET + ports(1))
    const { topology, released } = resolve(SUBNET.replace('/29', '/29, enable_dhcp: false') + ports(1), recorded)
    expect([...topology!.subnets.values()][0]).not.toHaveProperty('dhcp_server')
    expect(released.map(({ kind }) => kind)).toEqual(['dhcp_mac', 'dhcp_address'])
  })
})

test('of two that have the same on record, the first in the file keeps it', () => {
  const text = `${SUBNET}ports: { a: { network: red }, b: { network: red } }`
  const recorded = history(text).map(allocation => ({
    ...allocation,
    ...(allocation.kind === 'ip_address' ? { value: '10.0.0.4' } : {}),
    ...(allocation.kind === 'mac_address' ? { value: 'fa:16:3e:00:00:01' } : {}),
  }))
  const { topology } = resolve(text, recorded)
  const [a, b] = topology!.ports.values()
  expect(a).toMatchObject({ mac_address: 'fa:16:3e:00:00:01', fixed_ips: [{ ip_address: '10.0.0.4' }] })
  expect(b).toMatchObject({ fixed_ips: [{ ip_address: '10.0.0.2' }] })
  expect(b?.mac_address).not.toBe('fa:16:3e:00:00:01')
})

test('an allocation that the file has come to give is no allocation any more', () => {
  const recorded = history(`${SUBNET}ports: { a: { network: red } }`)
  const { added, released, topology } = resolve(
    `${SUBNET}ports: { a: { network: red, fixed_ips: [{ ip_address: 10.0.0.2 }] } }`,
    recorded,
  )
  expect(topology!.ports.get(resourceId('port', 'a'))?.fixed_ips[0]?.ip_address).toBe('10.0.0.2')
  expect(added).toEqual([])
  expect(released.map(({ kind, value }) => [kind, value])).toEqual([['ip_address', '10.0.0.2']])
})

test('defaults', () => {
  const { topology } = resolve(
    'hosts: { h1: { tunnel_ip: 192.0.2.1 } }\nnetworks: { red: { dns_domain: red.example. } }\nsubnets: { red-v4: { network: red, cidr: 10.0.0.0/24 } }',
  )
  expect([...topology!.hosts.values()]).toMatchObject([{ datapath_type: 'system', bridge_mappings: {} }])
  expect([...topology!.networks.values()]).toMatchObject([
    { project: 'default', network_type: 'vxlan', mtu: 1450, segmentation_id: 1, dns_domain: 'red.example' },
  ])
  expect([...topology!.subnets.values()]).toMatchObject([
    {
      gateway_ip: '10.0.0.1',
      gateway_declared: false,
      enable_dhcp: true,
      dns_nameservers: [],
      host_routes: [],
      allocation_pools: [{ start: '10.0.0.2', end: '10.0.0.254' }],
    },
  ])
})

test('several allocated addresses of a port are told lowest first, whenever each was allocated', () => {
  const ports = (a: string, b: string) => `${SUBNET}ports:\n${a}${b}`
  const early = '  early: { network: red }\n'
  const two = '  two: { network: red, fixed_ips: [{ subnet: red-v4 }, { subnet: red-v4 }] }\n'
  const one = '  two: { network: red, fixed_ips: [{ subnet: red-v4 }] }\n'
  const past = history(ports(early, one))
  const now = resolve(ports('', two), past)
  expect(addresses(now)['two']).toBe('10.0.0.2 10.0.0.3')
  const recorded = [...past.filter(allocation => !now.released.includes(allocation)), ...now.added]
  expect(addresses(resolve(ports('', two), recorded))).toEqual(addresses(now))
})
