import { ok, type Rule } from './finding.ts'
import { bridgesOf, interfacesOf, rootOf } from './snapshot.ts'

/** The newest release that Weft was not tried with, and those with known faults. */
const TRIED = [3, 1] as const

/** Open vSwitch itself: version, daemon, datapaths, tunnels. */
export const softwareRules: readonly Rule[] = [
  function version({ snapshot, versions }) {
    const [told] = versions.values()
    const recorded = rootOf(snapshot)?.ovs_version
    const version = told ?? recorded
    if (version === undefined) {
      return [
        {
          level: 'unknown',
          what: 'the version of Open vSwitch cannot be told from here',
          why: 'OVSDB has it only where ovs-ctl started Open vSwitch, and no bridge could be asked by OpenFlow',
          cure: 'ovs-vswitchd --version  # or --openflow ENDPOINT of a bridge that listens',
        },
      ]
    }
    const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
    const what = `Open vSwitch ${version}${told === undefined ? ', as its database says' : ', as its bridges say'}`
    if (major < TRIED[0] || (major === TRIED[0] && minor < TRIED[1])) {
      const why = `Weft is tested with ${TRIED.join('.')} and newer`
      return [{ level: 'warning', what, why, cure: 'apt-get install openvswitch-switch  # of a newer release' }]
    }
    return major === 3 && minor === 1 && patch < 3
      ? [
          {
            level: 'warning',
            what,
            why: 'up to 3.1.2 a connection tracked with address-less NAT can end ovs-vswitchd on the userspace datapath; Weft writes none, others might',
            cure: 'apt-get install --only-upgrade openvswitch-switch',
          },
        ]
      : [ok(what)]
  },

  function daemon({ snapshot }) {
    const root = rootOf(snapshot)
    const start = 'systemctl restart openvswitch-switch'
    if (root === undefined) {
      const why = 'nothing can be written into a database without its first row'
      return [{ level: 'error', what: 'its OVSDB is empty', why, cure: 'ovs-vsctl --no-wait init' }]
    }
    if (root.datapath_types.size === 0) {
      const why = 'bridges written into the database would not come to be'
      return [{ level: 'error', what: 'ovs-vswitchd has never run here', why, cure: start }]
    }
    if (root.cur_cfg < root.next_cfg) {
      const what = `ovs-vswitchd lags behind its database: ${root.cur_cfg} of ${root.next_cfg}`
      return [{ level: 'error', what, why: 'it is dead, or it hangs', cure: start }]
    }
    return [ok('ovs-vswitchd has carried out what its database asks of it')]
  },

  function flowRestoreWait({ snapshot }) {
    if (rootOf(snapshot)?.other_config.get('flow-restore-wait') !== 'true') return [ok('flow-restore-wait is not set')]
    return [
      {
        level: 'error',
        what: 'flow-restore-wait is stuck: somebody set it and did not take it back',
        why: 'with it ovs-vswitchd connects to no controller',
        cure: 'ovs-vsctl remove Open_vSwitch . other_config flow-restore-wait',
      },
    ]
  },

  function datapath({ intent: { datapathType }, snapshot, machine }) {
    const types = rootOf(snapshot)?.datapath_types ?? new Set()
    const cure = '# set datapath_type of the host in the topology'
    if (types.size > 0 && !types.has(datapathType)) {
      const what = `it has no ${datapathType} datapath: ${[...types].sort().join(', ')}`
      return [{ level: 'error', what, why: 'its bridges are to have that datapath', cure }]
    }
    if (datapathType === 'netdev') return [ok('it has the netdev datapath')]
    const working = bridgesOf(snapshot).find(
      bridge =>
        ['', 'system'].includes(bridge.datapath_type) &&
        interfacesOf(snapshot, bridge).some(row => row.name === bridge.name && (row.ofport ?? -1) > 0),
    )
    if (working !== undefined) return [ok(`the system datapath works: bridge ${working.name} uses it`)]
    if (machine?.kernelDatapath) return [ok('the kernel has the system datapath')]
    const level = machine === undefined ? 'unknown' : 'error'
    const what =
      machine === undefined
        ? 'whether the kernel has the system datapath cannot be told from here'
        : 'the kernel has not loaded the system datapath'
    return [
      {
        level,
        what,
        why: 'bridges without it do not come to be',
        cure: `modprobe openvswitch  ${cure.replace('#', '# or')}`,
      },
    ]
  },

  function tunnels({ intent: { tunnelIp }, snapshot }) {
    const types = rootOf(snapshot)?.iface_types ?? new Set()
    if (types.size === 0) return []
    const missing = ['vxlan', 'gre'].filter(type => !types.has(type))
    if (missing.length === 0) return [ok('it can make vxlan and gre ports')]
    return [
      {
        level: tunnelIp === undefined ? 'warning' : 'error',
        what: `it cannot make ${missing.join(' and ')} ports`,
        why: 'networks of these types would not reach other hosts',
        cure: 'apt-get install openvswitch-switch  # a whole build; with the system datapath: modprobe vport-vxlan vport-gre',
      },
    ]
  },
]
