import type { JsonObject } from './json.ts'

/** Why a connection ended. `message` is one line for a log. */
export interface CloseReason {
  readonly kind: 'closed' | 'peer closed' | 'inactive' | 'protocol error' | 'transport error' | 'peer does not read'
  readonly message: string
}

/** The server answered a request with an error. RFC 7047 § 3.1, § 4.1.3. */
export class OvsdbError extends Error {
  override readonly name = 'OvsdbError'
  /** The error string of the RFC, such as `constraint violation`. */
  readonly error: string
  /** The server's explanation, if it gave one. */
  readonly details: string | undefined
  /** The method that failed, such as `transact`. */
  readonly method: string
  /** The operation that failed, in RFC notation; undefined if the commit as a whole failed. */
  readonly operation: JsonObject | undefined
  /** Its position in the transaction. */
  readonly index: number | undefined

  constructor(
    method: string,
    failure: { readonly error: string; readonly details?: string | undefined },
    failed?: { readonly index: number; readonly operation: JsonObject },
  ) {
    const where = failed
      ? `${method}: operation ${failed.index} (${[failed.operation['op'], failed.operation['table']].join(' ').trim()})`
      : method
    super(`${where}: ${failure.error}${failure.details ? `: ${failure.details}` : ''}`)
    this.method = method
    this.error = failure.error
    this.details = failure.details
    this.operation = failed?.operation
    this.index = failed?.index
  }
}

/** The connection ended before the answer came; whether the request was carried out is not known. */
export class ConnectionClosed extends Error {
  override readonly name = 'ConnectionClosed'
  readonly reason: CloseReason

  constructor(reason: CloseReason, method?: string) {
    super(method === undefined ? reason.message : `${method}: ${reason.message}`)
    this.reason = reason
  }
}

/** No answer came in time; whether the request was carried out is not known. */
export class RequestTimeout extends Error {
  override readonly name = 'RequestTimeout'
}

/** The peer sent what the protocol does not allow; the connection it came from is closed. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

/** The server's schema lacks what was declared; `problems` names each table and column. */
export class SchemaMismatch extends Error {
  override readonly name = 'SchemaMismatch'
  readonly problems: readonly string[]

  constructor(database: string, problems: readonly string[]) {
    super(`the server's schema of ${database} is not the declared one: ${problems.join('; ')}`)
    this.problems = problems
  }
}
