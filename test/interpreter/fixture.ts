import { decodeActions } from 'node-openflow'
import { brEx } from '../../flows/br-ex.ts'
import { brInt } from '../../flows/br-int.ts'
import { brTun } from '../../flows/br-tun.ts'
import { brIntOf, bridgeOf, brTunOf, type HostRow, type Inputs, type ProviderRow } from '../../flows/inputs.ts'
import type { BridgeState, Port, TunnelType } from '../../src/interpreter/bridge.ts'
import { type At, Fabric, type HostState } from '../../src/interpreter/fabric.ts'
import type { Flow } from '../../src/interpreter/flow-table.ts'
import type { Step } from '../../src/interpreter/passage.ts'
import { decodeFlow } from '../../src/pipeline/flow-bytes.ts'
import type { Item } from '../../src/pipeline/item.ts'

type AnyPipeline = Pick<typeof brInt | typeof brTun | typeof brEx, 'tableNames'>

/** A fabric whose bridges hold what the engine wants of them. */
export interface FabricOfInputs {
  readonly hosts: readonly HostState[]
  readonly fabric: Fabric
  /** A step as a person reads it: `h1/br-int port_security: drops frames that ... (host h1)`. */
  describe(step: At<Step>): string
}

/** What the bridges are to hold, as the interpreter takes it. Guests are plugged where the bindings say, under their port's name. */
export function fabricOf(inputs: Inputs): FabricOfInputs {
  const items = new Map<Flow, Item>()
  const hosts = [...inputs.hosts.entries()].map(([, host]): HostState => {
    const bridge = (target: string, pipeline: AnyPipeline, ports: Port[]): BridgeState => ({
      name: target.slice(host.name.length + 1),
      ports,
      tableNames: pipeline.tableNames,
      ...contents([...inputs.engine.desired(target).values()], items),
    })
    return {
      name: host.name,
      tunnelAddress: host.tunnelIp,
      bridges: [
        bridge(brIntOf(host.name), brInt, brIntPorts(inputs, host)),
        bridge(brTunOf(host.name), brTun, brTunPorts(host)),
        ...Object.entries(host.providers).map(([wire, provider]) =>
          bridge(bridgeOf(host.name, provider.bridge), brEx, brExPorts(wire, provider)),
        ),
      ],
    }
  })
  return {
    hosts,
    fabric: new Fabric(hosts),
    describe: step => {
      const at = `${step.host}/${step.bridge}`
      if (step.kind !== 'flow') return `${at}: ${step.kind}`
      const { owner, reason } = items.get(step.flow)!
      return `${at} ${step.table}: ${reason} (${owner})`
    },
  }
}

function contents(items: readonly Item[], of: Map<Flow, Item>): Pick<BridgeState, 'flows' | 'groups'> {
  const flows = items.flatMap(item => {
    if (item.kind !== 'flow') return []
    const flow = decodeFlow(item.bytes)
    of.set(flow, item)
    return [flow]
  })
  const groups = items.flatMap(item => {
    if (item.kind !== 'group') return []
    const { groupId } = item
    const buckets = items.flatMap(bucket =>
      bucket.kind === 'bucket' && bucket.groupId === groupId
        ? [{ bucketId: bucket.bucketId, actions: decodeActions(bucket.bytes, 6) }]
        : [],
    )
    return [{ groupId, buckets }]
  })
  return { flows, groups }
}

/** Patch ports, named by the bridge they lead to; left out where one end is missing. */
function patch(number: number | undefined, to: string, from: string): Port[] {
  return number === undefined ? [] : [{ kind: 'patch', number, name: `${from} to ${to}`, peer: `${to} to ${from}` }]
}

function brIntPorts(inputs: Inputs, { name: host, brInt: { patchTun }, providers }: HostRow): Port[] {
  const guests = [...inputs.bindings.where('host', host)].map(
    ({ port, ofport }): Port => ({ kind: 'endpoint', number: ofport, name: inputs.ports.get(port)!.name }),
  )
  const provided = Object.values(providers).flatMap(({ intPort, bridge }) => patch(intPort, bridge, 'br-int'))
  return [...guests, ...patch(patchTun, 'br-tun', 'br-int'), ...provided]
}

function brTunPorts({ brTun: { patchInt, vxlan, gre } }: HostRow): Port[] {
  const tunnel = (type: TunnelType, number: number | undefined): Port[] =>
    number === undefined ? [] : [{ kind: 'tunnel', type, number, name: type }]
  return [...patch(patchInt, 'br-int', 'br-tun'), ...tunnel('vxlan', vxlan), ...tunnel('gre', gre)]
}

/** Each uplink is on a wire of its own, the first on that of the physical network's name. */
function brExPorts(physicalNetwork: string, { bridge, phyPort, uplinks }: ProviderRow): Port[] {
  const wires = uplinks.map((number, index): Port => {
    const wire = index === 0 ? physicalNetwork : `${physicalNetwork}/${index}`
    return { kind: 'uplink', number, name: `${bridge} uplink ${number}`, wire }
  })
  return [...patch(phyPort, 'br-int', bridge), ...wires]
}
