import { getUint16, getUint32, getUint48, setUint16, setUint32, setUint48 } from './bytes.ts'
import { type DhcpOptions, dhcpOptionCode } from './dhcp-options.ts'
import { PacketError, requireBytes } from './error.ts'
import { decodeLatin1, encodeLatin1 } from './latin1.ts'

export const DhcpPort = { server: 67, client: 68 } as const
export const BootpOp = { request: 1, reply: 2 } as const
export const DhcpMessageType = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const

/** A DHCP message of a client on Ethernet; the fields have the RFC's names. RFC 2131 § 2 */
export interface DhcpMessage {
  op: number
  hops: number
  xid: number
  /** Seconds since the client began. */
  secs: number
  /** The client cannot take unicast before it has an address. */
  broadcast: boolean
  ciaddr: number
  yiaddr: number
  siaddr: number
  giaddr: number
  /** The client's MAC. */
  chaddr: number
  /** Server host name, '' where it is not said or the field carries options. */
  sname: string
  /** Boot file name, '' likewise. */
  file: string
  options: DhcpOptions
}

const FIXED = 236
const COOKIE = 0x6382_5363
const OPTIONS = FIXED + 4
const SNAME = { at: 44, length: 64, overload: 2 }
const FILE = { at: 108, length: 128, overload: 1 }
const PAD = 0
const END = 255
const OVERLOAD = dhcpOptionCode('option-overload')
/** A BOOTP message, and so what some clients and relays still count on. RFC 1542 § 2.1 */
const SHORTEST = 300
/** What every client takes: an IP packet of 576 bytes less the headers. RFC 2131 § 2 */
export const SHORTEST_DHCP_LIMIT = 548

/** Reads a message; several options of one number are one value (RFC 3396), also where file and sname carry some. */
export function parseDhcp(bytes: Uint8Array): DhcpMessage {
  requireBytes('dhcp', bytes, OPTIONS)
  if (bytes[1] !== 1 || bytes[2] !== 6)
    throw new PacketError('dhcp', `hardware type ${bytes[1]}, address length ${bytes[2]}`)
  if (getUint32(bytes, FIXED) !== COOKIE) throw new PacketError('dhcp', 'no magic cookie')
  const parts: OptionParts = new Map()
  readOptions(bytes.subarray(OPTIONS), parts)
  const overload = overloadOf(parts)
  const field = ({ at, length, overload: bit }: typeof FILE): string => {
    const content = bytes.subarray(at, at + length)
    if (overload & bit) readOptions(content, parts)
    return overload & bit ? '' : textOf(content)
  }
  const file = field(FILE) // before sname: the order in which the parts of a long option follow each other, RFC 3396 § 5
  const sname = field(SNAME)
  parts.delete(OVERLOAD) // how the message was laid out is no more of interest
  const options = new Map<number, Uint8Array>()
  for (const [code, values] of parts) options.set(code, joinParts(values))
  return {
    op: bytes[0]!,
    hops: bytes[3]!,
    xid: getUint32(bytes, 4),
    secs: getUint16(bytes, 8),
    broadcast: (bytes[10]! & 0x80) !== 0,
    ciaddr: getUint32(bytes, 12),
    yiaddr: getUint32(bytes, 16),
    siaddr: getUint32(bytes, 20),
    giaddr: getUint32(bytes, 24),
    chaddr: getUint48(bytes, 28),
    sname,
    file,
    options,
  }
}

/** Which fields carry options besides their own: bit 0 file, bit 1 sname. Said in the first field alone. RFC 2132 § 9.3 */
function overloadOf(parts: OptionParts): number {
  const [value, ...more] = parts.get(OVERLOAD) ?? []
  if (value === undefined) return 0
  const overload = value.length === 1 && more.length === 0 ? value[0]! : 0
  if (overload < 1 || overload > 3) throw new PacketError('dhcp', 'malformed option-overload')
  return overload
}

function textOf(field: Uint8Array): string {
  const end = field.indexOf(0)
  return decodeLatin1(end < 0 ? field : field.subarray(0, end))
}

/** The values found so far, each in its parts: a value may go on in another option of its number. */
type OptionParts = Map<number, Uint8Array[]>

function readOptions(field: Uint8Array, parts: OptionParts): void {
  for (let at = 0; at < field.length; ) {
    const code = field[at]!
    if (code === END) return
    if (code === PAD) {
      at++
      continue
    }
    const start = at + 2
    at = start + (field[at + 1] ?? 0)
    if (at > field.length || start > field.length)
      throw new PacketError('dhcp', `option ${code} goes past its field's end`)
    const known = parts.get(code)
    if (known) known.push(field.subarray(start, at))
    else parts.set(code, [field.subarray(start, at)])
  }
}

