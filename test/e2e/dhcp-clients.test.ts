import { describe, expect, test } from 'vitest'
import { binding, ip } from '../services/dhcp-client.ts'
import { DhcpGuest } from './dhcp-guest.ts'

// udhcpc, dhclient and dhcpcd, unmodified and with the scripts that Debian gives them, against answerDhcp.

const udhcpc = 'udhcpc -i eth0 -f -s /run/udhcpc-hook -p /run/udhcpc.pid'
const dhclient = 'dhclient -d -sf /run/dhclient-hook -pf /run/dhclient.pid eth0 2>/run/log'
const dhcpcd = 'dhcpcd -4 -B --nodelay --noarp -c /run/dhcpcd-hook eth0 >/run/log 2>&1'

const me = '10.0.0.11 (fa:16:3e:00:00:0a)'
const discover = `discover to 255.255.255.255 -> offer to ${me} yiaddr 10.0.0.11`
const select = `request requested 10.0.0.11 server 10.0.0.2 to 255.255.255.255 -> ack to ${me} yiaddr 10.0.0.11`
const rapid = `discover to 255.255.255.255 -> ack to ${me} yiaddr 10.0.0.11`
const renew = `request ciaddr 10.0.0.11 to 10.0.0.2 -> ack to ${me} ciaddr 10.0.0.11 yiaddr 10.0.0.11`
const rebind = renew.replace('to 10.0.0.2', 'to 255.255.255.255')
const reboot = `request requested 10.0.0.11 to 255.255.255.255 -> ack to ${me} yiaddr 10.0.0.11`
const release = 'release ciaddr 10.0.0.11 server 10.0.0.2 to 10.0.0.2 -> release'

const messages = (events: string[]): string[] => events.filter(event => event.includes(' -> '))

describe.each([
  {
    client: 'udhcpc',
    command: udhcpc,
    bound: /^udhcpc bound$/,
    talk: [discover, select],
    // Its script leaves the routes of option 121 aside.
    kernel: ['default via 10.0.0.1', '10.0.0.0/24 '],
    told: [
      'mtu=1450',
      'staticroutes=10.9.0.0/16 10.0.0.9 0.0.0.0/0 10.0.0.1',
      'hostname=red-a',
      'lease=86400',
      'serverid=10.0.0.2',
    ],
  },
  {
    client: 'dhclient',
    command: dhclient,
    bound: /^dhclient BOUND$/,
    talk: [discover, select],
    kernel: ['default via 10.0.0.1', '10.0.0.0/24 ', '10.9.0.0/16 via 10.0.0.9'],
    told: [
      'new_interface_mtu=1450',
      'new_host_name=red-a',
      'new_dhcp_renewal_time=43200',
      'new_dhcp_rebinding_time=75600',
    ],
  },
  {
    client: 'dhcpcd',
    command: dhcpcd,
    bound: /^dhcpcd BOUND$/,
    talk: [rapid],
    kernel: ['default via 10.0.0.1', '10.0.0.0/24 ', '10.9.0.0/16 via 10.0.0.9'],
    told: [
      'new_interface_mtu=1450',
      'new_host_name=red-a',
      'new_dhcp_lease_time=86400',
      'new_dhcp_server_identifier=10.0.0.2',
    ],
  },
])('$client', ({ client, command, bound, talk, kernel, told }) => {
  test('gets the address and all that goes with it', async () => {
    await using guest = await DhcpGuest.start(binding)
    guest.start(command)
    expect(messages(await guest.until(bound))).toEqual(talk)
    expect(await guest.run('ip -4 -o addr show dev eth0')).toContain('inet 10.0.0.11/24 brd 10.0.0.255')
    const routes = (await guest.run('ip -4 route')).split('\n')
    expect(routes).toEqual(kernel.map(route => expect.stringContaining(route)))
    // dhcpcd puts the MTU on routes, the other two on the interface.
    expect(await guest.run('ip -4 route; ip link show dev eth0')).toContain('mtu 1450')
    expect((await guest.run('cat /etc/resolv.conf')).split('\n')).toEqual(
      expect.arrayContaining(['domain red.example', 'nameserver 10.0.0.3', 'nameserver 10.0.0.4']),
    )
    expect((await guest.run(`cat /run/${client}-env`)).split('\n')).toEqual(expect.arrayContaining(told))
  })
})

