import type { Meter } from '../src/pipeline/item.ts'
import { packetMeter } from '../src/pipeline/pipeline.ts'
import type { BindingRow, PortRow } from './inputs.ts'

/** First byte of the userdata of a packet that a flow sends to the controller: which service answers it. */
export const SERVICE = { dhcp: 1, learn: 2 } as const
export type Service = keyof typeof SERVICE

/** A DHCP client sends four packets for a lease and repeats itself at most every few seconds. */
const ONE_GUEST = { rate: 20, burst: 20 } as const

/** Behind a port that learns there may be many guests, each of which is new once. */
const MANY_GUESTS = { rate: 100, burst: 100 } as const

/** What all a port sends to the controller goes through, so that one guest cannot starve the others. */
export const meterOf = (binding: BindingRow) => binding.ofport

export function portMeter(port: PortRow, binding: BindingRow): Meter {
  const owner = `port ${port.name}`
  return port.learning
    ? packetMeter(meterOf(binding), MANY_GUESTS, owner, 'limits the DHCP requests and new MACs of the port')
    : packetMeter(meterOf(binding), ONE_GUEST, owner, 'limits the DHCP requests of the guest')
}

/** The userdata of a packet-in: the service and the id of the port, so that answering needs no look-up by port number. */
export function packetUserdata(service: Service, portId: string): Uint8Array {
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
): { readonly service: Service; readonly portId: string } | undefined {
  const service = (Object.keys(SERVICE) as Service[]).find(name => SERVICE[name] === userdata[0])
  if (service === undefined || userdata.length !== 17) return undefined
  const hex = [...userdata.subarray(1)].map(byte => byte.toString(16).padStart(2, '0')).join('')
  return { service, portId: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') }
}
