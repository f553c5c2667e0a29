import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HostChangeView } from '../../src/api/host-routes.ts'
import type { HostView, PortView } from '../../src/api/read-model.ts'
import { ask } from '../../src/cli/client.ts'
import { createLab, type Lab } from '../../src/lab/lab.ts'
import { until } from '../../src/lab/until.ts'
import { TOPOLOGY } from './plain-lab.ts'

let lab: Lab
/** What each host said when somebody else had set it up. */
const foreign = new Map<string, Dump>()
const change = (host: string, verb: 'adopt' | 'release', body: Readonly<Record<string, boolean>> = {}) =>
  ask<HostChangeView>(lab.apiEndpoint, `/v1/hosts/${host}/${verb}`, { method: 'POST', body })
const hosts = () => ask<readonly HostView[]>(lab.apiEndpoint, '/v1/hosts')
const flowsOf = async (host: string) =>
  (await lab.ofctl(host, '-O', 'OpenFlow15', '--no-stats', '--no-names', 'dump-flows', 'br-int')).trim().split('\n')
const OURS = /cookie=0x5745/

/** Rows by table. */
type Dump = Readonly<Record<string, readonly string[]>>

/** What Open vSwitch counts or finds out by itself. */
const BY_ITSELF = new Set([
  'next_cfg',
  'cur_cfg',
  'statistics',
  'status',
  'is_connected',
  'role',
  'link_resets',
  'ifindex',
  'lacp_current',
  'rstp_statistics',
])

/** The database of a host, every table and column but those; a Controller row is called by its target. */
async function dumpOf(host: string): Promise<Dump> {
  const text = (await lab.exec(host, ['ovsdb-client', '-f', 'json', 'dump'])).stdout
  const tables = text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { caption: string; headings: string[]; data: unknown[][] })
  const names = new Map<string, string>()
  const dumped = tables.map(({ caption, headings, data }) => {
    const table = caption.replace(/ table$/, '')
    const rows = data.map(row => {
      const entries = headings.map((heading, at) => [heading, row[at]] as const)
      const columns = Object.fromEntries(entries.filter(([heading]) => !BY_ITSELF.has(heading)))
      if (table === 'Controller') names.set((columns['_uuid'] as string[])[1]!, String(columns['target']))
      return JSON.stringify(columns)
    })
    return [table, rows.sort()] as const
  })
  const rename = (row: string) => [...names].reduce((shown, [id, name]) => shown.replaceAll(id, name), row)
  return Object.fromEntries(dumped.map(([table, rows]) => [table, rows.map(rename)]))
}

const MADE_BY_WEFT = ['Bridge', 'Port', 'Interface', 'Controller', 'Flow_Table']

/** A bridge as somebody else uses it: a port, a QoS, a mirror, settings and a flow. */
async function makeForeign(host: string, ...more: string[]): Promise<void> {
  await lab.vsctl(
    host,
    ...['add-br', 'br-int', '--', 'set', 'Bridge', 'br-int', 'datapath_type=netdev', 'fail_mode=standalone'],
    ...['protocols=OpenFlow10,OpenFlow13,OpenFlow15', 'other_config:mac-aging-time=60', 'external_ids:theirs=yes'],
    ...['other_config:hwaddr="0a:00:00:00:00:07"'],
    ...['--', 'add-port', 'br-int', 'theirs0', '--', 'set', 'Interface', 'theirs0', 'type=internal'],
    ...['--', '--id=@qos', 'create', 'QoS', 'type=linux-noop', 'other_config:max-rate=1000000', 'queues:0=@queue'],
    ...['--', '--id=@queue', 'create', 'Queue', 'other_config:max-rate=500000', '--', 'set', 'Port', 'theirs0'],
    ...['qos=@qos', 'external_ids:theirs=port', 'tag=7', '--', '--id=@port', 'get', 'Port', 'theirs0'],
    ...['--', '--id=@mirror', 'create', 'Mirror', 'name=theirs', 'output-port=@port'],
    ...['--', 'set', 'Bridge', 'br-int', 'mirrors=@mirror'],
    ...more,
  )
  await lab.ofctl(host, 'add-flow', 'br-int', 'cookie=0xf00,priority=7,udp,actions=drop')
}

beforeAll(async () => {
  lab = await createLab({ topology: TOPOLOGY, name: `adopt-${process.pid}`, plug: false })
  await lab.settled()
})
afterAll(() => lab?.down())

test('a bridge of Weft’s with a guest stays at release, and joins nobody', async () => {
  await lab.plug('red-a')
  await lab.plug('blue-a')
  await lab.settled()
  await change('h1', 'release')
  expect(await lab.vsctl('h1', 'list-br')).toBe('br-int\nbr-underlay\n')
  expect(await lab.vsctl('h1', 'list-ports', 'br-int')).toBe('tapblue-a\ntapred-a\n')
  expect((await lab.vsctl('h1', 'get-fail-mode', 'br-int')).trim()).toBe('secure')
  expect(await lab.ofctl('h1', '-O', 'OpenFlow15', 'dump-flows', 'br-int')).not.toMatch(/cookie|actions/)
  for (const guest of ['red-a', 'blue-a']) await lab.unplug(guest)
  await change('h1', 'adopt')
  await lab.settled()
  expect((await lab.vsctl('h1', 'get', 'Bridge', 'br-int', 'external_ids:weft')).trim()).toBe('adopted')
  await change('h1', 'release')
  await lab.vsctl('h1', 'del-br', 'br-int')
  await change('h1', 'adopt')
  await lab.settled()
})

