import { Address6 } from 'ip-address'

/** `tcp:ADDR:PORT`, `ssl:ADDR:PORT` (an IPv6 ADDR in brackets) or `unix:PATH`; groups `transport`, `host`, `port`, `path`. */
export const endpointPattern =
  /^(?:(?<transport>tcp|ssl):(?:\[(?<host6>[\da-f:.]+)\]|(?<host>[a-z\d](?:[a-z\d.-]*[a-z\d])?)):(?<port>\d{1,5})|unix:(?<path>\S+))$/i

/** Why text names no peer to dial, as the end of a sentence. */
export function endpointComplaint(text: string): string | undefined {
  const groups = endpointPattern.exec(text)?.groups
  if (!groups) return 'is not an endpoint (tcp:ADDR:PORT, ssl:ADDR:PORT or unix:PATH)'
  const { host6, port } = groups
  if (host6 !== undefined && !Address6.isValid(host6)) return `has no IPv6 address between its brackets`
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65535)) return 'has a port outside 1..65535'
  return undefined
}
