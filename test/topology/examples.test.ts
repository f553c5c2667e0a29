import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { resolveTopology } from '../../topology/allocation.ts'
import { parseTopology } from '../../topology/document.ts'
import { withReference } from '../../topology/reference.ts'
import { resourceId } from '../../topology/resource-id.ts'

const examples = new URL('../../topology/examples/', import.meta.url)

function resolve(file: string) {
  const { document, problems } = parseTopology(readFileSync(new URL(file, examples), 'utf8'), file)
  expect(problems).toEqual([])
  const resolution = resolveTopology(document!, [])
  expect(resolution.problems).toEqual([])
  return resolution.topology!
}

test.each(readdirSync(examples))('%s is valid', file => {
  resolve(file)
})

test('two-tenants: the same addresses twice, on the hosts the lab plugs them in', () => {
  const { hosts, networks, ports } = resolve('two-tenants.yaml')
  const rows = Array.from(ports.values(), ({ name, network_id, fixed_ips, host_id }) => {
    const { network_type, segmentation_id, mtu } = networks.get(network_id)!
    return [name, network_type, segmentation_id, mtu, fixed_ips[0]?.ip_address, hosts.get(host_id!)?.tunnel_ip]
  })
  expect(rows).toEqual([
    ['red-a', 'vxlan', 5001, 1450, '10.0.0.2', '192.0.2.1'],
    ['red-b', 'vxlan', 5001, 1450, '10.0.0.3', '192.0.2.2'],
    ['red-c', 'vxlan', 5001, 1450, '10.0.0.4', '192.0.2.3'],
    ['blue-a', 'gre', 6001, 1458, '10.0.0.2', '192.0.2.1'],
    ['blue-b', 'gre', 6001, 1458, '10.0.0.3', '192.0.2.2'],
    ['blue-c', 'gre', 6001, 1458, '10.0.0.4', '192.0.2.3'],
  ])
})

test('issue-example: everything is filled in', () => {
  const { hosts, networks, subnets, ports } = resolve('issue-example.yaml')
  const red = resourceId('network', 'red')
  const redV4 = resourceId('subnet', 'red-v4')
  expect([...hosts.values()]).toEqual([
    {
      id: resourceId('host', 'h1'),
      name: 'h1',
      ovsdb: 'tcp:198.18.0.1:6640',
      tunnel_ip: '192.0.2.1',
      datapath_type: 'netdev',
      bridge_mappings: { physnet1: 'br-ex' },
    },
  ])
  expect([...networks.values()]).toEqual([
    { id: red, name: 'red', project: 'red', network_type: 'vxlan', segmentation_id: 5001, mtu: 1450, number: 1 },
    {
      id: resourceId('network', 'legacy'),
      name: 'legacy',
      project: 'default',
      network_type: 'vlan',
      physical_network: 'physnet1',
      segmentation_id: 101,
      mtu: 1500,
      number: 2,
    },
  ])
  expect([...subnets.values()]).toEqual([
    {
      id: redV4,
      name: 'red-v4',
      network_id: red,
      cidr: '10.0.0.0/24',
      gateway_ip: '10.0.0.1',
      gateway_declared: true,
      enable_dhcp: true,
      dns_nameservers: ['10.0.0.2'],
      allocation_pools: [{ start: '10.0.0.10', end: '10.0.0.99' }],
      host_routes: [{ destination: '10.9.0.0/16', nexthop: '10.0.0.9' }],
      dhcp_server: { ip_address: '10.0.0.99', mac_address: `fa:16:3e:60:4a:f8` },
    },
  ])
  expect([...ports.values()]).toEqual([
    {
      id: resourceId('port', 'red-a'),
      name: 'red-a',
      network_id: red,
      port_security_enabled: true,
      mac_address: 'fa:16:3e:00:00:0a',
      fixed_ips: [{ subnet_id: redV4, ip_address: '10.0.0.11' }],
    },
    {
      id: resourceId('port', 'red-b'),
      name: 'red-b',
      network_id: red,
      port_security_enabled: true,
      mac_address: 'fa:16:3e:01:17:ae',
      fixed_ips: [{ subnet_id: redV4, ip_address: '10.0.0.10' }],
    },
  ])
})

test('docs/topology.md: the example is valid and the tables are those of the schemas (else: node scripts/topology-reference.ts)', () => {
  const page = readFileSync(new URL('../../docs/topology.md', import.meta.url), 'utf8')
  expect(withReference(page)).toBe(page)
  const example = /```yaml\n([\s\S]*?)```/.exec(page)![1]!
  expect(parseTopology(example, 'docs/topology.md').problems).toEqual([])
})
