import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Allocation, type AllocationKind, resolveTopology } from '../../topology/allocation.ts'
import { parseTopology, type TopologyDocument } from '../../topology/document.ts'
import { contains, ipv4, readCidr } from '../../topology/ipv4.ts'
import { formatProblem } from '../../topology/problem.ts'
import { resourceId } from '../../topology/resource-id.ts'
import type { Topology } from '../../topology/topology.ts'

// Small spaces of names, ids and addresses, so that things meet.
const NETWORKS = ['red', 'blue', 'green', 'grey']
const SUBNETS = NETWORKS.flatMap(network => [`${network}-1`, `${network}-2`])
const PORTS = NETWORKS.flatMap(network => ['a', 'b', 'c', 'd', 'e'].map(letter => `${network}-${letter}`))

interface Wish {
  networks: Record<string, object>
  subnets: Record<string, object>
  ports: Record<string, object>
}

const network = fc.oneof(
  fc.constant({}),
  fc.constant({ network_type: 'gre' }),
  fc.record({ network_type: fc.constantFrom('gre', 'vxlan'), segmentation_id: fc.integer({ min: 1, max: 4 }) }),
  fc.constant({ network_type: 'local' }),
)

const subnet = (name: string) =>
  fc.record(
    {
      network: fc.constant(name.slice(0, -2)),
      cidr: fc.constantFrom(...(name.endsWith('1') ? ['10.0.0.0/29', '10.0.0.0/28'] : ['10.0.1.0/29', '10.0.1.0/30'])),
      gateway_ip: fc.constantFrom(null, `10.0.${name.endsWith('1') ? 0 : 1}.1`),
      enable_dhcp: fc.boolean(),
    },
    { requiredKeys: ['network', 'cidr'] },
  )

const port = (name: string) =>
  fc.record(
    {
      network: fc.constant(name.slice(0, -2)),
      mac_address: fc.integer({ min: 0, max: 3 }).map(low => `fa:16:3e:00:00:0${low}`),
      fixed_ips: fc.array(
        fc.oneof(
          fc.record({ ip_address: fc.integer({ min: 1, max: 6 }).map(low => `10.0.0.${low}`) }),
          fc.record({ subnet: fc.constantFrom(`${name.slice(0, -2)}-1`, `${name.slice(0, -2)}-2`) }),
        ),
        { maxLength: 2 },
      ),
    },
    { requiredKeys: ['network'] },
  )

/** Some of the names, each with attributes, in any order. */
const some = <T>(names: readonly string[], attributes: (name: string) => fc.Arbitrary<T>) =>
  fc
    .shuffledSubarray([...names])
    .chain(chosen => fc.tuple(...chosen.map(name => attributes(name).map(value => [name, value] as const))))
    .map(entries => Object.fromEntries(entries))

/** Documents that are valid: what refers to nothing and what is given twice is left out. */
const wish = fc
  .record({ networks: some(NETWORKS, () => network), subnets: some(SUBNETS, subnet), ports: some(PORTS, port) })
  .map(prune)

function prune({ networks, subnets, ports }: { networks: object; subnets: object; ports: object }): Wish {
  const taken = new Set<string>()
  const claim = (...words: unknown[]) => taken.size < taken.add(words.join(' ')).size
  const kept: Wish = { networks: {}, subnets: {}, ports: {} }
  for (const [name, { network_type = 'vxlan', segmentation_id }] of Object.entries(networks))
    if (segmentation_id === undefined || claim(network_type, segmentation_id))
      kept.networks[name] = networks[name as never]
  for (const [name, row] of Object.entries(subnets)) if (row.network in kept.networks) kept.subnets[name] = row
  for (const [name, { network, mac_address, fixed_ips, ...rest }] of Object.entries(ports)) {
    if (!(network in kept.networks)) continue
    const given = (fixed_ips ?? []).filter(({ subnet, ip_address }: { subnet?: string; ip_address?: string }) =>
      subnet === undefined ? `${network}-1` in kept.subnets && claim(network, ip_address) : subnet in kept.subnets,
    )
    const mac = mac_address !== undefined && claim(network, mac_address) ? { mac_address } : {}
    kept.ports[name] = { network, ...rest, ...mac, ...(fixed_ips ? { fixed_ips: given } : {}) }
  }
  return kept
}

