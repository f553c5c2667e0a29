import type { Address } from './address.ts'
import type { JsonRpcOptions } from './jsonrpc.ts'
import { OvsdbSession } from './session.ts'
import { type DialOptions, dial, type Listener, listen } from './transport.ts'

/** Dials an OVSDB server; rejects with ConnectionClosed if it cannot be reached. */
export const connectOvsdb = async (
  address: Address,
  options: JsonRpcOptions & DialOptions = {},
): Promise<OvsdbSession> => new OvsdbSession(await dial(address, options), options)

/** Where sessions of dialled-in servers go. */
export interface ListenOptions extends JsonRpcOptions {
  readonly onSession: (session: OvsdbSession) => void
  /** Told of connections that failed before they became a session, such as in the TLS handshake. */
  readonly onRefused?: (error: Error) => void
}

/** Listens for OVSDB servers that dial in (`ovs-vsctl set-manager`); each becomes a session. */
export const listenOvsdb = (address: Address, options: ListenOptions): Promise<Listener> =>
  listen(address, stream => options.onSession(new OvsdbSession(stream, options)), options.onRefused)
