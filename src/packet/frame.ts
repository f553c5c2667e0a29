import { type Arp, encodeArp, parseArp } from './arp.ts'
import type { Endpoints } from './checksum.ts'
import { type DhcpMessage, DhcpPort, encodeDhcp, parseDhcp } from './dhcp.ts'
import { PacketError } from './error.ts'
import { type Ethernet, EtherType, encodeEthernet, parseEthernet } from './ethernet.ts'
import { encodeIcmp, type Icmp, parseIcmp } from './icmp.ts'
import { encodeIpv4, IpProtocol, type Ipv4, type Ipv4Input, isFragment, parseIpv4 } from './ipv4.ts'
import { encodeIpv6, type Ipv6, type Ipv6Input, parseIpv6 } from './ipv6.ts'
import { encodeTcp, judgeTcp, parseTcp, type Tcp } from './tcp.ts'
import { encodeUdp, judgeUdp, parseUdp, type Udp } from './udp.ts'

/** A frame by its layers, as far as they are known; each one's payload is a view of the bytes that were read. */
export interface Frame {
  ethernet: Ethernet
  arp?: Arp
  ipv4?: Ipv4
  ipv6?: Ipv6
  icmp?: Icmp
  tcp?: Tcp
  udp?: Udp
  dhcp?: DhcpMessage
}

/** Reads a frame from Ethernet inwards, checksums too; of a fragment only down to IP. PacketError names the layer at fault. */
export function parseFrame(bytes: Uint8Array): Frame {
  const ethernet = parseEthernet(bytes)
  const frame: Frame = { ethernet }
  if (ethernet.type === EtherType.arp) frame.arp = parseArp(ethernet.payload)
  if (ethernet.type === EtherType.ipv6) {
    const ipv6 = parseIpv6(ethernet.payload)
    frame.ipv6 = ipv6
    parseTransport(frame, ipv6.nextHeader, ipv6)
  }
  if (ethernet.type === EtherType.ipv4) {
    const ipv4 = parseIpv4(ethernet.payload)
    frame.ipv4 = ipv4
    if (isFragment(ipv4)) return frame
    if (ipv4.protocol === IpProtocol.icmp) frame.icmp = parseIcmp(ipv4.payload)
    parseTransport(frame, ipv4.protocol, ipv4)
    const port = frame.udp?.destinationPort
    if (port === DhcpPort.server || port === DhcpPort.client) frame.dhcp = parseDhcp(frame.udp!.payload)
  }
  return frame
}

function parseTransport(frame: Frame, protocol: number, packet: Ipv4 | Ipv6): void {
  if (protocol === IpProtocol.udp) {
    frame.udp = parseUdp(packet.payload)
    if (judgeUdp(packet.payload, packet) === 'wrong') throw new PacketError('udp', 'wrong checksum')
  } else if (protocol === IpProtocol.tcp) {
    frame.tcp = parseTcp(packet.payload)
    if (judgeTcp(packet.payload, packet) === 'wrong') throw new PacketError('tcp', 'wrong checksum')
  }
}

/** A layer of a frame to be; its payload counts only where no layer is said that goes into it. */
type Carrier<Layer extends { payload: Uint8Array }> = Omit<Layer, 'payload'> & { payload?: Uint8Array }

/** The layers of a frame to be; types, protocols, lengths and checksums follow from them. What parseFrame gives fits too. */
export interface FrameInput {
  ethernet: Omit<Carrier<Ethernet>, 'vlans' | 'type'> & Partial<Pick<Ethernet, 'vlans' | 'type'>>
  arp?: Arp
  ipv4?: Omit<Ipv4Input, 'protocol' | 'payload'> & Partial<Pick<Ipv4, 'protocol' | 'payload'>>
  ipv6?: Omit<Ipv6Input, 'nextHeader' | 'payload'> & Partial<Pick<Ipv6, 'nextHeader' | 'payload'>>
  icmp?: Carrier<Icmp>
  tcp?: Carrier<Tcp>
  udp?: Carrier<Udp>
  dhcp?: DhcpMessage
}

const EMPTY = new Uint8Array()
const UNLIMITED = { maxLength: 0xffff }

/** Writes a frame from its layers. */
export function buildFrame(layers: FrameInput): Uint8Array {
  const { ethernet } = layers
  const { type, payload } = networkLayer(layers)
  if (type === undefined) throw new PacketError('ethernet', 'neither a type nor a layer that has one')
  return encodeEthernet({ ...ethernet, vlans: ethernet.vlans ?? [], type, payload })
}

function networkLayer(layers: FrameInput): { type: number | undefined; payload: Uint8Array } {
  const { ethernet, arp, ipv4, ipv6 } = layers
  if (arp) return { type: EtherType.arp, payload: encodeArp(arp) }
  if (ipv4) {
    const { protocol, payload } = transportLayer(layers, ipv4) ?? ipv4
    if (protocol === undefined) throw new PacketError('ipv4', 'neither a protocol nor a layer that has one')
    return { type: EtherType.ipv4, payload: encodeIpv4({ ...ipv4, protocol, payload: payload ?? EMPTY }) }
  }
  if (ipv6) {
    const { protocol, payload } = transportLayer(layers, ipv6) ?? { ...ipv6, protocol: ipv6.nextHeader }
    if (protocol === undefined) throw new PacketError('ipv6', 'neither a next header nor a layer that has one')
    return { type: EtherType.ipv6, payload: encodeIpv6({ ...ipv6, nextHeader: protocol, payload: payload ?? EMPTY }) }
  }
  return { type: ethernet.type, payload: ethernet.payload ?? EMPTY }
}

function transportLayer(layers: FrameInput, ends: Endpoints): { protocol: number; payload: Uint8Array } | undefined {
  const { icmp, tcp, udp, dhcp } = layers
  if (icmp) return { protocol: IpProtocol.icmp, payload: encodeIcmp({ ...icmp, payload: icmp.payload ?? EMPTY }) }
  if (tcp) return { protocol: IpProtocol.tcp, payload: encodeTcp({ ...tcp, payload: tcp.payload ?? EMPTY }, ends) }
  if (!udp) return undefined
  const payload = dhcp ? encodeDhcp(dhcp, UNLIMITED) : (udp.payload ?? EMPTY)
  return { protocol: IpProtocol.udp, payload: encodeUdp({ ...udp, payload }, ends) }
}
