import { join } from 'node:path'
import type { Cage } from './cage.ts'
import { LabError } from './error.ts'
import type { LabGuest, Wire } from './layout.ts'
import { checkPrograms } from './requirements.ts'

/**
 * A guest is a member of the cage with one interface, whose other end is a tap of its host. Its `/etc`, `/run` and leases
 * are its own: DHCP clients write the resolv.conf they find (`dhclient-script` and dhcpcd rename onto it).
 */
const GUEST = `
hostname "$NAME"
mount -t sysfs sysfs /sys
mkdir -p "$PRIVATE/run" "$PRIVATE/etc" "$PRIVATE/work" "$PRIVATE/lib"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$PRIVATE/etc,workdir=$PRIVATE/work" /etc 2>/dev/null || {
  # A root that is itself an overlay may refuse another one.
  cp -a /etc/. "$PRIVATE/etc"
  mount --bind "$PRIVATE/etc" /etc
}
rm -f /etc/resolv.conf
: > /etc/resolv.conf
for leases in /var/lib/dhcp /var/lib/dhcpcd; do
  [ ! -d $leases ] || mount -t tmpfs tmpfs $leases
done
mount --bind "$PRIVATE/run" /run
for f in /proc/sys/net/ipv6/conf/default/disable_ipv6; do [ ! -e $f ] || echo "$NO_IPV6" > $f; done
ip link set lo up
ip link add "$INTERFACE" address "$MAC" mtu "$MTU" type veth peer name "$TAP" netns "$HOST"
# A checksum that is left to hardware is never filled in on the way through a userspace datapath.
ethtool -K "$INTERFACE" tx off >/dev/null
# The host's kernel sees what comes, too: it must not answer a guest that asks for one of the host's addresses.
nsenter -t "$HOST" -n sh -ec 'ip link set "$TAP" mtu "$MTU" arp off up; ethtool -K "$TAP" tx off >/dev/null'
ip link set "$INTERFACE" up
`

/**
 * @param host the pid that holds the host's namespaces.
 * @returns the pid that holds the guest's.
 */
export function addGuest(cage: Cage, folder: string, host: number, guest: LabGuest, ipv6: boolean): Promise<number> {
  return cage.add(`guest ${guest.name}`, GUEST, {
    NAME: guest.name,
    PRIVATE: join(folder, 'private', guest.name),
    HOST: String(host),
    INTERFACE: guest.interface,
    TAP: guest.tap,
    MAC: guest.macAddress,
    MTU: String(guest.mtu),
    NO_IPV6: ipv6 ? '0' : '1',
  })
}

/** The arguments of ovs-vsctl(8) that plug guests into their host's br-int, as libvirt does it, as soon as there is one. */
export function plugArguments(guests: readonly LabGuest[]): string[] {
  return [
    ...['wait-until', 'Bridge', 'br-int'],
    ...guests.flatMap(({ name, portId, tap, macAddress }) => [
      ...['--', '--may-exist', 'add-port', 'br-int', tap, '--', 'set', 'Interface', tap],
      ...[`external_ids:iface-id=${name}`, `external_ids:vm-id=${portId}`, 'external_ids:iface-status=active'],
      `external_ids:attached-mac="${macAddress}"`,
    ]),
  ]
}

/** The arguments of ovs-vsctl(8) that plug a host's network cards into the bridges of their physical networks, as soon as they are there. */
export function wireArguments(wires: readonly Wire[]): string[] {
  return wires.flatMap(({ bridge, interface: device }, index) => [
    ...(index === 0 ? [] : ['--']),
    ...['wait-until', 'Bridge', bridge, '--', '--may-exist', 'add-port', bridge, device],
  ])
}

export const DHCP_CLIENTS = ['udhcpc', 'dhclient', 'dhcpcd'] as const
export type DhcpClient = (typeof DHCP_CLIENTS)[number]

/** What each client is started with; once it has a lease, it goes on in the background. */
const CLIENTS: Readonly<Record<DhcpClient, string>> = {
  udhcpc: 'udhcpc -i "$INTERFACE" -n -t 20 -T 1 -p /run/udhcpc.pid "$@"',
  dhclient: 'dhclient -4 -1 -pf /run/dhclient.pid "$@" "$INTERFACE"',
  dhcpcd: 'dhcpcd -4 -w "$@" "$INTERFACE"',
}

/** Its output goes to a file: it would hold a pipe open for as long as it keeps its lease. */
const DHCP = `
for pid in /run/udhcpc.pid /run/dhclient.pid /run/dhcpcd/"$INTERFACE"-4.pid; do
  [ ! -s "$pid" ] || kill "$(cat "$pid")" 2>/dev/null || true
  rm -f "$pid"
done
ip address flush dev "$INTERFACE"
`

/**
 * Gets an address by DHCP; an earlier client of the guest ends.
 *
 * @param argv further options of the client.
 * @throws {LabError} with the client's last words when it gets none.
 */
export async function obtainAddress(
  cage: Cage,
  member: number,
  guest: LabGuest,
  client: DhcpClient,
  argv: readonly string[],
  timeoutMs: number,
): Promise<string> {
  checkPrograms([client])
  const script = `${DHCP}${CLIENTS[client]} </dev/null >/run/dhcp.log 2>&1 || { cat /run/dhcp.log >&2; exit 1; }`
  const child = ['sh', '-ec', script, client, ...argv]
  const { code, stderr } = await cage.run(member, child, { timeoutMs, env: { INTERFACE: guest.interface } })
  const address = await addressOf(cage, member, guest)
  if (code === 0 && address !== undefined) return address
  const words = stderr.trimEnd().split('\n').at(-1)
  throw new LabError(`${client} in ${guest.name} got no address${words ? `: ${words}` : ''}`)
}

/** The first IPv4 address of a guest's interface. */
export async function addressOf(cage: Cage, member: number, guest: LabGuest): Promise<string | undefined> {
  const json = await cage.script(member, `address of ${guest.name}`, 'ip -j -4 address show dev "$INTERFACE"', {
    env: { INTERFACE: guest.interface },
  })
  const [link] = JSON.parse(json) as { addr_info?: { local?: string }[] }[]
  return link?.addr_info?.[0]?.local
}
