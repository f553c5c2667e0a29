import { dirname, join } from 'node:path'
import { connectOpenFlow, type OpenFlowConnection } from 'node-openflow'
import { type Address, connectOvsdb, SchemaMismatch } from 'ovsdb-client'
import { examine } from './examine.ts'
import type { Finding, Intent } from './finding.ts'
import { readMachine } from './machine.ts'
import { bridgesOf, type Snapshot, takeSnapshot } from './snapshot.ts'

export type { Finding, Intent } from './finding.ts'

/** How long a bridge may take to say which version it is, ms. */
const PATIENCE = 1_000

export interface DoctorOptions {
  readonly ovsdb: Address
  /** Where bridges listen for OpenFlow, besides where the snapshot says. */
  readonly openflow: readonly Address[]
  readonly intent: Intent
}

/** Reads a host, changing nothing, and says what is to be said. @throws {ConnectionClosed} when its OVSDB cannot be reached. */
export async function examineHost({ ovsdb, openflow, intent }: DoctorOptions): Promise<Finding[]> {
  const session = await connectOvsdb(ovsdb)
  try {
    const snapshot = await takeSnapshot(session)
    const machine = readMachine(snapshot, ovsdb.transport === 'unix')
    return examine({ intent, snapshot, versions: await readVersions(snapshot, ovsdb, openflow), machine })
  } catch (error) {
    if (!(error instanceof SchemaMismatch)) throw error
    const why = 'Weft reads or writes what this release of Open vSwitch does not have'
    return [{ level: 'error', what: error.message, why, cure: 'apt-get install openvswitch-switch  # a newer release' }]
  } finally {
    session.close()
  }
}

/** Asks the bridges that can be asked. OpenFlow 1.5.1 § 7.3.5.2 */
async function readVersions(
  snapshot: Snapshot,
  ovsdb: Address,
  openflow: readonly Address[],
): Promise<ReadonlyMap<string, string>> {
  const places: [string, Address][] = openflow.map((address, index) => [`--openflow ${index + 1}`, address])
  for (const bridge of bridgesOf(snapshot)) {
    // Every bridge listens beside the database's own socket (ovs-vswitchd(8)).
    if (ovsdb.transport === 'unix') {
      places.push([bridge.name, { transport: 'unix', path: join(dirname(ovsdb.path), `${bridge.name}.mgmt`) }])
      continue
    }
    for (const controller of snapshot.Controller.values()) {
      const { port } = /^ptcp:(?<port>\d+)/.exec(controller.target)?.groups ?? {}
      if (port === undefined || !bridge.controller.has(controller._uuid)) continue
      places.push([bridge.name, { transport: 'tcp', host: ovsdb.host, port: Number(port) }])
    }
  }
  const versions = await Promise.all(places.map(async ([name, address]) => [name, await readVersion(address)] as const))
  return new Map(versions.filter((entry): entry is [string, string] => entry[1] !== undefined))
}

async function readVersion(address: Address): Promise<string | undefined> {
  let connection: OpenFlowConnection | undefined
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(resolve, PATIENCE, undefined)
  })
  const asking = (async () => {
    connection = await connectOpenFlow(address, { handshakeTimeout: PATIENCE })
    const [description] = await connection.multipart({ type: 'multipart_request', kind: 'desc', body: {} })
    return description?.software
  })()
  try {
    return await Promise.race([asking.catch(() => undefined), late])
  } finally {
    clearTimeout(timer)
    connection?.close()
  }
}
