import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { MacView } from '../../src/api/mac-view.ts'
import type { BridgeView } from '../../src/api/read-model.ts'
import { ask } from '../../src/cli/client.ts'
import { createLab, type Lab } from '../../src/lab/lab.ts'
import { parseIpv4Address } from '../../src/packet/address.ts'
import { buildFrame } from '../../src/packet/frame.ts'
import { BROADCAST_MAC, formatMac } from '../../src/packet/mac.ts'

// Two hosts, two networks with the same addresses. Behind each trunk live guests that no topology knows.

const TOPOLOGY = `
hosts:
  h1: { ovsdb: "tcp:198.18.0.1:6640", tunnel_ip: 192.0.2.1, datapath_type: netdev }
  h2: { ovsdb: "tcp:198.18.0.2:6640", tunnel_ip: 192.0.2.2, datapath_type: netdev }
networks:
  red:  { network_type: vxlan, segmentation_id: 5001 }
  blue: { network_type: vxlan, segmentation_id: 5002 }
subnets:
  red-v4:  { network: red, cidr: 10.0.0.0/24, allocation_pools: [{ start: 10.0.0.10, end: 10.0.0.99 }] }
  blue-v4: { network: blue, cidr: 10.0.0.0/24, allocation_pools: [{ start: 10.0.0.10, end: 10.0.0.99 }] }
ports:
  trunk-1: { network: red, port_security_enabled: false, binding:host_id: h1 }
  trunk-2: { network: red, port_security_enabled: false, binding:host_id: h2 }
  plain-1: { network: red, binding:host_id: h1 }
  plain-2: { network: red, mac_address: "fa:16:3e:00:00:22", binding:host_id: h2 }
  blue-1:  { network: blue, port_security_enabled: false, binding:host_id: h1 }
  blue-2:  { network: blue, mac_address: "fa:16:3e:00:00:22", binding:host_id: h2 }
`

const PLAIN_2 = 0xfa163e000022
const OTHERS = ['blue-1', 'blue-2'] as const
/** Discard (RFC 863): nobody else here uses it. */
const DISCARD = 9
const NOBODY = 0x0a0000fa

let lab: Lab

const learned = async (): Promise<Record<string, string | null>> => {
  const macs = await ask<readonly MacView[]>(lab.apiEndpoint, '/v1/macs')
  return Object.fromEntries(
    macs.filter(mac => mac.source === 'learned' && mac.network === 'red').map(mac => [mac.mac_address, mac.port]),
  )
}
const learnedAt = (mac: string, port: string | undefined) =>
  expect.poll(async () => (await learned())[mac], { timeout: 5_000, interval: 10 }).toBe(port)

/** Sends frames from a guest's interface as they are, with the guest's own address if it has one. */
async function send(guest: string, source: number, destination: number, count = 1): Promise<void> {
  const address = await lab.address(guest)
  const frame = buildFrame({
    ethernet: { source, destination },
    ipv4: { source: address === undefined ? NOBODY + 1 : parseIpv4Address(address), destination: NOBODY },
    udp: { sourcePort: DISCARD, destinationPort: DISCARD, payload: new Uint8Array(18) },
  })
  const script = `
import socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(('eth0', 0))
for n in range(int(sys.argv[2])): wire.send(bytes.fromhex(sys.argv[1]))
`
  const argv = ['python3', '-c', script, Buffer.from(frame).toString('hex'), String(count)]
  expect(await lab.exec(guest, argv)).toMatchObject({ code: 0, stderr: '' })
}

/** Sends as `send` does, and says how many of the frames each guest has to see at its interface, neither more nor less. */
async function expectSeen(
  sent: readonly [guest: string, source: number, destination: number, count?: number],
  wanted: Readonly<Record<string, number>>,
): Promise<void> {
  const filter = `udp port ${DISCARD} and ether src ${formatMac(sent[1])}`
  const captures = await Promise.all(
    Object.keys(wanted).map(async guest => [guest, await lab.capture(guest, { interface: 'eth0', filter })] as const),
  )
  const counts = () => Object.fromEntries(captures.map(([guest, { lines }]) => [guest, lines.length]))
  await send(...sent)
  await expect.poll(counts, { timeout: 5_000, interval: 10 }).toEqual(wanted)
  await Promise.all(captures.map(([, capture]) => capture.stop()))
  expect(counts()).toEqual(wanted)
}

/** How often a port's frames went to the controller because of an unknown source, all ports of the host together. */
async function packetIns(host: string): Promise<number> {
  const dump = await lab.ofctl(host, '-O', 'OpenFlow15', 'dump-flows', 'br-int', 'table=15')
  const lines = dump.split('\n').filter(line => line.includes('controller('))
  return lines.reduce((sum, line) => sum + Number(/n_packets=(\d+)/.exec(line)?.[1]), 0)
}

const bridge = (host: string, name: string) =>
  ask<readonly BridgeView[]>(lab.apiEndpoint, '/v1/bridges').then(all =>
    all.find(one => one.host === host && one.name === name),
  )

