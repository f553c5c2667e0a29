import { endpointPattern } from '../topology/endpoint.ts'

/** Where something listens or is dialled. The one grammar of files, flags, environment and OVSDB rows. */
export type Endpoint =
  | { readonly transport: 'tcp' | 'ssl'; readonly host: string; readonly port: number }
  | { readonly transport: 'unix'; readonly path: string }

/**
 * Parses `tcp:ADDR:PORT`, `ssl:ADDR:PORT` (an IPv6 address in brackets) or `unix:PATH`. Port 0, where one listens, is any free one.
 *
 * @throws {EndpointError} with what is wrong, in one line.
 */
export function parseEndpoint(text: string): Endpoint {
  const groups = endpointPattern.exec(text)?.groups
  if (groups === undefined) {
    throw new EndpointError(`"${text}" is not an endpoint: tcp:ADDR:PORT, ssl:ADDR:PORT or unix:PATH`)
  }
  if (groups['path'] !== undefined) return { transport: 'unix', path: groups['path'] }
  const port = Number(groups['port'])
  if (port > 65_535) throw new EndpointError(`"${text}": port ${port} is too big (0..65535)`)
  return { transport: groups['transport'] as 'tcp' | 'ssl', host: (groups['host6'] ?? groups['host'])!, port }
}

/** The endpoint in the grammar that `parseEndpoint` reads, which is also that of OVSDB's active connection methods. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.transport === 'unix') return `unix:${endpoint.path}`
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host
  return `${endpoint.transport}:${host}:${endpoint.port}`
}

export class EndpointError extends Error {
  override readonly name = 'EndpointError'
}
