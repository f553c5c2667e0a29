import {
  bool,
  bytes,
  clientFqdn,
  domains,
  flag,
  i32,
  ip,
  ipPairs,
  ips,
  type OptionKind,
  routes,
  string,
  u8,
  u8s,
  u16,
  u16s,
  u32,
} from './dhcp-option-kinds.ts'
import { PacketError } from './error.ts'

interface Option<T> {
  readonly code: number
  readonly kind: OptionKind<T>
  readonly aliases: readonly string[]
}

const option = <T>(code: number, kind: OptionKind<T>, ...aliases: string[]): Option<T> => ({ code, kind, aliases })

/**
 * The DHCP options with a known form, by the name Neutron's `extra_dhcp_opts` has for them (dnsmasq's, where it has one); other
 * names in use (IANA's, ISC's) behind. IANA "BOOTP Vendor Extensions and DHCP Options"; RFC 2132 where a line names no other source.
 */
const table = {
  // Addresses and names of the network
  netmask: option(1, ip, 'subnet-mask'),
  'time-offset': option(2, i32),
  router: option(3, ips, 'routers'),
  'time-server': option(4, ips, 'time-servers'),
  'name-server': option(5, ips, 'ien116-name-servers'),
  'dns-server': option(6, ips, 'domain-name-servers', 'domain-server'),
  'log-server': option(7, ips, 'log-servers'),
  'cookie-server': option(8, ips, 'cookie-servers', 'quotes-server'),
  'lpr-server': option(9, ips, 'lpr-servers'),
  'impress-server': option(10, ips, 'impress-servers'),
  'resource-location-server': option(11, ips, 'resource-location-servers', 'rlp-server'),
  hostname: option(12, string, 'host-name'),
  'boot-file-size': option(13, u16, 'boot-size'),
  'merit-dump': option(14, string, 'merit-dump-file'),
  'domain-name': option(15, string),
  'swap-server': option(16, ip),
  'root-path': option(17, string),
  'extension-path': option(18, string, 'extensions-path'),
  // IP of the host
  'ip-forward-enable': option(19, bool, 'ip-forwarding'),
  'non-local-source-routing': option(20, bool),
  'policy-filter': option(21, ipPairs),
  'max-datagram-reassembly': option(22, u16, 'max-dgram-reassembly'),
  'default-ttl': option(23, u8, 'default-ip-ttl'),
  'path-mtu-aging-timeout': option(24, u32),
  'path-mtu-plateau-table': option(25, u16s),
  // IP of the interface
  mtu: option(26, u16, 'interface-mtu'),
  'all-subnets-local': option(27, bool),
  broadcast: option(28, ip, 'broadcast-address'),
  'perform-mask-discovery': option(29, bool),
  'mask-supplier': option(30, bool),
  'router-discovery': option(31, bool),
  'router-solicitation': option(32, ip, 'router-solicitation-address'),
  'static-route': option(33, ipPairs, 'static-routes'),
  'trailer-encapsulation': option(34, bool),
  'arp-timeout': option(35, u32, 'arp-cache-timeout'),
  'ethernet-encap': option(36, bool, 'ieee802-3-encapsulation'),
  // TCP
  'tcp-ttl': option(37, u8, 'default-tcp-ttl'),
  'tcp-keepalive': option(38, u32, 'tcp-keepalive-interval'),
  'tcp-keepalive-garbage': option(39, bool),
  // Applications and services
  'nis-domain': option(40, string),
  'nis-server': option(41, ips, 'nis-servers'),
  'ntp-server': option(42, ips, 'ntp-servers'),
  'vendor-encap': option(43, bytes, 'vendor-encapsulated-options'),
  'netbios-ns': option(44, ips, 'netbios-name-servers'),
  'netbios-dd': option(45, ips, 'netbios-dd-server'),
  'netbios-nodetype': option(46, u8, 'netbios-node-type'),
  'netbios-scope': option(47, string),
  'x-windows-fs': option(48, ips, 'font-servers'),
  'x-windows-dm': option(49, ips, 'x-display-manager'),
  // DHCP itself
  'requested-address': option(50, ip, 'dhcp-requested-address'),
  'lease-time': option(51, u32, 'dhcp-lease-time'),
  'option-overload': option(52, u8, 'dhcp-option-overload'),
  'message-type': option(53, u8, 'dhcp-message-type'),
  'server-id': option(54, ip, 'server-identifier', 'dhcp-server-identifier'),
  'parameter-request': option(55, u8s, 'parameter-request-list', 'dhcp-parameter-request-list'),
  message: option(56, string, 'dhcp-message'),
  'max-message-size': option(57, u16, 'dhcp-max-message-size'),
  T1: option(58, u32, 'renewal-time', 'dhcp-renewal-time'),
  T2: option(59, u32, 'rebinding-time', 'dhcp-rebinding-time'),
  'vendor-class': option(60, string, 'vendor-class-identifier'),
  'client-id': option(61, bytes, 'client-identifier', 'dhcp-client-identifier'),
  // More services
  'netware-domain': option(62, string, 'nwip-domain'), // RFC 2242
  'netware-information': option(63, bytes, 'nwip-suboptions'), // RFC 2242
  'nis+-domain': option(64, string, 'nisplus-domain'),
  'nis+-server': option(65, ips, 'nisplus-servers'),
  'tftp-server': option(66, string, 'tftp-server-name'),
  'bootfile-name': option(67, string),
  'mobile-ip-home': option(68, ips, 'mobile-ip-home-agent'),
  'smtp-server': option(69, ips),
  'pop3-server': option(70, ips, 'pop-server'),
  'nntp-server': option(71, ips),
  'www-server': option(72, ips),
  'finger-server': option(73, ips),
  'irc-server': option(74, ips),
  'streettalk-server': option(75, ips),
  'streettalk-directory-assistance-server': option(76, ips),
  'user-class': option(77, bytes), // RFC 3004, which few clients follow
  'slp-directory-agent': option(78, bytes), // RFC 2610
  'slp-service-scope': option(79, bytes), // RFC 2610
  'rapid-commit': option(80, flag), // RFC 4039
  'client-fqdn': option(81, clientFqdn, 'fqdn'), // RFC 4702
  'relay-agent': option(82, bytes, 'relay-agent-information'), // RFC 3046
  'nds-servers': option(85, ips), // RFC 2241
  'nds-tree-name': option(86, string), // RFC 2241
  'nds-context': option(87, string), // RFC 2241
  'bcmcs-controller-domain': option(88, domains), // RFC 4280
  'bcmcs-controller': option(89, ips), // RFC 4280
  authentication: option(90, bytes), // RFC 3118
  'client-last-transaction-time': option(91, u32), // RFC 4388
  'associated-ip': option(92, ips), // RFC 4388
  'client-arch': option(93, u16s, 'pxe-system-type'), // RFC 4578
  'client-interface-id': option(94, bytes, 'pxe-interface-id'), // RFC 4578
  'client-machine-id': option(97, bytes, 'pxe-client-id'), // RFC 4578
  'user-authentication': option(98, string, 'uap-servers'), // RFC 2485
  'geoconf-civic': option(99, bytes), // RFC 4776
  'posix-timezone': option(100, string, 'pcode'), // RFC 4833
  'tzdb-timezone': option(101, string, 'tcode'), // RFC 4833
  'ipv6-only': option(108, u32, 'v6-only-preferred'), // RFC 8925
  'netinfo-server-address': option(112, ips),
  'netinfo-server-tag': option(113, string),
  'captive-portal': option(114, string, 'default-url'), // RFC 8910
  'auto-config': option(116, bool), // RFC 2563
  'name-service-search': option(117, u16s), // RFC 2937
  'subnet-selection': option(118, ip), // RFC 3011
  'domain-search': option(119, domains, 'domain-search-list'), // RFC 3397
  'sip-server': option(120, bytes, 'sip-servers'), // RFC 3361
  'classless-static-route': option(121, routes, 'classless-static-routes', 'rfc3442-classless-static-routes'), // RFC 3442
  'cablelabs-client-configuration': option(122, bytes), // RFC 3495
  geoconf: option(123, bytes), // RFC 6225
  'vendor-id': option(124, bytes, 'vivco'), // RFC 3925
  'vendor-id-encap': option(125, bytes, 'vivso'), // RFC 3925
  'pana-agent': option(136, ips), // RFC 5192
  'lost-server': option(137, domains), // RFC 5223
  'capwap-ac': option(138, ips), // RFC 5417
  'sip-ua-cs-domains': option(141, domains), // RFC 6011
  'sztp-redirect': option(143, bytes), // RFC 8572
  'rdnss-selection': option(146, bytes), // RFC 6731
  'tftp-server-address': option(150, ips), // RFC 5859
  'status-code': option(151, bytes), // RFC 6926
  'port-params': option(159, bytes), // RFC 7618
  'mud-url': option(161, string), // RFC 8520
  etherboot: option(175, bytes), // gPXE and iPXE encapsulated options
  'pxelinux-magic': option(208, bytes), // RFC 5071
  'config-file': option(209, string, 'pxelinux-configfile'), // RFC 5071
  'path-prefix': option(210, string, 'pxelinux-pathprefix'), // RFC 5071
  'reboot-time': option(211, u32, 'pxelinux-reboottime'), // RFC 5071
  'option-6rd': option(212, bytes), // RFC 5969
  'access-network-domain': option(213, domains), // RFC 5986
  'subnet-allocation': option(220, bytes), // RFC 6656
  'virtual-subnet-selection': option(221, bytes), // RFC 6607
  'ms-classless-static-route': option(249, routes), // what Windows asked for before RFC 3442
  wpad: option(252, string, 'auto-proxy-config'), // Web Proxy Auto-Discovery, never standardised
} as const

