import { all, connectOvsdb, named, type Operation, operations, vswitch } from 'ovsdb-client'
import { afterEach, describe, expect, test } from 'vitest'
import { examine } from '../../src/doctor/examine.ts'
import type { Facts, Finding, Level } from '../../src/doctor/finding.ts'
import type { Machine } from '../../src/doctor/machine.ts'
import { takeSnapshot } from '../../src/doctor/snapshot.ts'
import { createController, FakeHost } from '../../src/testing.ts'

const { insert, update, mutate } = operations(vswitch)

const closing: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

const INTENT = { name: 'h1', datapathType: 'netdev', tunnelIp: '192.0.2.1', dialsIn: false, outerMtu: 1500 } as const

/** A host that nothing is wrong with: an underlay bridge, and a daemon that has carried out everything. */
async function healthyHost(): Promise<FakeHost> {
  const host = await FakeHost.listen()
  closing.push({ [Symbol.asyncDispose]: () => host.close() })
  set(host, { ovs_version: '3.3.0' })
  host.ovsdb.addBridge('br-underlay')
  host.ovsdb.server.transact([
    ...addPort('br-underlay', 'eth1'),
    update('Bridge', [['name', '==', 'br-underlay']], { datapath_type: 'netdev' }),
  ])
  host.ovsdb.server.transact([update('Interface', [['name', '==', 'eth1']], { mtu: 1500 })])
  return host
}

function set(host: FakeHost, row: Parameters<typeof update<'Open_vSwitch'>>[2]): void {
  host.ovsdb.server.transact([update('Open_vSwitch', all, row)])
}

function addPort(
  bridge: string,
  name: string,
  row: Readonly<Record<string, unknown>> = {},
  marked = false,
): Operation[] {
  return [
    insert('Interface', { name, ...row }, 'added_interface'),
    insert(
      'Port',
      { name, interfaces: [named('added_interface')], external_ids: marked ? { weft: 'port' } : {} },
      'added',
    ),
    mutate('Bridge', [['name', '==', bridge]], [['ports', 'insert', [named('added')]]]),
  ]
}

async function serve(host: FakeHost): Promise<void> {
  const text = `hosts: { h1: { ovsdb: "${host.endpoint}", tunnel_ip: 192.0.2.1, datapath_type: netdev } }
networks: { red: {} }
subnets: { red-v4: { network: red, cidr: 10.0.0.0/24 } }
ports: { red-a: { network: red } }
`
  const controller = await createController({ topology: [{ text, file: 't.yaml' }] })
  closing.push(controller)
  await controller.settled(5_000)
  for (const bridge of ['br-int', 'br-tun']) host.ovsdb.setConnected(bridge, controller.endpoints.openflow, true)
  host.plug('red-a')
  await controller.fabric.until(() => controller.inputs.presences.size === 1, 5_000)
  await controller.close()
}

async function look(host: FakeHost, more: Partial<Omit<Facts, 'snapshot'>> = {}): Promise<Finding[]> {
  const session = await connectOvsdb(host.ovsdb.address)
  try {
    const snapshot = await takeSnapshot(session)
    return examine({ intent: INTENT, versions: new Map(), machine: undefined, ...more, snapshot })
  } finally {
    session.close()
  }
}

const machine = (links: Readonly<Record<string, readonly [mtu: number, ...addresses: string[]]>>): Machine => ({
  kernelDatapath: false,
  links: new Map(Object.entries(links).map(([name, [mtu, ...addresses]]) => [name, { mtu, addresses }])),
})

