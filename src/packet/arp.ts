import { getUint16, getUint32, getUint48, setUint16, setUint32, setUint48 } from './bytes.ts'
import { PacketError, requireBytes } from './error.ts'
import { EtherType } from './ethernet.ts'

export const ArpOperation = { request: 1, reply: 2 } as const

/** ARP for IPv4 on Ethernet. RFC 826 */
export interface Arp {
  operation: number
  senderMac: number
  senderAddress: number
  targetMac: number
  targetAddress: number
}

const LENGTH = 28
const ETHERNET = 1

/** Reads an ARP packet; padding after it is ignored. */
export function parseArp(bytes: Uint8Array): Arp {
  requireBytes('arp', bytes, LENGTH)
  if (getUint16(bytes, 0) !== ETHERNET || getUint16(bytes, 2) !== EtherType.ipv4 || bytes[4] !== 6 || bytes[5] !== 4) {
    throw new PacketError('arp', 'not for IPv4 on Ethernet')
  }
  return {
    operation: getUint16(bytes, 6),
    senderMac: getUint48(bytes, 8),
    senderAddress: getUint32(bytes, 14),
    targetMac: getUint48(bytes, 18),
    targetAddress: getUint32(bytes, 24),
  }
}

export function encodeArp(arp: Arp): Uint8Array {
  const bytes = new Uint8Array(LENGTH)
  setUint16(bytes, 0, ETHERNET)
  setUint16(bytes, 2, EtherType.ipv4)
  bytes[4] = 6
  bytes[5] = 4
  setUint16(bytes, 6, arp.operation)
  setUint48(bytes, 8, arp.senderMac)
  setUint32(bytes, 14, arp.senderAddress)
  setUint48(bytes, 18, arp.targetMac)
  setUint32(bytes, 24, arp.targetAddress)
  return bytes
}
