export { type Address, describeAddress, type TlsSettings } from './address.ts'
export { connectOvsdb, type ListenOptions, listenOvsdb } from './connection.ts'
export {
  type AtomicType,
  type BaseType,
  type ColumnSchema,
  type ColumnType,
  type DatabaseSchema,
  declaredSchema,
  describeType,
  parseSchema,
  schemaProblems,
  shapeOf,
  type TableSchema,
} from './database-schema.ts'
export {
  type CloseReason,
  ConnectionClosed,
  OvsdbError,
  ProtocolError,
  RequestTimeout,
  SchemaMismatch,
} from './errors.ts'
export type { Json, JsonObject } from './json.ts'
export type { JsonLimits } from './json-stream.ts'
export type { JsonRpcOptions } from './jsonrpc.ts'
export type { Atom } from './notation.ts'
export {
  abort,
  all,
  assert,
  byUuid,
  type Condition,
  type Counted,
  comment,
  commit,
  type Inserted,
  type Mutation,
  type Operation,
  type Operations,
  operations,
  type Results,
  type Where,
} from './operations.ts'
export type { Change, Replica, RowIndex, RowTypes, SelectedRows, Selection } from './replica.ts'
export { vswitch } from './schema/vswitch.ts'
export {
  asUuid,
  boolean,
  type Column,
  type ColumnName,
  type ColumnShape,
  type Columns,
  type Database,
  database,
  ephemeral,
  immutable,
  integer,
  isUuid,
  type MapInput,
  map,
  type NamedUuid,
  named,
  oneOf,
  optional,
  type Row,
  type RowInput,
  range,
  real,
  ref,
  type SetInput,
  set,
  string,
  type Table,
  type Tables,
  table,
  type Uuid,
  uuid,
  weakRef,
} from './schema.ts'
export { type LockEvent, type MonitorMethod, type MonitorOptions, monitorMethods, OvsdbSession } from './session.ts'
export { systemTimers, type Timers } from './timers.ts'
export type { DialOptions, Listener } from './transport.ts'