describe('a healthy host', () => {
  test('before it is taken in', async () => {
    expect((await look(await healthyHost())).map(({ level, what }) => `${level}: ${what}`)).toEqual([
      'ok: Open vSwitch 3.3.0, as its database says',
      'ok: ovs-vswitchd has carried out what its database asks of it',
      'ok: flow-restore-wait is not set',
      'ok: it has the netdev datapath',
      'ok: it can make vxlan and gre ports',
      'ok: tunnels can leave by the netdev bridge br-underlay',
      'ok: the MTU of eth1 is 1500: enough for tunnelled packets of 1500 bytes',
      'ok: nothing is in the way of Weft’s bridges and ports',
    ])
  })

  test('as Weft leaves it', async () => {
    const host = await healthyHost()
    await serve(host)
    const findings = await look(host)
    expect(findings.filter(finding => finding.level !== 'ok')).toEqual([])
    expect(findings.map(finding => finding.what)).toContain('bridge br-int is Weft’s and as it should be')
  })
})

interface Case {
  readonly name: string
  readonly served?: boolean
  /** What is wrong with the healthy host. */
  readonly spoil?: (host: FakeHost) => void
  readonly facts?: Partial<Omit<Facts, 'snapshot'>>
  readonly expected: readonly [Level, what: RegExp, cure: RegExp]
}

const intent = (part: Partial<Facts['intent']>) => ({ intent: { ...INTENT, ...part } })
const transact = (host: FakeHost, ...steps: Operation[]) => host.ovsdb.server.transact(steps)
const onBridge = (name: string) => [['name', '==', name]] as const

