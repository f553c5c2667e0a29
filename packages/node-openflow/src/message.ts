import { NICIRA, ONF } from './action.ts'
import type { Header } from './codec/node.ts'
import { form, type Schema, type StructIn, type StructOut, struct, type Variant, variant } from './codec/schema.ts'
import type { TextNames } from './text/names.ts'

/** What rows of the message table are made of. */

const EXPERIMENTER = 4

/** The OpenFlow header (OpenFlow 1.5.1 § 7.1.1); experimenter messages add their id and a type of their own (§ 7.5.5). */
export const messageHeader: Header = {
  parts: [
    { is: 'version', bytes: 1 },
    { is: 'tag', bytes: 1 },
    { is: 'length', bytes: 2 },
    { is: 'context', bytes: 4 },
  ],
  align: 1,
  padded: false,
  escape: { tag: EXPERIMENTER, bytes: [4, 4] },
}

/** What the text of a message may depend on. */
export interface TextContext {
  readonly version: number
  readonly names: TextNames | undefined
}
/** One message: its wire forms, and what `ovs-ofctl ofp-print` writes after its name and transaction id. */
export interface MessageRow<In, Out> extends Variant<In, Out> {
  readonly label: string | undefined
  readonly text: (message: never, context: TextContext) => string
}
type Members = Parameters<typeof struct>[0]
type Text<M extends Members> = (message: StructOut<NoInfer<M>>, context: TextContext) => string

/** A message of the specification, `from` a version on. */
export const message = <const M extends Members>(
  type: number,
  members: M,
  text: Text<M>,
  from = 0,
): MessageRow<StructIn<M>, StructOut<M>> => ({
  ...variant(struct(members), [form([type], struct(members), from)]),
  label: undefined,
  text,
})
/** A Nicira message; `label` is ovs-ofctl's name for it. */
export const niciraMessage = <const M extends Members>(
  subtype: number,
  label: string,
  members: M,
  text: Text<M>,
): MessageRow<StructIn<M>, StructOut<M>> => ({
  ...variant(struct(members), [form([EXPERIMENTER, NICIRA, subtype], struct(members))]),
  label,
  text,
})
/** A message of OpenFlow 1.4 that 1.3 has as an ONF extension. */
export const onfMessage = <In, Out>(
  type: number,
  extension: number,
  body: Schema<In, Out>,
  text: (message: Out, context: TextContext) => string,
): MessageRow<In, Out> => ({
  ...variant(body, [form([type], body, 5), form([EXPERIMENTER, ONF, extension], body, 0, 4)]),
  label: undefined,
  text,
})
/** A message whose members are those of `body`. */
export const messageOf = <In, Out>(
  type: number,
  body: Schema<In, Out>,
  text: (message: Out, context: TextContext) => string,
): MessageRow<In, Out> => ({
  ...variant(body, [form([type], body)]),
  label: undefined,
  text,
})
