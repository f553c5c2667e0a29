import { actionHeader } from './action.ts'
import { type Action, actions, formatActionList } from './actions.ts'
import {
  form,
  type Input,
  list,
  type Output,
  or,
  pad,
  type Schema,
  type StructIn,
  type StructOut,
  struct,
  u8,
  u32,
  u64,
  union,
  type Variant,
  variant,
} from './codec/schema.ts'
import { type TextNames, tableText } from './text/names.ts'
import { hex } from './text/values.ts'

const WHOLE = 0xffff_ffff_ffff_ffffn

export interface InstructionRow<In, Out> extends Variant<In, Out> {
  readonly text: (instruction: never, names: TextNames | undefined) => string
}
const instruction = <const M extends Parameters<typeof struct>[0]>(
  type: number,
  members: M,
  text: (instruction: StructIn<M>, names: TextNames | undefined) => string,
  to = 255,
): InstructionRow<StructIn<M>, StructOut<M>> => ({
  ...variant(struct(members), [form([type], struct(members), 0, to)]),
  text,
})

/** Instructions: one line each (OpenFlow 1.5.1 § 7.2.5); `meter` is an action from 1.5 on. */
const rows = {
  goto_table: instruction(1, { tableId: u8 }, (i, names) => `goto_table:${tableText(i.tableId, names)}`),
  write_metadata: instruction(
    2,
    { _: pad(4), metadata: u64, mask: or(u64, WHOLE) },
    i => `write_metadata:${hex(i.metadata)}${(i.mask ?? WHOLE) === WHOLE ? '' : `/${hex(i.mask ?? WHOLE)}`}`,
  ),
  write_actions: instruction(
    3,
    { _: pad(4), actions },
    (i, names) => `write_actions(${formatActionList(i.actions, names)})`,
  ),
  apply_actions: instruction(4, { _: pad(4), actions }, (i, names) => formatActionList(i.actions, names)),
  clear_actions: instruction(5, { _: pad(4) }, () => 'clear_actions'),
  meter: instruction(6, { meterId: u32 }, i => `meter:${i.meterId}`, 5),
}
/** Every instruction by name; `text` is what formatActions writes. */
export const instructionRows: { readonly [N in keyof typeof rows]: InstructionRow<unknown, unknown> } = rows

const instructionUnion = union(actionHeader, rows)
/** Named, so that declarations do not repeat their members. */
export interface InstructionList extends ReadonlyArray<Instruction> {}
export interface DecodedInstructionList extends ReadonlyArray<DecodedInstruction> {}
/** A list of instructions up to the end of the structure. */
export const instructions: Schema<InstructionList, DecodedInstructionList, 'value'> = list(instructionUnion)
export type Instruction = Input<typeof instructionUnion>
export type DecodedInstruction = Output<typeof instructionUnion>

const isInstruction = (step: Action | Instruction): step is Instruction => step.type in rows

/** Text of instructions, or of actions, in ovs-ofctl's syntax; `drop` where there are none. */
export const formatActions = (steps: readonly (Action | Instruction)[], names?: TextNames): string => {
  const texts = steps.map(step => {
    if (!isInstruction(step) || step.type === 'raw') return formatActionList([step as Action], names)
    if (step.type === 'apply_actions' && step.actions.length === 0) return ''
    return instructionRows[step.type].text(step as never, names)
  })
  return texts.filter(text => text !== '').join(',') || 'drop'
}
