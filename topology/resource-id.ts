/** The kinds of resource a topology has. */
export type ResourceKind = 'host' | 'network' | 'subnet' | 'port'

/** The namespace of Weft's resource ids. Changing it renames every resource everywhere. */
const NAMESPACE = Uint8Array.from([
  0x6d, 0x0c, 0x2f, 0x35, 0x8f, 0x1e, 0x4c, 0x57, 0x9b, 0x6b, 0x3a, 0xd1, 0x5e, 0x27, 0xc4, 0x90,
])

const encoder = new TextEncoder()

/** The id of a resource: the UUIDv5 (RFC 9562 § 5.5) of `kind/name`, the same on every machine and after every restart. */
export function resourceId(kind: ResourceKind, name: string): string {
  const text = encoder.encode(`${kind}/${name}`)
  const bytes = new Uint8Array(NAMESPACE.length + text.length)
  bytes.set(NAMESPACE)
  bytes.set(text, NAMESPACE.length)
  const [a, b, c, d] = sha1(bytes)
  const hex = (word: number) => (word >>> 0).toString(16).padStart(8, '0')
  const timeHigh = (b! & 0xffff0fff) | 0x00005000
  const clock = (c! & 0x3fffffff) | 0x80000000
  const all = hex(a!) + hex(timeHigh) + hex(clock) + hex(d!)
  return `${all.slice(0, 8)}-${all.slice(8, 12)}-${all.slice(12, 16)}-${all.slice(16, 20)}-${all.slice(20)}`
}

/** The low 24 bits of an id, from which MAC addresses are derived. */
export function lowBits24(id: string): number {
  return Number.parseInt(id.slice(-6), 16)
}

/** SHA-1 (FIPS 180-4 § 6.1) as five 32-bit words. Here because this room imports no `node:crypto`; nothing secret hangs on it. */
export function sha1(message: Uint8Array): Int32Array {
  const length = (((message.length + 8) >> 6) << 6) + 64
  const padded = new DataView(new ArrayBuffer(length))
  for (let i = 0; i < message.length; i++) padded.setUint8(i, message[i]!)
  padded.setUint8(message.length, 0x80)
  padded.setUint32(length - 8, Math.floor(message.length / 0x20000000))
  padded.setUint32(length - 4, message.length << 3)
  const hash = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0)
  const w = new Int32Array(80)
  for (let block = 0; block < length; block += 64) {
    for (let t = 0; t < 16; t++) w[t] = padded.getInt32(block + 4 * t)
    for (let t = 16; t < 80; t++) w[t] = rotate(w[t - 3]! ^ w[t - 8]! ^ w[t - 14]! ^ w[t - 16]!, 1)
    let [a, b, c, d, e] = hash as unknown as [number, number, number, number, number]
    for (let t = 0; t < 80; t++) {
      const mixed =
        t < 20
          ? ((b & c) | (~b & d)) + 0x5a827999
          : t < 40
            ? (b ^ c ^ d) + 0x6ed9eba1
            : t < 60
              ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
              : (b ^ c ^ d) + 0xca62c1d6
      const next = (rotate(a, 5) + mixed + e + w[t]!) | 0
      e = d
      d = c
      c = rotate(b, 30)
      b = a
      a = next
    }
    hash[0]! += a
    hash[1]! += b
    hash[2]! += c
    hash[3]! += d
    hash[4]! += e
  }
  return hash
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
