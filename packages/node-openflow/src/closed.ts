/**
 * Why a connection is gone.
 *
 * `closed`: we closed it. `ended`: the peer did. `failed`: the stream failed. `refused`: no common version, or the peer
 * sent an error instead of its HELLO. `protocol`: the peer broke framing or state. `undecodable`: a message that cannot
 * be read (the cause is the DecodeError). `silent`: no answer to our echo requests. `slow`: the peer does not read.
 * `handler`: a handler of ours threw (the cause).
 */
export type CloseCode =
  | 'closed'
  | 'ended'
  | 'failed'
  | 'refused'
  | 'protocol'
  | 'undecodable'
  | 'silent'
  | 'slow'
  | 'handler'

/** The reason given to onClose, and to whoever waited for a reply. */
export class ConnectionClosed extends Error {
  override name = 'ConnectionClosed'
  readonly code: CloseCode

  constructor(code: CloseCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}
