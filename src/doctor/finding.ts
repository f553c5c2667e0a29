import type { Machine } from './machine.ts'
import type { Snapshot } from './snapshot.ts'

/** How much a finding matters: an `error` keeps Weft from serving the host, a `warning` may hurt, `unknown` cannot be told from here. */
export const LEVELS = ['error', 'warning', 'unknown', 'ok'] as const
export type Level = (typeof LEVELS)[number]

/** One thing that was looked at. */
export interface Finding {
  readonly level: Level
  /** What is so, in one sentence. */
  readonly what: string
  /** Why it matters; empty where nothing does. */
  readonly why: string
  /** The command that cures it, or tells what could not be told from here: for a shell on the host, unless its comment says otherwise. */
  readonly cure?: string
}

/** What is to become of the host. */
export interface Intent {
  /** Its name in the topology. */
  readonly name: string | undefined
  readonly datapathType: 'system' | 'netdev'
  /** Its tunnel endpoint. */
  readonly tunnelIp: string | undefined
  /** Whether it is to dial the controller, and not the other way round. */
  readonly dialsIn: boolean
  /** The networks that travel in tunnels: what their packets are at most, outer headers included, bytes of IP. */
  readonly outerMtu: number
}

/** All that findings are a function of. */
export interface Facts {
  readonly intent: Intent
  readonly snapshot: Snapshot
  /** The Open vSwitch version that bridges tell by OpenFlow, by their names; those that could not be asked are missing. */
  readonly versions: ReadonlyMap<string, string>
  /** The host itself, when this command runs on it. */
  readonly machine: Machine | undefined
}

/** A pure function that looks at one thing. */
export type Rule = (facts: Facts) => readonly Finding[]

export function ok(what: string): Finding {
  return { level: 'ok', what, why: '' }
}
