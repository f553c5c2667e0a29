/** MAC addresses as 48-bit numbers. */

/** The prefix of every MAC address that Weft makes up, as Neutron's default `base_mac`. */
export const BASE_MAC = 0xfa163e000000

const MULTICAST = 0x010000000000
const BROADCAST = 0xffffffffffff

/** The number of `fa:16:3e:00:00:0a` (case does not matter); undefined for anything else. */
export function readMac(text: string): number | undefined {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text) ? Number.parseInt(text.replaceAll(':', ''), 16) : undefined
}

/** The number of text that a schema has already let through. */
export function mac(text: string): number {
  const address = readMac(text)
  if (address === undefined) throw new TypeError(`not a MAC address: ${text}`)
  return address
}

export function formatMac(address: number): string {
  return address
    .toString(16)
    .padStart(12, '0')
    .replace(/..(?=.)/g, '$&:')
}

/** Why no interface can have this MAC address, as the end of a sentence. */
export function macComplaint(address: number): string | undefined {
  if (address === 0) return 'is the zero address'
  if (address === BROADCAST) return 'is the broadcast address'
  // The multicast bit stands above bit 31, where JavaScript's bit operators do not reach.
  if (Math.floor(address / MULTICAST) % 2 === 1) return 'is a multicast address'
  return undefined
}
