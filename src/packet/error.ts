/** What is wrong with a packet, a field of it or its text form. */
export class PacketError extends Error {
  override readonly name = 'PacketError'
  /** The header at fault, as `dhcp`. */
  readonly layer: string
  /** What is wrong with it, without the layer. */
  readonly what: string

  constructor(layer: string, what: string) {
    super(`${layer}: ${what}`)
    this.layer = layer
    this.what = what
  }
}

/** Throws unless at least `wanted` bytes are there. */
export function requireBytes(layer: string, bytes: Uint8Array, wanted: number): void {
  if (bytes.length < wanted) throw new PacketError(layer, `${bytes.length} bytes, at least ${wanted} wanted`)
}
