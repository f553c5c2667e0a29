import { getU16, putU16 } from '../action.ts'
import { EncodeError, type Reader, truncated } from '../codec/reader.ts'
import { custom } from '../codec/schema.ts'
import type { Writer } from '../codec/writer.ts'
import { ipv4, ipv6Text } from '../text/values.ts'

/** Flags of the nat action. */
export const NAT = { SRC: 1, DST: 2, PERSISTENT: 4, PROTO_HASH: 8, PROTO_RANDOM: 16 } as const

/** The arguments of nat: which side is translated, and to what; addresses and ports are ranges, `max` left out for one. */
export interface Nat {
  readonly flags: number
  readonly ipv4Min?: number
  readonly ipv4Max?: number
  readonly ipv6Min?: bigint
  readonly ipv6Max?: bigint
  readonly portMin?: number
  readonly portMax?: number
}

/** What may follow, in this order; the bit says that it does. */
const ranges = [
  { bit: 1, name: 'ipv4Min', bytes: 4 },
  { bit: 2, name: 'ipv4Max', bytes: 4 },
  { bit: 4, name: 'ipv6Min', bytes: 16 },
  { bit: 8, name: 'ipv6Max', bytes: 16 },
  { bit: 16, name: 'portMin', bytes: 2 },
  { bit: 32, name: 'portMax', bytes: 2 },
] as const

const put = (w: Writer, value: number | bigint, bytes: number, name: string): void => {
  const fits = (bytes === 16) === (typeof value === 'bigint') && value >= 0 && value < 2 ** (8 * bytes)
  if (!fits) throw new EncodeError(`${value} is no ${bytes === 16 ? 'bigint' : 'number'} of ${bytes * 8} bits`, name)
  w.ensure(bytes)
  let left = BigInt(value)
  for (let at = w.offset + bytes - 1; at >= w.offset; at--) {
    w.buffer[at] = Number(left & 0xffn)
    left >>= 8n
  }
  w.offset += bytes
}
const get = (r: Reader, bytes: number, name: string): bigint => {
  if (r.end - r.offset < bytes) throw truncated(r, bytes, name)
  let value = 0n
  for (let i = 0; i < bytes; i++) value = (value << 8n) | BigInt(r.bytes[r.offset++]!)
  return value
}

/** The body of nat after its subtype: padding, flags, which ranges follow, the ranges. */
export const nat = custom<Nat>({
  encode: (w, value) => {
    w.zeros(2)
    putU16(w, value.flags, 'flags')
    putU16(
      w,
      ranges.reduce((bits, { bit, name }) => (value[name] === undefined ? bits : bits | bit), 0),
      'ranges',
    )
    for (const { name, bytes } of ranges) {
      const range = value[name]
      if (range !== undefined) put(w, range, bytes, name)
    }
  },
  decode: r => {
    getU16(r, 'pad')
    const flags = getU16(r, 'flags')
    const present = getU16(r, 'ranges')
    const value: { [name: string]: number | bigint } = { flags }
    for (const { bit, name, bytes } of ranges) {
      if ((present & bit) === 0) continue
      const range = get(r, bytes, name)
      value[name] = bytes === 16 ? range : Number(range)
    }
    return value as unknown as Nat
  },
  keys: { required: ['flags'], optional: ranges.map(({ name }) => name) },
})

/** ovs-ofctl's text: `nat`, `nat(src=10.0.0.1-10.0.0.9:1024-2048,random)`. */
export const natText = (a: Nat): string => {
  const side = (a.flags & NAT.SRC) !== 0 ? 'src' : (a.flags & NAT.DST) !== 0 ? 'dst' : undefined
  if (side === undefined) return 'nat'
  const address = addressText(a)
  if (address === undefined) return `nat(${side})`
  const flags = [
    (a.flags & NAT.PERSISTENT) !== 0 ? ['persistent'] : [],
    (a.flags & NAT.PROTO_HASH) !== 0 ? ['hash'] : [],
    (a.flags & NAT.PROTO_RANDOM) !== 0 ? ['random'] : [],
  ].flat()
  return `nat(${[`${side}=${address}`, ...flags].join(',')})`
}

const addressText = (a: Nat): string | undefined => {
  const v6 = (address: bigint) => (a.portMin === undefined ? ipv6Text(address) : `[${ipv6Text(address)}]`)
  const span = <T>(min: T, max: T | undefined, write: (value: T) => string) =>
    max === undefined || max === min ? write(min) : `${write(min)}-${write(max)}`
  const ports = a.portMin === undefined ? '' : `:${span(a.portMin, a.portMax, String)}`
  if (a.ipv4Min !== undefined) return `${span(a.ipv4Min, a.ipv4Max, address => ipv4.match(address, undefined))}${ports}`
  if (a.ipv6Min !== undefined) return `${span(a.ipv6Min, a.ipv6Max, v6)}${ports}`
  return undefined
}