describe('a lease from end to end', () => {
  test('udhcpc renews and releases when told', async () => {
    await using guest = await DhcpGuest.start(binding)
    guest.start(udhcpc)
    await guest.until(/^udhcpc bound$/)
    await guest.run('kill -USR1 $(cat /run/udhcpc.pid)')
    expect(messages(await guest.until(/^udhcpc renew$/))).toEqual([renew])
    await guest.run('kill -USR2 $(cat /run/udhcpc.pid)')
    expect(messages(await guest.until(/^udhcpc deconfig$/))).toEqual([release])
  })

  test('dhclient renews by itself at T1, starts again with what it had, and releases', async () => {
    await using guest = await DhcpGuest.start({ ...binding, leaseSeconds: 8 }) // T1 after 4 s, T2 after 7
    guest.start(dhclient)
    await guest.until(/^dhclient BOUND$/)
    expect(messages(await guest.until(/^dhclient RENEW$/))).toEqual([renew])
    await guest.run('kill -KILL $(cat /run/dhclient.pid)')
    guest.start(dhclient)
    expect(messages(await guest.until(/^dhclient REBOOT$/))).toEqual([reboot])
    await guest.run('dhclient -r -sf /run/dhclient-hook -pf /run/dhclient.pid eth0')
    expect(messages(await guest.until(/^dhclient RELEASE$/))).toEqual([release])
  })

  test('dhcpcd renews, rebinds and releases when told', async () => {
    await using guest = await DhcpGuest.start(binding)
    guest.start(dhcpcd)
    await guest.until(/^dhcpcd BOUND$/)
    expect(messages(await guest.tell('dhcpcd -4 -N eth0', /^dhcpcd RENEW$/))).toEqual([renew])
    expect(messages(await guest.tell('dhcpcd -4 -n eth0', /^dhcpcd (REBIND|RENEW)$/))).toEqual([rebind])
    expect(messages(await guest.tell('dhcpcd -4 -k eth0', /^dhcpcd STOPPED$/))).toEqual([release])
  })
})

test('a port whose address was changed: the old one is refused, the new one taken (dhclient)', async () => {
  await using guest = await DhcpGuest.start(binding)
  guest.start(dhclient)
  await guest.until(/^dhclient BOUND$/)
  await guest.run('kill -KILL $(cat /run/dhclient.pid)')
  guest.binding = { ...binding, address: ip('10.0.0.12') }
  guest.start(dhclient)
  expect(messages(await guest.until(/^dhclient BOUND$/))).toEqual([
    'request requested 10.0.0.11 to 255.255.255.255 -> nak to 255.255.255.255 (all)',
    discover.replaceAll('10.0.0.11', '10.0.0.12'),
    select.replaceAll('10.0.0.11', '10.0.0.12'),
  ])
  expect(await guest.run('ip -4 -o addr show dev eth0')).toContain('inet 10.0.0.12/24')
})

test('a client that finds its address in use declines it (udhcpc)', async () => {
  await using guest = await DhcpGuest.start(binding)
  guest.taken.add(binding.address)
  guest.start(`${udhcpc} -a500`)
  const events = messages(await guest.until(/^decline/))
  expect(events).toEqual([
    discover,
    select,
    'decline requested 10.0.0.11 server 10.0.0.2 to 255.255.255.255 -> decline 10.0.0.11',
  ])
})

test('a client that has an address asks for the rest (dhcpcd)', async () => {
  await using guest = await DhcpGuest.start(binding)
  await guest.run('ip addr add 10.0.0.11/24 dev eth0')
  guest.start(dhcpcd.replace('-c', '--inform -c'))
  expect(messages(await guest.until(/^dhcpcd INFORM$/))).toEqual([
    `inform ciaddr 10.0.0.11 to 255.255.255.255 -> ack to ${me} ciaddr 10.0.0.11`,
  ])
  expect(await guest.run('cat /etc/resolv.conf')).toContain('nameserver 10.0.0.3')
})

test('a client that cannot take unicast gets broadcasts (udhcpc -B)', async () => {
  await using guest = await DhcpGuest.start(binding)
  guest.start(`${udhcpc} -B`)
  expect(messages(await guest.until(/^udhcpc bound$/))).toEqual(
    [discover, select].map(line =>
      line
        .replace(`> offer to ${me}`, '> offer to 255.255.255.255 (all)')
        .replace(`> ack to ${me}`, '> ack to 255.255.255.255 (all)'),
    ),
  )
})
