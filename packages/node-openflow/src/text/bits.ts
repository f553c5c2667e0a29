/** Names of set bits with a space between, what has none in hexadecimal; `0` for none. */
export const bitNames = (bits: number, names: readonly (string | undefined)[]): string => {
  if (bits === 0) return '0'
  const known = names.flatMap((name, bit) =>
    name !== undefined && (bits >>> bit) & 1 ? [{ name, bit: (1 << bit) >>> 0 }] : [],
  )
  const left = known.reduce((left, { bit }) => (left & ~bit) >>> 0, bits)
  return [...known.map(({ name }) => name), ...(left === 0 ? [] : [`0x${left.toString(16)}`])].join(' ')
}

/** Bytes as ovs-ofctl dumps them: 16 a line, with their ASCII. */
export const hexDump = (bytes: Uint8Array): string => {
  const lines: string[] = []
  for (let start = 0; start < bytes.length; start += 16) {
    const line = Array.from(bytes.subarray(start, start + 16))
    const hex = line.map((byte, i) => `${byte.toString(16).padStart(2, '0')}${i === 7 ? '-' : ' '}`).join('')
    const ascii = line.map(byte => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('')
    lines.push(`${start.toString(16).padStart(8, '0')}  ${hex.padEnd(48)}|${ascii.padEnd(16)}|\n`)
  }
  return lines.join('')
}