type Table = typeof table
export type DhcpOptionName = keyof Table
export type DhcpOptionValue<Name extends DhcpOptionName> = Table[Name] extends Option<infer T> ? T : never

/**
 * The options of a message in their order, whole values by number, known or not. Values read from a message are views of it.
 * They are kept as bytes, so that one malformed option spoils no other; dhcpOption reads one.
 */
export type DhcpOptions = ReadonlyMap<number, Uint8Array>

const entries = Object.entries(table) as [DhcpOptionName, Option<unknown>][]
const nameByCode = new Map<number, DhcpOptionName>()
const nameByText = new Map<string, DhcpOptionName>()
for (const [name, { code, aliases }] of entries) {
  if (nameByCode.has(code)) throw new Error(`DHCP option ${code} is both ${nameByCode.get(code)} and ${name}`)
  nameByCode.set(code, name)
  for (const text of [name, ...aliases]) {
    if (nameByText.has(text))
      throw new Error(`DHCP options ${nameByText.get(text)} and ${name} are both called ${text}`)
    nameByText.set(text, name)
  }
}

/** The names of all options with a known form. */
export const dhcpOptionNames: readonly DhcpOptionName[] = entries.map(([name]) => name)

export const dhcpOptionCode = (name: DhcpOptionName): number => table[name].code

