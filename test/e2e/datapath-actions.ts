import { parseIpv6Address } from '../../src/packet/address.ts'
import { buildFrame, type Frame, parseFrame } from '../../src/packet/frame.ts'

/** A frame that leaves, as the datapath's actions have it. */
export type DatapathOutput =
  | { readonly to: 'port'; readonly port: number; readonly frame: Uint8Array }
  | {
      readonly to: 'tunnel'
      readonly kind: 'vxlan' | 'gre'
      readonly id: bigint
      readonly destination: string
      readonly frame: Uint8Array
    }
  | { readonly to: 'controller'; readonly cookie: bigint; readonly frame: Uint8Array }

/** `set(eth(src=...))`: a name, what follows `=`, and what stands in parentheses. */
interface Term {
  readonly name: string
  readonly value: string
  readonly terms: readonly Term[]
}

/** What a frame's datapath actions do with it, in the syntax of ovs-dpctl(8). Independent of how flows were read. */
export function runDatapathActions(text: string, frame: Uint8Array): DatapathOutput[] {
  const outputs: DatapathOutput[] = []
  if (text !== 'drop') run(parseTerms(text), frame, outputs)
  return outputs
}

function parseTerms(text: string): Term[] {
  let at = 0
  const list = (): Term[] => {
    const terms: Term[] = []
    while (at < text.length && text[at] !== ')') {
      const [word] = /^[^,()]*/.exec(text.slice(at))!
      at += word.length
      const [name, value] = word.split('=', 2) as [string, string?]
      let terms_: Term[] = []
      if (text[at] === '(') {
        at++
        terms_ = list()
        at++
      }
      terms.push({ name, value: value ?? '', terms: terms_ })
      if (text[at] === ',') at++
    }
    return terms
  }
  return list()
}

const child = (terms: readonly Term[], name: string): Term => {
  const found = terms.find(term => term.name === name)
  if (found === undefined) throw new Error(`no ${name} among ${terms.map(term => term.name)}`)
  return found
}

function run(terms: readonly Term[], start: Uint8Array, outputs: DatapathOutput[]): void {
  let frame = start
  for (const term of terms) {
    const { name, terms: inside } = term
    if (/^\d+$/.test(name)) outputs.push({ to: 'port', port: Number(name), frame })
    else if (name === 'clone') run(inside, frame, outputs)
    else if (name === 'sample') run(child(inside, 'actions').terms, frame, outputs)
    else if (name === 'meter') continue
    else if (name === 'userspace') {
      const cookie = BigInt(child(child(inside, 'controller').terms, 'rule_cookie').value)
      outputs.push({ to: 'controller', cookie, frame })
    } else if (name === 'push_vlan') frame = pushed(frame, inside)
    else if (name === 'pop_vlan') frame = concat(frame.subarray(0, 12), frame.subarray(16))
    else if (name === 'set') frame = inside.reduce(set, frame)
    else if (name === 'tnl_push') {
      outputs.push(encapsulated(inside, frame))
      // What follows in the list happens to the outer packet.
      return
    } else throw new Error(`datapath action ${name}`)
  }
}

function encapsulated(terms: readonly Term[], frame: Uint8Array): DatapathOutput {
  const header = child(terms, 'header').terms
  const destination = child(child(header, 'ipv4').terms, 'dst').value
  const vxlan = header.find(({ name }) => name === 'vxlan')
  const id =
    vxlan === undefined
      ? (child(header, 'gre').terms.find(({ name }) => name === 'key')?.value ?? '0')
      : child(vxlan.terms, 'vni').value
  return { to: 'tunnel', kind: vxlan === undefined ? 'gre' : 'vxlan', id: BigInt(id), destination, frame }
}

const concat = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts))

function pushed(frame: Uint8Array, terms: readonly Term[]): Uint8Array {
  const number = (name: string, otherwise: number) => {
    const term = terms.find(one => one.name === name)
    return term === undefined ? otherwise : Number(term.value)
  }
  const tag = Buffer.alloc(4)
  tag.writeUInt16BE(number('tpid', 0x8100), 0)
  tag.writeUInt16BE((number('pcp', 0) << 13) | number('vid', 0), 2)
  return concat(frame.subarray(0, 12), tag, frame.subarray(12))
}

/** A value, and which bits of it count. */
function masked(text: string): { value: bigint; mask: bigint } {
  const [value, mask] = text.split('/') as [string, string?]
  return { value: bits(value), mask: mask === undefined ? -1n : bits(mask) }
}

