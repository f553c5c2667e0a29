import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Controller, createController, FakeHost, TopologyError } from '../../src/testing.ts'

let hosts: FakeHost[]
let controller: Controller
let base: string
const topology = (text: string) => [{ text, file: 'topology.yaml' }]

beforeAll(async () => {
  hosts = await Promise.all([FakeHost.listen(), FakeHost.listen()])
  base = `hosts:
  h1: { ovsdb: "${hosts[0]!.endpoint}", tunnel_ip: 192.0.2.1 }
  h2: { ovsdb: "${hosts[1]!.endpoint}", tunnel_ip: 192.0.2.2 }
networks:
  red:  { network_type: vxlan, segmentation_id: 5001 }
  blue: { network_type: gre, segmentation_id: 6001 }
subnets:
  red-v4:  { network: red, cidr: 10.0.0.0/24 }
  blue-v4: { network: blue, cidr: 10.0.0.0/24 }
ports:
  red-a: { network: red, fixed_ips: [{ ip_address: 10.0.0.11 }] }
  red-b: { network: red, fixed_ips: [{ ip_address: 10.0.0.12 }] }
  red-c: { network: red, fixed_ips: [{ ip_address: 10.0.0.13 }] }
  blue-a: { network: blue, fixed_ips: [{ ip_address: 10.0.0.11 }] }
  blue-b: { network: blue, fixed_ips: [{ ip_address: 10.0.0.12 }] }
`
  controller = await createController({ topology: topology(base) })
  await controller.settled(5_000)
  hosts[0]!.plug('red-a')
  hosts[1]!.plug('red-b')
  hosts[0]!.plug('blue-a')
  hosts[1]!.plug('blue-b')
  await controller.fabric.until(() => controller.inputs.bindings.size === 4, 5_000)
  await controller.settled(5_000)
})
afterAll(async () => {
  await controller?.close()
  for (const host of hosts) await host.close()
})

type Edit = (text: string) => string
const swap =
  (from: string | RegExp, to: string): Edit =>
  text => {
    const edited = text.replace(from, to)
    if (edited === text) throw new Error(`nothing to edit: ${from}`)
    return edited
  }
const without =
  (...names: string[]): Edit =>
  text =>
    names.reduce((left, name) => swap(new RegExp(`^  ${name}: .*\\n`, 'm'), '')(left), text)

const CASES: [what: string, edit: Edit, resources: string[], traffic: string][] = [
  ['nothing', text => text, [], 'none'],
  ['one more port', text => `${text}  red-d: { network: red }\n`, ['create port red-d none'], 'none'],
  [
    'what DHCP tells',
    swap('cidr: 10.0.0.0/24 }', 'cidr: 10.0.0.0/24, dns_nameservers: [10.0.0.2] }'),
    ['update subnet red-v4 none'],
    'none',
  ],
  ['a port that is plugged nowhere goes', without('red-c'), ['delete port red-c none'], 'none'],
  ['another address', swap('10.0.0.11', '10.0.0.21'), ['update port red-a brief red-a'], 'brief'],
  ['another segmentation id', swap('5001', '5002'), ['update network red brief red-a red-b red-c'], 'brief'],
  ['a port goes', without('red-a'), ['delete port red-a cut red-a'], 'cut'],
  [
    'no more DHCP',
    swap('cidr: 10.0.0.0/24 }', 'cidr: 10.0.0.0/24, enable_dhcp: false }'),
    ['update subnet red-v4 cut red-a red-b red-c'],
    'cut',
  ],
  [
    'a network goes',
    without('blue', 'blue-v4', 'blue-a', 'blue-b'),
    [
      'delete network blue cut blue-a blue-b',
      'delete port blue-a cut blue-a',
      'delete port blue-b cut blue-b',
      'delete subnet blue-v4 cut blue-a blue-b',
    ],
    'cut',
  ],
]

describe('a plan says what a topology would change and what that does to traffic', () => {
  test.each(CASES)('%s', async (_what, edit, resources, traffic) => {
    const plan = await controller.plan(topology(edit(base)))
    const lines = plan.resources.map(({ action, kind, name, disruption, ports }) =>
      [action, kind, name, disruption, ...ports].join(' '),
    )
    expect(lines.sort()).toEqual(resources)
    expect(plan.disruption).toBe(traffic)
  })

  test.each(CASES)('and changes nothing: %s', async (_what, edit) => {
    const before = [...controller.inputs.engine.targets()].map(target =>
      [...controller.inputs.engine.desired(target).keys()].sort(),
    )
    await controller.plan(topology(edit(base)))
    expect(
      [...controller.inputs.engine.targets()].map(target =>
        [...controller.inputs.engine.desired(target).keys()].sort(),
      ),
    ).toEqual(before)
    expect(controller.revisions()).toHaveLength(controller.revisions()[0]!.number)
  })

  test('a topology with problems is refused', async () => {
    await expect(controller.plan(topology('networks: { red: { mtu: x } }'))).rejects.toThrow(TopologyError)
  })
})

describe('apply', () => {
  const held = () =>
    hosts
      .flatMap(host => [...host.switches.values()])
      .map(one => ({
        flows: [...one.datapath.flows.select({})]
          .map(flow => JSON.stringify(flow, (_key, value) => (typeof value === 'bigint' ? `${value}` : value)))
          .sort(),
      }))

  test.each(CASES.slice(1))('%s, and back, leaves the tables as they were', async (_what, edit) => {
    const before = held()
    const plan = await controller.plan(topology(edit(base)))
    const revision = controller.apply(topology(edit(base)))
    await controller.settled(5_000)
    if (plan.bridges.length > 0) expect(held()).not.toEqual(before)
    expect(controller.apply(topology(edit(base))).number).toBe(revision.number)
    expect((await controller.plan(topology(edit(base)))).resources).toEqual([])
    controller.rollback()
    await controller.settled(5_000)
    expect(held()).toEqual(before)
  })

  test('what is not confirmed in time is rolled back, and what is confirmed stays', async () => {
    const more = `${base}  red-d: { network: red }\n`
    controller.apply(topology(more), 30)
    await controller.fabric.until(
      () => [...controller.topology.ports.values()].every(port => port.name !== 'red-d'),
      5_000,
    )
    expect(() => controller.confirm()).toThrow('nothing waits')
    controller.apply(topology(more), 60_000)
    expect(controller.confirm().texts[0]!.text).toBe(more)
    expect(controller.revisions()[0]?.confirmBy).toBeUndefined()
    controller.rollback()
  })
})