/** A Linux bridge in a guest, with further guests behind it. */
async function house(trunk: string, guests: Readonly<Record<string, { mac: string; ip: string }>>): Promise<void> {
  const lines = Object.entries(guests).map(
    ([name, { mac, ip }]) => `
ip netns add ${name}
ip netns exec ${name} sh -c 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6'
ip link add ${name} type veth peer name eth0 address ${mac} netns ${name}
ip link set ${name} master br0 up
ip -n ${name} address add ${ip}/24 dev eth0
ip -n ${name} link set lo up
ip -n ${name} link set eth0 up
until [ "$(cat /sys/class/net/${name}/brport/state)" = 3 ]; do sleep 0.01; done`,
  )
  // Without IPv6 and multicast snooping neither bridge nor veth speaks by itself: they are not to be learned.
  const script = `
echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6
[ -e /sys/class/net/br0 ] || { ip link add br0 type bridge mcast_snooping 0; ip link set eth0 master br0; ip link set br0 up; }
${lines.join('\n')}`
  expect(await lab.exec(trunk, ['sh', '-ec', script])).toMatchObject({ code: 0, stderr: '' })
}

const inside = (trunk: string, name: string, ...argv: string[]) =>
  lab.exec(trunk, ['ip', 'netns', 'exec', name, ...argv])

async function ping(trunk: string, name: string, to: string, count = 5): Promise<string> {
  const argv = ['ping', '-n', '-q', '-c', String(count), '-i', '0.02', '-W', '1', to]
  return /\d+ packets transmitted, \d+ received/.exec((await inside(trunk, name, ...argv)).stdout)?.[0] ?? ''
}

beforeAll(async () => {
  lab = await createLab({ topology: TOPOLOGY, name: `learning-${process.pid}` })
  await lab.settled()
  await lab.underlayWarm()
  await Promise.all(['plain-1', 'plain-2', ...OTHERS].map(guest => lab.dhcp(guest)))
})
afterAll(() => lab?.down())

describe('an unknown MAC behind a port without port security', () => {
  const mac = 0x020000000001
  const nobody = { 'blue-1': 0, 'blue-2': 0 }

  test('its first packet arrives once; then it is known, and the controller hears no more of it', async () => {
    expect(await learned()).toEqual({})
    const before = await packetIns('h1')
    const wanted = { ...nobody, 'plain-1': 0, 'trunk-2': 0 }
    await expectSeen(['trunk-1', mac, PLAIN_2], { ...wanted, 'plain-2': 1 })
    await learnedAt(formatMac(mac), 'trunk-1')
    await lab.settled()
    expect(await packetIns('h1')).toBe(before + 1)
    await expectSeen(['trunk-1', mac, PLAIN_2, 20], { ...wanted, 'plain-2': 20 })
    expect(await packetIns('h1')).toBe(before + 1)
  })

  test('what is for it comes to its port and to nobody else', async () => {
    await expectSeen(['plain-2', PLAIN_2, mac], { ...nobody, 'trunk-1': 1, 'trunk-2': 0, 'plain-1': 0 })
  })

  test('its broadcasts reach its network once, the first of all too', async () => {
    const other = 0x020000000002
    // That of trunk-1 is the one it sent.
    const wanted = { ...nobody, 'plain-1': 1, 'plain-2': 1, 'trunk-1': 1, 'trunk-2': 1 }
    await expectSeen(['trunk-1', other, BROADCAST_MAC], wanted)
    await learnedAt(formatMac(other), 'trunk-1')
  })

  test('what is for a MAC that nobody knows comes to every such port of the network once, and to no other', async () => {
    await expectSeen(['plain-2', PLAIN_2, 0x0200000000ff], { ...nobody, 'trunk-1': 1, 'trunk-2': 1, 'plain-1': 0 })
  })

  test('the MAC of a port is not learned behind another', async () => {
    await send('trunk-1', PLAIN_2, BROADCAST_MAC)
    await send('trunk-1', 0x020000000003, BROADCAST_MAC)
    await learnedAt('02:00:00:00:00:03', 'trunk-1')
    expect(await learned()).not.toHaveProperty([formatMac(PLAIN_2)])
    await expectSeen(['trunk-1', 0x020000000003, PLAIN_2], { 'trunk-1': 1, 'plain-2': 1, 'blue-2': 0 })
  })

  test('the same MAC in another network is learned there, and the two never meet', async () => {
    const red = { 'plain-1': 0, 'plain-2': 0, 'trunk-1': 0, 'trunk-2': 0 }
    await expectSeen(['blue-1', mac, BROADCAST_MAC], { ...red, 'blue-2': 1 })
    const networks = async () =>
      (await ask<readonly MacView[]>(lab.apiEndpoint, '/v1/macs'))
        .filter(one => one.mac_address === formatMac(mac))
        .map(one => one.network)
    await expect.poll(networks, { timeout: 5_000, interval: 10 }).toEqual(['red', 'blue'])
    await lab.settled()
    await expectSeen(['blue-2', PLAIN_2, mac], { 'blue-1': 1, 'trunk-1': 0 })
    await expectSeen(['plain-2', PLAIN_2, mac], { 'blue-1': 0, 'trunk-1': 1 })
  })

  test('it is forgotten everywhere when it has been silent for long', async () => {
    const flow = (await lab.ofctl('h1', '-O', 'OpenFlow15', '--no-stats', 'dump-flows', 'br-int', 'table=15'))
      .split('\n')
      .find(line => line.includes(`dl_src=${formatMac(0x020000000003)}`))!
    // The same flow, but five minutes are too long for a test.
    await lab.ofctl(
      'h1',
      '-O',
      'OpenFlow15',
      'add-flow',
      'br-int',
      flow.trim().replace('idle_timeout=300', 'idle_timeout=1'),
    )
    await learnedAt('02:00:00:00:00:03', undefined)
    await lab.settled()
    for (const [host, name] of [
      ['h1', 'br-int'],
      ['h2', 'br-int'],
      ['h2', 'br-tun'],
    ] as const) {
      expect(await lab.ofctl(host, '-O', 'OpenFlow15', 'dump-flows', name)).not.toContain('02:00:00:00:00:03')
    }
  })
})

