import { formatIpv4Address, ipv4Network, parseIpv4Address } from './address.ts'
import { getUint16, getUint32, setUint16, setUint32 } from './bytes.ts'
import { domainLabels, encodeDomainNames, readDomainName } from './domain-name.ts'
import { PacketError } from './error.ts'
import { decodeLatin1, encodeLatin1 } from './latin1.ts'

/** What the value of a DHCP option looks like on the wire and in text; all four throw PacketError. */
export interface OptionKind<T> {
  decode(bytes: Uint8Array): T
  encode(value: T): Uint8Array
  /** Reads the text of an `extra_dhcp_opts` value, in the grammar of dnsmasq(8) `--dhcp-option`. */
  parse(text: string): T
  format(value: T): string
}

/** A kind whose values all have one length, and so can stand in a list. */
interface FixedKind<T> extends OptionKind<T> {
  readonly size: number
}

const fail = (what: string): never => {
  throw new PacketError('dhcp', what)
}

const exactly = (bytes: Uint8Array, size: number): Uint8Array =>
  bytes.length === size ? bytes : fail(`${bytes.length} bytes, ${size} wanted`)

function number(size: 1 | 2 | 4, min: number, max: number): FixedKind<number> {
  const checked = (value: number): number =>
    Number.isInteger(value) && value >= min && value <= max ? value : fail(`${value} is not within ${min} - ${max}`)
  return {
    size,
    decode: bytes => {
      exactly(bytes, size)
      const value = size === 4 ? getUint32(bytes, 0) : size === 2 ? getUint16(bytes, 0) : bytes[0]!
      return min < 0 ? value | 0 : checked(value)
    },
    encode: value => {
      const bytes = new Uint8Array(size)
      checked(value)
      if (size === 4) setUint32(bytes, 0, value)
      else if (size === 2) setUint16(bytes, 0, value)
      else bytes[0] = value
      return bytes
    },
    parse: text => (/^-?\d+$/.test(text) ? checked(Number(text)) : fail(`${JSON.stringify(text)} is not a number`)),
    format: String,
  }
}

export const u8 = number(1, 0, 0xff)
export const u16 = number(2, 0, 0xffff)
export const u32 = number(4, 0, 0xffff_ffff)
export const i32 = number(4, -0x8000_0000, 0x7fff_ffff)

/** 0 or 1 in a byte. */
export const bool: OptionKind<boolean> = {
  decode: bytes => exactly(bytes, 1)[0] !== 0,
  encode: value => Uint8Array.of(value ? 1 : 0),
  parse: text => (/^[01]$/.test(text) ? text === '1' : fail(`${JSON.stringify(text)} is neither 0 nor 1`)),
  format: value => (value ? '1' : '0'),
}

/** Says all by being there; no bytes. */
export const flag: OptionKind<true> = {
  decode: bytes => {
    exactly(bytes, 0)
    return true
  },
  encode: () => new Uint8Array(),
  parse: text => text === '' || fail(`${JSON.stringify(text)} where no value belongs`),
  format: () => '',
}

export const ip: FixedKind<number> = {
  size: 4,
  decode: bytes => getUint32(exactly(bytes, 4), 0),
  encode: u32.encode,
  parse: parseIpv4Address,
  format: formatIpv4Address,
}

/** One or more values, `multiple` of them at a time (2 where they go in pairs). */
function listOf<T>(kind: FixedKind<T>, multiple = 1): OptionKind<readonly T[]> {
  const checked = (values: readonly T[]): readonly T[] =>
    values.length > 0 && values.length % multiple === 0
      ? values
      : fail(`${values.length} values, some multiple of ${multiple} wanted`)
  return {
    decode: bytes => {
      const values: T[] = []
      for (let at = 0; at < bytes.length; at += kind.size) values.push(kind.decode(bytes.subarray(at, at + kind.size)))
      return checked(values)
    },
    encode: values => {
      const bytes = new Uint8Array(kind.size * checked(values).length)
      for (const [index, value] of values.entries()) bytes.set(kind.encode(value), index * kind.size)
      return bytes
    },
    parse: text => checked(text.split(',').map(item => kind.parse(item.trim()))),
    format: values => values.map(kind.format).join(','),
  }
}

export const u8s = listOf(u8)
export const u16s = listOf(u16)
export const ips = listOf(ip)
/** Addresses that go in pairs: destination and mask, destination and router. */
export const ipPairs = listOf(ip, 2)

/** Text of a byte a character; zeros at the end, which some clients send, are dropped (RFC 2132 § 2). */
export const string: OptionKind<string> = {
  decode: bytes => {
    let end = bytes.length
    while (end > 0 && bytes[end - 1] === 0) end--
    return decodeLatin1(bytes.subarray(0, end))
  },
  encode: value => (value === '' ? fail('no text') : encodeLatin1('dhcp', value)),
  parse: text => text,
  format: value => value,
}

