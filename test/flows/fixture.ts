import { decodeActions, formatActions, formatFlow } from 'node-openflow'
import { brEx } from '../../flows/br-ex.ts'
import { brInt } from '../../flows/br-int.ts'
import { brTun } from '../../flows/br-tun.ts'
import { createInputs, type Inputs, learnedId, type NetworkRow, presenceId } from '../../flows/inputs.ts'
import { declareUnits } from '../../flows/units.ts'
import { decodeFlow } from '../../src/pipeline/flow-bytes.ts'
import type { Item } from '../../src/pipeline/item.ts'

export interface Plan {
  readonly hosts: readonly string[]
  /** Network -> its type, segment and number. */
  readonly networks: Readonly<Record<string, { readonly type: NetworkRow['type']; readonly segment?: number }>>
  /** Port -> network and host. */
  readonly ports: Readonly<Record<string, readonly [network: string, host: string]>>
  /** Networks whose ports learn, all of them. */
  readonly learning?: readonly string[]
}

/** Rows of a small fabric: numbers are given in the order of the plan. */
export function rowsOf(plan: Plan): Inputs {
  const inputs = createInputs()
  declareUnits(inputs)
  const provider = Object.values(plan.networks).some(({ type }) => isProvider(type))
  for (const [index, host] of plan.hosts.entries()) writeHost(inputs, host, index, provider)
  Object.keys(plan.networks).forEach((name, index) => {
    const { type, segment } = plan.networks[name]!
    inputs.engine.set(inputs.networks, name, {
      name,
      type,
      number: index + 1,
      segment,
      physicalNetwork: isProvider(type) ? 'physnet1' : undefined,
      learning: plan.learning?.includes(name) ?? false,
    })
    inputs.engine.set(inputs.subnets, `${name}-v4`, {
      name: `${name}-v4`,
      network: name,
      dhcp: { ip: 0x0a0000fe, mac: 0xfa163effff00 + index },
    })
  })
  for (const [name, [network, host]] of Object.entries(plan.ports)) plug(inputs, name, network, host)
  inputs.engine.flush()
  return inputs
}

const isProvider = (type: NetworkRow['type']) => type === 'vlan' || type === 'flat'

export function writeHost(inputs: Inputs, host: string, index: number, provider = false): void {
  inputs.engine.set(inputs.hosts, host, {
    name: host,
    tunnelIp: 0xc0000201 + index,
    brInt: { patchTun: 1 },
    brTun: { patchInt: 1, vxlan: 2, gre: 3 },
    providers: provider ? { physnet1: { bridge: 'br-ex', intPort: 2, phyPort: 1, uplinks: [2, 3] } } : {},
  })
}

/** A port id as flows carry it in packet-ins: the name's bytes as hex digits. */
const idOf = (name: string) =>
  [...name]
    .map(char => char.charCodeAt(0).toString(16))
    .join('')
    .padStart(32, '0')

/** Binds a port; its number, MAC, address and port number follow from how many there are. */
export function plug(inputs: Inputs, name: string, network: string, host: string): void {
  const { engine, ports, bindings, presences, networks } = inputs
  const id = idOf(name)
  if (ports.get(id) === undefined) {
    const count = [...ports.where('network', network)].length
    const { number = 0, learning = false } = networks.get(network) ?? {}
    engine.set(ports, id, {
      name,
      network,
      mac: 0xfa163e000000 + number * 0x1000 + count,
      addresses: [{ ip: 0x0a00000b + count, subnet: `${network}-v4` }],
      learning,
    })
  }
  const used = new Set([...bindings.where('host', host)].map(binding => binding.ofport))
  let ofport = 10
  while (used.has(ofport)) ofport++
  const id2 = presenceId(host, network)
  if (presences.get(id2) === undefined) {
    const vlans = new Set([...presences.where('host', host)].map(presence => presence.localVlan))
    let localVlan = 1
    while (vlans.has(localVlan)) localVlan++
    engine.set(presences, id2, { host, network, localVlan })
  }
  engine.set(bindings, id, { port: id, network, host, ofport })
}

export function unplug(inputs: Inputs, name: string): void {
  const { engine, bindings, presences } = inputs
  const binding = bindings.get(idOf(name))
  engine.set(bindings, idOf(name), undefined)
  if (binding === undefined) return
  const place = presenceId(binding.host, binding.network)
  if ([...bindings.where('place', place)].length === 0) engine.set(presences, place, undefined)
}

/** A MAC is seen behind a port; `undefined`: nowhere any more. */
export function learn(inputs: Inputs, network: string, mac: number, port: string | undefined): void {
  const row = port === undefined ? undefined : { network, mac, port: idOf(port) }
  inputs.engine.set(inputs.learned, learnedId(network, mac), row)
}

/** An item as a person reads it: ovs-ofctl text with table names, then whose it is and why. */
export function textOf(item: Item, bridge: string): string {
  const why = `# ${item.owner}: ${item.reason}`
  switch (item.kind) {
    case 'flow': {
      const { tableNames } = bridge.endsWith('br-int') ? brInt : bridge.endsWith('br-tun') ? brTun : brEx
      const { cookie: _, ...flow } = decodeFlow(item.bytes)
      return `${formatFlow(flow, { tables: id => tableNames.get(id) })}  ${why}`
    }
    case 'group':
      return `group_id=${item.groupId},type=all  ${why}`
    case 'bucket':
      return `group_id=${item.groupId},bucket_id=${item.bucketId},actions=${formatActions(decodeActions(item.bytes, 6))}  ${why}`
    case 'meter':
      return `meter=${item.meterId},pktps,burst,band=type=drop,rate=${item.rate},burst_size=${item.burst}  ${why}`
  }
}

/** What a bridge is to hold, one line an item, in the order a packet meets it. */
export function dump(inputs: Inputs, target: string): string {
  const order = (item: Item) => {
    if (item.kind !== 'flow') return `${{ group: 'a', bucket: 'b', meter: 'c' }[item.kind]} ${item.key}`
    const { tableId, priority } = decodeFlow(item.bytes)
    return `d ${String(tableId).padStart(3, '0')} ${String(65_535 - (priority ?? 0)).padStart(5, '0')} ${textOf(item, target)}`
  }
  return [...inputs.engine.desired(target).values()]
    .map(item => [order(item), textOf(item, target)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, text]) => `${text}\n`)
    .join('')
}