/** Reads one option; undefined where the message has none, PacketError where it is malformed. */
export function dhcpOption<Name extends DhcpOptionName>(
  options: DhcpOptions,
  name: Name,
): DhcpOptionValue<Name> | undefined {
  const value = options.get(table[name].code)
  return value && naming(name, () => kindOf(name).decode(value))
}

/** The bytes of one option's value. */
export const encodeDhcpOption = <Name extends DhcpOptionName>(name: Name, value: DhcpOptionValue<Name>): Uint8Array =>
  naming(name, () => kindOf(name).encode(value))

/** The options of a message to be, in the order given; those that are undefined are left out. */
export function encodeDhcpOptions(
  values: {
    [Name in DhcpOptionName]?: DhcpOptionValue<Name> | undefined
  },
): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>()
  for (const name of Object.keys(values) as DhcpOptionName[]) {
    const value = values[name]
    if (value !== undefined) options.set(table[name].code, encodeDhcpOption(name, value))
  }
  return options
}

/** An option by its name or number and its value in text, as `extra_dhcp_opts` has it. PacketError where either is wrong. */
export function dhcpOptionFromText(option: string, value: string): { code: number; value: Uint8Array } {
  const number = /^\d+$/.test(option) ? Number(option) : undefined
  const name = number === undefined ? nameByText.get(option) : nameByCode.get(number)
  const code = name === undefined ? number : table[name].code
  if (code === undefined || code === 0 || code > 254) {
    throw new PacketError('dhcp', `${JSON.stringify(option)} is no DHCP option`)
  }
  return { code, value: naming(name ?? code, () => textToBytes(name === undefined ? bytes : kindOf(name), value)) }
}

/** An option in text, by name where it has one: `router 10.0.0.1`, `224 0x0a0b`. */
export function formatDhcpOption(code: number, value: Uint8Array): string {
  const name = nameByCode.get(code)
  const text = name === undefined ? bytes.format(value) : naming(name, () => bytesToText(kindOf(name), value))
  return `${name ?? code} ${text}`.trimEnd()
}

const textToBytes = <T>(kind: OptionKind<T>, text: string): Uint8Array => kind.encode(kind.parse(text))
const bytesToText = <T>(kind: OptionKind<T>, value: Uint8Array): string => kind.format(kind.decode(value))

// The compiler does not see that a union of kinds, indexed by one name, is the kind of that name's value.
const kindOf = <Name extends DhcpOptionName>(name: Name): OptionKind<DhcpOptionValue<Name>> =>
  table[name].kind as unknown as OptionKind<DhcpOptionValue<Name>>

/** Says which option is at fault. */
function naming<T>(option: string | number, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof PacketError) throw new PacketError('dhcp', `option ${option}: ${error.what}`)
    throw error
  }
}
