import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectOpenFlow, formatFlow } from 'node-openflow'
import type { HostRow, NetworkRow, PortRow } from '../flows/inputs.ts'
import { portArpAnswers, remotePortFlow } from '../flows/port.ts'
import { BridgeSession } from '../src/fabric/bridge-session.ts'
import { silentLogger } from '../src/log.ts'
import { decodeFlow } from '../src/pipeline/flow-bytes.ts'
import type { Item } from '../src/pipeline/item.ts'
import { median, report, round } from './figure.ts'

// 100,000 pipeline-like flows into one real ovs-vswitchd, acknowledged, through the driver that the controller uses (it reads
// the bridge first and fills it in bundles of 10,000), against `ovs-ofctl --bundle add-flows` of the same flows in the same run.
// Needs root: the switch runs in namespaces of its own.

if (process.argv[2] !== 'inside') {
  const argv = [
    '-m',
    '-n',
    '--',
    process.execPath,
    '--conditions=weft-source',
    import.meta.filename,
    'inside',
    ...process.argv.slice(2),
  ]
  spawn('unshare', argv, { stdio: 'inherit' }).on('exit', code => process.exit(code ?? 1))
} else {
  await measure(Number(process.argv[3] ?? 100_000), Number(process.argv[4] ?? 5))
}

async function measure(count: number, rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-bench-'))
  const env = { ...process.env, OVS_RUNDIR: folder, OVS_LOGDIR: folder, OVS_DBDIR: folder }
  const run = (program: string, ...argv: string[]) =>
    execFileSync(program, argv, { env, stdio: ['ignore', 'pipe', 'ignore'] })
  run('ovsdb-tool', 'create', join(folder, 'conf.db'), '/usr/share/openvswitch/vswitch.ovsschema')
  const sock = `unix:${folder}/db.sock`
  run('ovsdb-server', join(folder, 'conf.db'), `--remote=p${sock}`, '--pidfile', '--detach', '--log-file')
  run('ovs-vsctl', `--db=${sock}`, '--no-wait', 'init')
  run('ovs-vswitchd', sock, '--pidfile', '--detach', '--log-file')
  run(
    'ovs-vsctl',
    `--db=${sock}`,
    'add-br',
    'br0',
    '--',
    'set',
    'bridge',
    'br0',
    'datapath_type=netdev',
    'fail_mode=secure',
  )
  try {
    const flows = makeFlows(count)
    const file = join(folder, 'flows')
    writeFileSync(file, `${flows.map(textOf).join('\n')}\n`)
    const mgmt = join(folder, 'br0.mgmt')
    const empty = () => run('ovs-ofctl', '-O', 'OpenFlow15', 'del-flows', `unix:${mgmt}`)
    const held = () =>
      Number(
        /flow_count=(\d+)/.exec(String(run('ovs-ofctl', '-O', 'OpenFlow15', 'dump-aggregate', `unix:${mgmt}`)))?.[1],
      )

    const ours: number[] = []
    const ofctl: number[] = []
    for (let round = 0; round < rounds; round++) {
      empty()
      const before = performance.now()
      run('ovs-ofctl', '-O', 'OpenFlow15', '--bundle', 'add-flows', `unix:${mgmt}`, file)
      ofctl.push(performance.now() - before)
      if (held() !== count) throw new Error(`ovs-ofctl left ${held()} flows`)
      empty()
      ours.push(await fill(mgmt, flows))
      if (held() !== count) throw new Error(`the driver left ${held()} flows`)
    }
    const weft = median(ours)
    const reference = median(ofctl)
    report('flows into ovs-vswitchd', {
      flows: count,
      rounds,
      weft_ms: round(weft),
      ovs_ofctl_bundle_ms: round(reference),
      ratio: round(weft / reference),
    })
  } finally {
    for (const daemon of ['ovs-vswitchd', 'ovsdb-server']) run('ovs-appctl', '-t', daemon, 'exit')
    rmSync(folder, { recursive: true, force: true })
  }
}

/** ms from the opened connection to the last acknowledgement, the reading of the bridge included. */
async function fill(path: string, flows: readonly Item[]): Promise<number> {
  const desired = new Map(flows.map(flow => [flow.key, flow]))
  const connection = await connectOpenFlow({ transport: 'unix', path }, { versions: [6] })
  const start = performance.now()
  await new Promise<void>(resolve => {
    const session: BridgeSession = new BridgeSession({
      target: 'br0',
      connection,
      log: silentLogger,
      onEvent: () => {},
      desired: () => desired,
      onRead: () => session.reconcile(true),
      onFilled: () => {},
      onProgress: () => {
        if (session.synced) resolve()
      },
    })
  })
  const ms = performance.now() - start
  connection.close()
  await connection.closed
  return ms
}

/** The flows that ports have elsewhere, as `flows/port.ts` makes them: one ARP answer and one "its MAC is on that host" each. */
function makeFlows(count: number): Item[] {
  const host: HostRow = {
    name: 'h1',
    tunnelIp: 0xc0000201,
    brInt: { patchTun: 1 },
    brTun: { patchInt: 1, vxlan: 2, gre: 3 },
    providers: {},
  }
  const flows: Item[] = []
  for (let n = 0; flows.length < count; n++) {
    const number = 1 + (n % 50)
    const network: NetworkRow = {
      name: `n${number}`,
      type: 'vxlan',
      number,
      segment: 5000 + number,
      physicalNetwork: undefined,
      learning: false,
    }
    const port: PortRow = {
      name: `p${n}`,
      network: network.name,
      mac: 0xfa163e000000 + n,
      addresses: [{ ip: 0x0a000000 + n, subnet: 's' }],
      learning: false,
    }
    flows.push(...portArpAnswers(port, network), remotePortFlow(port, network, host, 0xc0000202))
  }
  return flows.slice(0, count)
}

function textOf(item: Item): string {
  if (item.kind !== 'flow') throw new Error('only flows')
  return formatFlow(decodeFlow(item.bytes))
}
