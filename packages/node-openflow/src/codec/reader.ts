const DEEPEST = 64

/** The bytes being decoded, where the decoder is, and where the region it may read ends. */
export class Reader {
  readonly bytes: Uint8Array
  readonly data: DataView
  offset: number
  /** First byte that may not be read; shrinks inside a length-delimited structure. */
  end: number
  /** Variants inside variants so far: actions nest, and so do messages in bundles. */
  private depth = 0

  constructor(bytes: Uint8Array, offset = 0, end = bytes.length) {
    this.bytes = bytes
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.offset = offset
    this.end = end
  }

  /** Goes into a variant; ends a nesting that would exhaust the stack. */
  enter(): void {
    if (++this.depth > DEEPEST) throw new DecodeError(`nested more than ${DEEPEST} deep`, this.offset)
  }

  leave(): void {
    this.depth--
  }

  /** The next `size` bytes as a copy, so that a decoded value never keeps a receive buffer alive. */
  take(size: number): Uint8Array {
    if (size > this.end - this.offset) throw truncated(this, size)
    // Not slice: a Buffer's would not copy.
    const bytes = new Uint8Array(this.bytes.subarray(this.offset, this.offset + size))
    this.offset += size
    return bytes
  }
}

/** Bytes that are no valid encoding; `path` names the member (`flow_mod.match.ipv4_dst`), `offset` the byte. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
  readonly reason: string
  readonly offset: number
  path: string

  constructor(reason: string, offset: number, path = '') {
    super(reason)
    this.reason = reason
    this.offset = offset
    this.path = path
    this.message = describe(this.path, reason, offset)
  }
}

/** A value that the wire cannot carry; `path` names the member. */
export class EncodeError extends Error {
  override readonly name = 'EncodeError'
  readonly reason: string
  path: string

  constructor(reason: string, path = '') {
    super(reason)
    this.reason = reason
    this.path = path
    this.message = describe(this.path, reason)
  }
}

const describe = (path: string, reason: string, offset?: number) =>
  `${path === '' ? '' : `${path}: `}${reason}${offset === undefined ? '' : ` (byte ${offset})`}`

/** Names the member an error came out of, from the inside outwards. */
export const within = (error: unknown, segment: string): unknown => {
  if (error instanceof DecodeError || error instanceof EncodeError) {
    error.path = error.path === '' ? segment : `${segment}${error.path.startsWith('[') ? '' : '.'}${error.path}`
    error.message = describe(error.path, error.reason, error instanceof DecodeError ? error.offset : undefined)
  }
  return error
}

/** The region ended inside a member of `size` bytes. */
export const truncated = (reader: Reader, size: number, path = ''): DecodeError =>
  new DecodeError(`${size} bytes wanted, ${reader.end - reader.offset} left`, reader.offset, path)
