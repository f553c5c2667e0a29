import {
  type ActionRow,
  bitRangeSchema,
  forms,
  nicira,
  niciraField,
  niciraForm,
  port16,
  type Subfield,
  subfieldText,
} from '../action.ts'
import { type ActionList, actions, type DecodedActionList, formatActionList } from '../actions.ts'
import {
  boolean,
  fixed,
  lazy,
  type Output,
  or,
  pad,
  present,
  properties,
  property,
  propertyOr,
  rest,
  type Schema,
  type StructIn,
  type StructOut,
  spread,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../codec/schema.ts'
import type { Field } from '../fields.ts'
import { paddedU16, propertyHeader } from '../property.ts'
import { packetInReason } from '../reasons.ts'
import { portName, tableText } from '../text/names.ts'
import { hex } from '../text/values.ts'
import { nat, natText } from './nat.ts'
import { zone, zoneText } from './zone.ts'

/** Flags of the ct action. */
export const CT = { COMMIT: 1, FORCE: 2 } as const
/** The table of a ct action that does not recirculate. */
export const NO_RECIRCULATION = 0xff
/** The table of a resubmit that stays in its table. */
const SAME_TABLE = 0xff
const IN_PORT = 0xfffffff8
const ANY_VERSION = 255

/** Nested actions, to the end of the action. */
const nested: Schema<ActionList, DecodedActionList, 'value'> = lazy((): Schema<unknown, unknown> => actions)

const subfield = { _: spread(bitRangeSchema), field: niciraField }
const load = struct({ ...subfield, value: u64 })
const outputReg = struct({ ...subfield, maxLen: or(u16, 0), _2: pad(6) })
/** For a field whose header is of 8 bytes. */
const outputReg2 = struct({ _: spread(bitRangeSchema), maxLen: or(u16, 0), field: niciraField })
const stack = { offset: u16, field: niciraField, bits: u16 }
/** `ct`: looked up with the original tuple of the connection in place of the packet's. */
const resubmit = struct({ port: or(port16, IN_PORT), table: or(u8, SAME_TABLE), ct: or(boolean(u8), false) })
/** The wire says it by the subtype; the one for a port alone is read only. */
const resubmitForms = {
  port: struct({ port: port16, table: fixed(SAME_TABLE), ct: fixed(false) }),
  table: struct({ port: or(port16, IN_PORT), table: or(u8, SAME_TABLE), _: pad(3), ct: fixed(false) }),
  ct: struct({ port: or(port16, IN_PORT), table: or(u8, SAME_TABLE), _: pad(3), ct: fixed(true) }),
}
const controller = struct({
  _1: pad(6),
  _: properties(propertyHeader, {
    maxLen: propertyOr(0, paddedU16, 0xffff),
    controllerId: propertyOr(1, paddedU16, 0),
    reason: propertyOr(2, packetInReason, 'action'),
    userdata: property(3, rest),
    pause: property(4, present),
    meterId: property(5, u32),
  }),
})
type Controller = Output<typeof controller>
const isPlain = (a: Controller) =>
  a.userdata === undefined && a.pause !== true && a.meterId === undefined && a.unknown === undefined

const dotted = (bytes: Uint8Array) => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('.')
const controllerText = (a: Controller): string => {
  if (isPlain(a) && a.reason === 'action' && a.controllerId === 0) return `CONTROLLER:${a.maxLen}`
  const parts = [
    a.reason === 'action' ? [] : [`reason=${a.reason}`],
    a.maxLen === 0xffff ? [] : [`max_len=${a.maxLen}`],
    a.controllerId === 0 ? [] : [`id=${a.controllerId}`],
    a.userdata === undefined ? [] : [`userdata=${dotted(a.userdata)}`],
    a.pause === true ? ['pause'] : [],
    a.meterId === undefined ? [] : [`meter_id=${a.meterId}`],
  ]
  return `controller(${parts.flat().join(',')})`
}

const ALGORITHMS: Readonly<Record<number, string>> = { 21: 'ftp', 69: 'tftp' }

const ctMembers = {
  flags: or(u16, 0),
  zone: or(zone, 0),
  table: or(u8, NO_RECIRCULATION),
  _: pad(3),
  alg: or(u16, 0),
  actions: nested,
}
/** These two have their types stated, since their types contain those of the table that they stand in. */
const ct: ActionRow<StructIn<typeof ctMembers>, StructOut<typeof ctMembers>> = nicira(35, ctMembers, (a, names) => {
  const [first] = a.actions
  const outside = first?.type === 'nat' ? [natText(first)] : []
  const inside = a.actions.slice(outside.length)
  const parts = [
    (a.flags & CT.COMMIT) === 0 ? [] : ['commit'],
    (a.flags & CT.FORCE) === 0 ? [] : ['force'],
    a.table === NO_RECIRCULATION ? [] : [`table=${tableText(a.table, names)}`],
    zoneText(a.zone),
    outside,
    inside.length === 0 ? [] : [`exec(${formatActionList(inside, names)})`],
    a.alg === 0 ? [] : [`alg=${ALGORITHMS[a.alg] ?? a.alg}`],
  ]
  return `ct(${parts.flat().join(',')})`
})
const cloneMembers = { _: pad(6), actions: nested }
const clone: ActionRow<StructIn<typeof cloneMembers>, StructOut<typeof cloneMembers>> = nicira(
  42,
  cloneMembers,
  (a, names) => `clone(${formatActionList(a.actions, names)})`,
)

/** Nicira's actions: one line each (ovs-actions(7)). */
export const niciraActions = {
  /** Look up again, in another table or as another port. */
  resubmit: forms(
    resubmit,
    [
      niciraForm(44, resubmitForms.ct, ANY_VERSION, (a: { ct?: boolean }) => a.ct === true),
      niciraForm(14, resubmitForms.table),
      niciraForm(1, resubmitForms.port),
    ],
    (a, names) => {
      const port = a.port === IN_PORT ? '' : portName(a.port, names)
      if (port !== '' && a.table === SAME_TABLE) return `resubmit:${port}`
      return `resubmit(${port},${a.table === SAME_TABLE ? '' : tableText(a.table, names)}${a.ct ? ',ct' : ''})`
    },
  ),
  pop_queue: nicira(5, {}, () => 'pop_queue'),
  /** Sets bits of a field up to OpenFlow 1.4; set_field does it from 1.5 on. */
  load: forms(load, [niciraForm(7, load, 5)], a => `load:${hex(a.value)}->${subfieldText(a)}`),
  note: nicira(8, { data: rest }, a => `note:${dotted(a.data)}`),
  output_reg: forms(
    outputReg,
    [
      niciraForm(15, outputReg, ANY_VERSION, (a: { field: Field }) => a.field.nicira.experimenter === 0),
      niciraForm(32, outputReg2),
    ],
    a => `output:${subfieldText(a)}`,
  ),
  exit: nicira(17, {}, () => 'exit'),
  fin_timeout: nicira(19, { idleTimeout: u16, hardTimeout: u16 }, a => {
    const parts = [
      a.idleTimeout === 0 ? [] : [`idle_timeout=${a.idleTimeout}`],
      a.hardTimeout === 0 ? [] : [`hard_timeout=${a.hardTimeout}`],
    ]
    return `fin_timeout(${parts.flat().join(',')})`
  }),
  controller: forms(
    controller,
    [
      niciraForm(
        20,
        struct({ maxLen: or(u16, 0xffff), controllerId: or(u16, 0), reason: or(packetInReason, 'action') }),
        ANY_VERSION,
        isPlain,
      ),
      niciraForm(37, controller),
    ],
    controllerText,
  ),
  stack_push: nicira(27, stack, a => `push:${subfieldText(a)}`),
  stack_pop: nicira(28, stack, a => `pop:${subfieldText(a)}`),
  conjunction: nicira(
    34,
    { clause: u8, clauses: u8, id: u32 },
    a => `conjunction(${a.id},${a.clause + 1}/${a.clauses})`,
  ),
  ct,
  nat: nicira(36, { _: spread(nat) }, natText),
  output_trunc: nicira(
    39,
    { port: port16, maxLen: u32 },
    (a, names) => `output(port=${portName(a.port, names)},max_len=${a.maxLen})`,
  ),
  clone,
  ct_clear: nicira(43, {}, () => 'ct_clear'),
  /** Sets a bit if the packet's L2 frame is larger than `packetLength` bytes. */
  check_pkt_larger: nicira(
    49,
    { packetLength: u16, offset: u16, field: niciraField },
    a => `check_pkt_larger(${a.packetLength})->${subfieldText({ ...a, bits: 1 } satisfies Subfield)}`,
  ),
}
