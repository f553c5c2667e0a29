import type { Header } from './codec/node.ts'
import {
  boolean,
  form,
  or,
  pad,
  type Schema,
  type StructIn,
  type StructOut,
  struct,
  u16,
  type Variant,
  variant,
} from './codec/schema.ts'
import type { TextContext } from './message.ts'

/** What rows of the multipart tables are made of. */

/** The kind before a multipart message; flags and padding follow as members (OpenFlow 1.5.1 § 7.3.5). */
export const multipartHeader: Header = { parts: [{ is: 'tag', bytes: 2 }], align: 1, padded: false }

type Members<In, Out, R extends 'value' | 'fallback'> = {
  more: Schema<boolean, boolean, 'fallback'>
  _: Schema<never, never, 'hidden'>
  body: Schema<In, Out, R>
}

/** One kind of multipart message: its body, and what `ovs-ofctl ofp-print` writes of it. */
export interface MultipartRow<In, Out> extends Variant<In, Out> {
  readonly text: (body: never, context: TextContext) => string
}
/** `more` says that further messages of the same answer follow. */
export const multipart = <In, Out, R extends 'value' | 'fallback'>(
  type: number,
  body: Schema<In, Out, R>,
  text: (body: NoInfer<Out>, context: TextContext) => string,
): MultipartRow<StructIn<Members<In, Out, R>>, StructOut<Members<In, Out, R>>> => {
  const members: Members<In, Out, R> = { more: or(boolean(u16), false), _: pad(4), body }
  const whole = struct(members)
  return { ...variant(whole, [form([type], whole)]), text }
}
