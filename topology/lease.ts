/** An address that a guest was given by DHCP. Times are ms since 1970. */
export interface Lease {
  /** The port's id; a port has one lease. */
  readonly port: string
  readonly mac_address: string
  readonly ip_address: string
  /** The host (its name) on which the guest asked. */
  readonly host: string
  /** The name the guest was given. */
  readonly hostname?: string
  readonly since: number
  readonly expires: number
}
