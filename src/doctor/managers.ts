import { errorOf, hostAndPort } from './bridges.ts'
import { type Finding, ok, type Rule } from './finding.ts'
import { rootOf } from './snapshot.ts'

/** The command that leaves these managers and no others. */
function setManagers(managers: readonly { readonly target: string }[]): string {
  const targets = managers.map(row => row.target)
  return targets.length === 0 ? 'ovs-vsctl del-manager' : `ovs-vsctl set-manager ${targets.join(' ')}`
}

/** How the host's OVSDB and its controller find each other. */
export const managerRules: readonly Rule[] = [
  function targets({ intent, snapshot }) {
    const managers = [...snapshot.Manager.values()]
    const dialling = managers.filter(row => /^(tcp|ssl|unix):/.test(row.target))
    const findings = dialling.flatMap((row): Finding[] =>
      row.is_connected
        ? [ok(`its OVSDB has reached ${row.target}`)]
        : [
            {
              level: 'warning',
              what: `its OVSDB does not reach ${row.target}${errorOf(row)}`,
              why: 'a manager that is gone is asked for ever; one that is meant to be there does not hear of this host',
              cure: `${setManagers(managers.filter(one => one !== row))}  # when ${hostAndPort(row.target)} is gone for good`,
            },
          ],
    )
    const places = Map.groupBy(dialling, row => hostAndPort(row.target))
    for (const [place, rows] of places) {
      if (rows.length === 1) continue
      findings.push({
        level: 'warning',
        what: `two managers are one: ${rows.map(row => row.target).join(', ')} are all ${place}`,
        why: 'each is a session of its own, and both would be told and write the same',
        cure: setManagers(managers.filter(row => row === rows[0] || !rows.includes(row))),
      })
    }
    if (intent.dialsIn && dialling.length === 0) {
      findings.push({
        level: 'error',
        what: 'it is to dial the controller and has no manager to dial',
        why: 'the topology gives no ovsdb endpoint for it',
        cure: 'ovs-vsctl set-manager tcp:CONTROLLER:6640',
      })
    }
    return findings
  },

  function identity({ intent, snapshot }) {
    if (!intent.dialsIn || intent.name === undefined) return []
    const ids = rootOf(snapshot)?.external_ids
    const names = [ids?.get('hostname'), ids?.get('system-id')]
    if (names.includes(intent.name)) return [ok(`it calls itself ${intent.name}`)]
    const called = names.filter(name => name !== undefined).join(', ')
    return [
      {
        level: 'error',
        what: `it calls itself ${called === '' ? 'nothing' : called}, not ${intent.name}`,
        why: 'a host that dials in is known by external_ids:hostname, or system-id',
        cure: `ovs-vsctl set Open_vSwitch . external_ids:hostname=${intent.name}`,
      },
    ]
  },
]
