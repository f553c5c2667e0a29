import type { SecureContextOptions, TlsOptions } from 'node:tls'

/** What node:tls takes when dialling or listening; with `ca` the other side must show a certificate that it signed. */
export type TlsSettings = SecureContextOptions & Pick<TlsOptions, 'requestCert' | 'rejectUnauthorized'>

/** Where to dial or to listen; port 0 listens on any free port. */
export type Address =
  | { readonly transport: 'tcp'; readonly host: string; readonly port: number }
  | { readonly transport: 'ssl'; readonly host: string; readonly port: number; readonly tls: TlsSettings }
  | { readonly transport: 'unix'; readonly path: string }

/** The address in Open vSwitch's spelling, without secrets. */
export const describeAddress = (address: Address): string => {
  if (address.transport === 'unix') return `unix:${address.path}`
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return `${address.transport}:${host}:${address.port}`
}
