import type { HostView, NetworkView } from '../api/read-model.ts'
import type { Intent } from '../doctor/doctor.ts'
import { ask } from './client.ts'
import { CommandError, EXIT } from './exit-code.ts'

/** Where a host's own Open vSwitch listens (ovs-vswitchd(8)). */
export const LOCAL = `unix:${process.env['OVS_RUNDIR'] ?? '/var/run/openvswitch'}/db.sock`

/** What is known of a host before it is looked at. */
export interface Subject extends Pick<Intent, 'datapathType' | 'tunnelIp' | 'outerMtu'> {
  /** Where its OVSDB listens; undefined when it dials in. */
  readonly ovsdb: string | undefined
}

/** A host of no topology: this machine, and an Ethernet underlay that the default MTUs fill. */
export const NOBODY: Subject = { ovsdb: LOCAL, datapathType: 'system', tunnelIp: undefined, outerMtu: 1500 }

/** The part of a topology that a host is judged by. */
interface Sketch {
  readonly hosts: readonly (Omit<Subject, 'outerMtu'> & { readonly name: string })[]
  readonly networks: readonly { readonly type: string; readonly mtu: number }[]
}

/**
 * What a topology says of a host: the file's, or the running controller's.
 *
 * @throws {CommandError} when there is no such host.
 */
export async function subjectNamed(
  name: string,
  { topology, api }: { readonly topology?: string | undefined; readonly api: string },
): Promise<Subject> {
  const { hosts, networks } = await (topology === undefined ? ofController(api) : ofFile(topology))
  const host = hosts.find(one => one.name === name)
  if (host === undefined) {
    const { nearest } = await import('../../topology/nearest.ts')
    const near = nearest(
      name,
      hosts.map(one => one.name),
    )
    throw new CommandError(`there is no host ${name}${near === undefined ? '' : `: did you mean ${near}?`}`)
  }
  const { SEGMENTATION } = await import('../../topology/network.ts')
  const overhead = new Map<string, number>(Object.entries(SEGMENTATION).map(([type, one]) => [type, one.overhead]))
  const outer = networks.flatMap(({ type, mtu }) => (overhead.get(type) ? [mtu + overhead.get(type)!] : []))
  return { ...host, outerMtu: outer.length === 0 ? NOBODY.outerMtu : Math.max(...outer) }
}

async function ofController(api: string): Promise<Sketch> {
  const [hosts, networks] = await Promise.all([
    ask<readonly HostView[]>(api, '/v1/hosts'),
    ask<readonly NetworkView[]>(api, '/v1/networks'),
  ])
  return {
    hosts: hosts.map(host => ({
      name: host.name,
      ovsdb: host.ovsdb === 'dials in' ? undefined : host.ovsdb,
      datapathType: host.datapath_type === 'netdev' ? 'netdev' : 'system',
      tunnelIp: host.tunnel_ip ?? undefined,
    })),
    networks: networks.map(network => ({ type: network.network_type, mtu: network.mtu })),
  }
}

async function ofFile(path: string): Promise<Sketch> {
  const [{ readTopologyTexts }, { parseTopologies }, { resolveTopology }, { formatProblem }] = await Promise.all([
    import('../topology-source.ts'),
    import('../../topology/document.ts'),
    import('../../topology/allocation.ts'),
    import('../../topology/problem.ts'),
  ])
  const { document, problems } = parseTopologies(readTopologyTexts(path))
  const resolved = document === undefined ? { topology: undefined, problems } : resolveTopology(document, [])
  if (resolved.topology === undefined) {
    throw new CommandError(resolved.problems.map(formatProblem).join('\n'), EXIT.usage)
  }
  const { hosts, networks } = resolved.topology
  return {
    hosts: [...hosts.values()].map(host => ({
      name: host.name,
      ovsdb: host.ovsdb,
      datapathType: host.datapath_type,
      tunnelIp: host.tunnel_ip,
    })),
    networks: [...networks.values()].map(network => ({ type: network.network_type, mtu: network.mtu })),
  }
}
