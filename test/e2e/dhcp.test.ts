import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EventsView } from '../../src/api/event-log.ts'
import type { LeaseView, PortView, StatusView } from '../../src/api/read-model.ts'
import { ask } from '../../src/cli/client.ts'
import { createLab, type Lab } from '../../src/lab/lab.ts'
import { clientFrame } from '../services/dhcp-client.ts'

const TOPOLOGY = `
hosts:
  h1: { ovsdb: "tcp:198.18.0.1:6640", tunnel_ip: 192.0.2.1, datapath_type: netdev }
  h2: { ovsdb: "tcp:198.18.0.2:6640", tunnel_ip: 192.0.2.2, datapath_type: netdev }
networks:
  red: { network_type: vxlan, segmentation_id: 5001, mtu: 1400, dns_domain: red.example }
  dry: { network_type: vxlan, segmentation_id: 5002 }
subnets:
  red-v4:
    network: red
    cidr: 10.0.0.0/24
    gateway_ip: 10.0.0.1
    dns_nameservers: [10.0.0.2, 10.0.0.3]
    allocation_pools: [{ start: 10.0.0.10, end: 10.0.0.99 }]
    host_routes: [{ destination: 10.9.0.0/16, nexthop: 10.0.0.9 }]
  dry-v4: { network: dry, cidr: 10.0.0.0/24, enable_dhcp: false }
ports:
  red-a: { network: red, mac_address: "fa:16:3e:00:00:0a", fixed_ips: [{ ip_address: 10.0.0.11 }], dns_name: alpha, binding:host_id: h1 }
  red-b: { network: red, binding:host_id: h1 }
  red-c: { network: red, binding:host_id: h2 }
  dry-a: { network: dry, binding:host_id: h1 }
`

let lab: Lab
const ports = () => ask<readonly PortView[]>(lab.apiEndpoint, '/v1/ports')
const status = () => ask<StatusView>(lab.apiEndpoint, '/v1/status')
const addressOf = async (name: string) => (await ports()).find(port => port.name === name)!.fixed_ips[0]

beforeAll(async () => {
  lab = await createLab({ topology: TOPOLOGY, name: `dhcp-${process.pid}` })
  await lab.settled()
})
afterAll(() => lab?.down())

describe('DHCP by packet-in, with the clients that guests run', () => {
  test.each([
    'udhcpc',
    'dhclient',
    'dhcpcd',
  ] as const)('%s gets address, mask, MTU and routes of its port', async client => {
    expect(await lab.dhcp('red-a', { client })).toBe('10.0.0.11')
    const { stdout } = await lab.exec('red-a', ['ip', '-4', 'address', 'show', 'dev', 'eth0'])
    expect(stdout).toContain('10.0.0.11/24')
    const routes = (await lab.exec('red-a', ['ip', 'route'])).stdout
    expect(routes).toMatch(/default via 10\.0\.0\.1 /)
    // Debian's script of udhcpc knows no classless routes.
    if (client !== 'udhcpc') expect(routes).toContain('10.9.0.0/16 via 10.0.0.9')
    expect((await lab.exec('red-a', ['cat', '/etc/resolv.conf'])).stdout).toMatch(/nameserver 10\.0\.0\.2/)
  })

  test('what was granted is on record, by port and host', async () => {
    const leases = await ask<readonly LeaseView[]>(lab.apiEndpoint, '/v1/leases')
    expect(leases).toMatchObject([
      {
        port: 'red-a',
        network: 'red',
        ip_address: '10.0.0.11',
        mac_address: 'fa:16:3e:00:00:0a',
        host: 'h1',
        hostname: 'alpha',
      },
    ])
  })

  test('a lease is renewed by unicast with the server that answers ARP on the guest’s own host', async () => {
    expect(await lab.dhcp('red-b', { client: 'udhcpc' })).toBe(await addressOf('red-b'))
    const before = (await status()).dhcp.acks
    const wire = await lab.capture('red-b', { interface: 'eth0', filter: 'udp port 67', countLimit: 2 })
    await lab.exec('red-b', ['sh', '-c', 'kill -USR1 $(cat /run/udhcpc.pid)'])
    const [request = '', answer = ''] = await wire.full()
    expect(request).not.toContain('255.255.255.255')
    expect(answer).toContain('BOOTP/DHCP, Reply')
    expect((await status()).dhcp.acks).toBe(before + 1)
  })

  test('release gives the lease back', async () => {
    await lab.exec('red-b', ['sh', '-c', 'kill -USR2 $(cat /run/udhcpc.pid)'])
    const held = async () =>
      (await ask<readonly LeaseView[]>(lab.apiEndpoint, '/v1/leases')).some(lease => lease.port === 'red-b')
    await expect.poll(held, { timeout: 5_000, interval: 10 }).toBe(false)
    const { events } = await ask<EventsView>(lab.apiEndpoint, '/v1/events')
    const told = events.filter(({ kind, subject }) => kind.startsWith('lease-') && subject === 'port red-b')
    // The renewal is no news.
    expect(told.map(({ kind, message }) => `${kind}: ${message}`)).toEqual([
      `lease-granted: ${await addressOf('red-b')} on h1`,
      'lease-released: on h1',
    ])
  })

  test('a network with enable_dhcp: false is served by nobody', async () => {
    await expect(lab.dhcp('dry-a', { client: 'udhcpc', argv: ['-t', '2'] })).rejects.toThrow('got no address')
  })

  test('nothing for a MAC that is not the port’s', async () => {
    const { offers } = (await status()).dhcp
    await lab.exec('red-c', ['ip', 'link', 'set', 'eth0', 'address', 'fa:16:3e:99:99:99'])
    await expect(lab.dhcp('red-c', { client: 'udhcpc', argv: ['-t', '2'] })).rejects.toThrow('got no address')
    expect((await status()).dhcp.offers).toBe(offers)
    const { mac_address } = (await ports()).find(port => port.name === 'red-c')!
    await lab.exec('red-c', ['ip', 'link', 'set', 'eth0', 'address', mac_address])
    expect(await lab.dhcp('red-c')).toBe(await addressOf('red-c'))
  })

  test('a guest that floods the server is held to its own meter, and the others get their leases', async () => {
    const frame = Buffer.from(clientFrame('discover')).toString('hex')
    const count = 3_000
    const script = `
import socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(('eth0', 0))
frame = bytes.fromhex(sys.argv[1])
for n in range(${count}): wire.send(frame)
`
    const before = (await status()).dhcp.offers
    const start = performance.now()
    const flood = lab.exec('red-a', ['python3', '-c', script, frame])
    expect(await lab.dhcp('red-b')).toBe(await addressOf('red-b'))
    expect(await flood).toMatchObject({ code: 0, stderr: '' })
    const seconds = (performance.now() - start) / 1000
    const answered = (await status()).dhcp.offers - before
    // 20 a second and a burst of 20, and the other guest's own.
    expect(answered).toBeLessThan(20 * seconds + 20 + 10)
    expect(answered).toBeGreaterThan(5)
  })
})
