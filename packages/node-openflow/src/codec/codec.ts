import { generate } from './generate.ts'
import { interpretDecode } from './interpret-decode.ts'
import { interpretEncode } from './interpret-encode.ts'
import type { Node } from './node.ts'
import type { Reader } from './reader.ts'
import type { Schema } from './schema.ts'
import type { Writer } from './writer.ts'

/** Both directions of one schema in one version. */
export interface Codec<In, Out> {
  /** Appends the value. `context` reaches hand-written parts and headers (the transaction id). Throws EncodeError. */
  encode(writer: Writer, value: In, context?: number): void
  /** Reads one value at the reader's offset. Throws DecodeError. */
  decode(reader: Reader): Out
}
export type Backend = 'generated' | 'interpreted'

/** False where code generation from strings is disallowed (`--disallow-code-generation-from-strings`, some policies). */
const canGenerate = (): boolean => {
  try {
    return new Function('return true')() as boolean
  } catch {
    return false
  }
}
export const defaultBackend: Backend = canGenerate() ? 'generated' : 'interpreted'

/** The codec of a schema in a version, by the generated backend where possible. `name` is what profiles show. */
export const codec = <In, Out>(
  schema: Schema<In, Out>,
  version: number,
  name: string,
  backend: Backend = defaultBackend,
): Codec<In, Out> =>
  backend === 'generated'
    ? (generate(schema.node, version, name) as unknown as Codec<In, Out>)
    : interpreted(schema.node, version)

const interpreted = <In, Out>(node: Node, version: number): Codec<In, Out> => ({
  encode: (writer, value, context = 0) => interpretEncode(node, writer, value, version, context),
  decode: reader => interpretDecode(node, reader, version) as Out,
})
