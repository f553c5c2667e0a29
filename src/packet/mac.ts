import { PacketError } from './error.ts'

/** A MAC address is a 48-bit number; this one is Ethernet's broadcast. */
export const BROADCAST_MAC = 0xffff_ffff_ffff

/** Whether the group bit is set: multicast and broadcast. IEEE 802-2014 § 8.2.2 */
export const isMulticastMac = (mac: number): boolean => Math.floor(mac / 0x100_0000_0000) % 2 === 1

/** Reads `fa:16:3e:00:00:0a`, either case, `:` or `-` between the bytes. */
export function parseMac(text: string): number {
  if (!/^[0-9a-f]{2}([:-])[0-9a-f]{2}(\1[0-9a-f]{2}){4}$/i.test(text)) {
    throw new PacketError('mac', `${JSON.stringify(text)} is not a MAC address`)
  }
  return Number.parseInt(text.replaceAll(/[:-]/g, ''), 16)
}

/** Writes `fa:16:3e:00:00:0a`. */
export const formatMac = (mac: number): string =>
  mac
    .toString(16)
    .padStart(12, '0')
    .replace(/..(?!$)/g, '$&:')
