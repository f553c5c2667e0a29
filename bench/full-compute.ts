import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { createInputs, presenceId } from '../flows/inputs.ts'
import { writeTopology } from '../flows/topology-rows.ts'
import { declareUnits } from '../flows/units.ts'
import { resolveTopology } from '../topology/allocation.ts'
import { parseTopologies } from '../topology/document.ts'
import { ipv4 } from '../topology/ipv4.ts'
import { fabricModel, modelTopology } from './fabric-model.ts'
import { report, round } from './figure.ts'

// The full compute of 10,000 ports on 50 hosts, in slices as the controller runs it: time, memory, longest stall.

const SLICE = 20
const size = { hosts: 50, networks: 50, ports: Number(process.argv[2] ?? 10_000) }
const model = fabricModel(size)
const parsed = performance.now()
const { document } = parseTopologies([modelTopology(model, () => undefined, 0)])
const { topology } = resolveTopology(document!, [])
const parseMs = performance.now() - parsed

const delay = monitorEventLoopDelay({ resolution: 1 })
await new Promise(resolve => setImmediate(resolve))
delay.enable()
const cpu = process.cpuUsage()
const start = performance.now()

const inputs = createInputs()
declareUnits(inputs)
writeTopology(inputs, topology!)
const { engine } = inputs
const ids = new Map([...topology!.ports.values()].map(port => [port.name, port]))
const vlans = new Map<string, number>()
const ofports = new Map<string, number>()
for (const host of topology!.hosts.values()) {
  engine.set(inputs.hosts, host.name, {
    name: host.name,
    tunnelIp: ipv4(host.tunnel_ip!),
    brInt: { patchTun: 1 },
    brTun: { patchInt: 1, vxlan: 2, gre: 3 },
    providers: {},
  })
}
for (const [name, { host }] of model.ports) {
  const port = ids.get(name)!
  const network = port.network_id
  const place = presenceId(host, network)
  if (inputs.presences.get(place) === undefined) {
    const localVlan = (vlans.get(host) ?? 0) + 1
    vlans.set(host, localVlan)
    engine.set(inputs.presences, place, { host, network, localVlan })
  }
  const ofport = (ofports.get(host) ?? 1) + 1
  ofports.set(host, ofport)
  engine.set(inputs.bindings, port.id, { port: port.id, network, host, ofport })
}
for (;;) {
  const end = performance.now() + SLICE
  let done = false
  while (performance.now() < end && !done) done = engine.run(64)
  if (done) break
  await new Promise(resolve => setImmediate(resolve))
}
engine.flush()
const computeMs = performance.now() - start
const { user, system } = process.cpuUsage(cpu)
const stallMs = delay.max / 1e6

let items = 0
const read = performance.now()
for (const target of engine.targets()) items += engine.desired(target).size
report('full compute', {
  ...size,
  items_on_bridges: items,
  items_stored: engine.emissionCount,
  units: engine.unitCount,
  parse_ms: round(parseMs),
  compute_ms: round(computeMs),
  compute_cpu_ms: round((user + system) / 1000),
  desired_of_all_bridges_ms: round(performance.now() - read),
  longest_stall_ms: round(stallMs),
  rss_mb: round(process.memoryUsage().rss / 2 ** 20),
  conflicts: engine.conflicts().length,
})
