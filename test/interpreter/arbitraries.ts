import fc from 'fast-check'
import { createInputs, type Inputs, learnedId, type NetworkRow, presenceId } from '../../flows/inputs.ts'
import { declareUnits } from '../../flows/units.ts'
import { BROADCAST_ADDRESS } from '../../src/packet/address.ts'
import { EtherType } from '../../src/packet/ethernet.ts'
import { buildFrame, type FrameInput } from '../../src/packet/frame.ts'
import { IpProtocol } from '../../src/packet/ipv4.ts'
import { BROADCAST_MAC } from '../../src/packet/mac.ts'

/** A port of a small fabric: numbers index the plan's networks and hosts, MACs and addresses are few, so that they clash. */
export interface PlanPort {
  readonly name: string
  readonly network: number
  /** `undefined`: plugged nowhere. */
  readonly host: number | undefined
  readonly mac: number
  readonly ips: readonly number[]
  /** Without port security. */
  readonly learning: boolean
  /** MACs that were learned behind it. */
  readonly learned: readonly number[]
}

export interface PlanNetwork {
  readonly type: NetworkRow['type']
  readonly segment: number | undefined
  readonly dhcp: boolean
}

export interface FabricPlan {
  /** How many hosts. */
  readonly hosts: number
  readonly networks: readonly PlanNetwork[]
  readonly ports: readonly PlanPort[]
}

export const MACS = [...Array(6).keys()].map(n => 0xfa163e000000 + n)
export const IPS = [...Array(6).keys()].map(n => 0x0a00000b + n)
const FOREIGN_MACS = [0x020000000001, 0x020000000002]
const DHCP_IP = 0x0a0000fe
const DHCP_MAC = 0xfa163effff00
export const WIRE = 'physnet1'

/** Which networks a fabric has: two of different types may have one segmentation id. */
const planNetwork: fc.Arbitrary<PlanNetwork> = fc
  .record({
    type: fc.constantFrom<NetworkRow['type'][]>('vxlan', 'vxlan', 'gre', 'gre', 'vlan', 'flat', 'local'),
    segment: fc.constantFrom(5, 6, 0x123),
    dhcp: fc.boolean(),
  })
  .map(({ type, segment, dhcp }) => ({
    type,
    segment: type === 'flat' || type === 'local' ? undefined : segment,
    dhcp,
  }))

/** Networks are tenants: what is in one must stay in it. */
export const fabricPlan: fc.Arbitrary<FabricPlan> = fc
  .record({
    hosts: fc.integer({ min: 1, max: 4 }),
    networks: fc.uniqueArray(planNetwork, {
      minLength: 1,
      maxLength: 4,
      selector: ({ type, segment }) => `${type} ${segment}`,
    }),
  })
  .chain(({ hosts, networks }) => {
    const port = fc.record({
      network: fc.nat({ max: networks.length - 1 }),
      host: fc.option(fc.nat({ max: hosts - 1 }), { nil: undefined, freq: 8 }),
      mac: fc.constantFrom(...MACS),
      ips: fc.oneof(fc.subarray(IPS, { minLength: 1, maxLength: 2 }), fc.subarray(IPS, { maxLength: 2 })),
      learning: fc.nat({ max: 5 }).map(n => n === 0),
      learned: fc.subarray(FOREIGN_MACS),
    })
    return fc.array(port, { minLength: 1, maxLength: 12 }).map(ports => ({
      hosts,
      networks,
      ports: withoutDuplicates(ports).map((port, index) => ({ name: `p${index}`, ...port })),
    }))
  })

/** Within a network a MAC and an address are one port's: the topology and the learning of MACs see to that. */
function withoutDuplicates<P extends Omit<PlanPort, 'name'>>(ports: readonly P[]): P[] {
  const taken = new Set<string>()
  const take = (key: string) => !taken.has(key) && taken.add(key)
  return ports.flatMap(port => {
    const { network } = port
    if (!take(`${network} mac ${port.mac}`)) return []
    const ips = port.ips.filter(ip => take(`${network} ip ${ip}`))
    return [{ ...port, ips, learned: port.learning ? port.learned.filter(mac => take(`${network} mac ${mac}`)) : [] }]
  })
}

