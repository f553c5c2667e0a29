import type { Port } from './bridge.ts'
import type { Flow } from './flow-table.ts'

/** Where a frame leads in a tunnel. Addresses are numbers for IPv4, bigints for IPv6. */
export interface Tunnel {
  readonly id: bigint
  readonly destination: number | bigint
}

/** A frame that comes in by a port. */
export interface Arrival {
  readonly bridge: string
  readonly port: number
  readonly frame: Uint8Array
  /** Where the port is a tunnel's: what its headers said. */
  readonly tunnel?: (Tunnel & { readonly source: number | bigint }) | undefined
}

/** A frame that leaves by a port. */
export interface Departure {
  readonly bridge: string
  readonly port: Exclude<Port, { readonly kind: 'patch' }>
  readonly frame: Uint8Array
  /** Where the port is a tunnel's. */
  readonly tunnel: Tunnel | undefined
}

/** A frame that is sent to the controller. */
export interface PacketIn {
  readonly bridge: string
  readonly inPort: number
  readonly tableId: number
  readonly cookie: bigint
  readonly userdata: Uint8Array | undefined
  /** The meter it has to pass; here every one does. */
  readonly meterId: number | undefined
  readonly frame: Uint8Array
}

/** One thing that happened to a packet in a bridge. */
export type Step = { readonly bridge: string } & (
  | { readonly kind: 'flow'; readonly table: string; readonly flow: Flow }
  /** No flow of the table matched: the packet ends. */
  | { readonly kind: 'miss'; readonly table: string }
  | { readonly kind: 'output'; readonly table: string; readonly port: string }
  | { readonly kind: 'patch'; readonly port: string; readonly peer: string }
  /** An output that did not happen. */
  | { readonly kind: 'skip'; readonly port: string; readonly why: string }
  /** An action that changed nothing, since the packet has no such field. */
  | { readonly kind: 'unmet'; readonly field: string }
  | { readonly kind: 'controller'; readonly table: string }
  /** Taken as not exceeded. */
  | { readonly kind: 'meter'; readonly meterId: number }
  /** The packet went in circles: in this bridge nothing more happens. */
  | { readonly kind: 'abort'; readonly why: string }
)

/** What became of a frame in one host. */
export interface Passage {
  readonly steps: readonly Step[]
  readonly departures: readonly Departure[]
  readonly packetIns: readonly PacketIn[]
}
