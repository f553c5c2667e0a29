import { describe, expect, test } from 'vitest'
import { type LabLayout, layOut } from '../../src/lab/layout.ts'
import { resolveTopology } from '../../topology/allocation.ts'
import { parseTopology } from '../../topology/document.ts'

function layoutOf(text: string, systemDatapath = true): LabLayout {
  const { document, problems } = parseTopology(text, 'topology.yaml')
  if (document === undefined) throw new Error(JSON.stringify(problems))
  return layOut(resolveTopology(document, []).topology!, { systemDatapath })
}

const host = (name: string, ovsdb: string, tunnel: string, more = '') =>
  `  ${name}: { ovsdb: "${ovsdb}", tunnel_ip: ${tunnel}${more} }\n`

describe('addresses of a lab', () => {
  test.each([
    ['one host', ['198.18.0.1'], 24, '198.18.0.254'],
    ['the controller’s address is taken', ['198.18.0.254', '198.18.0.253'], 24, '198.18.0.252'],
    ['hosts of two /24 networks', ['198.18.0.1', '198.18.1.1'], 23, '198.18.1.254'],
    ['hosts far apart', ['10.0.0.1', '10.200.0.1'], 8, '10.255.255.254'],
  ])('management: %s', (_what, addresses, managementPrefix, controller) => {
    const hosts = addresses.map((address, at) => host(`h${at}`, `tcp:${address}:6640`, `192.0.2.${at + 1}`))
    const layout = layoutOf(`hosts:\n${hosts.join('')}`)
    expect(layout).toMatchObject({ managementPrefix, controller, underlayPrefix: 24 })
    expect(layout.hosts.map(one => one.address)).toEqual(addresses)
  })

  test('so many hosts get a network that holds them and the controller', () => {
    const hosts = Array.from({ length: 254 }, (_, at) =>
      host(`h${at}`, `tcp:198.18.0.${at + 1}:6640`, `192.0.2.${at + 1}`),
    )
    expect(layoutOf(`hosts:\n${hosts.join('')}`)).toMatchObject({ managementPrefix: 23, controller: '198.18.1.254' })
  })

  test('a host that dials in gets an address, and no port', () => {
    const layout = layoutOf('hosts:\n  a: { ovsdb: "tcp:198.18.0.1:6640" }\n  b: {}\n')
    expect(layout.hosts).toEqual([
      { name: 'a', index: 1, address: '198.18.0.1', ovsdbPort: 6640, wires: [] },
      { name: 'b', index: 2, address: '198.18.0.2', wires: [] },
    ])
  })

  test('a physical network is one wire for all hosts that have it', () => {
    const layout = layoutOf(
      'hosts:\n  a: { bridge_mappings: { p2: br-x, p1: br-ex } }\n  b: { bridge_mappings: { p2: br-y } }\n',
    )
    expect(layout.lans).toEqual(['lan0', 'lan1'])
    expect(layout.hosts.map(host => host.wires)).toEqual([
      [
        { interface: 'wire1', lan: 'lan1', bridge: 'br-x' },
        { interface: 'wire0', lan: 'lan0', bridge: 'br-ex' },
      ],
      [{ interface: 'wire1', lan: 'lan1', bridge: 'br-y' }],
    ])
  })
})

test('guests: where the topology says, else one host after the other; with MTU, MAC address and a tap that fits', () => {
  const { guests } = layoutOf(`
hosts:
${host('h1', 'tcp:198.18.0.1:6640', '192.0.2.1')}${host('h2', 'tcp:198.18.0.2:6640', '192.0.2.2')}
networks: { red: { network_type: vxlan, mtu: 1400 }, blue: { network_type: gre } }
subnets: { red-v4: { network: red, cidr: 10.0.0.0/24 } }
ports:
  first: { network: red }
  second: { network: blue, mac_address: "02:00:00:00:00:01" }
  pinned: { network: red, binding:host_id: h2, fixed_ips: [{ ip_address: 10.0.0.9 }] }
  a-long-name-of-a-port: { network: red }
`)
  expect(guests.map(({ name, host: where, mtu, tap }) => [name, where, mtu, tap])).toEqual([
    ['first', 'h1', 1400, 'tapfirst'],
    ['second', 'h2', 1458, 'tapsecond'],
    ['pinned', 'h2', 1400, 'tappinned'],
    ['a-long-name-of-a-port', 'h2', 1400, expect.stringMatching(/^tap[\da-f]{8}-[\da-f]{2}$/)],
  ])
  expect(guests[1]).toMatchObject({ macAddress: '02:00:00:00:00:01', fixedIps: [] })
  expect(guests[2]).toMatchObject({ fixedIps: ['10.0.0.9'] })
})

const good = host('h1', 'tcp:198.18.0.1:6640', '192.0.2.1', ', datapath_type: netdev')

test.each([
  ['no hosts', 'networks: { red: {} }', 'the topology has no hosts'],
  [
    'no kernel module',
    `hosts:\n${host('h1', 'tcp:198.18.0.1:6640', '192.0.2.1')}`,
    'host h1: this kernel has no openvswitch module; write datapath_type: netdev',
  ],
  [
    'ssl',
    `hosts:\n${good.replace('tcp:', 'ssl:')}`,
    'host h1: in a lab, ovsdb is tcp:ADDR:PORT, not ssl:198.18.0.1:6640',
  ],
  [
    'a name',
    `hosts:\n${good.replace('198.18.0.1', 'host.example')}`,
    'host h1: in a lab, the address of ovsdb is an IPv4 address, not host.example',
  ],
  [
    'loopback',
    `hosts:\n${good.replace('198.18.0.1', '127.0.0.1')}`,
    'host h1: in a lab, hosts are machines of their own: no loopback address in tcp:127.0.0.1:6640',
  ],
  [
    'one network for all',
    `hosts:\n${good.replace('192.0.2.1', '198.18.0.9')}`,
    'the addresses of ovsdb and tunnel_ip are in one network; a lab keeps the two apart',
  ],
  [
    'one name twice',
    `hosts:\n${good}networks: { red: {} }\nports: { h1: { network: red } }`,
    'h1 is both a host and a port',
  ],
  [
    'a reserved name',
    `hosts:\n${good}networks: { red: {} }\nports: { controller: { network: red } }`,
    "controller is the controller's own name in a lab",
  ],
])('refused: %s', (_what, text, message) => {
  expect(() => layoutOf(text, false)).toThrow(message)
})
