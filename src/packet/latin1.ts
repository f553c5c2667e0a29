import { PacketError } from './error.ts'

// Text on the wire of old protocols is a byte a character. Reading all 256 keeps what a guest sent bit-true; writing takes no more.

export function decodeLatin1(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at++) text += String.fromCharCode(bytes[at]!)
  return text
}

export function encodeLatin1(layer: string, text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code > 0xff) throw new PacketError(layer, `${JSON.stringify(text)} has a character of more than one byte`)
    bytes[at] = code
  }
  return bytes
}
