/** What is worth remembering of what happens, and what each kind tells. */
export const EVENT_KINDS = {
  'topology-applied': 'a topology was taken',
  'topology-refused': 'a topology had problems; nothing changed',
  'host-connected': 'a host’s OVSDB was read',
  'host-disconnected': 'the session with a host’s OVSDB ended',
  'host-refused': 'a host refused a transaction, or was sent away',
  'host-problem': 'something of a host is not as wanted and is left alone, such as a bridge that is not Weft’s',
  'host-cured': 'a problem of a host is gone',
  'host-adopted': 'a host was taken in: its bridges are Weft’s from here on',
  'host-released': 'a host was let go: Weft removes all that is its own from it',
  'bridge-connected': 'a bridge opened its OpenFlow session',
  'bridge-disconnected': 'the OpenFlow session of a bridge ended',
  'bridge-reconciled': 'a bridge was read, and sent what differs',
  'bridge-refused': 'a bridge refused something; it is read again',
  'bridge-emptied': 'somebody removed the flows of a bridge; it is filled again',
  'datapath-refused': 'a datapath that no host declares was sent away',
  'port-bound': 'a port was plugged in',
  'port-moved': 'a port was plugged in on another host',
  'port-renumbered': 'a plugged port has another OpenFlow port number',
  'port-unbound': 'a port was unplugged',
  'port-contested': 'a port is plugged in on several hosts: the last one has it',
  'mac-moved': 'a MAC without a port of its own is behind another port now',
  'mac-flapping': 'a MAC moves too often; it stays where it is for a while',
  'mac-overflow': 'a port has more MACs behind it than are learned',
  'lease-granted': 'a guest was given its address by DHCP',
  'lease-released': 'a guest gave its address back',
  'lease-declined': 'a guest says that its address is in use by another',
} as const
export type EventKind = keyof typeof EVENT_KINDS

/** Something that happened, told once. */
export interface Event {
  readonly kind: EventKind
  /** What it happened to, as flows name their owner: `host h1`, `bridge h1/br-int`, `port red-a`, `topology`. */
  readonly subject: string
  readonly message: string
}

/** Where rooms tell what happened. */
export type OnEvent = (event: Event) => void
