import type { Host } from './host.ts'
import type { Network } from './network.ts'
import type { Port } from './port.ts'
import type { Subnet } from './subnet.ts'

/** The wanted network with nothing left open: every resource by its id, in the order of the document. */
export interface Topology {
  readonly hosts: ReadonlyMap<string, Host>
  readonly networks: ReadonlyMap<string, Network>
  readonly subnets: ReadonlyMap<string, Subnet>
  readonly ports: ReadonlyMap<string, Port>
}
