import { FakeHost } from '../src/lab/fake-host.ts'
import { ControllerChild } from './controller-child.ts'
import { fabricModel, modelTopology } from './fabric-model.ts'
import { report, round } from './figure.ts'

// A controller starts with 10,000 ports plugged on 50 hosts and 100 empty bridges: until every bridge has acknowledged all of
// its flows, with the memory and the longest turn of the event loop of that process.

const ports = Number(process.argv[2] ?? 10_000)
const model = fabricModel({ hosts: 50, networks: 50, ports })
const hosts = new Map<string, FakeHost>()
for (const name of model.hosts) hosts.set(name, await FakeHost.listen({ storeFlows: false }))
const topology = modelTopology(model, host => hosts.get(host)!.endpoint, 0)

const first = await ControllerChild.start(topology)
await first.ask('settled')
for (const [name, { host }] of model.ports) hosts.get(host)!.plug(name)
await first.bound(model.ports.size)
await first.stop()

const counters = () => {
  const switches = [...hosts.values()].flatMap(host => [...host.switches.values()])
  return switches.reduce((sum, one) => sum + one.counters.flowMods, 0)
}
const before = counters()
const begin = performance.now()
const second = await ControllerChild.start(topology, first.openflow)
const listening = performance.now()
const vitals = await second.bound(model.ports.size)
report('cold start', {
  ports,
  hosts: 50,
  networks: 50,
  flow_mods: counters() - before,
  listening_after_ms: round(listening - begin),
  settled_after_ms: round(performance.now() - listening),
  cpu_ms: round(vitals.cpuMs),
  longest_stall_ms: round(vitals.longestStallMs),
  rss_mb: round(vitals.rssMb),
})
await second.stop()
for (const host of hosts.values()) await host.close()