/** Anything. In text hex (`0x0a0b`, `0a:0b`), a decimal number in the fewest of 1, 2 or 4 bytes, addresses, or else the characters. */
export const bytes: OptionKind<Uint8Array> = {
  decode: value => value,
  encode: value => value,
  parse: text => {
    if (/^0x([0-9a-f]{2})+$/i.test(text) || /^[0-9a-f]{2}(:[0-9a-f]{2})+$/i.test(text)) {
      return Uint8Array.from(text.replace(/^0x/i, '').match(/[0-9a-f]{2}/gi)!, hex => Number.parseInt(hex, 16))
    }
    if (/^\d+$/.test(text)) return (Number(text) > 0xffff ? u32 : Number(text) > 0xff ? u16 : u8).encode(Number(text))
    return /^[\d.]+(,[\d.]+)*$/.test(text) ? ips.encode(ips.parse(text)) : string.encode(text)
  },
  format: value =>
    value.length === 0 ? '' : `0x${Array.from(value, byte => byte.toString(16).padStart(2, '0')).join('')}`,
}

/** Domain names, compressed. RFC 3397 */
export const domains: OptionKind<readonly string[]> = {
  decode: bytes => {
    const names: string[] = []
    for (let at = 0; at < bytes.length; ) {
      const { name, next, complete } = readDomainName(bytes, at)
      if (!complete) fail(`${JSON.stringify(name)} has no end`)
      names.push(name)
      at = next
    }
    return names
  },
  encode: names => (names.length > 0 ? encodeDomainNames(names) : fail('no domain')),
  parse: text => text.split(',').map(name => name.trim()),
  format: names => names.join(','),
}

export interface ClasslessRoute {
  destination: number
  prefixLength: number
  nexthop: number
}

/** Routes with their prefix lengths, only the destination's significant bytes sent. In text `10.9.0.0/16,10.0.0.9,...` RFC 3442 */
export const routes: OptionKind<readonly ClasslessRoute[]> = {
  decode: bytes => {
    const list: ClasslessRoute[] = []
    for (let at = 0; at < bytes.length; ) {
      const prefixLength = bytes[at]!
      if (prefixLength > 32) fail(`prefix length ${prefixLength}`)
      const significant = Math.ceil(prefixLength / 8)
      const nexthop = at + 1 + significant
      if (bytes.length < nexthop + 4) fail('ends inside a route')
      let destination = 0
      for (let index = 0; index < significant; index++) destination += bytes[at + 1 + index]! * 2 ** (24 - 8 * index)
      list.push({
        destination: ipv4Network(destination, prefixLength),
        prefixLength,
        nexthop: getUint32(bytes, nexthop),
      })
      at = nexthop + 4
    }
    return list
  },
  encode: list => {
    const out: number[] = []
    for (const { destination, prefixLength, nexthop } of list) {
      if (!(prefixLength >= 0 && prefixLength <= 32)) fail(`prefix length ${prefixLength}`)
      const network = ip.encode(ipv4Network(destination, prefixLength))
      out.push(prefixLength, ...network.subarray(0, Math.ceil(prefixLength / 8)), ...ip.encode(nexthop))
    }
    return out.length > 0 ? Uint8Array.from(out) : fail('no route')
  },
  parse: text => {
    const parts = text.split(',').map(part => part.trim())
    if (parts.length % 2 !== 0) fail(`${JSON.stringify(text)} is not a list of DESTINATION/LENGTH,NEXTHOP`)
    const list: ClasslessRoute[] = []
    for (let index = 0; index < parts.length; index += 2) {
      const [destination = '', length = '32'] = parts[index]!.split('/')
      const prefixLength = u8.parse(length)
      if (prefixLength > 32) fail(`prefix length ${prefixLength}`)
      list.push({ destination: ip.parse(destination), prefixLength, nexthop: ip.parse(parts[index + 1]!) })
    }
    return list
  },
  format: list =>
    list.map(route => `${ip.format(route.destination)}/${route.prefixLength},${ip.format(route.nexthop)}`).join(','),
}

/** A client's name for the DNS. `flags` as in RFC 4702 § 2.1: 1 S, 2 O, 4 E (the name is in DNS wire form), 8 N. */
export interface ClientFqdn {
  flags: number
  rcode1: number
  rcode2: number
  /** Where the client gave a whole name (possible in wire form only) it ends with a dot. */
  name: string
}

const FQDN_WIRE_FORM = 4

export const clientFqdn: OptionKind<ClientFqdn> = {
  decode: bytes => {
    if (bytes.length < 3) fail(`${bytes.length} bytes, at least 3 wanted`)
    const [flags = 0, rcode1 = 0, rcode2 = 0] = bytes
    const rest = bytes.subarray(3)
    if ((flags & FQDN_WIRE_FORM) === 0) return { flags, rcode1, rcode2, name: decodeLatin1(rest) }
    if (rest.length === 0) return { flags, rcode1, rcode2, name: '' }
    const { name, next, complete } = readDomainName(rest, 0)
    if (next !== rest.length) fail('more than one name')
    return { flags, rcode1, rcode2, name: complete && name !== '.' ? `${name}.` : name }
  },
  encode: ({ flags, rcode1, rcode2, name }) => {
    const head = [u8.encode(flags)[0]!, u8.encode(rcode1)[0]!, u8.encode(rcode2)[0]!]
    if ((flags & FQDN_WIRE_FORM) === 0) return Uint8Array.of(...head, ...encodeLatin1('dhcp', name))
    const labels = name === '' ? [] : domainLabels(name)
    const wire = labels.flatMap(label => [label.length, ...encodeLatin1('dhcp', label)])
    return Uint8Array.of(...head, ...wire, ...(name.endsWith('.') ? [0] : []))
  },
  parse: text => ({ flags: FQDN_WIRE_FORM, rcode1: 0, rcode2: 0, name: text }),
  format: value => value.name,
}
