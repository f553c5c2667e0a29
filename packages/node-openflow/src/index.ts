/** OpenFlow 1.3 to 1.5 with the Nicira and ONF extensions: messages <-> bytes <-> ovs-ofctl text; connections. */

export type { Assignment, Subfield } from './action.ts'
export { type Action, type DecodedAction, formatAction } from './actions.ts'
export { BundleError, type BundleOptions, type BundlePart } from './bundle.ts'
export { type CloseCode, ConnectionClosed } from './closed.ts'
export { type Backend, defaultBackend } from './codec/codec.ts'
export { DecodeError, EncodeError, Reader } from './codec/reader.ts'
export { Writer } from './codec/writer.ts'
export { type ConnectionHandlers, type ConnectionOptions, OpenFlowConnection } from './connection.ts'
export {
  BUNDLE_FLAG,
  FLOW_FLAG,
  GROUP,
  METER,
  METER_FLAG,
  NO_BUFFER,
  NO_TRUNCATION,
  PORT,
  PORT_CONFIG,
  PORT_STATE,
  TABLE,
  VLAN_PRESENT,
} from './constants.ts'
export { OpenFlowError } from './error.ts'
export { type Field, type FieldName, type FieldValue, fieldList, fields } from './fields.ts'
export { ProtocolError } from './framer.ts'
export { type DecodedInstruction, formatActions, type Instruction } from './instructions.ts'
export { type Match, type MatchObject, matchOf } from './match.ts'
export {
  type DecodedMessage,
  type DecodedMessageOf,
  decodeMessage,
  encodeMessage,
  type FlowMod,
  formatMessage,
  type GroupMod,
  type Message,
  type MessageOf,
  type MessageType,
  type MeterMod,
  VERSIONS,
  type Version,
} from './messages.ts'
export type { MultipartEntry, MultipartKind, MultipartRequest } from './multipart.ts'
export { CT, NO_RECIRCULATION } from './nicira/actions.ts'
export { NAT } from './nicira/nat.ts'
export type { MatchTerm } from './oxm.ts'
export {
  decodeActions,
  decodeInstructions,
  decodeMatch,
  encodeActions,
  encodeInstructions,
  encodeMatch,
} from './parts.ts'
export type { FlowEntry } from './protocol/multipart/flow.ts'
export type { GroupDesc } from './protocol/multipart/group-desc.ts'
export type { Port } from './protocol/port.ts'
export {
  type Address,
  connectOpenFlow,
  type ListenOptions,
  listenOpenFlow,
  OpenFlowServer,
  type TlsOptions,
} from './server.ts'
export { errorName } from './text/errors.ts'
export { type FlowText, formatFlow } from './text/flow.ts'
export { formatGroup, type GroupText } from './text/group.ts'
export { formatMatch } from './text/match.ts'
export { formatMeter } from './text/meter.ts'
export type { TextNames } from './text/names.ts'
export type { Timers } from './timers.ts'