describe('guests behind a bridge behind a port', () => {
  const [ann, bob, cid] = [
    { mac: '02:00:00:00:01:01', ip: '10.0.0.101' },
    { mac: '02:00:00:00:01:02', ip: '10.0.0.102' },
    { mac: '02:00:00:00:01:03', ip: '10.0.0.103' },
  ]

  beforeAll(async () => {
    await house('trunk-1', { ann, bob })
    await house('trunk-2', { cid })
  })

  test('reach each other, the guests of their network, and are reached', async () => {
    const captures = await Promise.all(OTHERS.map(guest => lab.capture(guest, { interface: 'eth0' })))
    const plain = (await lab.address('plain-2'))!
    for (const [from, to] of [
      ['ann', plain],
      ['bob', plain],
      ['ann', bob.ip],
      ['ann', cid.ip],
      ['bob', cid.ip],
    ] as const) {
      expect(`${from} ${to} ${await ping('trunk-1', from, to)}`).toBe(`${from} ${to} 5 packets transmitted, 5 received`)
    }
    expect(await lab.ping('plain-1', ann.ip, { count: 3, intervalMs: 20 })).toMatchObject({ received: 3 })
    expect(await lab.ping('plain-1', cid.ip, { count: 3, intervalMs: 20 })).toMatchObject({ received: 3 })
    expect((await Promise.all(captures.map(capture => capture.stop()))).flat()).toEqual([])
    await learnedAt(ann.mac, 'trunk-1')
    await learnedAt(bob.mac, 'trunk-1')
    await learnedAt(cid.mac, 'trunk-2')
  })

  test('lose nothing when the controller comes back, which has nothing to learn and changes nothing', async () => {
    await lab.settled()
    const dumps = () =>
      Promise.all(
        ['h1', 'h2'].flatMap(host =>
          ['br-int', 'br-tun'].map(name => lab.ofctl(host, '-O', 'OpenFlow15', '--no-stats', 'dump-flows', name)),
        ),
      )
    const before = { dumps: await dumps(), learned: await learned(), packetIns: await packetIns('h1') }
    const count = 200
    const pings = [
      ping('trunk-1', 'ann', cid.ip, count),
      ping('trunk-2', 'cid', bob.ip, count),
      ping('trunk-1', 'bob', (await lab.address('plain-2'))!, count),
    ]
    await lab.stopController('SIGKILL')
    await lab.startController()
    await lab.settled()
    const whole = `${count} packets transmitted, ${count} received`
    expect(await Promise.all(pings)).toEqual([whole, whole, whole])
    expect(await learned()).toEqual(before.learned)
    expect(await dumps()).toEqual(before.dumps)
    expect(await packetIns('h1')).toBe(before.packetIns)
    for (const host of ['h1', 'h2']) {
      for (const name of ['br-int', 'br-tun'])
        expect(await bridge(host, name)).toMatchObject({ flow_mods: 0, group_mods: 0 })
    }
  })

  test('take their place along when they move to another host and say so', async () => {
    expect(await lab.ping('plain-1', ann.ip, { count: 2, intervalMs: 20 })).toMatchObject({ received: 2 })
    await lab.exec('trunk-1', ['ip', 'netns', 'del', 'ann'])
    await house('trunk-2', { ann })
    expect(await inside('trunk-2', 'ann', 'arping', '-U', '-c', '1', '-w', '1', '-I', 'eth0', ann.ip)).toMatchObject({
      code: 0,
    })
    await learnedAt(ann.mac, 'trunk-2')
    await lab.settled()
    expect(await lab.ping('plain-1', ann.ip, { count: 5, intervalMs: 20 })).toMatchObject({ received: 5 })
    expect(await lab.ping('plain-2', ann.ip, { count: 5, intervalMs: 20 })).toMatchObject({ received: 5 })
    expect(await ping('trunk-1', 'bob', ann.ip)).toBe('5 packets transmitted, 5 received')
    expect((await learned())[bob.mac]).toBe('trunk-1')
  })
})
