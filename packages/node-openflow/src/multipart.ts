import { OpenFlowError } from './error.ts'
import type { Exchange } from './exchanges.ts'
import { ProtocolError } from './framer.ts'
import type { DecodedMessage, DecodedMessageOf, MessageOf } from './messages.ts'

type Reply = DecodedMessageOf<'multipart_reply'>
/** A multipart request of one kind, or of any. */
export type MultipartRequest = MessageOf<'multipart_request'>
export type MultipartKind = MultipartRequest['kind']
type Body<K extends MultipartKind> = Extract<Reply, { readonly kind: K }>['body']
/** What an answer of a kind is a list of: flow entries, groups, ports, ...; one description for `desc`. */
export type MultipartEntry<K extends MultipartKind> = Body<K> extends readonly (infer Entry)[] ? Entry : Body<K>

/** Gathers the parts of an answer of `kind`; more than `limit` entries are refused. */
export function gather<K extends MultipartKind>(
  kind: K,
  limit: number,
  resolve: (entries: MultipartEntry<K>[]) => void,
  reject: (reason: Error) => void,
): Exchange {
  const entries: unknown[] = []
  let parts = 0
  const part = (message: DecodedMessage): boolean => {
    if (message.type === 'error') throw new OpenFlowError(message)
    if (message.type !== 'multipart_reply' || message.kind !== kind)
      throw new ProtocolError(`${message.type} in answer to a multipart_request for ${kind}`)
    if (Array.isArray(message.body)) for (const entry of message.body) entries.push(entry)
    else entries.push(message.body)
    // A part may be empty: those count too.
    if (Math.max(entries.length, ++parts) > limit) throw new ProtocolError(`an answer of more than ${limit} entries`)
    return !message.more
  }
  return {
    take(message) {
      try {
        if (!part(message)) return false
        resolve(entries as MultipartEntry<K>[])
      } catch (error) {
        reject(error as Error)
      }
      return true
    },
    fail: reject,
  }
}
