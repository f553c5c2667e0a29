import {
  byUuid,
  type Json,
  type JsonObject,
  named,
  type Operation,
  operations,
  type Row,
  type RowInput,
  vswitch,
} from 'ovsdb-client'
import type { HostDatabase } from './host-config.ts'

type BridgeRow = Row<typeof vswitch.tables.Bridge>

/** The external_ids key of an adopted bridge under which stands what it was before. */
export const FORMER = 'weft-former'

/**
 * What an adopted bridge was: the columns that Weft writes, as rows in OVSDB's own notation (RFC 7047 § 5.1), so that they
 * come back as they were.
 */
export interface Former {
  readonly bridge: JsonObject
  /** Of the keys that Weft writes, those that were there. */
  readonly otherConfig: Readonly<Record<string, string>>
  readonly controllers: readonly JsonObject[]
}

const ops = operations(vswitch)

/** The columns of a Controller row that its owner writes, as far as OVS 2.5 and later all have them. */
export const CONTROLLER_COLUMNS = [
  'target',
  'max_backoff',
  'inactivity_probe',
  'connection_mode',
  'controller_rate_limit',
  'controller_burst_limit',
  'enable_async_messages',
  'local_ip',
  'local_netmask',
  'local_gateway',
  'other_config',
  'external_ids',
] as const

/** What a bridge says in the columns and `other_config` keys that Weft is about to write. */
export function formerOf(database: HostDatabase, bridge: BridgeRow, otherConfigKeys: readonly string[]): Former {
  const { datapath_type, fail_mode, protocols } = bridge
  // A newer switch may know more values than we do; it gets back what it had.
  const columns = { datapath_type, fail_mode, protocols } as RowInput<typeof vswitch.tables.Bridge>
  return {
    bridge: rowOf(ops.update('Bridge', [], columns)),
    otherConfig: Object.fromEntries(
      otherConfigKeys.flatMap(key => (bridge.other_config.has(key) ? [[key, bridge.other_config.get(key)!]] : [])),
    ),
    controllers: [...bridge.controller].flatMap(id => {
      const row = database.Controller.get(id)
      if (row === undefined) return []
      const columns = CONTROLLER_COLUMNS.map(column => [column, row[column]] as const)
      // What has no value is left out: a server without the column takes the row all the same.
      const set = columns.filter(([, value]) => value !== undefined && !(value instanceof Map && value.size === 0))
      return [rowOf(ops.insert('Controller', Object.fromEntries(set) as { target: string }))]
    }),
  }
}

/** Reads what an adopted bridge was; undefined when that is not on record, or not as Weft writes it. */
export function readFormer(bridge: BridgeRow): Former | undefined {
  let value: unknown
  try {
    value = JSON.parse(bridge.external_ids.get(FORMER) ?? '')
  } catch {
    return undefined
  }
  if (!isObject(value)) return undefined
  const { bridge: row, otherConfig, controllers } = value
  if (!isObject(row) || !isObject(otherConfig) || !Array.isArray(controllers) || !controllers.every(isObject)) {
    return undefined
  }
  if (!Object.values(otherConfig).every(text => typeof text === 'string')) return undefined
  return { bridge: row, otherConfig: otherConfig as Record<string, string>, controllers }
}

/** Gives a bridge back the columns and controllers it had. */
export function restore(bridge: BridgeRow, { bridge: row, controllers }: Former): Operation[] {
  const here = byUuid(bridge._uuid)
  const names = controllers.map((_, at) => `former_${bridge._uuid.replaceAll('-', '_')}_${at}`)
  const update = ops.update('Bridge', here, {})
  return [
    { ...update, wire: { ...update.wire, row } },
    ...controllers.map((controller, at): Operation => {
      const insert = ops.insert('Controller', {}, names[at]!)
      return { ...insert, wire: { ...insert.wire, row: controller } }
    }),
    ...(names.length === 0
      ? []
      : [ops.mutate('Bridge', here, [['controller', 'insert', names.map(name => named(name))]])]),
  ]
}

/** A word for what a bridge was. */
export function describeFormer({ bridge, otherConfig, controllers }: Former): string {
  const text = (value: Json | undefined) => (typeof value === 'string' ? value : '(none)')
  const keys = Object.entries(otherConfig).map(([key, value]) => `, ${key} ${value}`)
  const targets = controllers.map(({ target }) => `, controller ${text(target)}`)
  return `fail_mode ${text(bridge['fail_mode'])}, protocols ${protocolsOf(bridge['protocols'])}${[...keys, ...targets].join('')}`
}

/** A set of one element stands in notation as the element itself. RFC 7047 § 5.1 `<set>`. */
function protocolsOf(json: Json | undefined): string {
  if (typeof json === 'string') return json
  const members = Array.isArray(json) && Array.isArray(json[1]) ? json[1] : []
  return members.length === 0 ? '(none)' : members.join(' ')
}

function rowOf(operation: Operation): JsonObject {
  return operation.wire['row'] as JsonObject
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
