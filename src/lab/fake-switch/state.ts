import type { DecodedMessage, DecodedMessageOf, MatchObject, Version } from 'node-openflow'
import type { Datapath } from './datapath.ts'
import type { Description, SwitchPort } from './multipart.ts'
import type { Session } from './session.ts'

/** What a switch was sent since it was made, over all its connections. */
export interface FakeSwitchCounters {
  connections: number
  /** All messages but HELLO and echoes. */
  messages: number
  /** Applied, alone or in a bundle that was committed. */
  flowMods: number
  groupMods: number
  meterMods: number
  /** Bundles committed. */
  bundles: number
  packetOuts: number
  /** Errors it answered with. */
  errors: number
}

/** A packet for the controller. */
export interface PacketIn {
  readonly inPort: number
  readonly data: Uint8Array
  readonly tableId?: number
  /** Of the flow that sent it. */
  readonly cookie?: bigint
  readonly reason?: DecodedMessageOf<'packet_in'>['reason']
  /** Metadata beside the ingress port: tunnel, registers, ... */
  readonly match?: MatchObject
  /** Sent only where the controller asked for nxt_packet_in2. */
  readonly userdata?: Uint8Array
}

/** Asked before a message is carried out; an error type and code is what the controller gets instead. `index` counts messages from 0. */
export type Refuse = (message: DecodedMessage, index: number) => readonly [errorType: number, code: number] | undefined

/** What outlives the connections of a switch. */
export interface SwitchState {
  readonly version: Version
  readonly datapathId: bigint
  readonly description: Description
  readonly ports: Map<number, SwitchPort>
  readonly datapath: Datapath
  readonly storeFlows: boolean
  readonly counters: FakeSwitchCounters
  readonly packetOuts: DecodedMessageOf<'packet_out'>[]
  readonly resumes: DecodedMessageOf<'resume'>[]
  /** The highest one that any controller claimed a role with. */
  generationId: bigint | undefined
  refuse: Refuse | undefined
  /** Somebody may wait for what just happened. */
  changed(): void
  closed(session: Session): void
}
