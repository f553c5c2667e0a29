import type { Address } from '../address.ts'
import { type DatabaseSchema, formatSchema } from '../database-schema.ts'
import { excerpt, type Json } from '../json.ts'
import type { JsonRpcOptions } from '../jsonrpc.ts'
import { type Operation, type Results, readResults } from '../operations.ts'
import { systemTimers } from '../timers.ts'
import { type DialOptions, dial, type Listener, listen, type Stream } from '../transport.ts'
import { MemoryDatabase } from './database.ts'
import { Locks } from './locks.ts'
import { OperationError } from './operation-error.ts'
import { ServerSession } from './server-session.ts'
import { newUuid } from './stored-table.ts'
import { WaitingTransactions } from './waiting-transactions.ts'

/** An OVSDB server with one database in memory, for tests and benchmarks: RFC 7047 with the extensions of ovsdb-server(7). */
export class OvsdbServer {
  readonly database: MemoryDatabase
  /** The answer to get_server_id. */
  readonly id = newUuid()
  /** The answer to get_schema. */
  readonly schemaJson: Json
  readonly locks: Locks<ServerSession>
  readonly waiting: WaitingTransactions
  private readonly options: JsonRpcOptions
  private readonly sessions = new Set<ServerSession>()
  private readonly listeners = new Set<Listener>()

  constructor(schema: DatabaseSchema, options: JsonRpcOptions = {}) {
    this.options = options
    this.database = new MemoryDatabase(schema)
    this.schemaJson = formatSchema(schema)
    this.locks = new Locks((session, event, lock) => session.rpc.notify(event, [lock]))
    this.waiting = new WaitingTransactions(this.database, options.timers ?? systemTimers, (session, lock) =>
      this.locks.owns(session, lock),
    )
    this.database.listeners.add(changes => {
      for (const session of this.sessions) session.committed(changes)
      queueMicrotask(() => this.waiting.retry())
    })
  }

  /** Listens for clients. */
  async listen(address: Address): Promise<Listener> {
    const listener = await listen(address, stream => this.serve(stream))
    this.listeners.add(listener)
    return listener
  }

  /** Dials a client that listens, as ovsdb-server does for a Manager row; resolves when it is connected. */
  async dial(address: Address, options: DialOptions = {}): Promise<ServerSession> {
    return this.serve(await dial(address, options))
  }

  /** Serves the client at the other end of a stream. */
  serve(stream: Stream): ServerSession {
    const session = new ServerSession(this, stream, this.options)
    this.sessions.add(session)
    session.rpc.closed.then(() => {
      this.sessions.delete(session)
      this.locks.leave(session)
      this.waiting.leave(session)
    })
    return session
  }

  /** Carries out a transaction from within the process; throws an OvsdbError. A `wait` fails at once. */
  transact<const Operations extends readonly Operation[]>(operations: Operations): Results<Operations> {
    const outcome = this.database.execute(operations.map(({ wire }) => wire))
    return readResults(operations, 'results' in outcome ? outcome.results : [])
  }

  /** The database of this name; throws an OperationError if it is not the server's. */
  databaseOf(name: Json | undefined): MemoryDatabase {
    if (name === this.database.schema.name) return this.database
    throw new OperationError('unknown database', excerpt(name))
  }

  /** Ends all sessions; clients may come back. */
  async disconnect(): Promise<void> {
    const sessions = [...this.sessions]
    for (const { rpc } of sessions) rpc.close()
    await Promise.all(sessions.map(({ rpc }) => rpc.closed))
  }

  /** Ends all sessions and stops listening. */
  async close(): Promise<void> {
    for (const listener of this.listeners) listener.close()
    await this.disconnect()
  }
}
