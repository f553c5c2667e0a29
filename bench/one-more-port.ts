import { FakeHost } from '../src/lab/fake-host.ts'
import type { FakeSwitch } from '../src/lab/fake-switch.ts'
import { ControllerChild } from './controller-child.ts'
import { fabricModel, modelTopology } from './fabric-model.ts'
import { median, quantile, report, round } from './figure.ts'

// One more port with 100, 1,000 and 10,000 ports over 50 networks and 50 hosts: from the OVSDB update that plugs it to the last
// barrier of the last bridge, and the controller's CPU time for it. The port's network is on every host at every size,
// so every size has the same 99 bridges to tell.

const SPARE = 40
const WARM = 10
const sizes = (process.argv[2] ?? '100,1000,10000').split(',').map(Number)
const results: { ports: number; ms: number; cpuMs: number }[] = []

for (const ports of sizes) {
  const model = fabricModel({ hosts: 50, networks: 50, ports })
  const hosts = new Map<string, FakeHost>()
  for (const name of model.hosts) hosts.set(name, await FakeHost.listen({ storeFlows: false }))
  const controller = await ControllerChild.start(modelTopology(model, host => hosts.get(host)!.endpoint, SPARE))
  await controller.ask('settled')
  for (const [name, { host }] of model.ports) hosts.get(host)!.plug(name)
  await controller.bound(model.ports.size)

  const switches = [...hosts.values()].flatMap(host => [...host.switches.values()])
  const counts = () => switches.map(one => one.counters.messages)
  const latencies: number[] = []
  const cpu: number[] = []
  const told: number[] = []
  let after = await controller.ask('cpu')
  for (let n = 0; n < SPARE; n++) {
    const before = counts()
    const quiet = await controller.ask('cpu')
    const start = performance.now()
    // Always the same host: its own bridge gets the port's local flows, the others one flow each.
    hosts.get('h0')!.plug(`spare-${n}`)
    // What each switch is sent is the same every time: the first round, which waits for quiet, tells how much it is.
    if (n === 0) {
      await controller.bound(quiet.bindings + 1)
      told.push(...counts().map((count, index) => count - before[index]!))
      continue
    }
    await Promise.all(switches.map((one, index) => arrived(one, before[index]! + told[index]!)))
    const ms = performance.now() - start
    after = await controller.ask('cpu')
    if (n < WARM) continue
    latencies.push(ms)
    cpu.push(after.cpuMs - quiet.cpuMs)
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
    rounds: latencies.length,
    controller_rss_mb: round(after.rssMb),
  })
  await controller.stop()
  for (const host of hosts.values()) await host.close()
}
const [first] = results
const largest = results.at(-1)
if (first !== undefined && largest !== undefined && first !== largest) {
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
