import {
  type ActionRow,
  action,
  actionHeader,
  assignment,
  copy,
  fieldId,
  forms,
  niciraAssignment,
  niciraFieldId,
  niciraForm,
  onfForm,
  subfieldText,
} from './action.ts'
import { complete } from './codec/node.ts'
import {
  form,
  type Input,
  list,
  type Output,
  or,
  pad,
  type Schema,
  spread,
  struct,
  u8,
  u16,
  u32,
  union,
} from './codec/schema.ts'
import { niciraActions } from './nicira/actions.ts'
import { portName, type TextNames } from './text/names.ts'
import { hex } from './text/values.ts'

/** Texts are the same for all versions. */
const LATEST = 6
const CONTROLLER = 0xfffffffd
const LARGEST_PORT = 0xffffff00
const ethertype = (type: number) => `0x${type.toString(16).padStart(4, '0')}`

const setField = struct({ _: spread(assignment) })
const setFieldNicira = struct({ _: spread(niciraAssignment) })
const move = struct({ _: spread(copy(fieldId, 2)) })

/** Actions: one line each (OpenFlow 1.5.1 § 7.2.6, ovs-actions(7)). */
const rows = {
  output: action(0, { port: u32, maxLen: or(u16, 0) }, (a, names) =>
    a.port === CONTROLLER
      ? `CONTROLLER:${a.maxLen}`
      : `${a.port < LARGEST_PORT ? 'output:' : ''}${portName(a.port, names)}`,
  ),
  set_mpls_ttl: action(15, { ttl: u8 }, a => `set_mpls_ttl(${a.ttl})`),
  dec_mpls_ttl: action(16, {}, () => 'dec_mpls_ttl'),
  push_vlan: action(17, { ethertype: u16 }, a => `push_vlan:${hex(a.ethertype)}`),
  pop_vlan: action(18, {}, () => 'pop_vlan'),
  push_mpls: action(19, { ethertype: u16 }, a => `push_mpls:${ethertype(a.ethertype)}`),
  pop_mpls: action(20, { ethertype: u16 }, a => `pop_mpls:${ethertype(a.ethertype)}`),
  set_queue: action(21, { queueId: u32 }, a => `set_queue:${a.queueId}`),
  group: action(22, { groupId: u32 }, a => `group:${a.groupId}`),
  set_nw_ttl: action(23, { ttl: u8 }, a => `mod_nw_ttl:${a.ttl}`),
  dec_ttl: action(24, {}, () => 'dec_ttl'),
  /** Some bits of a field: OpenFlow 1.5, before it Nicira's reg_load2. */
  set_field: forms(
    setField,
    [
      form([25], setField, 6),
      form([25], setField, 0, 5, (a: { mask?: unknown }) => a.mask === undefined),
      niciraForm(33, setFieldNicira, 5),
    ],
    (a, names) =>
      `set_field:${a.field.text.format.set(a.value, a.mask)}->${names?.fields?.(a.field.name) ?? a.field.text.name}`,
  ),
  /** Copies bits between fields: OpenFlow 1.5's copy_field, before it Nicira's reg_move; ONF's is read too. */
  move: forms(
    move,
    [
      form([28], move, 6),
      niciraForm(6, struct({ _: spread(copy(niciraFieldId, 0)) }), 5),
      onfForm(3200, struct({ _1: pad(2), _: spread(copy(fieldId, 2)) }), 5),
    ],
    a => `move:${subfieldText({ ...a.src, bits: a.bits })}->${subfieldText({ ...a.dst, bits: a.bits })}`,
  ),
  meter: action(29, { meterId: u32 }, a => `meter:${a.meterId}`, 6),
  ...niciraActions,
}

/** Every action by name; `text` is what formatActions writes. */
export const actionRows: { readonly [N in keyof typeof rows]: ActionRow<unknown, unknown> } = rows

const actionUnion = union(actionHeader, rows)
/** Interfaces, so that the types of actions may contain themselves, and declarations name them in place of their members. */
export interface ActionList extends ReadonlyArray<Action> {}
export interface DecodedActionList extends ReadonlyArray<DecodedAction> {}
/** A list of actions up to the end of the structure. */
export const actions: Schema<ActionList, DecodedActionList, 'value'> = list(actionUnion)
export type Action = Input<typeof actionUnion>
/** An action as it is decoded: nothing left out. */
export type DecodedAction = Output<typeof actionUnion>

/** Text of one action in ovs-ofctl's syntax. */
export const formatAction = (a: Action, names?: TextNames): string => {
  if (a.type === 'raw') return `raw:${Array.from(a.bytes, byte => byte.toString(16).padStart(2, '0')).join('')}`
  const row = actionRows[a.type]
  return row.text(complete(row.body, a, LATEST) as never, names)
}

/** Text of actions in ovs-ofctl's syntax, comma-separated; `drop` for none. */
export const formatActionList = (list: readonly Action[], names?: TextNames): string =>
  list.length === 0 ? 'drop' : list.map(action => formatAction(action, names)).join(',')