describe.each([
  ['h1', 'without a controller', [], {}],
  [
    'h2',
    'with a controller',
    ['--', 'set-controller', 'br-int', 'tcp:127.0.0.1:6699', '--', 'set', 'Controller', 'br-int', 'max_backoff=8000'],
    { replace_controller: true },
  ],
] as const)('%s: a bridge that was there, %s', (host, _, more, consent) => {
  test('a released host has nothing of Weft’s, and is left alone', async () => {
    const { steps, done } = await change(host, 'release')
    expect(steps).toHaveLength(2)
    expect(done).toBe(true)
    const dump = await dumpOf(host)
    expect(JSON.stringify(dump)).not.toMatch(/weft|patch-/)
    await makeForeign(host, ...more)
    foreign.set(host, await dumpOf(host))
    await lab.settled()
    expect((await hosts()).find(({ name }) => name === host)).toMatchObject({ state: 'released', problems: [] })
    expect(await flowsOf(host)).toContainEqual(expect.stringContaining('cookie=0xf00'))
  })

  test('a dry run changes nothing; an interface that is up, or another controller, is refused', async () => {
    const linkIs = async (state: 'up' | 'down') => {
      await lab.exec(host, ['ip', 'link', 'set', 'br-int', state])
      const seen = async () => (await lab.vsctl(host, 'get', 'Interface', 'br-int', 'admin_state')).trim() === state
      await until(seen, `the database to say that br-int is ${state}`, 5_000)
    }
    await linkIs('up')
    const { refusals } = await change(host, 'adopt', { dry_run: true })
    expect(refusals.join('\n')).toMatch(/br-int is not down, and OVSDB does not show addresses/)
    await expect(change(host, 'adopt')).rejects.toThrow(`host ${host} is not adopted`)
    await linkIs('down')
    const dry = await change(host, 'adopt', { dry_run: true })
    expect(dry.refusals).toEqual(more.length === 0 ? [] : [expect.stringContaining('tcp:127.0.0.1:6699')])
    expect(await dumpOf(host)).toEqual(foreign.get(host))
  })

  test('adopted, it serves guests; what is foreign is as it was', async () => {
    // While the switch has not let go of their controller, and of its flows, ours is not set.
    const signal = (name: string) =>
      lab.exec(host, ['sh', '-c', `kill -${name} $(cat /run/openvswitch/ovs-vswitchd.pid)`])
    await signal('STOP')
    const adopted = change(host, 'adopt', consent)
    const mark = async () => (await lab.vsctl(host, 'get', 'Bridge', 'br-int', 'external_ids')).includes('weft=adopted')
    try {
      await until(mark, 'the mark', 5_000)
      for (let asked = 0; asked < 5; asked++) {
        expect((await lab.vsctl(host, 'get', 'Bridge', 'br-int', 'controller')).trim()).toBe('[]')
      }
    } finally {
      await signal('CONT')
    }
    await adopted
    await lab.settled()
    const guests = lab.layout.guests.filter(guest => guest.host === host).map(guest => guest.name)
    for (const guest of guests) await lab.plug(guest)
    const bound = async () => {
      const ports = await ask<readonly PortView[]>(lab.apiEndpoint, '/v1/ports')
      return ports.filter(port => port.host === host && port.status === 'ACTIVE').length === guests.length
    }
    await until(bound, 'the guests to be bound', 10_000)
    await lab.settled()
    for (const guest of guests) expect(await lab.dhcp(guest)).toBe(host === 'h1' ? '10.0.0.11' : '10.0.0.12')
    const flows = await flowsOf(host)
    expect(flows.filter(flow => !OURS.test(flow))).toEqual([])
    const [before, now] = [foreign.get(host)!, await dumpOf(host)]
    for (const table of Object.keys(before).filter(name => !MADE_BY_WEFT.includes(name) && name !== 'Open_vSwitch')) {
      expect(now[table]).toEqual(before[table])
    }
    expect(now['Port']).toEqual(expect.arrayContaining(before['Port']!.filter(row => row.includes('theirs0'))))
  })
})

test('guests of both reach each other, and only their own tenant', async () => {
  await lab.underlayWarm()
  expect(await lab.ping('red-a', '10.0.0.12', { count: 3 })).toEqual({ sent: 3, received: 3 })
  const heard = await lab.capture('blue-b', { interface: 'eth0', filter: 'icmp' })
  expect(await lab.ping('red-a', '10.0.0.12', { count: 3 })).toEqual({ sent: 3, received: 3 })
  expect(await heard.stop()).toEqual([])
})

test.each([
  'h1',
  'h2',
])('%s is released: its database says what it said before, and no flow of Weft’s is left', async host => {
  for (const guest of lab.layout.guests) if (guest.host === host) await lab.unplug(guest.name)
  expect((await change(host, 'release')).done).toBe(true)
  // The switch has its own say in what the database holds, a moment later.
  const same = async () => isDeepStrictEqual(await dumpOf(host), foreign.get(host))
  await until(same, 'the database to be as it was', 5_000).catch(() => {})
  expect(await dumpOf(host)).toEqual(foreign.get(host))
  expect((await flowsOf(host)).filter(flow => OURS.test(flow))).toEqual([])
  expect(await lab.ofctl(host, '-O', 'OpenFlow15', 'dump-groups', 'br-int')).not.toMatch(/group_id/)
  expect(await lab.ofctl(host, '-O', 'OpenFlow15', 'dump-meters', 'br-int')).not.toMatch(/meter=/)
})