function parse(value: Wish): TopologyDocument {
  const { document, problems } = parseTopology(JSON.stringify(value, null, 1), 't.yaml')
  expect(problems.map(formatProblem)).toEqual([])
  return document!
}

/** The rows by id, whatever their order. */
function rows(topology: Topology): Record<string, unknown> {
  return Object.fromEntries(Object.values(topology).flatMap(table => [...table].sort()))
}

/** Nothing is shared that must not be, nothing is where it must not be. */
function checkTopology({ networks, subnets, ports }: Topology, document: TopologyDocument): void {
  const unique = (values: readonly unknown[]) => expect(new Set(values.map(String)).size).toBe(values.length)
  unique(Array.from(networks.values(), ({ number }) => number))
  unique([...networks.values()].flatMap(row => (row.segmentation_id ? [[row.network_type, row.segmentation_id]] : [])))
  for (const { network_type, segmentation_id, number } of networks.values()) {
    expect(number).toBeGreaterThan(0)
    if (network_type !== 'local') expect(segmentation_id).toBeGreaterThan(0)
  }
  const servers = [...subnets.values()].flatMap(row => (row.dhcp_server ? [{ ...row, ...row.dhcp_server }] : []))
  unique([...ports.values(), ...servers].map(row => [row.network_id, row.mac_address]))
  const addresses = [...ports.values()].flatMap(row => row.fixed_ips.map(ip => [row.network_id, ip.ip_address]))
  const pooled = servers.filter(row => row.ip_address !== row.gateway_ip)
  unique([...addresses, ...pooled.map(row => [row.network_id, row.ip_address])])
  for (const { cidr, ip_address, allocation_pools, gateway_ip } of servers) {
    expect(contains(readCidr(cidr)!, ipv4(ip_address))).toBe(true)
    const ranges = allocation_pools.map(({ start, end }) => ({ start: ipv4(start), end: ipv4(end) }))
    expect(ip_address === gateway_ip || ranges.some(range => contains(range, ipv4(ip_address)))).toBe(true)
  }
  for (const { name, network_id, fixed_ips } of ports.values()) {
    for (const { subnet_id, ip_address } of fixed_ips) {
      const { cidr, gateway_ip, ...subnet } = subnets.get(subnet_id)!
      expect(subnet.network_id).toBe(network_id)
      expect(contains(readCidr(cidr)!, ipv4(ip_address))).toBe(true)
      const given = document.ports.get(name)?.fixed_ips?.some(ip => ip.ip_address === ip_address)
      if (!given) expect(ip_address).not.toBe(gateway_ip)
    }
  }
  expect(subnets.size).toBe(document.subnets.size)
  for (const { enable_dhcp, dhcp_server } of subnets.values()) expect(dhcp_server !== undefined).toBe(enable_dhcp)
}

interface Step {
  readonly wish: Wish
  readonly topology: Topology
}

/** Who wishes the same as before has the same as before, whatever became of the others. */
function checkKept(before: Step, after: Step): void {
  const same = (section: keyof Wish, name: string) =>
    JSON.stringify(before.wish[section][name]) === JSON.stringify(after.wish[section][name])
  for (const [id, row] of after.topology.networks)
    if (same('networks', row.name)) expect(row).toEqual(before.topology.networks.get(id))
  for (const [id, row] of after.topology.ports) {
    const network = row.name.slice(0, -2)
    const here = same('networks', network) && ['1', '2'].every(n => same('subnets', `${network}-${n}`))
    if (here && same('ports', row.name)) expect(row).toEqual(before.topology.ports.get(id))
  }
}

const record = (
  recorded: readonly Allocation[],
  { added, released }: { added: Allocation[]; released: Allocation[] },
) => [...recorded.filter(allocation => !released.includes(allocation)), ...added]

const key = ({ kind, scope, value }: Allocation) => `${kind} ${scope} ${value}`