function joinParts(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

export interface EncodeDhcp {
  /** Bytes that the receiver takes, without IP and UDP headers; 548 where it has not said more. */
  maxLength?: number
  /** What becomes of options that do not fit: an error (default), or left out, the others going on in their order. */
  overflow?: 'throw' | 'omit'
}

/**
 * Writes a message of at least 300 bytes. Options keep their order; those for which there is no room go into unused file and sname
 * fields (option 52), and values of more than 255 bytes are split (RFC 3396).
 */
export function encodeDhcp(
  message: DhcpMessage,
  { maxLength = SHORTEST_DHCP_LIMIT, overflow = 'throw' }: EncodeDhcp = {},
): Uint8Array {
  const fields = placeOptions(message, maxLength - OPTIONS, overflow)
  const [main, file, sname] = fields
  const bytes = new Uint8Array(Math.max(SHORTEST, OPTIONS + main.used + 1))
  bytes[0] = message.op
  bytes[1] = 1
  bytes[2] = 6
  bytes[3] = message.hops
  setUint32(bytes, 4, message.xid)
  setUint16(bytes, 8, message.secs)
  bytes[10] = message.broadcast ? 0x80 : 0
  setUint32(bytes, 12, message.ciaddr)
  setUint32(bytes, 16, message.yiaddr)
  setUint32(bytes, 20, message.siaddr)
  setUint32(bytes, 24, message.giaddr)
  setUint48(bytes, 28, message.chaddr)
  setUint32(bytes, FIXED, COOKIE)
  writeText(bytes, SNAME, 'sname', message.sname)
  writeText(bytes, FILE, 'file', message.file)
  writeOptions(bytes, OPTIONS, main)
  if (file.used > 0) writeOptions(bytes, FILE.at, file)
  if (sname.used > 0) writeOptions(bytes, SNAME.at, sname)
  return bytes
}

/** A stretch of the message that holds options, and those that go there. */
interface OptionField {
  room: number
  used: number
  options: [code: number, value: Uint8Array][]
}

const pieces = (value: Uint8Array): number => Math.max(1, Math.ceil(value.length / 255))
const sizeOf = (value: Uint8Array): number => value.length + 2 * pieces(value)
const END_SIZE = 1
const OVERLOAD_SIZE = 3

/** Decides where each option goes: [options, file, sname]. */
function placeOptions(
  message: DhcpMessage,
  room: number,
  overflow: 'throw' | 'omit',
): readonly [OptionField, OptionField, OptionField] {
  const fieldOf = (size: number): OptionField => ({ room: size - END_SIZE, used: 0, options: [] })
  const main = fieldOf(room)
  const file = fieldOf(message.file === '' ? FILE.length : 0)
  const sname = fieldOf(message.sname === '' ? SNAME.length : 0)
  let wanted = 0
  for (const value of message.options.values()) wanted += sizeOf(value)
  if (wanted > main.room) main.room -= OVERLOAD_SIZE
  for (const option of message.options) {
    const [code, value] = option
    if (code <= PAD || code >= END || code === OVERLOAD)
      throw new PacketError('dhcp', `option ${code} is not for messages`)
    const size = sizeOf(value)
    const field = [main, file, sname].find(({ room, used }) => used + size <= room)
    if (field) {
      field.options.push(option)
      field.used += size
    } else if (overflow === 'throw') {
      throw new PacketError('dhcp', `no room for option ${code} of ${value.length} bytes`)
    }
  }
  const overload = (file.used > 0 ? FILE.overload : 0) | (sname.used > 0 ? SNAME.overload : 0)
  if (overload > 0) {
    main.options.push([OVERLOAD, Uint8Array.of(overload)])
    main.used += OVERLOAD_SIZE
  }
  return [main, file, sname]
}

function writeOptions(bytes: Uint8Array, at: number, field: OptionField): void {
  for (const [code, value] of field.options) {
    for (let piece = 0; piece < pieces(value); piece++) {
      const part = value.subarray(piece * 255, (piece + 1) * 255)
      bytes[at] = code
      bytes[at + 1] = part.length
      bytes.set(part, at + 2)
      at += 2 + part.length
    }
  }
  bytes[at] = END
}

function writeText(bytes: Uint8Array, { at, length }: typeof FILE, name: string, text: string): void {
  if (text.length > length) throw new PacketError('dhcp', `${name} of ${text.length} characters, at most ${length}`)
  bytes.set(encodeLatin1('dhcp', text), at)
}
