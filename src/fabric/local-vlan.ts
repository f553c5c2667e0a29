/** Local VLAN ids that a host can give out: 1..4094 (IEEE 802.1Q; 4095 is reserved, 0 means untagged). */
const FIRST = 1
const LAST = 4094

const PREFIX = 'weft-network-'

/** The key under which br-int's external_ids keep a network's local VLAN. */
export function localVlanKey(network: string): string {
  return PREFIX + network
}

/** The local VLANs on record in br-int's external_ids: network id -> VLAN id. What is not a VLAN id is left out. */
export function readLocalVlans(externalIds: ReadonlyMap<string, string>): Map<string, number> {
  const vlans = new Map<string, number>()
  for (const [key, value] of externalIds) {
    const vlan = Number(value)
    if (key.startsWith(PREFIX) && Number.isInteger(vlan) && vlan >= FIRST && vlan <= LAST) {
      vlans.set(key.slice(PREFIX.length), vlan)
    }
  }
  return vlans
}

/** What has to change in the record of a host. */
export interface LocalVlanChange {
  readonly added: ReadonlyMap<string, number>
  /** Networks whose VLAN is free again. */
  readonly removed: readonly string[]
  /** Networks for which no VLAN is left. */
  readonly refused: readonly string[]
}

/**
 * Gives every network that has a port on the host a local VLAN: the lowest free one, and never another while it is on record.
 *
 * A network without ports here keeps its VLAN until the network is deleted or all others are used up.
 *
 * @param recorded network id -> VLAN, as the host's OVSDB holds it.
 * @param present ids of the networks with a port on this host.
 * @param exists whether a network is still in the topology.
 */
export function allocateLocalVlans(
  recorded: ReadonlyMap<string, number>,
  present: ReadonlySet<string>,
  exists: (network: string) => boolean,
): LocalVlanChange {
  const removed: string[] = []
  const used = new Map<number, string>()
  for (const [network, vlan] of recorded) {
    // Two networks under one VLAN can only come from a hand edit: the first one keeps it.
    if (!exists(network) || used.has(vlan)) removed.push(network)
    else used.set(vlan, network)
  }
  const added = new Map<string, number>()
  const refused: string[] = []
  let candidate = FIRST
  for (const network of [...present].sort()) {
    if ((recorded.has(network) && !removed.includes(network)) || !exists(network)) continue
    while (candidate <= LAST && used.has(candidate)) candidate++
    let vlan: number | undefined = candidate
    if (candidate > LAST) {
      const idle = [...used].find(([, owner]) => !present.has(owner))
      vlan = idle?.[0]
      if (idle !== undefined) removed.push(idle[1])
    }
    if (vlan === undefined) {
      refused.push(network)
      continue
    }
    used.set(vlan, network)
    added.set(network, vlan)
  }
  return { added, removed, refused }
}