test('a topology resolved with its own allocations is the same, in any order, and asks for no more', () => {
  fc.assert(
    fc.property(wish, fc.infiniteStream(fc.nat()), (value, random) => {
      const document = parse(value)
      const first = resolveTopology(document, [])
      fc.pre(first.topology !== undefined)
      checkTopology(first.topology!, document)
      expect(first.released).toEqual([])
      expect(new Set(first.added.map(key)).size).toBe(first.added.length)

      const shuffle = <T>(list: T[]) =>
        list
          .map(item => ({ item, at: random.next().value! }))
          .sort((a, b) => a.at - b.at)
          .map(({ item }) => item)
      const mixed = Object.fromEntries(
        shuffle(Object.entries(value)).map(([section, all]) => [
          section,
          Object.fromEntries(shuffle(Object.entries(all))),
        ]),
      )
      const second = resolveTopology(parse(mixed as unknown as Wish), shuffle([...first.added]))
      expect(second).toMatchObject({ added: [], released: [], problems: [] })
      expect(rows(second.topology!)).toEqual(rows(first.topology!))
    }),
    { numRuns: 200 },
  )
})

test('removing some changes nothing for the others, and lets go of what they had', () => {
  fc.assert(
    fc.property(wish, fc.func(fc.boolean()), (value, keep) => {
      const first = resolveTopology(parse(value), [])
      fc.pre(first.topology !== undefined)
      const filtered = Object.entries(value).map(([section, all]) => [
        section,
        Object.fromEntries(Object.entries(all).filter(([name]) => section === 'subnets' || keep(name))),
      ])
      const fewer = prune(Object.fromEntries(filtered) as unknown as Wish)
      const second = resolveTopology(parse(fewer), first.added)
      expect(second.problems).toEqual([])
      expect(second.added).toEqual([])
      const before = rows(first.topology!)
      const after = rows(second.topology!)
      for (const [id, row] of Object.entries(after)) expect(row).toEqual(before[id])
      expect(second.released).toEqual(first.added.filter(({ owner }) => !(owner in after)))
    }),
    { numRuns: 200 },
  )
})

test('any history: nothing is shared, nobody loses what he has, no segment changes hands in one step', () => {
  const kinds: AllocationKind[] = ['network_number', 'segmentation_id']
  fc.assert(
    fc.property(fc.array(wish, { minLength: 2, maxLength: 6 }), wishes => {
      let recorded: Allocation[] = []
      let last: Step | undefined
      for (const value of wishes) {
        const document = parse(value)
        const resolution = resolveTopology(document, recorded)
        if (!resolution.topology) {
          expect(resolution.problems).not.toEqual([])
          expect([resolution.added, resolution.released]).toEqual([[], []])
          continue
        }
        checkTopology(resolution.topology, document)
        const given = new Set(resolution.released.map(key))
        for (const allocation of resolution.added) {
          if (kinds.includes(allocation.kind)) expect(given).not.toContain(key(allocation))
        }
        if (last) checkKept(last, { wish: value, topology: resolution.topology })
        last = { wish: value, topology: resolution.topology }
        recorded = record(recorded, resolution)
        expect(new Set(recorded.map(key)).size).toBe(recorded.length)
        expect(resolveTopology(document, recorded)).toEqual({ ...resolution, added: [], released: [] })
      }
    }),
    { numRuns: 200 },
  )
})

