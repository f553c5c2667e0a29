import { FakeHost } from '../src/lab/fake-host.ts'
import { createController } from '../src/main.ts'
import { fabricModel, modelTopology } from './fabric-model.ts'
import { median, report, round } from './figure.ts'

// What one changed port among 10,000 would do, by `plan`: the text is read, resolved, rehearsed on the running engine and taken back.

const ports = Number(process.argv[2] ?? 10_000)
const model = fabricModel({ hosts: 50, networks: 50, ports })
const hosts = new Map<string, FakeHost>()
for (const name of model.hosts) hosts.set(name, await FakeHost.listen({ storeFlows: false }))
const topology = modelTopology(model, host => hosts.get(host)!.endpoint, 0)
const controller = await createController({ topology: [topology] })
await controller.settled(60_000)
for (const [name, { host }] of model.ports) hosts.get(host)!.plug(name)
await controller.fabric.until(() => controller.inputs.bindings.size === model.ports.size, 60_000)
await controller.settled(60_000)

const times: number[] = []
let changes = 0
for (let round = 0; round < 7; round++) {
  const edited = topology.text.replace(
    '  p1: { network: n1 }',
    `  p1: { network: n1, mac_address: "fa:16:3e:00:ff:0${round}" }`,
  )
  if (edited === topology.text) throw new Error('there is no port p1 to change')
  const start = performance.now()
  const plan = await controller.plan([{ ...topology, text: edited }])
  times.push(performance.now() - start)
  changes = plan.bridges.length
  if (plan.resources.length !== 1) throw new Error(`${plan.resources.length} resources would change`)
}
report('plan of one changed port', {
  ports,
  hosts: 50,
  networks: 50,
  bridges_changed: changes,
  median_ms: round(median(times)),
})
await controller.close()
for (const host of hosts.values()) await host.close()