const CASES: readonly Case[] = [
  {
    name: 'no version',
    spoil: host => set(host, { ovs_version: undefined }),
    expected: ['unknown', /^the version of Open vSwitch cannot be told from here$/, /ovs-vswitchd --version/],
  },
  {
    name: 'the version that bridges tell wins',
    facts: { versions: new Map([['br0', '3.1.1']]) },
    expected: ['warning', /^Open vSwitch 3\.1\.1, as its bridges say$/, /apt-get install --only-upgrade/],
  },
  {
    name: 'an old version',
    spoil: host => set(host, { ovs_version: '2.17.9' }),
    expected: ['warning', /^Open vSwitch 2\.17\.9/, /apt-get install/],
  },
  {
    name: 'a daemon that never ran',
    spoil: host => set(host, { datapath_types: [] }),
    expected: ['error', /has never run here/, /systemctl restart openvswitch-switch/],
  },
  {
    name: 'flow-restore-wait',
    spoil: host => set(host, { other_config: { 'flow-restore-wait': 'true' } }),
    expected: [
      'error',
      /^flow-restore-wait is stuck/,
      /^ovs-vsctl remove Open_vSwitch \. other_config flow-restore-wait$/,
    ],
  },
  {
    name: 'a datapath it does not have',
    spoil: host => set(host, { datapath_types: ['system'] }),
    expected: ['error', /^it has no netdev datapath: system$/, /datapath_type/],
  },
  {
    name: 'a system datapath nobody can vouch for',
    facts: intent({ datapathType: 'system' }),
    expected: ['unknown', /system datapath cannot be told from here/, /modprobe openvswitch/],
  },
  {
    name: 'a system datapath that the kernel has not',
    facts: { ...intent({ datapathType: 'system', tunnelIp: undefined }), machine: machine({}) },
    expected: ['error', /has not loaded the system datapath/, /modprobe openvswitch/],
  },
  {
    name: 'no gre',
    spoil: host => set(host, { iface_types: ['internal', 'patch', 'vxlan'] }),
    expected: ['error', /^it cannot make gre ports$/, /apt-get install/],
  },
  {
    name: 'no way out for userspace tunnels',
    spoil: host => host.ovsdb.deleteBridge('br-underlay'),
    expected: ['error', /no netdev bridge with an underlay port/, /add-br br-underlay .*; ip address add 192\.0\.2\.1/],
  },
  {
    name: 'a tunnel address in the wrong place',
    facts: { machine: machine({ eth0: [1500, '192.0.2.1'] }) },
    expected: ['error', /is on eth0, which is no netdev bridge/, /add-br br-underlay/],
  },
  {
    name: 'no tunnel address',
    facts: { machine: machine({ eth0: [1500, '203.0.113.1'] }) },
    expected: ['error', /^nothing here has the tunnel address 192\.0\.2\.1$/, /^ip address add 192\.0\.2\.1/],
  },
  {
    name: 'an underlay that is too narrow, as OVSDB shows it',
    facts: intent({ outerMtu: 1550 }),
    expected: ['error', /^the MTU of eth1 is 1500, and tunnelled packets have up to 1550 bytes$/, /mtu 1550/],
  },
  {
    name: 'an underlay that is too narrow, as the host shows it',
    facts: { ...intent({ datapathType: 'system' }), machine: machine({ bond0: [1400, '192.0.2.1'] }) },
    expected: ['error', /^the MTU of bond0 is 1400/, /ip link set bond0 mtu 1500/],
  },
  {
    name: 'an underlay that only the kernel knows',
    facts: intent({ datapathType: 'system' }),
    expected: ['unknown', /MTU of the underlay cannot be told from here/, /ip link show/],
  },
  {
    name: 'guests on veth',
    served: true,
    spoil: host => transact(host, update('Interface', [['name', '==', 'vnet0']], { status: { driver_name: 'veth' } })),
    expected: ['unknown', /guests on veth \(vnet0\).*cannot be told from here/, /^ethtool -K eth0 tx off/],
  },
  {
    name: 'the host’s own address on a bridge with a controller',
    spoil: host => transact(host, update('Bridge', onBridge('br-underlay'), { fail_mode: 'secure' })),
    facts: { machine: machine({ 'br-underlay': [1500, '192.0.2.1'] }) },
    expected: ['warning', /^bridge br-underlay has the host’s address 192\.0\.2\.1/, /del-fail-mode br-underlay/],
  },
  {
    name: 'a foreign br-int',
    spoil: host => {
      host.ovsdb.addBridge('br-int')
      host.plug('somebody')
    },
    expected: [
      'error',
      /^bridge br-int is there and not Weft’s: 1 guests$/,
      /^weft adopt h1 --yes {2}# .*ovs-vsctl del-br br-int$/,
    ],
  },
  {
    name: 'a port name that is taken',
    spoil: host => transact(host, ...addPort('br-underlay', 'patch-tun')),
    expected: ['error', /^port patch-tun is there and not Weft’s, on bridge br-underlay$/, /del-port patch-tun/],
  },
  {
    name: 'another tunnel port for everybody',
    spoil: host =>
      transact(host, ...addPort('br-underlay', 'vx0', { type: 'vxlan', options: { remote_ip: 'flow', key: 'flow' } })),
    expected: ['error', /^port vx0 is a vxlan port for every peer/, /del-port vx0/],
  },
  {
    name: 'OVN',
    spoil: host => set(host, { external_ids: { 'ovn-remote': 'tcp:192.0.2.9:6642' } }),
    expected: ['warning', /^OVN is set up to manage this host, from tcp:192\.0\.2\.9:6642$/, /ovn-controller/],
  },
  {
    name: 'a second controller',
    served: true,
    spoil: host =>
      transact(
        host,
        insert('Controller', { target: 'tcp:192.0.2.8:6653', is_connected: true }, 'other'),
        mutate('Bridge', onBridge('br-tun'), [['controller', 'insert', [named('other')]]]),
      ),
    expected: [
      'warning',
      /^bridge br-tun has another controller .*: tcp:192\.0\.2\.8:6653$/,
      /remove Bridge br-tun controller/,
    ],
  },
  {
    name: 'fail_mode',
    served: true,
    spoil: host => transact(host, update('Bridge', onBridge('br-int'), { fail_mode: 'standalone' })),
    expected: ['error', /^fail_mode of bridge br-int is standalone$/, /set-fail-mode br-int secure/],
  },
  {
    name: 'in-band',
    served: true,
    spoil: host =>
      transact(host, mutate('Bridge', onBridge('br-int'), [['other_config', 'delete', ['disable-in-band']]])),
    expected: ['warning', /^bridge br-int may be controlled in-band$/, /disable-in-band=true/],
  },
  {
    name: 'a controller that is not reached',
    served: true,
    spoil: host =>
      transact(host, update('Controller', all, { is_connected: false, status: { last_error: 'Connection refused' } })),
    expected: [
      'warning',
      /^bridge br-int does not reach Weft at tcp:.* \(Connection refused\)$/,
      /^nc -zv 127\.0\.0\.1 \d+/,
    ],
  },
  {
    name: 'an interface that did not come to be',
    served: true,
    spoil: host => transact(host, update('Interface', [['name', '==', 'vnet0']], { error: 'No such device' })),
    expected: ['error', /^port vnet0 of br-int did not come to be: No such device$/, /del-port vnet0/],
  },
  {
    name: 'two interfaces for one port',
    served: true,
    spoil: host => host.plug('red-a'),
    expected: ['warning', /^interfaces vnet0 and vnet1 both say that they are port red-a$/, /remove Interface vnet1/],
  },
  {
    name: 'a manager that is gone',
    spoil: host => addManager(host, 'tcp:192.0.2.9:6640', false),
    expected: [
      'warning',
      /^its OVSDB does not reach tcp:192\.0\.2\.9:6640/,
      /^ovs-vsctl del-manager {2}# when 192\.0\.2\.9 6640 is gone/,
    ],
  },
  {
    name: 'one manager twice',
    spoil: host => {
      addManager(host, 'tcp:192.0.2.9:6640', true)
      addManager(host, 'ssl:192.0.2.9:6640', true)
    },
    expected: [
      'warning',
      /^two managers are one: .* are all 192\.0\.2\.9 6640$/,
      /^ovs-vsctl set-manager (tcp|ssl):192\.0\.2\.9:6640$/,
    ],
  },
  {
    name: 'nobody to dial',
    facts: intent({ dialsIn: true }),
    expected: ['error', /no manager to dial/, /set-manager tcp:CONTROLLER:6640/],
  },
  {
    name: 'a host that calls itself otherwise',
    spoil: host => set(host, { external_ids: { hostname: 'node7' } }),
    facts: intent({ dialsIn: true }),
    expected: ['error', /^it calls itself node7, not h1$/, /external_ids:hostname=h1/],
  },
]

