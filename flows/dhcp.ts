import type { Item } from '../src/pipeline/item.ts'
import { packetMeter } from '../src/pipeline/pipeline.ts'
import { brInt } from './br-int.ts'
import type { BindingRow, PortRow } from './inputs.ts'

/** First byte of the userdata of a packet that a flow sends to the controller: which service answers it. */
export const SERVICE = { dhcp: 1 } as const

/** A client sends four packets for a lease and repeats itself at most every few seconds. */
const DHCP_LIMIT = { rate: 20, burst: 20 } as const

/** The port's DHCP requests go to the controller and nowhere else, metered so that one guest cannot starve the others. */
export function dhcpItems(portId: string, port: PortRow, binding: BindingRow): Item[] {
  const owner = `port ${port.name}`
  const meterId = binding.ofport
  return [
    packetMeter(meterId, DHCP_LIMIT, owner, 'limits the DHCP requests of the guest'),
    brInt.tables
      .dhcp({ in_port: binding.ofport, eth_type: 0x0800, ip_proto: 17, udp_src: 68, udp_dst: 67 })
      .controller({ userdata: packetUserdata('dhcp', portId), meterId })
      .because(owner, 'DHCP is answered by the controller'),
  ]
}

/** The userdata of a packet-in: the service and the id of the port, so that answering needs no look-up by port number. */
export function packetUserdata(service: keyof typeof SERVICE, portId: string): Uint8Array {
  const digits = portId.replaceAll('-', '')
  const bytes = new Uint8Array(1 + digits.length / 2)
  bytes[0] = SERVICE[service]
  for (let index = 1; index < bytes.length; index++)
    bytes[index] = Number.parseInt(digits.slice(2 * index - 2, 2 * index), 16)
  return bytes
}

/** What `packetUserdata` says; `undefined` when no flow of ours wrote it. */
export function readPacketUserdata(
  userdata: Uint8Array,
): { readonly service: keyof typeof SERVICE; readonly portId: string } | undefined {
  const service = (Object.keys(SERVICE) as (keyof typeof SERVICE)[]).find(name => SERVICE[name] === userdata[0])
  if (service === undefined || userdata.length !== 17) return undefined
  const hex = [...userdata.subarray(1)].map(byte => byte.toString(16).padStart(2, '0')).join('')
  return { service, portId: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') }
}