test('whatever is on record, the topology is right', () => {
  const id = resourceId
  const small = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom(-1, 0.5, 2 ** 53, 'x'))
  const macs = fc.constantFrom('fa:16:3e:00:00:01', 'fa:16:3e:00:00:02', 'ff:ff:ff:ff:ff:ff', '')
  const address = fc.oneof(
    fc.tuple(fc.nat(2), fc.nat(8)).map(([third, low]) => `10.0.${third}.${low}`),
    fc.constantFrom('10.0.0', 5),
  )
  const allocation = (
    kind: AllocationKind,
    [owner, scope]: readonly [string, string],
    value: fc.Arbitrary<string | number>,
  ): fc.Arbitrary<Allocation> => value.map(value => ({ kind, scope, owner, value }))
  const onNetwork = fc.constantFrom(...PORTS).map(port => [id('port', port), id('network', port.slice(0, -2))] as const)
  const onSubnet = fc
    .tuple(fc.constantFrom(...PORTS), fc.constantFrom('1', '2'))
    .map(([port, n]) => [id('port', port), id('subnet', `${port.slice(0, -1)}${n}`)] as const)
  const ofSubnet = fc.constantFrom(...SUBNETS).map(name => [id('subnet', name), id('subnet', name)] as const)
  const ofSubnetMac = fc
    .constantFrom(...SUBNETS)
    .map(name => [id('subnet', name), id('network', name.slice(0, -2))] as const)
  const ofNetwork = (scope: string) => fc.constantFrom(...NETWORKS).map(name => [id('network', name), scope] as const)
  const junk = fc.oneof(
    ofNetwork('fabric').chain(pair => allocation('network_number', pair, small)),
    ofNetwork('vxlan').chain(pair => allocation('segmentation_id', pair, small)),
    ofNetwork('gre').chain(pair => allocation('segmentation_id', pair, small)),
    onNetwork.chain(pair => allocation('mac_address', pair, macs)),
    onSubnet.chain(pair => allocation('ip_address', pair, address)),
    ofSubnet.chain(pair => allocation('dhcp_address', pair, address)),
    ofSubnetMac.chain(pair => allocation('dhcp_mac', pair, macs)),
    onSubnet.chain(pair => allocation('mac_address', pair, macs)),
  )
  fc.assert(
    fc.property(wish, fc.array(junk, { maxLength: 60 }), (value, recorded) => {
      const document = parse(value)
      const { topology, added, released } = resolveTopology(document, recorded)
      if (!topology) return
      checkTopology(topology, document)
      const next = record(recorded, { added, released })
      expect(new Set(next.map(key)).size).toBe(next.length)
      expect(resolveTopology(document, next)).toEqual({ topology, added: [], released: [], problems: [] })
    }),
    { numRuns: 300 },
  )
})

test('no text throws; a document is there exactly when nothing is wrong', () => {
  const pieces = fc.constantFrom(
    ...[
      'hosts:',
      'networks:',
      'subnets:',
      'ports:',
      '\n',
      '  ',
      'red',
      ': ',
      '{',
      '}',
      '[',
      ']',
      ',',
      'network: red',
      '&a',
      '*a',
    ],
    ...[
      'cidr: 10.0.0.0/24',
      'fixed_ips: [{ ip_address: 10.0.0.1 }]',
      '"',
      "'",
      '- ',
      '? ',
      '| ',
      '!!int ',
      '---',
      '#',
      '\t',
      '%YAML 1.1',
    ],
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(pieces, { maxLength: 30 }).map(list => list.join('')),
      ),
      text => {
        const { document, problems } = parseTopology(text, 't.yaml')
        expect(document === undefined).toBe(problems.length > 0)
        for (const problem of problems) {
          expect(
            text
              .replace(/^\ufeff/, '')
              .split(/\n/)
              [problem.line - 1]?.replace(/\r$/, ''),
          ).toBe(problem.source)
          expect(problem.column).toBeLessThanOrEqual(problem.source.length + 1)
          expect(formatProblem(problem)).toContain(problem.message)
        }
      },
    ),
    { numRuns: 1000 },
  )
})

test('10,000 ports in 50 networks are parsed within 1.5 s and resolved within 300 ms', () => {
  const lines = ['networks:', ...Array.from({ length: 50 }, (_, i) => `  n${i}: { project: p${i} }`), 'subnets:']
  for (let i = 0; i < 50; i++) lines.push(`  s${i}: { network: n${i}, cidr: 10.0.0.0/16 }`)
  lines.push('ports:')
  for (let i = 0; i < 10_000; i++) {
    const given = `, fixed_ips: [{ ip_address: 10.0.${100 + (i >> 8)}.${i & 255} }]`
    lines.push(`  p${i}: { network: n${i % 50}${i % 3 === 0 ? given : ''} }`)
  }
  const times = [performance.now()]
  const { document } = parseTopology(lines.join('\n'), 't.yaml')
  times.push(performance.now())
  const { added } = resolveTopology(document!, [])
  times.push(performance.now())
  const again = resolveTopology(document!, added)
  times.push(performance.now())
  expect(again.added).toEqual([])
  expect(again.topology?.ports.size).toBe(10_000)
  const [parsed, resolved, resolvedAgain] = times.slice(1).map((time, i) => time - times[i]!) as [
    number,
    number,
    number,
  ]
  // The bounds are for a machine with a core to itself; tests may run beside others.
  expect(parsed).toBeLessThan(3 * 1500)
  expect(Math.max(resolved, resolvedAgain)).toBeLessThan(3 * 300)
})
