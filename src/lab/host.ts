import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Cage, OUTSIDE_ALL_MEMBERS } from './cage.ts'
import type { LabHost, LabLayout } from './layout.ts'

/**
 * A host is a member of the cage with an ovsdb-server and an ovs-vswitchd of its own. What they keep (database, sockets,
 * pids, logs) is in the lab's folder `hosts/NAME`, and inside where Open vSwitch looks for it.
 */

export type Daemon = 'ovsdb-server' | 'ovs-vswitchd'

const NO_IPV6 = 'for f in /proc/sys/net/ipv6/conf/default/disable_ipv6; do [ ! -e $f ] || echo 1 > $f; done\n'

/** The Linux bridges that join the hosts, and the controller's place in one of them. */
const NETWORKS = `
mount -t tmpfs tmpfs "$FOLDER/private"
${NO_IPV6}
ip -batch - <<.
link add management type bridge
link add underlay type bridge
address add $CONTROLLER dev management
link set management up
link set underlay up
.
for lan in $LANS; do
  ip link add "$lan" type bridge
  ip link set "$lan" up
done
`

const OVSDB_SERVER = `
ovsdb-server /etc/openvswitch/conf.db -vconsole:emer --remote=punix:/run/openvswitch/db.sock \${LISTEN:+--remote="$LISTEN"} \
  --remote=db:Open_vSwitch,Open_vSwitch,manager_options --pidfile --detach --monitor --log-file
`

/** The address of the tunnels is on an internal port. It outlives the death of the switch, but not its orderly clean-up. */
const OVS_VSWITCHD = `
ovs-vswitchd -vconsole:emer --pidfile --detach --monitor --log-file
[ -z "$TUNNEL" ] || ip address replace "$TUNNEL" dev br-underlay
[ -z "$TUNNEL" ] || ip link set br-underlay up
`

const HOST = `
hostname "$NAME"
mount -t sysfs sysfs /sys
mkdir -p "$PRIVATE/openvswitch"
mount --bind "$SHARED" "$PRIVATE/openvswitch"
mount --bind "$SHARED" /etc/openvswitch
mount --bind "$SHARED" /var/log/openvswitch
mount --rbind "$PRIVATE" /run
${NO_IPV6}
ip link set lo up
attach() {
  ip link add "$1" type veth peer name "$2-$INDEX" netns 1
  nsenter -t 1 -n ip link set "$2-$INDEX" master "$2" up
  ip link set "$1" up
}
attach mgmt0 management
ip address add "$MANAGEMENT" dev mgmt0
ovsdb-tool create /etc/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema
${OVSDB_SERVER}
ovs-vsctl --no-wait init -- set Open_vSwitch . "external_ids:system-id=$NAME" "external_ids:hostname=$NAME" \
  \${MANAGER:+-- set-manager "$MANAGER"}
if [ -n "$TUNNEL" ]; then
  attach underlay0 underlay
  # The kernel sees what comes, too: it must not answer for the address of br-underlay.
  ip link set underlay0 arp off
  ethtool -K underlay0 tx off >/dev/null
  ovs-vsctl --no-wait add-br br-underlay -- add-port br-underlay underlay0 -- \
    set bridge br-underlay datapath_type=netdev fail_mode=standalone "other_config:hwaddr=$HWADDR"
fi
for wire in $WIRES; do
  attach "\${wire%/*}" "\${wire#*/}"
  ip link set "\${wire%/*}" arp off
  ethtool -K "\${wire%/*}" tx off >/dev/null
done
${OVS_VSWITCHD}
`

export async function joinHosts(cage: Cage, folder: string, layout: LabLayout): Promise<void> {
  await mkdir(join(folder, 'private'))
  const controller = `${layout.controller}/${layout.managementPrefix}`
  const env = { FOLDER: folder, CONTROLLER: controller, LANS: layout.lans.join(' ') }
  await cage.script(OUTSIDE_ALL_MEMBERS, 'the networks between the hosts', NETWORKS, { env })
}

/** @returns the pid that holds the host's namespaces; its switch and its underlay are up. */
export async function addHost(cage: Cage, folder: string, layout: LabLayout, host: LabHost): Promise<number> {
  const env = environment(folder, layout, host)
  await mkdir(env.SHARED, { recursive: true })
  return cage.add(`host ${host.name}`, HOST, env)
}

export async function startDaemon(
  cage: Cage,
  member: number,
  daemon: Daemon,
  folder: string,
  layout: LabLayout,
  host: LabHost,
): Promise<void> {
  const script = daemon === 'ovsdb-server' ? OVSDB_SERVER : OVS_VSWITCHD
  await cage.script(member, `${daemon} of ${host.name}`, script, { env: environment(folder, layout, host) })
}

/** Tells a host's switch the neighbours of its tunnel endpoint: it loses the first packet to one that it has to ask for. */
export async function warmUnderlay(cage: Cage, member: number, host: LabHost, layout: LabLayout): Promise<void> {
  if (host.tunnelIp === undefined) return
  const script = layout.hosts
    .filter(({ name, tunnelIp }) => name !== host.name && tunnelIp !== undefined)
    .map(({ tunnelIp, index }) => `ovs-appctl tnl/neigh/set br-underlay ${tunnelIp} ${underlayMac(index)} >/dev/null`)
  await cage.script(member, `underlay of ${host.name}`, script.join('\n'))
}

/** Locally administered, and the same after a restart of the switch: neighbours remember it. */
function underlayMac(index: number): string {
  const bytes = [2, 0, 0, 0, index >> 8, index & 255]
  return bytes.map(byte => byte.toString(16).padStart(2, '0')).join(':')
}

function environment(folder: string, layout: LabLayout, host: LabHost) {
  const { name, index, address, ovsdbPort, tunnelIp } = host
  return {
    NAME: name,
    INDEX: String(index),
    SHARED: join(folder, 'hosts', name),
    PRIVATE: join(folder, 'private', name),
    MANAGEMENT: `${address}/${layout.managementPrefix}`,
    LISTEN: ovsdbPort === undefined ? '' : `ptcp:${ovsdbPort}:${address}`,
    MANAGER: ovsdbPort === undefined ? `tcp:${layout.controller}:6640` : '',
    TUNNEL: tunnelIp === undefined ? '' : `${tunnelIp}/${layout.underlayPrefix}`,
    HWADDR: underlayMac(index),
    WIRES: host.wires.map(wire => `${wire.interface}/${wire.lan}`).join(' '),
  }
}
