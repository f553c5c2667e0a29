import type { RegisterDeclaration } from '../src/pipeline/register.ts'

/** Where a frame on br-int came from. What came from elsewhere in its network never goes back there (split horizon). */
export const ORIGIN = { guest: 1, elsewhere: 2 } as const

/** What br-int keeps about a packet. OVS clears all of it at a patch port; there the local VLAN carries the network. */
export const brIntRegisters = {
  /** The network's fabric-wide number: equal on all hosts, so that flows about a remote port are, too. */
  network: { bits: 32 },
  /** `ORIGIN`. */
  origin: { bits: 2 },
  /** The OpenFlow port the frame leaves by, once that is decided. */
  out_port: { bits: 16, from: 'l2_lookup', to: 'output' },
} as const satisfies Readonly<Record<string, RegisterDeclaration>>

/** What br-tun keeps about a packet. */
export const brTunRegisters = {
  network: { bits: 32 },
} as const satisfies Readonly<Record<string, RegisterDeclaration>>

/** The bridge of a physical network keeps nothing: the VLAN says it all. */
export const brExRegisters = {} as const satisfies Readonly<Record<string, RegisterDeclaration>>
