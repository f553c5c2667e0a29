import { decodeActions } from 'node-openflow'
import { brInt } from '../../flows/br-int.ts'
import { brTun } from '../../flows/br-tun.ts'
import { brIntOf, brTunOf, type HostRow, type Inputs } from '../../flows/inputs.ts'
import type { BridgeState, Port } from '../../src/interpreter/bridge.ts'
import { type At, Fabric, type HostState } from '../../src/interpreter/fabric.ts'
import type { Flow } from '../../src/interpreter/flow-table.ts'
import type { Step } from '../../src/interpreter/passage.ts'
import { decodeFlow } from '../../src/pipeline/flow-bytes.ts'
import type { Item } from '../../src/pipeline/item.ts'

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
    const bridge = (target: string, pipeline: typeof brInt | typeof brTun, ports: Port[]): BridgeState => ({
      name: pipeline.name,
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

function brIntPorts(inputs: Inputs, { name: host, brInt: { patchTun } }: HostRow): Port[] {
  const guests = [...inputs.bindings.where('host', host)].map(
    ({ port, ofport }): Port => ({ kind: 'endpoint', number: ofport, name: inputs.ports.get(port)!.name }),
  )
  if (patchTun === undefined) return guests
  return [...guests, { kind: 'patch', number: patchTun, name: 'patch-tun', peer: 'patch-int' }]
}

function brTunPorts({ brTun: { patchInt, vxlan, gre } }: HostRow): Port[] {
  const ports: Port[] = []
  if (patchInt !== undefined) ports.push({ kind: 'patch', number: patchInt, name: 'patch-int', peer: 'patch-tun' })
  if (vxlan !== undefined) ports.push({ kind: 'vxlan', number: vxlan, name: 'vxlan' })
  if (gre !== undefined) ports.push({ kind: 'gre', number: gre, name: 'gre' })
  return ports
}