function addManager(host: FakeHost, target: string, connected: boolean): void {
  transact(
    host,
    insert('Manager', { target, is_connected: connected }, 'added'),
    mutate('Open_vSwitch', all, [['manager_options', 'insert', [named('added')]]]),
  )
}

test.each(CASES)('$name', async ({ served, spoil, facts, expected: [level, what, cure] }) => {
  const host = await healthyHost()
  if (served) await serve(host)
  const texts = (findings: readonly Finding[]) => findings.filter(finding => what.test(finding.what))
  expect(texts(await look(host))).toEqual([])
  spoil?.(host)
  const findings = await look(host, facts)
  expect(texts(findings).map(finding => finding.level)).toContain(level)
  for (const finding of texts(findings)) {
    expect(finding.cure).toMatch(cure)
    expect(finding.why).not.toBe('')
  }
})

test('a daemon that hangs', async () => {
  const host = await healthyHost()
  const session = await connectOvsdb(host.ovsdb.address)
  const snapshot = await takeSnapshot(session)
  session.close()
  // The fake daemon never hangs.
  const Open_vSwitch = new Map([...snapshot.Open_vSwitch].map(([id, row]) => [id, { ...row, next_cfg: 7, cur_cfg: 6 }]))
  const facts = { intent: INTENT, versions: new Map(), machine: undefined, snapshot: { ...snapshot, Open_vSwitch } }
  expect(examine(facts)[0]).toMatchObject({
    level: 'error',
    what: 'ovs-vswitchd lags behind its database: 6 of 7',
    cure: 'systemctl restart openvswitch-switch',
  })
})

test('the worst comes first', async () => {
  const host = await healthyHost()
  set(host, { ovs_version: '2.17.0', other_config: { 'flow-restore-wait': 'true' } })
  expect((await look(host)).map(finding => finding.level).slice(0, 3)).toEqual(['error', 'warning', 'ok'])
})