function bits(text: string): bigint {
  if (/^\d+\.\d+\.\d+\.\d+$/.test(text)) return text.split('.').reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  if (/^[\da-f]{2}(:[\da-f]{2}){5}$/.test(text)) return BigInt(`0x${text.replaceAll(':', '')}`)
  return text.includes(':') ? parseIpv6Address(text) : BigInt(text)
}

type Change = <T extends number | bigint>(old: T) => T
type Setter = (frame: Frame, change: Change) => void

/** What the parts of `set(...)` are called in a frame. */
const SETTERS: Readonly<Record<string, Readonly<Record<string, Setter>>>> = {
  arp: {
    sip: ({ arp }, change) => {
      arp!.senderAddress = change(arp!.senderAddress)
    },
    tip: ({ arp }, change) => {
      arp!.targetAddress = change(arp!.targetAddress)
    },
    op: ({ arp }, change) => {
      arp!.operation = change(arp!.operation)
    },
    sha: ({ arp }, change) => {
      arp!.senderMac = change(arp!.senderMac)
    },
    tha: ({ arp }, change) => {
      arp!.targetMac = change(arp!.targetMac)
    },
  },
  ipv4: {
    src: ({ ipv4 }, change) => {
      ipv4!.source = change(ipv4!.source)
    },
    dst: ({ ipv4 }, change) => {
      ipv4!.destination = change(ipv4!.destination)
    },
    ttl: ({ ipv4 }, change) => {
      ipv4!.ttl = change(ipv4!.ttl)
    },
    tos: ({ ipv4 }, change) => {
      const tos = change((ipv4!.dscp << 2) | ipv4!.ecn)
      ipv4!.dscp = tos >> 2
      ipv4!.ecn = tos & 3
    },
  },
  ipv6: {
    src: ({ ipv6 }, change) => {
      ipv6!.source = change(ipv6!.source)
    },
    dst: ({ ipv6 }, change) => {
      ipv6!.destination = change(ipv6!.destination)
    },
    label: ({ ipv6 }, change) => {
      ipv6!.flowLabel = change(ipv6!.flowLabel)
    },
    tclass: ({ ipv6 }, change) => {
      ipv6!.trafficClass = change(ipv6!.trafficClass)
    },
    hlimit: ({ ipv6 }, change) => {
      ipv6!.hopLimit = change(ipv6!.hopLimit)
    },
  },
  tcp: {
    src: ({ tcp }, change) => {
      tcp!.sourcePort = change(tcp!.sourcePort)
    },
    dst: ({ tcp }, change) => {
      tcp!.destinationPort = change(tcp!.destinationPort)
    },
  },
  udp: {
    src: (frame, change) => setUdpPort(frame, 'sourcePort', change),
    dst: (frame, change) => setUdpPort(frame, 'destinationPort', change),
  },
  icmp: {
    type: ({ icmp }, change) => {
      icmp!.type = change(icmp!.type)
    },
    code: ({ icmp }, change) => {
      icmp!.code = change(icmp!.code)
    },
  },
}

/** The first of several fragments is not read beyond IP; those that are tried have no UDP checksum. */
function setUdpPort({ udp, ipv4 }: Frame, port: 'sourcePort' | 'destinationPort', change: Change): void {
  if (udp !== undefined) udp[port] = change(udp[port])
  else {
    const payload = Buffer.from(ipv4!.payload)
    const at = port === 'sourcePort' ? 0 : 2
    payload.writeUInt16BE(change(payload.readUInt16BE(at)), at)
    ipv4!.payload = new Uint8Array(payload)
  }
}

function set(frame: Uint8Array, { name: header, terms }: Term): Uint8Array {
  const changes = terms.map(({ name, value: text }) => {
    const { value, mask } = masked(text)
    const change: Change = old => {
      const now = (BigInt(old) & ~mask) | (value & mask)
      return (typeof old === 'bigint' ? now : Number(now)) as typeof old
    }
    return { name, change }
  })
  if (header === 'eth') {
    const copy = Buffer.from(frame)
    for (const { name, change } of changes) {
      const at = name === 'dst' ? 0 : 6
      copy.writeUIntBE(change(copy.readUIntBE(at, 6)), at, 6)
    }
    return new Uint8Array(copy)
  }
  // Not in the frame.
  if (header === 'skb_mark') return frame
  const layers = parseFrame(frame)
  for (const { name, change } of changes) {
    const setter = SETTERS[header]?.[name]
    if (setter === undefined) throw new Error(`set(${header}(${name}))`)
    setter(layers, change)
  }
  return buildFrame(layers)
}