/** The rows of a plan; host n is `h<n>`, network n `n<n>`. */
export function rowsOfPlan({ hosts, networks, ports }: FabricPlan): Inputs {
  const inputs = createInputs()
  declareUnits(inputs)
  const { engine } = inputs
  for (let index = 0; index < hosts; index++) {
    engine.set(inputs.hosts, `h${index}`, {
      name: `h${index}`,
      tunnelIp: 0xc0000201 + index,
      brInt: { patchTun: 1 },
      brTun: { patchInt: 1, vxlan: 2, gre: 3 },
      providers: { [WIRE]: { bridge: 'br-ex', intPort: 2, phyPort: 1, uplinks: [2] } },
    })
  }
  networks.forEach(({ type, segment, dhcp }, index) => {
    const name = `n${index}`
    const learning = ports.some(port => port.network === index && port.learning)
    const physicalNetwork = type === 'vlan' || type === 'flat' ? WIRE : undefined
    engine.set(inputs.networks, name, { name, type, number: index + 1, segment, physicalNetwork, learning })
    engine.set(inputs.subnets, `${name}-v4`, {
      name: `${name}-v4`,
      network: name,
      dhcp: dhcp ? { ip: DHCP_IP, mac: DHCP_MAC + index } : undefined,
    })
  })
  ports.forEach(({ name, network: index, host, mac, ips, learning, learned }, number) => {
    const network = `n${index}`
    const id = idOf(number)
    const addresses = ips.map(ip => ({ ip, subnet: `${network}-v4` }))
    engine.set(inputs.ports, id, { name, network, mac, addresses, learning })
    for (const mac of learned) engine.set(inputs.learned, learnedId(network, mac), { network, mac, port: id })
    if (host === undefined) return
    const place = `h${host}`
    engine.set(inputs.bindings, id, { port: id, network, host: place, ofport: FIRST_OFPORT + number })
    // Not the network's number: a local VLAN means something on its own host only.
    const localVlan = 1 + ((index + host) % networks.length)
    engine.set(inputs.presences, presenceId(place, network), { host: place, network, localVlan })
  })
  engine.flush()
  return inputs
}

export const FIRST_OFPORT = 10
const idOf = (number: number) => number.toString(16).padStart(32, '0')

