import { excerpt, type Json } from '../json.ts'
import { type IncomingRequest, JsonRpc, type JsonRpcOptions } from '../jsonrpc.ts'
import type { Stream } from '../transport.ts'
import { Monitor } from './monitor.ts'
import { OperationError } from './operation-error.ts'
import type { OvsdbServer } from './server.ts'
import type { StoredChange } from './transaction.ts'

const NO_TRANSACTION = '00000000-0000-0000-0000-000000000000'

interface ActiveMonitor {
  readonly id: Json
  readonly monitor: Monitor
  readonly notification: 'update' | 'update2' | 'update3'
}

/** One client of the server. */
export class ServerSession {
  readonly rpc: JsonRpc
  private readonly server: OvsdbServer
  private readonly monitors = new Map<string, ActiveMonitor>()

  constructor(server: OvsdbServer, stream: Stream, options: JsonRpcOptions) {
    this.server = server
    this.rpc = new JsonRpc(
      stream.socket,
      {
        request: request => this.answer(request),
        notification: (method, params) => {
          if (method === 'cancel') server.waiting.cancel(this, params[0] ?? null)
        },
      },
      options,
    )
  }

  /** Tells the client of a commit. */
  committed(changes: readonly StoredChange[]): void {
    for (const active of this.monitors.values()) this.sendUpdate(active, active.monitor.update(changes))
  }

  private sendUpdate({ id, notification }: ActiveMonitor, update: Json | undefined): void {
    if (update === undefined) return
    this.rpc.notify(notification, notification === 'update3' ? [id, NO_TRANSACTION, update] : [id, update])
  }

  private answer(request: IncomingRequest): void {
    const method = Object.hasOwn(methods, request.method) ? methods[request.method] : undefined
    try {
      if (!method) throw new OperationError('unknown method', request.method)
      const result = method(this.server, this, request)
      if (result !== undefined) request.reply(result)
    } catch (error) {
      if (!(error instanceof OperationError)) throw error
      request.fail(error.wire)
    }
  }

  monitor({ method, params }: IncomingRequest): Json {
    const [name, id = null, requests] = params
    const { tables } = this.server.databaseOf(name)
    const key = JSON.stringify(id)
    if (this.monitors.has(key)) throw new OperationError('syntax error', 'duplicate monitor ID')
    const monitor = new Monitor(tables, requests, method === 'monitor' ? 1 : 2)
    const notification = method === 'monitor' ? 'update' : method === 'monitor_cond' ? 'update2' : 'update3'
    this.monitors.set(key, { id, monitor, notification })
    const initial = monitor.initial()
    return notification === 'update3' ? [false, NO_TRANSACTION, initial] : initial
  }

  changeMonitor({ params: [id = null, newId = null, requests] }: IncomingRequest): Json {
    const active = this.activeMonitor(id)
    const changed = { ...active, id: newId }
    this.monitors.delete(JSON.stringify(id))
    this.monitors.set(JSON.stringify(newId), changed)
    this.sendUpdate(changed, active.monitor.changeConditions(this.server.database.tables, requests))
    return {}
  }

  cancelMonitor({ params: [id = null] }: IncomingRequest): Json {
    this.activeMonitor(id)
    this.monitors.delete(JSON.stringify(id))
    return {}
  }

  private activeMonitor(id: Json): ActiveMonitor {
    const active = this.monitors.get(JSON.stringify(id))
    if (!active) throw new OperationError('unknown monitor', excerpt(id))
    return active
  }
}

/** Answers a request; undefined if the answer comes later. */
type Method = (server: OvsdbServer, session: ServerSession, request: IncomingRequest) => Json | undefined

const monitor: Method = (_, session, request) => session.monitor(request)

const lockName = ({ params: [lock] }: IncomingRequest): string => {
  if (typeof lock !== 'string') throw new OperationError('syntax error', `${excerpt(lock)} is no lock`)
  return lock
}

const methods: Readonly<Record<string, Method>> = {
  list_dbs: server => [server.database.schema.name],
  get_schema: (server, _, { params: [name] }) => {
    server.databaseOf(name)
    return server.schemaJson
  },
  get_server_id: server => server.id,
  set_db_change_aware: () => ({}),
  transact: (server, session, request) => {
    server.databaseOf(request.params[0])
    server.waiting.execute(session, request)
    return undefined
  },
  monitor,
  monitor_cond: monitor,
  monitor_cond_since: monitor,
  monitor_cond_change: (_, session, request) => session.changeMonitor(request),
  monitor_cancel: (_, session, request) => session.cancelMonitor(request),
  lock: (server, session, request) => ({ locked: server.locks.lock(session, lockName(request)) }),
  steal: (server, session, request) => {
    server.locks.steal(session, lockName(request))
    return { locked: true }
  },
  unlock: (server, session, request) => {
    server.locks.unlock(session, lockName(request))
    return {}
  },
}
