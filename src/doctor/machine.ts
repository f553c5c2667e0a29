import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import type { Snapshot } from './snapshot.ts'

/** What only the host itself can tell. */
export interface Machine {
  readonly links: ReadonlyMap<string, { readonly mtu: number; readonly addresses: readonly string[] }>
  /** Whether the kernel has Open vSwitch's datapath. */
  readonly kernelDatapath: boolean
}

const LINKS = '/sys/class/net'

/**
 * Reads this machine, if it is the host of the snapshot: a port that Open vSwitch made itself is a link here with the same MAC.
 *
 * @param local whether the host's OVSDB was reached without a network, for hosts that have no bridge yet.
 */
export function readMachine(snapshot: Snapshot, local: boolean): Machine | undefined {
  const own = [...snapshot.Interface.values()].filter(row => row.type === 'internal' && row.mac_in_use !== undefined)
  const here = own.some(row => read(`${LINKS}/${row.name}/address`) === row.mac_in_use)
  if (!here && !(local && own.length === 0)) return undefined
  const addresses = networkInterfaces()
  return {
    links: new Map(
      readdirSync(LINKS).flatMap(name => {
        const mtu = Number(read(`${LINKS}/${name}/mtu`))
        return mtu > 0 ? [[name, { mtu, addresses: (addresses[name] ?? []).map(({ address }) => address) }]] : []
      }),
    ),
    kernelDatapath: existsSync('/sys/module/openvswitch'),
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
