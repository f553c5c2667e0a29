/** One growing buffer that many messages are appended to, flushed once. Not shared between writers of one tick. */
export class Writer {
  /** The whole buffer; only the first `offset` bytes are written. Replaced when it grows. */
  buffer: Uint8Array<ArrayBuffer>
  data: DataView<ArrayBuffer>
  /** Bytes written so far. */
  offset = 0

  constructor(capacity = 4096) {
    this.buffer = new Uint8Array(capacity)
    this.data = new DataView(this.buffer.buffer)
  }

  /** Makes room for `size` more bytes. */
  ensure(size: number): void {
    if (this.offset + size > this.buffer.length) this.grow(size)
  }

  private grow(size: number): void {
    const buffer = new Uint8Array(Math.max(this.buffer.length * 2, this.offset + size))
    buffer.set(this.buffer.subarray(0, this.offset))
    this.buffer = buffer
    this.data = new DataView(buffer.buffer)
  }

  /** Appends bytes as they are. */
  append(bytes: Uint8Array): void {
    this.ensure(bytes.length)
    this.buffer.set(bytes, this.offset)
    this.offset += bytes.length
  }

  /** Appends `size` zero bytes. */
  zeros(size: number): void {
    this.ensure(size)
    this.buffer.fill(0, this.offset, this.offset + size)
    this.offset += size
  }

  /** Appends zeros until the bytes written since `start` are a multiple of `multiple`. */
  align(start: number, multiple: number): void {
    const over = (this.offset - start) % multiple
    if (over !== 0) this.zeros(multiple - over)
  }

  /** What was written, without a copy: valid until the next write or reset. */
  view(start = 0): Uint8Array<ArrayBuffer> {
    return this.buffer.subarray(start, this.offset)
  }

  /** What was written, as a copy of its own. */
  bytes(start = 0): Uint8Array<ArrayBuffer> {
    return this.buffer.slice(start, this.offset)
  }

  /** Forgets what was written; keeps the buffer. */
  reset(): void {
    this.offset = 0
  }
}
