import type { Flow } from '../src/pipeline/item.ts'
import { brInt } from './br-int.ts'
import type { BindingRow, PortRow } from './inputs.ts'
import { meterOf, packetUserdata } from './packet-in.ts'

/**
 * The port's DHCP requests go to the controller and nowhere else.
 *
 * Others behind a port that learns may have a DHCP server of their own: theirs are bridged.
 */
export function dhcpFlow(portId: string, port: PortRow, binding: BindingRow): Flow {
  const request = { in_port: binding.ofport, eth_type: 0x0800, ip_proto: 17, udp_src: 68, udp_dst: 67 } as const
  return brInt.tables
    .dhcp(port.learning ? { ...request, eth_src: port.mac } : request)
    .controller({ userdata: packetUserdata('dhcp', portId), meterId: meterOf(binding) })
    .because(`port ${port.name}`, 'DHCP is answered by the controller')
}
