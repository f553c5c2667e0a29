import type { Flow } from '../src/pipeline/item.ts'
import { brInt } from './br-int.ts'
import { brTun } from './br-tun.ts'
import type { HostRow } from './inputs.ts'
import { sourceGuards } from './learning.ts'

const owner = (host: HostRow) => `host ${host.name}`

/** What br-int holds whatever networks there are: the end of every table, the way out, and no DHCP servers among guests. */
export function brIntFlows(host: HostRow): Flow[] {
  const t = brInt.tables
  return [
    ...brInt.missFlows(owner(host)),
    t
      .port_security({ eth_type: 0x0800, ip_proto: 17, udp_src: 67 }, 'guard')
      .because(owner(host), 'drops DHCP answers of guests: the server is Weft'),
    ...sourceGuards(owner(host)),
    t.output({}).outputRegister('out_port').because(owner(host), 'leaves by the port that was looked up'),
  ]
}

/** What br-tun holds whatever networks there are: where frames come in. */
export function brTunFlows(host: HostRow): Flow[] {
  const t = brTun.tables
  const { patchInt, vxlan, gre } = host.brTun
  const flows = brTun.missFlows(owner(host))
  if (patchInt !== undefined) {
    flows.push(
      t.classify({ in_port: patchInt }).goto('local_vlan').because(owner(host), 'comes from this host’s guests'),
    )
  }
  for (const tunnel of [vxlan, gre]) {
    if (tunnel === undefined) continue
    flows.push(t.classify({ in_port: tunnel }).goto('vtep').because(owner(host), 'comes from another host'))
  }
  return flows
}

/** What every other host holds of this one: its tunnel endpoint is listened to. */
export function vtepFlow(host: HostRow, tunnelIp: number): Flow {
  return brTun.tables
    .vtep({ tun_ipv4_src: tunnelIp })
    .goto('segment')
    .because(owner(host), 'comes from the tunnel endpoint of a host of this fabric')
}
