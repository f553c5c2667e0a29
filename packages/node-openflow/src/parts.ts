import { type Action, actions, type DecodedAction } from './actions.ts'
import { type Codec, codec } from './codec/codec.ts'
import { Reader } from './codec/reader.ts'
import type { Schema } from './codec/schema.ts'
import type { Writer } from './codec/writer.ts'
import { type DecodedInstruction, type Instruction, instructions } from './instructions.ts'
import { type Match, match } from './match.ts'
import { VERSIONS, type Version } from './messages.ts'

/** Parts of messages on their own, for callers that keep bytes. */

const part = <In, Out>(schema: Schema<In, Out>, name: string) => {
  const codecs = Object.fromEntries(VERSIONS.map(version => [version, codec(schema, version, name)])) as Record<
    Version,
    Codec<In, Out>
  >
  return {
    encode: (writer: Writer, value: In, version: Version) => codecs[version].encode(writer, value),
    decode: (bytes: Uint8Array, version: Version) => codecs[version].decode(new Reader(bytes)),
  }
}
const matches = part<Match, Match>(match, 'match')
const instructionLists = part<readonly Instruction[], readonly DecodedInstruction[]>(instructions, 'instructions')
const actionLists = part<readonly Action[], readonly DecodedAction[]>(actions, 'actions')

/** Appends an ofp_match, padded to 8 bytes. */
export const encodeMatch: (writer: Writer, match: Match, version: Version) => void = matches.encode
export const decodeMatch: (bytes: Uint8Array, version: Version) => Match = matches.decode
export const encodeInstructions: (writer: Writer, instructions: readonly Instruction[], version: Version) => void =
  instructionLists.encode
export const decodeInstructions: (bytes: Uint8Array, version: Version) => readonly DecodedInstruction[] =
  instructionLists.decode
export const encodeActions: (writer: Writer, actions: readonly Action[], version: Version) => void = actionLists.encode
export const decodeActions: (bytes: Uint8Array, version: Version) => readonly DecodedAction[] = actionLists.decode