/** Any frame from a port: what a guest means well with, what it lies about, and what is none of its business. */
export function frameFrom(port: PlanPort): fc.Arbitrary<FrameInput> {
  const mostly = <T>(own: T, others: readonly T[]) =>
    fc.oneof({ weight: 12, arbitrary: fc.constant(own) }, { weight: 1, arbitrary: fc.constantFrom(...others) })
  const source = mostly(port.mac, [...MACS, ...FOREIGN_MACS, BROADCAST_MAC, 0])
  const destination = fc.constantFrom(
    ...MACS,
    ...MACS,
    ...GROUP_MACS,
    BROADCAST_MAC,
    DHCP_MAC,
    port.mac,
    ...FOREIGN_MACS,
    0x020000000003,
  )
  const ownIp = port.ips[0] ?? 0
  const senderIp = mostly(ownIp, [...IPS, 0, DHCP_IP, 0x0b000001])
  const anyIp = fc.constantFrom(...IPS, ...IPS, DHCP_IP, BROADCAST_ADDRESS, 0xe00000fb, 0x08080808, 0)
  const vid = fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 4095)
  const tag = fc.record({
    tpid: fc.constantFrom(EtherType.vlan, EtherType.vlan, EtherType.serviceVlan),
    pcp: fc.constantFrom(0, 5),
    dei: fc.constant(false),
    vid,
  })
  const vlans = fc.oneof(
    { weight: 24, arbitrary: fc.constant([]) },
    { weight: 2, arbitrary: fc.array(tag, { maxLength: 2 }) },
  )
  const ethernet = fc.record({ source, destination, vlans })
  const payload = fc.uint8Array({ maxLength: 8 })

  const arp = fc.record({
    ethernet,
    arp: fc.record({
      operation: fc.constantFrom(1, 1, 1, 2, 3),
      senderMac: mostly(port.mac, [...MACS, 0]),
      senderAddress: senderIp,
      targetMac: fc.constantFrom(0, ...MACS),
      targetAddress: fc.oneof(anyIp, fc.constant(ownIp)),
    }),
  })
  const ipv4 = fc.record({
    source: senderIp,
    destination: anyIp,
    ttl: fc.constantFrom(1, 64),
    dscp: fc.constantFrom(0, 46),
  })
  const ports = fc.constantFrom([67, 68], [68, 67], [53, 1024], [1024, 1025])
  const udp = fc.tuple(ports, payload).map(([[sourcePort, destinationPort], payload]) => ({
    sourcePort: sourcePort!,
    destinationPort: destinationPort!,
    payload,
  }))
  const tcp = fc.record({
    sourcePort: fc.constantFrom(80, 1024),
    destinationPort: fc.constantFrom(80, 22),
    sequence: fc.nat(),
    acknowledgment: fc.nat(),
    flags: fc.constantFrom(2, 0x10, 0x18),
    window: fc.constant(500),
    urgentPointer: fc.constant(0),
    options: fc.constant(new Uint8Array()),
    payload,
  })
  const icmp = fc.record({ type: fc.constantFrom(0, 8), code: fc.constant(0), rest: fc.nat(), payload })
  const dhcp = fc.record({ ethernet, unicast: fc.boolean(), udp }).map(({ ethernet, unicast, udp }) => ({
    ethernet: { ...ethernet, source: port.mac },
    ipv4: unicast ? { source: ownIp, destination: DHCP_IP } : { source: 0, destination: BROADCAST_ADDRESS },
    udp: { ...udp, sourcePort: 68, destinationPort: 67 },
  }))
  const fragment = fc
    .record({ fragmentOffset: fc.constantFrom(0, 8), moreFragments: fc.boolean(), dontFragment: fc.boolean() })
    .chain(fragmented =>
      fc.record({
        ethernet,
        ipv4: ipv4.map(packet => ({ ...packet, ...fragmented, protocol: IpProtocol.udp, payload: new Uint8Array(16) })),
      }),
    )
  const ipv6 = fc.record({
    ethernet,
    ipv6: fc.record({
      source: fc.constantFrom(0n, 0xfe80n << 112n),
      destination: fc.constantFrom((0xff02n << 112n) | 1n, (0xfe80n << 112n) | 1n),
    }),
    udp,
  })
  const other = fc
    .tuple(
      ethernet,
      fc.constantFrom(0x88cc, 0x8847, 0x0026, 0x8035, 0x0800, 0x0806),
      fc.uint8Array({ minLength: 46, maxLength: 60 }),
    )
    .map(([ethernet, type, payload]) => ({ ethernet: { ...ethernet, type, payload } }))
  return fc.oneof(
    { weight: 4, arbitrary: arp },
    { weight: 4, arbitrary: fc.record({ ethernet, ipv4, udp }) },
    { weight: 2, arbitrary: fc.record({ ethernet, ipv4, tcp }) },
    { weight: 2, arbitrary: fc.record({ ethernet, ipv4, icmp }) },
    { weight: 2, arbitrary: dhcp },
    { weight: 1, arbitrary: fragment },
    { weight: 2, arbitrary: ipv6 },
    { weight: 1, arbitrary: other },
  ) as fc.Arbitrary<FrameInput>
}

/** Of several hosts' bridges and the wire between them: 802.1D's group, IPv4's and IPv6's. */
const GROUP_MACS = [0x0180c2000000, 0x01005e0000fb, 0x333300000001]

/** A frame as bytes, and who sends it. */
export interface Sent {
  readonly from: PlanPort
  readonly layers: FrameInput
  readonly frame: Uint8Array
}

/** A plan with some port plugged, and frames from its guests. */
export function traffic(plan: FabricPlan, count: { readonly min: number; readonly max: number }): fc.Arbitrary<Sent[]> {
  const plugged = plan.ports.filter(({ host }) => host !== undefined)
  if (plugged.length === 0) return fc.constant([])
  const one = fc
    .constantFrom(...plugged)
    .chain(from => frameFrom(from).map(layers => ({ from, layers, frame: buildFrame(layers) })))
  return fc.array(one, { minLength: count.min, maxLength: count.max })
}
