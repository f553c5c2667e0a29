import { brInt } from '../../flows/br-int.ts'
import { brTun } from '../../flows/br-tun.ts'
import { MARK, PORT_NAMES } from '../fabric/host-config.ts'
import { type Finding, ok, type Rule } from './finding.ts'
import { bridgesOf, interfacesOf, rootOf, type Snapshot } from './snapshot.ts'

const OWN: readonly string[] = [brInt.name, brTun.name]

/** The bridges and ports: what is in Weft's way, and what has become of Weft's own. */
export const bridgeRules: readonly Rule[] = [
  function names({ intent, snapshot }) {
    const taken = bridgesOf(snapshot).filter(bridge => OWN.includes(bridge.name) && !bridge.external_ids.has(MARK))
    const adopt = (bridge: string) =>
      intent.name === undefined
        ? `ovs-vsctl del-br ${bridge}  # or take it over, at the controller: weft adopt HOST --yes`
        : `weft adopt ${intent.name} --yes  # at the controller; or on the host: ovs-vsctl del-br ${bridge}`
    const bridges = taken.map((bridge): Finding => {
      const guests = interfacesOf(snapshot, bridge).filter(row => row.external_ids.has('iface-id')).length
      const others = bridge.controller.size === 0 ? '' : ', with a controller of somebody else'
      return {
        level: 'error',
        what: `bridge ${bridge.name} is there and not Weft’s: ${guests} guests${others}`,
        why: 'Weft leaves alone what it did not make; taking it over removes the flows it has',
        cure: adopt(bridge.name),
      }
    })
    const ports = [...snapshot.Port.values()]
      .filter(port => (Object.values(PORT_NAMES) as string[]).includes(port.name) && !port.external_ids.has(MARK))
      .map((port): Finding => {
        const bridge = bridgesOf(snapshot).find(one => one.ports.has(port._uuid))
        const what = `port ${port.name} is there and not Weft’s, on bridge ${bridge?.name ?? '(none)'}`
        const why = 'a port’s name is unique on a host, and Weft needs this one'
        return { level: 'error', what, why, cure: `ovs-vsctl del-port ${port.name}` }
      })
    return bridges.length + ports.length === 0
      ? [ok('nothing is in the way of Weft’s bridges and ports')]
      : [...bridges, ...ports]
  },

  function tunnelPorts({ snapshot }) {
    const rivals = [...snapshot.Port.values()].flatMap(port =>
      port.external_ids.has(MARK) || (Object.values(PORT_NAMES) as string[]).includes(port.name)
        ? []
        : [...port.interfaces].flatMap(id => snapshot.Interface.get(id) ?? []),
    )
    return rivals
      .filter(
        row =>
          ['vxlan', 'gre'].includes(row.type) &&
          row.options.get('remote_ip') === 'flow' &&
          row.options.get('key') === 'flow',
      )
      .map(row => ({
        level: 'error',
        what: `port ${row.name} is a ${row.type} port for every peer and every key`,
        why: 'Open vSwitch has one such port a host and type, so Weft’s would not come to be',
        cure: `ovs-vsctl del-port ${row.name}`,
      }))
  },

  function otherControllers({ snapshot }) {
    const remote = rootOf(snapshot)?.external_ids.get('ovn-remote')
    const ovn: Finding[] =
      remote === undefined
        ? []
        : [
            {
              level: 'warning',
              what: `OVN is set up to manage this host, from ${remote}`,
              why: 'ovn-controller makes a br-int of its own and removes flows that it does not know',
              cure: 'systemctl disable --now ovn-controller; ovs-vsctl remove Open_vSwitch . external_ids ovn-remote',
            },
          ]
    const own = bridgesOf(snapshot).filter(bridge => bridge.external_ids.has(MARK))
    const strangers = own.flatMap(bridge =>
      controllersOf(snapshot, bridge.controller)
        .filter(row => !row.external_ids.has(MARK))
        .map((row): Finding => {
          const what = `bridge ${bridge.name} has another controller beside Weft: ${row.target}`
          const why = 'two controllers undo each other’s flows'
          const cure = `ovs-vsctl remove Bridge ${bridge.name} controller ${row._uuid}`
          return { level: 'warning', what, why, cure }
        }),
    )
    return [...ovn, ...strangers]
  },

  function ownBridges({ snapshot }) {
    return bridgesOf(snapshot)
      .filter(bridge => bridge.external_ids.has(MARK))
      .flatMap((bridge): Finding[] => {
        const { name } = bridge
        const findings: Finding[] = []
        if (bridge.fail_mode !== 'secure') {
          findings.push({
            level: 'error',
            what: `fail_mode of bridge ${name} is ${bridge.fail_mode ?? 'not set'}`,
            why: 'without its controller it would join all tenants as one plain switch',
            cure: `ovs-vsctl set-fail-mode ${name} secure`,
          })
        }
        if (bridge.other_config.get('disable-in-band') !== 'true') {
          findings.push({
            level: 'warning',
            what: `bridge ${name} may be controlled in-band`,
            why: 'hidden flows let traffic to the controller past all others',
            cure: `ovs-vsctl set Bridge ${name} other_config:disable-in-band=true`,
          })
        }
        for (const row of controllersOf(snapshot, bridge.controller)) {
          if (row.is_connected || !row.external_ids.has(MARK)) continue
          findings.push({
            level: 'warning',
            what: `bridge ${name} does not reach Weft at ${row.target}${errorOf(row)}`,
            why: 'it keeps the flows it has and learns of nothing new (the database may be five seconds behind)',
            cure: `nc -zv ${hostAndPort(row.target)}  # and --advertise of weft run`,
          })
        }
        return findings.length === 0 ? [ok(`bridge ${name} is Weft’s and as it should be`)] : findings
      })
  },

  function ports({ snapshot }) {
    const claims = new Map<string, string[]>()
    const findings: Finding[] = []
    for (const bridge of bridgesOf(snapshot)) {
      if (!OWN.includes(bridge.name)) continue
      const rows = interfacesOf(snapshot, bridge).sort((a, b) => (a.ofport ?? 0) - (b.ofport ?? 0))
      for (const row of rows) {
        if (row.error !== undefined) {
          findings.push({
            level: 'error',
            what: `port ${row.name} of ${bridge.name} did not come to be: ${row.error}`,
            why: 'it has no number, so no flow leads to it',
            cure: `ip link show ${row.name}; ovs-vsctl del-port ${row.name}`,
          })
        }
        const port = row.external_ids.get('iface-id')
        if (port !== undefined && bridge.name === brInt.name) claims.set(port, [...(claims.get(port) ?? []), row.name])
      }
    }
    for (const [port, names] of claims) {
      if (names.length === 1) continue
      findings.push({
        level: 'warning',
        what: `interfaces ${names.join(' and ')} both say that they are port ${port}`,
        why: 'the one with the lowest port number has it, the others are dropped',
        cure: `ovs-vsctl remove Interface ${names[1]} external_ids iface-id`,
      })
    }
    return findings
  },
]

function controllersOf(snapshot: Snapshot, ids: ReadonlySet<string>) {
  return [...snapshot.Controller.values()].filter(row => ids.has(row._uuid))
}

/** What a connection's status says it died of. */
export function errorOf(row: { readonly status: ReadonlyMap<string, string> }): string {
  const error = row.status.get('last_error')
  return error === undefined ? '' : ` (${error})`
}

/** `tcp:192.0.2.9:6653` as arguments of nc. */
export function hostAndPort(target: string): string {
  const { host = '', port = '' } = /^\w+:\[?(?<host>.*?)\]?:(?<port>\d+)$/.exec(target)?.groups ?? {}
  return host === '' ? target : `${host} ${port}`
}
