import { brInt } from '../../flows/br-int.ts'
import { brTun } from '../../flows/br-tun.ts'
import { type Facts, type Finding, ok, type Rule } from './finding.ts'
import { bridgesOf, type InterfaceRow, interfacesOf } from './snapshot.ts'

const OWN: readonly string[] = [brInt.name, brTun.name]

/** What tunnels leave by, and what guests send into them. */
export const underlayRules: readonly Rule[] = [
  function endpoint(facts) {
    const { tunnelIp, datapathType } = facts.intent
    if (tunnelIp === undefined) return []
    const holder = holderOf(facts, tunnelIp)
    if (facts.machine !== undefined && holder === undefined) {
      const cure = `ip address add ${tunnelIp}/24 dev INTERFACE`
      return [
        { level: 'error', what: `nothing here has the tunnel address ${tunnelIp}`, why: 'tunnels leave by it', cure },
      ]
    }
    if (datapathType === 'system') {
      return holder === undefined ? [] : [ok(`the tunnel address ${tunnelIp} is on ${holder}`)]
    }
    const bridges = userspaceBridges(facts)
    if (holder === undefined ? bridges.length > 0 : bridges.some(({ name }) => name === holder)) {
      return [ok(`tunnels can leave by the netdev bridge ${holder ?? bridges.map(({ name }) => name).join(' or ')}`)]
    }
    return [
      {
        level: 'error',
        what:
          holder === undefined
            ? 'there is no netdev bridge with an underlay port'
            : `the tunnel address ${tunnelIp} is on ${holder}, which is no netdev bridge with an underlay port`,
        why: 'the userspace datapath sends tunnels only through a netdev bridge that has the tunnel address and the way out',
        cure: `ovs-vsctl add-br br-underlay -- set bridge br-underlay datapath_type=netdev -- add-port br-underlay INTERFACE; ip address add ${tunnelIp}/24 dev br-underlay; ip link set br-underlay up`,
      },
    ]
  },

  function mtu(facts) {
    const { tunnelIp, outerMtu, datapathType } = facts.intent
    if (tunnelIp === undefined) return []
    const holder = holderOf(facts, tunnelIp)
    const link = holder === undefined ? undefined : facts.machine?.links.get(holder)
    const ways =
      link !== undefined
        ? [{ name: holder, mtu: link.mtu }]
        : datapathType === 'system'
          ? []
          : userspaceBridges(facts).flatMap(bridge => bridge.ports)
    const [narrow] = ways.filter(way => (way.mtu ?? outerMtu) < outerMtu).sort((a, b) => (a.mtu ?? 0) - (b.mtu ?? 0))
    if (narrow !== undefined) {
      return [
        {
          level: 'error',
          what: `the MTU of ${narrow.name} is ${narrow.mtu}, and tunnelled packets have up to ${outerMtu} bytes`,
          why: 'large packets of guests would be lost without a word',
          cure: `ip link set ${narrow.name} mtu ${outerMtu}  # or a smaller mtu of the networks`,
        },
      ]
    }
    const way = ways.find(one => one.mtu !== undefined)
    if (way !== undefined) {
      return [ok(`the MTU of ${way.name} is ${way.mtu}: enough for tunnelled packets of ${outerMtu} bytes`)]
    }
    return [
      {
        level: 'unknown',
        what: 'the MTU of the underlay cannot be told from here',
        why: `tunnelled packets have up to ${outerMtu} bytes; larger than the underlay takes, they are lost without a word`,
        cure: `ip -o address show to ${tunnelIp}; ip link show dev INTERFACE`,
      },
    ]
  },

  function offload({ intent, snapshot }) {
    if (intent.datapathType === 'system') return []
    const pairs = [...snapshot.Interface.values()]
      .filter(row => row.status.get('driver_name') === 'veth' && row.external_ids.has('iface-id'))
      .map(row => row.name)
    if (pairs.length === 0) return []
    return [
      {
        level: 'unknown',
        what: `whether the guests on veth (${pairs.join(', ')}) leave checksums to their link cannot be told from here`,
        why: 'through the userspace datapath such packets keep a wrong checksum: ping works, TCP never connects',
        cure: 'ethtool -K eth0 tx off  # in each guest',
      },
    ]
  },

  function ownAddresses({ snapshot, machine }) {
    if (machine === undefined) return []
    return bridgesOf(snapshot).flatMap((bridge): Finding[] => {
      const addresses = machine.links.get(bridge.name)?.addresses.filter(address => !address.startsWith('fe80:')) ?? []
      if (addresses.length === 0 || (bridge.fail_mode !== 'secure' && bridge.controller.size === 0)) return []
      return [
        {
          level: 'warning',
          what: `bridge ${bridge.name} has the host’s address ${addresses.join(', ')}, and is secure or has a controller`,
          why: 'after a crash of the switch it has no flows, so nobody can reach the host through it, the controller neither',
          cure: `ovs-vsctl del-fail-mode ${bridge.name} -- del-controller ${bridge.name}`,
        },
      ]
    })
  },
]

/** The link that has an address, where this command runs on the host. */
function holderOf({ machine }: Facts, address: string): string | undefined {
  return [...(machine?.links ?? [])].find(([, link]) => link.addresses.includes(address))?.[0]
}

/** The netdev bridges that lead out: not Weft's own, with a port that is neither internal nor a patch. */
function userspaceBridges({ snapshot }: Facts): { readonly name: string; readonly ports: readonly InterfaceRow[] }[] {
  return bridgesOf(snapshot).flatMap(bridge => {
    if (bridge.datapath_type !== 'netdev' || OWN.includes(bridge.name)) return []
    const ports = interfacesOf(snapshot, bridge).filter(
      row => !['internal', 'patch', 'vxlan', 'gre'].includes(row.type),
    )
    return ports.length === 0 ? [] : [{ name: bridge.name, ports }]
  })
}
