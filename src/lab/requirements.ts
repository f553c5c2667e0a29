import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { LabError } from './error.ts'

/** The Debian package of every program that a lab runs. `scripts/install-deps` installs them all. */
export const PACKAGES = {
  arping: 'iputils-arping',
  bash: 'bash',
  dhclient: 'isc-dhcp-client',
  dhcpcd: 'dhcpcd-base',
  ethtool: 'ethtool',
  ip: 'iproute2',
  mount: 'mount',
  nc: 'netcat-openbsd',
  nsenter: 'util-linux',
  'ovs-vswitchd': 'openvswitch-switch',
  'ovsdb-server': 'openvswitch-switch',
  ping: 'iputils-ping',
  setpriv: 'util-linux',
  tcpdump: 'tcpdump',
  udhcpc: 'udhcpc',
  unshare: 'util-linux',
} as const

export type Program = keyof typeof PACKAGES

/** What every lab needs; the rest is asked for when it is used. */
const ALWAYS: readonly Program[] = ['bash', 'ethtool', 'ip', 'mount', 'nsenter', 'ovs-vswitchd', 'setpriv', 'unshare']

/** The search path of everything that runs in a lab: users' own often lacks the folders of administration. */
export const PATH = [process.env['PATH'], '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin']
  .filter(Boolean)
  .join(delimiter)

/** @throws {LabError} when this process may not make namespaces, or a program is missing. */
export function checkRequirements(): void {
  if (process.platform !== 'linux') throw new LabError(`a lab needs Linux, this is ${process.platform}`)
  if (process.geteuid?.() !== 0) throw new LabError('a lab needs root: network namespaces, Open vSwitch; try sudo')
  checkPrograms(ALWAYS)
}

/** @throws {LabError} naming the missing programs and how to install them. */
export function checkPrograms(programs: readonly Program[]): void {
  const missing = programs.filter(program => !isInstalled(program))
  if (missing.length === 0) return
  const packages = [...new Set(missing.map(program => PACKAGES[program]))]
  throw new LabError(`a lab needs ${missing.join(', ')}: apt-get install ${packages.join(' ')}`)
}

function isInstalled(program: string): boolean {
  return PATH.split(delimiter).some(folder => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
