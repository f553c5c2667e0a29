/** How ovs-ofctl writes values, by kind; a field's row names one of these. */

type Value = number | bigint

/** Text of a field's value: in a match (`tp_dst=53`) and as an argument of set_field, which differ for masked decimals. */
export interface Format {
  readonly match: (value: Value, mask: Value | undefined) => string
  readonly set: (value: Value, mask: Value | undefined) => string
}

const both = (write: Format['match']): Format => ({ match: write, set: write })
const slash = (value: string, mask: string | undefined) => (mask === undefined ? value : `${value}/${mask}`)

/** `0x1f`; zero is `0`, as C prints `%#x`. */
export const hex = (value: Value): string => (value === 0 || value === 0n ? '0' : `0x${value.toString(16)}`)
const bare = (value: Value) => `0x${value.toString(16)}`
const padded = (digits: number) => (value: Value) => `0x${value.toString(16).padStart(digits, '0')}`

export const hexadecimal = both((value, mask) => slash(hex(value), mask === undefined ? undefined : hex(mask)))
/** Its mask is not written in a match. */
export const unmasked = ({ match, set }: Format): Format => ({ match: value => match(value, undefined), set })
/** A namespace and a type in it: `(1,0x894f)`. */
export const packetType = both(value => `(${Number(value) >>> 16},${bare(Number(value) & 0xffff)})`)
/** Hexadecimal with leading zeros in a match. */
export const hexadecimalOf = (digits: number): Format => ({
  match: (value, mask) => slash(padded(digits)(value), mask === undefined ? undefined : padded(digits)(mask)),
  set: hexadecimal.set,
})
export const decimal: Format = {
  match: (value, mask) => (mask === undefined ? String(value) : `${bare(value)}/${bare(mask)}`),
  set: (value, mask) => slash(String(value), mask === undefined ? undefined : hex(mask)),
}
/** Written shifted left in a match: nw_tos holds the DSCP above two other bits. */
export const shifted = (bits: number): Format => ({
  match: value => String(Number(value) << bits),
  set: decimal.set,
})

const macText = (mac: Value) =>
  mac
    .toString(16)
    .padStart(12, '0')
    .replace(/(..)(?!$)/g, '$1:')
export const ethernet = both((value, mask) => slash(macText(value), mask === undefined ? undefined : macText(mask)))

/** Length of a prefix mask, undefined for any other mask. */
const prefixLength = (mask: Value, bits: number): number | undefined => {
  const ones = mask.toString(2).padStart(bits, '0')
  return /^1+0*$/.test(ones) ? ones.lastIndexOf('1') + 1 : undefined
}
const ipv4Text = (address: Value) => [24, 16, 8, 0].map(shift => (Number(address) >>> shift) & 0xff).join('.')
export const ipv4 = both((value, mask) =>
  slash(ipv4Text(value), mask === undefined ? undefined : String(prefixLength(mask, 32) ?? ipv4Text(mask))),
)

/** RFC 5952 text, with IPv4 dotted where inet_ntop(3) does so. */
export const ipv6Text = (address: Value): string => {
  const words = Array.from({ length: 8 }, (_, i) => Number((BigInt(address) >> BigInt(112 - 16 * i)) & 0xffffn))
  const zeros = longestZeros(words)
  const dotted = zeros.start === 0 && (zeros.length === 6 || (zeros.length === 5 && words[5] === 0xffff))
  const tail = dotted
    ? [ipv4Text((words[6]! * 0x10000 + words[7]!) >>> 0)]
    : words.slice(6).map(word => word.toString(16))
  const parts = [...words.slice(0, 6).map(word => word.toString(16)), ...tail]
  if (zeros.length < 2) return parts.join(':')
  return `${parts.slice(0, zeros.start).join(':')}::${parts.slice(zeros.start + zeros.length).join(':')}`
}
/** The first of the longest runs of zero words. */
const longestZeros = (words: readonly number[]) => {
  let best = { start: -1, length: 0 }
  for (let start = 0; start < words.length; start++) {
    let length = 0
    while (words[start + length] === 0) length++
    if (length > best.length) best = { start, length }
  }
  return best
}
export const ipv6 = both((value, mask) =>
  slash(ipv6Text(value), mask === undefined ? undefined : String(prefixLength(mask, 128) ?? ipv6Text(mask))),
)

/** Flags by name: `a|b` where all of `whole` are matched, else `+a-b` for the masked bits. */
export const flags = (whole: number, names: readonly string[]): Format => both(flagsText(whole, names))
/** As flags, but a match always says `+a-b`: ovs-ofctl knows more bits than the field has. */
export const signedFlags = (whole: number, names: readonly string[]): Format => ({
  match: (value, mask) => flagsText(0, names)(value, mask ?? whole),
  set: flagsText(whole, names),
})
const flagsText = (whole: number, names: readonly string[]): Format['match'] => {
  const nameOf = (bit: number) => names[Math.log2(bit)]
  const bitsOf = (set: number) => Array.from({ length: 32 }, (_, i) => (1 << i) >>> 0).filter(bit => (set & bit) !== 0)
  return (value, mask) => {
    const flags = Number(value)
    if (mask === undefined || Number(mask) === whole) {
      const known = bitsOf(flags).filter(bit => nameOf(bit) !== undefined)
      const unknown = known.reduce((left, bit) => left & ~bit, flags)
      return [...known.map(nameOf), ...(unknown === 0 ? [] : [bare(unknown >>> 0)])].join('|') || '0'
    }
    return bitsOf(Number(mask))
      .map(bit => `${(flags & bit) === 0 ? '-' : '+'}${nameOf(bit) ?? '[Unknown]'}`)
      .join('')
  }
}

/** ovs-fields(7), ip_frag: bit 0 any fragment, bit 1 a later one. */
const FRAGMENTS: Readonly<Record<string, string>> = {
  '0/1': 'no',
  '1/1': 'yes',
  '0/2': 'not_later',
  '2/2': 'later',
  '0/3': 'no',
  '1/3': 'first',
  '3/3': 'later',
}
export const fragment = both((value, mask) => FRAGMENTS[`${value}/${mask ?? 3}`] ?? '<error>')

const RESERVED_PORTS: Readonly<Record<number, string>> = {
  4294967287: 'UNSET',
  4294967288: 'IN_PORT',
  4294967289: 'TABLE',
  4294967290: 'NORMAL',
  4294967291: 'FLOOD',
  4294967292: 'ALL',
  4294967293: 'CONTROLLER',
  4294967294: 'LOCAL',
  4294967295: 'ANY',
}
/** A port's reserved name or number (OpenFlow 1.5.1 § 7.2.1.2). */
export const portText = (port: number): string => RESERVED_PORTS[port] ?? String(port)
export const port = both(value => portText(Number(value)))
