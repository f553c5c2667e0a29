import { type DatabaseSchema, parseSchema, schemaProblems } from './database-schema.ts'
import { type CloseReason, OvsdbError, ProtocolError, SchemaMismatch } from './errors.ts'
import { excerpt, isArray, isObject, type Json, type JsonObject, member } from './json.ts'
import { JsonRpc, type JsonRpcOptions } from './jsonrpc.ts'
import { type Condition, encodeConditions, type Operation, type Results, readResults } from './operations.ts'
import { Replica, type RowTypes, type SelectedRows, type Selection } from './replica.ts'
import type { Database, Tables } from './schema.ts'
import { type RowUpdateReader, readRowUpdate, readRowUpdate2 } from './table-updates.ts'
import type { Stream } from './transport.ts'

/** The ways to monitor, the newest first: `monitor_cond_since` needs OVS 2.12, `monitor_cond` OVS 2.6. */
export const monitorMethods = ['monitor_cond_since', 'monitor_cond', 'monitor'] as const
/** A way to monitor. */
export type MonitorMethod = (typeof monitorMethods)[number]

/** How to monitor. */
export interface MonitorOptions<T extends Tables> {
  /** The only method to try; by default the newest that the server knows. */
  readonly method?: MonitorMethod
  /** Tests of which a row must pass one to be monitored; not with `monitor`. */
  readonly where?: { readonly [N in keyof T]?: readonly Condition<T[N]>[] }
}

/** What happened to a lock this session asked for. RFC 7047 § 4.1.9, § 4.1.10. */
export type LockEvent = 'locked' | 'stolen'

/** A session with an OVSDB server, whichever side dialled. RFC 7047 § 4. */
export class OvsdbSession {
  /** The server in Open vSwitch's spelling, for logs. */
  readonly peer: string
  /** The common name (CN) of the server's verified certificate. */
  readonly peerCommonName: string | undefined
  /** Settles once, when the session has ended; never rejects. */
  readonly closed: Promise<CloseReason>
  /** Called when the server grants a lock that was waited for, or another session has stolen one. */
  onLock: ((lock: string, event: LockEvent) => void) | undefined
  private readonly rpc: JsonRpc
  private readonly schemas = new Map<string, Promise<DatabaseSchema>>()
  private readonly monitors = new Map<string, Replica>()
  private lastMonitor = 0

  constructor(stream: Stream, options: JsonRpcOptions = {}) {
    this.peer = stream.peer
    this.peerCommonName = stream.peerCommonName
    this.rpc = new JsonRpc(stream.socket, { notification: (method, params) => this.notified(method, params) }, options)
    this.closed = this.rpc.closed
  }

  /** The names of the server's databases. RFC 7047 § 4.1.1. */
  listDbs(): Promise<readonly string[]> {
    return this.rpc.call('list_dbs', [], result => {
      if (!isArray(result)) throw new ProtocolError(`list_dbs: ${excerpt(result)} is no list of names`)
      return result.map(name => {
        if (typeof name !== 'string') throw new ProtocolError(`list_dbs: ${excerpt(name)} is no name`)
        return name
      })
    })
  }

  /** A database's schema, asked for once a session. RFC 7047 § 4.1.2. */
  getSchema(database: string): Promise<DatabaseSchema> {
    let schema = this.schemas.get(database)
    if (!schema) {
      schema = this.rpc.call('get_schema', [database], parseSchema)
      this.schemas.set(database, schema)
    }
    return schema
  }

  /**
   * Carries out all operations or none. RFC 7047 § 4.1.3.
   *
   * Rejects with OvsdbError if an operation or the commit failed. With ConnectionClosed, or RequestTimeout after `timeout`
   * milliseconds, the outcome is not known.
   */
  transact<const Operations extends readonly Operation[]>(
    database: Database,
    operations: Operations,
    { timeout }: { readonly timeout?: number } = {},
  ): Promise<Results<Operations>> {
    const params = [database.name, ...operations.map(({ wire }) => wire)]
    return this.rpc.call('transact', params, answer => readResults(operations, answer), timeout)
  }

