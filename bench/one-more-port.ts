import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeHost } from '../src/lab/fake-host.ts'
import type { FakeSwitch } from '../src/lab/fake-switch.ts'
import { fabricModel, modelTopology } from './fabric-model.ts'
import { median, quantile, report, round } from './figure.ts'

// One more port with 100, 1,000 and 10,000 ports over 50 networks and 50 hosts: from the OVSDB update that plugs it to the last
// barrier of the last bridge, and the controller's CPU time for it. The port's network is on every host at every size,
// so every size has the same 99 bridges to tell.

interface Answer {
  readonly cpuMs: number
  readonly rssMb: number
  readonly runs: number
  readonly bindings: number
}

const SPARE = 40
const WARM = 10
const sizes = (process.argv[2] ?? '100,1000,10000').split(',').map(Number)
const results: { ports: number; ms: number; cpuMs: number }[] = []

for (const ports of sizes) {
  const model = fabricModel({ hosts: 50, networks: 50, ports })
  const hosts = new Map<string, FakeHost>()
  for (const name of model.hosts) hosts.set(name, await FakeHost.listen({ storeFlows: false }))
  const folder = mkdtempSync(join(tmpdir(), 'weft-bench-'))
  const file = join(folder, 'topology.yaml')
  writeFileSync(file, modelTopology(model, host => hosts.get(host)!.endpoint, SPARE).text)
  const begin = performance.now()
  const child = fork(join(import.meta.dirname, 'controller-process.ts'), [JSON.stringify({ topology: file })], {
    execArgv: ['--conditions=weft-source', ...process.execArgv.filter(arg => arg.startsWith('--cpu-prof'))],
  })
  const ask = async (question: 'cpu' | 'settled'): Promise<Answer> => {
    child.send(question)
    const [answer] = (await once(child, 'message')) as [Answer]
    return answer
  }
  await once(child, 'message')
  await ask('settled')
  for (const [name, { host }] of model.ports) hosts.get(host)!.plug(name)
  for (;;) if ((await ask('settled')).bindings === model.ports.size) break
  const fillMs = performance.now() - begin

  const switches = [...hosts.values()].flatMap(host => [...host.switches.values()])
  const counts = () => switches.map(one => one.counters.messages)
  const latencies: number[] = []
  const cpu: number[] = []
  const told: number[] = []
  let last: Answer = await ask('settled')
  for (let n = 0; n < SPARE; n++) {
    // Always the same host: its own bridge gets the port's local flows, the others two flows each.
    const before = counts()
    const quiet = await ask('cpu')
    const start = performance.now()
    hosts.get('h0')!.plug(`spare-${n}`)
    // What each switch is sent is the same every time: the warm-up, which waits for quiet, tells how much it is.
    if (n === 0) {
      while ((await ask('settled')).bindings !== quiet.bindings + 1);
      told.push(...counts().map((count, index) => count - before[index]!))
      continue
    }
    await Promise.all(switches.map((one, index) => arrived(one, before[index]! + told[index]!)))
    const ms = performance.now() - start
    last = await ask('cpu')
    if (n < WARM) continue
    latencies.push(ms)
    cpu.push(last.cpuMs - quiet.cpuMs)
  }
  results.push({ ports, ms: median(latencies), cpuMs: median(cpu) })
  report('one more port', {
    ports,
    hosts: 50,
    networks: 50,
    bridges_told: told.filter(count => count > 0).length,
    median_ms: round(median(latencies)),
    p90_ms: round(quantile(latencies, 0.9)),
    median_cpu_ms: round(median(cpu)),
    runs: latencies.length,
    start_and_plug_all_ms: round(fillMs),
    controller_rss_mb: round(last.rssMb),
  })
  child.send('stop')
  await once(child, 'exit')
  for (const host of hosts.values()) await host.close()
  rmSync(folder, { recursive: true })
}
const [first] = results
const largest = results.at(-1)
if (first !== undefined && largest !== undefined) {
  report('one more port, ratio', {
    from_ports: first.ports,
    to_ports: largest.ports,
    latency_ratio: round(largest.ms / first.ms),
    cpu_ratio: round(largest.cpuMs / first.cpuMs),
  })
}

function arrived(one: FakeSwitch, messages: number): Promise<void> {
  return one.until(fake => fake.counters.messages >= messages, 10_000)
}
