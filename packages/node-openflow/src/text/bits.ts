/** Names of set bits with a space between, what has none in hexadecimal; `0` for none. */
export const bitNames = (bits: number, names: readonly (string | undefined)[]): string => {
  if (bits === 0) return '0'
  const known = names.flatMap((name, bit) =>
    name !== undefined && (bits >>> bit) & 1 ? [{ name, bit: (1 << bit) >>> 0 }] : [],
  )
  const left = known.reduce((left, { bit }) => (left & ~bit) >>> 0, bits)
  return [...known.map(({ name }) => name), ...(left === 0 ? [] : [`0x${left.toString(16)}`])].join(' ')
}