  /**
   * Copies the selected columns of the selected tables and keeps the copy current. RFC 7047 § 4.1.5, ovsdb-server(7) § 4.1.12.
   *
   * Rejects with SchemaMismatch if the server lacks one of the columns or has it with another type.
   */
  async monitor<T extends Tables, const S extends Selection<T>>(
    database: Database<T>,
    selection: S,
    options: MonitorOptions<T> = {},
  ): Promise<Replica<SelectedRows<T, S>>> {
    const columns = selectedColumns(database, selection)
    const problems = schemaProblems(await this.getSchema(database.name), database, Object.fromEntries(columns))
    if (problems.length > 0) throw new SchemaMismatch(database.name, problems)
    const requests: JsonObject = Object.fromEntries(
      Array.from(columns, ([table, names]) => {
        const where = options.where?.[table]
        return [table, [{ columns: names, ...(where ? { where: encodeConditions(database, table, where) } : {}) }]]
      }),
    )
    const replica = new Replica<SelectedRows<T, S>>(database, columns)
    for (const method of options.method ? [options.method] : monitorMethods) {
      try {
        await this.startMonitor(method, database.name, requests, replica as unknown as Replica)
        return replica
      } catch (error) {
        const unknown = error instanceof OvsdbError && error.error === 'unknown method'
        if (!unknown || method === (options.method ?? 'monitor')) throw error
      }
    }
    return replica
  }

  /** Ends the copying of a replica; it keeps the rows it has. RFC 7047 § 4.1.7. */
  async cancelMonitor<Rows extends RowTypes>(replica: Replica<Rows>): Promise<void> {
    for (const [id, monitored] of this.monitors) {
      if (monitored !== (replica as unknown)) continue
      await this.rpc.call('monitor_cancel', [id], () => this.monitors.delete(id))
    }
  }

  /** Asks for a lock; true if this session owns it now, false if it will by `onLock`. RFC 7047 § 4.1.8. */
  lock(lock: string): Promise<boolean> {
    return this.rpc.call('lock', [lock], readLocked)
  }

  /** Takes a lock away from whoever owns it. RFC 7047 § 4.1.8. */
  steal(lock: string): Promise<boolean> {
    return this.rpc.call('steal', [lock], readLocked)
  }

  /** Gives a lock back, or no longer waits for it. RFC 7047 § 4.1.8. */
  unlock(lock: string): Promise<void> {
    return this.rpc.call('unlock', [lock], () => {})
  }

  /** Asks the server to answer: proves that it has carried out all that was sent before. RFC 7047 § 4.1.11. */
  echo(): Promise<void> {
    return this.rpc.call('echo', [], () => {})
  }

  /** Ends the session from this side. */
  close(): void {
    this.rpc.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  private startMonitor(method: MonitorMethod, database: string, requests: JsonObject, replica: Replica): Promise<void> {
    const id = `monitor-${++this.lastMonitor}`
    const params: Json[] = [database, id, requests]
    // The copy is read anew after each reconnect: a host's own server remembers no transactions.
    if (method === 'monitor_cond_since') params.push('00000000-0000-0000-0000-000000000000')
    return this.rpc.call(method, params, result => {
      const updates = method === 'monitor_cond_since' && isArray(result) ? result[2] : result
      replica.apply(updates, method === 'monitor' ? readRowUpdate : readRowUpdate2)
      this.monitors.set(id, replica)
    })
  }

  private notified(method: string, params: readonly Json[]): void {
    switch (method) {
      case 'update':
        this.update(params[0], params[1], readRowUpdate)
        return
      case 'update2':
        this.update(params[0], params[1], readRowUpdate2)
        return
      case 'update3':
        this.update(params[0], params[2], readRowUpdate2)
        return
      case 'locked':
      case 'stolen':
        if (typeof params[0] === 'string') this.onLock?.(params[0], method)
        return
      default:
      // A notification of a later version: nothing to answer.
    }
  }

  private update(id: Json | undefined, updates: Json | undefined, readRow: RowUpdateReader): void {
    // Unknown are the last updates of a monitor that is being cancelled.
    if (typeof id === 'string') this.monitors.get(id)?.apply(updates, readRow)
  }
}

const selectedColumns = (database: Database, selection: Selection<Tables>): ReadonlyMap<string, readonly string[]> =>
  new Map(
    Object.entries(selection).flatMap(([table, columns]) => {
      if (!columns) return []
      return [[table, columns === true ? Object.keys(database.tables[table]?.columns ?? {}) : columns] as const]
    }),
  )

const readLocked = (result: Json): boolean => isObject(result) && member(result, 'locked') === true
