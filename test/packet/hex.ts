/** Bytes from hex digits with whatever white space between. */
export const hex = (text: string): Uint8Array =>
  Uint8Array.from(text.replaceAll(/\s+/g, '').match(/../g) ?? [], byte => Number.parseInt(byte, 16))

export const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
