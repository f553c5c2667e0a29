import { nameComplaint, type ResourceSchema, show } from './attribute.ts'
import { checkHosts, type HostAttributes, hostSchema } from './host.ts'
import { didYouMean } from './nearest.ts'
import { checkNetworks, type NetworkAttributes, networkSchema } from './network.ts'
import { checkPorts, type PortAttributes, portSchema } from './port.ts'
import { formatPlace, type Locate, type Path, type Problem, ProblemList, type Report } from './problem.ts'
import { readAttributes } from './reading.ts'
import { SourceFile } from './source-file.ts'
import { checkSubnets, type SubnetAttributes, subnetSchema } from './subnet.ts'

/** What the user wrote: attributes by name, valid in themselves and among each other. What was left out is absent. */
export interface TopologyDocument {
  readonly hosts: ReadonlyMap<string, HostAttributes>
  readonly networks: ReadonlyMap<string, NetworkAttributes>
  readonly subnets: ReadonlyMap<string, SubnetAttributes>
  readonly ports: ReadonlyMap<string, PortAttributes>
  /** The files it came from, in order. */
  readonly files: readonly string[]
  readonly locate: Locate
}

export type Section = 'hosts' | 'networks' | 'subnets' | 'ports'

/** The sections of a topology, in the order in which later ones refer to earlier ones. */
export const sections: Readonly<Record<Section, ResourceSchema<unknown>>> = {
  hosts: hostSchema,
  networks: networkSchema,
  subnets: subnetSchema,
  ports: portSchema,
}

const SECTIONS = Object.keys(sections) as Section[]

/** Sections named after Neutron's resources that Weft will serve, but does not yet. */
const LATER_SECTIONS = [
  'address_groups',
  'address_scopes',
  'floatingips',
  'metering_labels',
  'port_forwardings',
  'qos_policies',
  'routers',
  'security_groups',
  'subnetpools',
  'trunks',
]

/** A document while it is checked: the resources that are valid in themselves, and the names of all. */
export interface Draft extends TopologyDocument {
  readonly names: Readonly<Record<Section, ReadonlySet<string>>>
  /** An attribute that was given but refused: its absence means nothing. */
  refused(section: Section, name: string, attribute: string): boolean
  /** `FILE:LINE:COLUMN` of a path. */
  at(path: Path): string
}

/** One text of a topology; `file` is what problems call it. */
export interface TopologyText {
  readonly text: string
  readonly file: string
}

/** The document of one text, or else every problem it has, in order. */
export function parseTopology(text: string, file: string): { document?: TopologyDocument; problems: Problem[] } {
  return parseTopologies([{ text, file }])
}

/** The document of several texts together, in the given order, or else every problem they have. */
export function parseTopologies(texts: readonly TopologyText[]): { document?: TopologyDocument; problems: Problem[] } {
  const problems = new ProblemList()
  const files = texts.map(({ file }) => file)
  const draft = gather(
    texts.map(({ text, file }) => new SourceFile(file, text)),
    problems,
  )
  if (!draft) return { problems: problems.sorted(files) }

  const report = problems.reporter(draft.locate)
  checkHosts(draft, report)
  checkNetworks(draft, report)
  checkSubnets(draft, report)
  checkPorts(draft, report)
  if (problems.size > 0) return { problems: problems.sorted(files) }
  const { hosts, networks, subnets, ports, locate } = draft
  return { document: { hosts, networks, subnets, ports, files, locate }, problems: [] }
}

/** All resources of all files by section and name; undefined when a text cannot be read as YAML at all. */
function gather(sources: readonly SourceFile[], problems: ProblemList): Draft | undefined {
  const homes = { hosts: new Map(), networks: new Map(), subnets: new Map(), ports: new Map() } as Record<
    Section,
    Map<string, SourceFile>
  >
  const resources = { hosts: new Map(), networks: new Map(), subnets: new Map(), ports: new Map() } as Record<
    Section,
    Map<string, unknown>
  >
  const refused = new Set<string>()
  let readable = true
  let empty = true
  for (const source of sources) {
    const { value, problems: found } = source.read()
    for (const { offset, message, fatal } of found) {
      problems.add(source.place(offset), message)
      if (fatal) readable = false
    }
    if (found.some(({ fatal }) => fatal)) continue
    if (value !== null) empty = false
    const report = problems.reporter((path, part) => source.locate(path, part))
    for (const [section, raw] of sectionsOf(value, report)) {
      for (const [name, attributes] of Object.entries(raw)) {
        const path = [section, name]
        const complaint = nameComplaint(name)
        if (complaint !== undefined) report(path, `${show(name)} ${complaint}`, { part: 'key' })
        const other = homes[section].get(name)
        if (other) {
          report(
            path,
            `${sections[section].kind} ${name} is given twice (first at ${formatPlace(other.locate(path, 'key'))})`,
            { part: 'key' },
          )
          continue
        }
        homes[section].set(name, source)
        const reading = readAttributes(sections[section], attributes, path, report)
        if (reading.attributes !== undefined) resources[section].set(name, reading.attributes)
        for (const attribute of reading.refused) refused.add([...path, attribute].join('/'))
      }
    }
  }
  if (!readable) return undefined
  // A file that lost its content must not read as the wish to lose the network.
  if (empty && sources[0])
    problems.add(sources[0].place(0), 'the topology is empty', () => 'write {} when it is meant to be')

  const locate: Locate = (path, part) => {
    const source = homes[path[0] as Section]?.get(String(path[1])) ?? sources[0]
    if (!source) throw new TypeError('a topology of no text has no places')
    return source.locate(path, part)
  }
  const namesOf = (section: Section) => new Set(homes[section].keys())
  return {
    ...(resources as unknown as Pick<TopologyDocument, Section>),
    names: {
      hosts: namesOf('hosts'),
      networks: namesOf('networks'),
      subnets: namesOf('subnets'),
      ports: namesOf('ports'),
    },
    files: sources.map(({ file }) => file),
    locate,
    refused: (section, name, attribute) => refused.has([section, name, attribute].join('/')),
    at: path => formatPlace(locate(path)),
  }
}

/** The sections of one file's value that have resources. */
function sectionsOf(value: unknown, report: Report): [Section, Record<string, unknown>][] {
  if (value === null || value === undefined) return []
  if (!isMapping(value)) {
    report([], `a topology is a mapping of ${SECTIONS.join(', ')}`)
    return []
  }
  return Object.entries(value).flatMap(([key, raw]): [Section, Record<string, unknown>][] => {
    if (!Object.hasOwn(sections, key)) {
      const later = LATER_SECTIONS.includes(key)
      report([key], later ? `${key} are not served yet` : `unknown section ${show(key)}`, {
        part: 'key',
        ...(later ? {} : { hint: () => didYouMean(key, SECTIONS)() ?? `known here: ${SECTIONS.join(', ')}` }),
      })
      return []
    }
    if (raw === null) return []
    if (isMapping(raw)) return [[key as Section, raw]]
    report([key], `${key} ${show(raw)} is not a mapping of names to attributes`)
    return []
  })
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
