import type { Delta } from '../src/engine/engine.ts'
import { equal } from '../src/engine/equal.ts'
import type { Item } from '../src/pipeline/item.ts'
import type { Topology } from '../topology/topology.ts'
import { type Disruption, disruptionByOwner, worse } from './disruption.ts'

/** What another topology would change, before anything changes. */
export interface Plan {
  readonly resources: readonly ResourceChange[]
  readonly bridges: readonly BridgeChange[]
  /** The worst that happens to any traffic. */
  readonly disruption: Disruption
}

/** A resource that comes, changes or goes. */
export interface ResourceChange {
  readonly action: 'create' | 'update' | 'delete'
  readonly kind: Kind
  readonly name: string
  /** Of an update: the attributes that change. */
  readonly attributes: readonly string[]
  readonly disruption: Disruption
  /** The ports whose traffic is disrupted, in the order of their names. */
  readonly ports: readonly string[]
}

/** How much of a bridge changes: flows, groups, buckets and meters. */
export interface BridgeChange {
  /** `host/bridge`. */
  readonly bridge: string
  readonly add: number
  readonly change: number
  readonly remove: number
}

type Kind = 'host' | 'network' | 'subnet' | 'port'
type Section = 'hosts' | 'networks' | 'subnets' | 'ports'

const SECTIONS: readonly (readonly [Section, Kind])[] = [
  ['hosts', 'host'],
  ['networks', 'network'],
  ['subnets', 'subnet'],
  ['ports', 'port'],
]

/** The plan that leads from one topology to another; `delta` is what the bridges would have to change. */
export function planOf(before: Topology, after: Topology, delta: Delta<Item>): Plan {
  const effects = effectsOf(before, after, disruptionByOwner(delta))
  const changed = SECTIONS.flatMap(([section, kind]) => changesOf(before[section], after[section], kind))
  const ownPorts = new Set(changed.filter(change => change.kind === 'port').map(change => change.name))
  const resources = changed.map((change): ResourceChange => {
    let disruption: Disruption = 'none'
    const ports = new Set<string>()
    for (const effect of effects) {
      // What a port's own change does to it is told there.
      if (
        !reaches(change, effect) ||
        (change.kind !== 'port' && effect.port !== undefined && ownPorts.has(effect.port))
      )
        continue
      disruption = worse(disruption, effect.disruption)
      if (effect.disruption !== 'none') for (const port of effect.ports) ports.add(port)
    }
    const { action, kind, name, attributes } = change
    return { action, kind, name, attributes, disruption, ports: [...ports].sort() }
  })
  return {
    resources,
    bridges: [...delta]
      .map(([bridge, changes]) => bridgeChange(bridge, changes))
      .sort((a, b) => (a.bridge < b.bridge ? -1 : 1)),
    disruption: effects.reduce((worst: Disruption, effect) => worse(worst, effect.disruption), 'none'),
  }
}

interface Named {
  readonly id: string
  readonly name: string
  readonly network_id?: string
}

interface Changed {
  readonly action: ResourceChange['action']
  readonly kind: Kind
  readonly id: string
  readonly name: string
  /** Of a subnet or a port. */
  readonly network: string | undefined
  readonly attributes: readonly string[]
}

function changesOf(before: ReadonlyMap<string, Named>, after: ReadonlyMap<string, Named>, kind: Kind): Changed[] {
  const changes: Changed[] = []
  for (const [id, { name, network_id: network }] of before) {
    if (!after.has(id)) changes.push({ action: 'delete', kind, id, name, network, attributes: [] })
  }
  for (const [id, resource] of after) {
    const { name, network_id: network } = resource
    const old = before.get(id)
    if (old === undefined) changes.push({ action: 'create', kind, id, name, network, attributes: [] })
    else if (!equal(old, resource)) {
      changes.push({ action: 'update', kind, id, name, network, attributes: differences(old, resource) })
    }
  }
  return changes
}

function differences(before: object, after: object): string[] {
  const old = before as Readonly<Record<string, unknown>>
  const next = after as Readonly<Record<string, unknown>>
  return [...new Set([...Object.keys(old), ...Object.keys(next)])].filter(key => !equal(old[key], next[key])).sort()
}

/** What happens to the traffic of one owner of flows. */
interface Effect {
  readonly disruption: Disruption
  /** What the owner is about. */
  readonly port: string | undefined
  readonly subnet: string | undefined
  /** Ids of the networks it belongs to, before and after. */
  readonly networks: ReadonlySet<string>
  readonly host: string | undefined
  /** Names of the ports that feel it. */
  readonly ports: readonly string[]
}

/** Reads owners as `flows/` writes them: `port red-a`, `port red-a on h1`, `network red on h2`, `subnet red-v4`, `host h1`. */
function effectsOf(before: Topology, after: Topology, byOwner: ReadonlyMap<string, Disruption>): Effect[] {
  const named = (section: Section, name: string): Named[] =>
    [before, after].flatMap(topology => [...topology[section].values()].filter(resource => resource.name === name))
  const networksOf = (resources: readonly Named[]) => new Set(resources.flatMap(resource => resource.network_id ?? []))
  const portsOf = (networks: ReadonlySet<string>) => {
    const names = [before, after].flatMap(topology =>
      [...topology.ports.values()].filter(port => networks.has(port.network_id)).map(port => port.name),
    )
    return [...new Set(names)]
  }
  return [...byOwner].map(([owner, disruption]): Effect => {
    const [, kind, name = '', host] = /^(\w+) (\S+)(?: on (\S+))?$/.exec(owner) ?? []
    switch (kind) {
      case 'port': {
        const networks = networksOf(named('ports', name))
        return { disruption, port: name, subnet: undefined, networks, host, ports: [name] }
      }
      case 'subnet': {
        const networks = networksOf(named('subnets', name))
        return { disruption, port: undefined, subnet: name, networks, host: undefined, ports: portsOf(networks) }
      }
      case 'network': {
        const networks = new Set(named('networks', name).map(network => network.id))
        return { disruption, port: undefined, subnet: undefined, networks, host, ports: portsOf(networks) }
      }
      default: {
        const everyone = [
          ...new Set([before, after].flatMap(topology => [...topology.ports.values()].map(port => port.name))),
        ]
        return { disruption, port: undefined, subnet: undefined, networks: new Set(), host: name, ports: everyone }
      }
    }
  })
}

/** Whether an effect is a resource's doing. */
function reaches(change: Changed, effect: Effect): boolean {
  switch (change.kind) {
    case 'port':
      return effect.port === change.name
    case 'network':
      return effect.networks.has(change.id)
    case 'subnet':
      // Of a subnet’s flows most are its ports’.
      return effect.subnet === change.name || (effect.port !== undefined && effect.networks.has(change.network ?? ''))
    case 'host':
      return effect.host === change.name
  }
}

function bridgeChange(
  bridge: string,
  changes: Delta<Item> extends ReadonlyMap<string, infer Changes> ? Changes : never,
): BridgeChange {
  let add = 0
  let change = 0
  let remove = 0
  for (const { before, after } of changes) {
    if (before === undefined) add++
    else if (after === undefined) remove++
    else change++
  }
  return { bridge, add, change, remove }
}
