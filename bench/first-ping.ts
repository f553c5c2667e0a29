import { createInterface } from 'node:readline'
import { connectOvsdb, operations, vswitch } from 'ovsdb-client'
import { ask } from '../src/cli/client.ts'
import { createLab } from '../src/lab/lab.ts'
import { until } from '../src/lab/until.ts'
import { median, quantile, report, round } from './figure.ts'

// From the commit of iface-id in the host's OVSDB to the first reply that a prober on another host gets, on real Open vSwitch with
// the underlay warm. The prober sends a packet a millisecond all the while; neither side needs ARP, whose timers would be
// measured instead. Needs root.

const ROUNDS = Number(process.argv[2] ?? 20)
const INTERVAL = 0.001

const guests = [...Array(ROUNDS + 1).keys()].map(n => `p${n}`)
const topology = `
hosts:
  h1: { ovsdb: "tcp:198.18.0.1:6640", tunnel_ip: 192.0.2.1, datapath_type: netdev }
  h2: { ovsdb: "tcp:198.18.0.2:6640", tunnel_ip: 192.0.2.2, datapath_type: netdev }
networks:
  red: { network_type: vxlan, segmentation_id: 5001 }
subnets:
  red-v4: { network: red, cidr: 10.0.0.0/24 }
ports:
  prober: { network: red, mac_address: "fa:16:3e:00:01:00", fixed_ips: [{ ip_address: 10.0.0.200 }], binding:host_id: h1 }
${guests.map((name, n) => `  ${name}: { network: red, mac_address: "fa:16:3e:00:00:${hex(n)}", fixed_ips: [{ ip_address: 10.0.0.${10 + n} }], binding:host_id: h2 }`).join('\n')}
`
const lab = await createLab({ topology, name: `first-ping-${process.pid}` })
try {
  const settled = async () => (await ask<{ settled: boolean }>(lab.apiEndpoint, '/v1/status')).settled
  await until(settled, 'the fabric to settle', 20_000)
  await lab.underlayWarm()
  const device = 'eth0'
  const setUp = async (guest: string, address: string, neighbours: readonly (readonly [string, string])[]) => {
    await lab.exec(guest, ['ip', 'address', 'replace', `${address}/24`, 'dev', device])
    for (const [ip, mac] of neighbours) {
      await lab.exec(guest, ['ip', 'neighbour', 'replace', ip, 'lladdr', mac, 'dev', device, 'nud', 'permanent'])
    }
  }
  await setUp(
    'prober',
    '10.0.0.200',
    guests.map((_, n) => [`10.0.0.${10 + n}`, `fa:16:3e:00:00:${hex(n)}`]),
  )
  for (const [n, guest] of guests.entries()) {
    await setUp(guest, `10.0.0.${10 + n}`, [['10.0.0.200', 'fa:16:3e:00:01:00']])
  }

  const session = await connectOvsdb({ transport: 'unix', path: `${lab.folder}/hosts/h2/db.sock` })
  const ops = operations(vswitch)
  const name = (guest: string, ifaceId: string) =>
    session.transact(vswitch, [
      ops.mutate(
        'Interface',
        [['name', '==', `tap${guest}`]],
        [
          ['external_ids', 'delete', ['iface-id']],
          ['external_ids', 'insert', { 'iface-id': ifaceId }],
        ],
      ),
    ])
  // The first one is the warm-up; all but it are unknown ports until their turn.
  for (const guest of guests.slice(1)) await name(guest, 'nobody')
  await lab.ping('prober', '10.0.0.10', { count: 5, intervalMs: 10 })
  await until(settled, 'the fabric to settle', 20_000)

  const results: number[] = []
  const commits: number[] = []
  for (const [n, guest] of guests.entries()) {
    if (n === 0) continue
    const child = lab.spawn(
      'prober',
      ['stdbuf', '-oL', 'ping', '-n', '-D', '-i', String(INTERVAL), '-w', '5', '-W', '1', `10.0.0.${10 + n}`],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    const lines = createInterface(child.stdout!)
    const reply = new Promise<number>((resolve, reject) => {
      lines.on('line', line => {
        const at = /^\[(\d+\.\d+)\] \d+ bytes from/.exec(line)
        if (at !== null) resolve(Number(at[1]) * 1000)
      })
      child.on('exit', () => reject(new Error(`no reply from ${guest}`)))
    })
    await new Promise<void>(resolve => lines.once('line', () => resolve()))
    const start = performance.timeOrigin + performance.now()
    await name(guest, guest)
    commits.push(performance.timeOrigin + performance.now() - start)
    results.push((await reply) - start)
    child.kill()
    await new Promise(resolve => child.once('exit', resolve))
  }
  session.close()
  report('first ping', {
    rounds: results.length,
    probe_interval_ms: INTERVAL * 1000,
    median_ms: round(median(results)),
    p90_ms: round(quantile(results, 0.9)),
    max_ms: round(Math.max(...results)),
    of_which_commit_ms: round(median(commits)),
  })
} finally {
  await lab.down()
}

function hex(n: number): string {
  return (n + 1).toString(16).padStart(2, '0')
}
