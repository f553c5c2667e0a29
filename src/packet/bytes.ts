// Integers in network byte order. Readers do not check bounds: the caller has compared the length once for the whole header.

export const getUint16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!

export const getUint32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0

export const getUint48 = (bytes: Uint8Array, at: number): number =>
  getUint16(bytes, at) * 0x1_0000_0000 + getUint32(bytes, at + 2)

export const getUint128 = (bytes: Uint8Array, at: number): bigint => {
  let value = 0n
  for (let word = 0; word < 4; word++) value = (value << 32n) | BigInt(getUint32(bytes, at + 4 * word))
  return value
}

export const setUint16 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

export const setUint32 = (bytes: Uint8Array, at: number, value: number): void => {
  setUint16(bytes, at, value >>> 16)
  setUint16(bytes, at + 2, value)
}

export const setUint48 = (bytes: Uint8Array, at: number, value: number): void => {
  setUint16(bytes, at, Math.floor(value / 0x1_0000_0000))
  setUint32(bytes, at + 2, value)
}

export const setUint128 = (bytes: Uint8Array, at: number, value: bigint): void => {
  for (let word = 0; word < 4; word++) {
    setUint32(bytes, at + 4 * word, Number((value >> BigInt(96 - 32 * word)) & 0xffff_ffffn))
  }
}
