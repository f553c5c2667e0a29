/** A test without root: a host in this process that speaks real OVSDB and OpenFlow. `scripts/package-test` compiles and runs it. */
import assert from 'node:assert/strict'
import { createController, FakeHost } from 'weft-controller/testing'

const host = await FakeHost.listen()
const text = `
hosts:
  h1: { ovsdb: "${host.endpoint}", tunnel_ip: 192.0.2.1 }
networks:
  red: { project: red, network_type: vxlan, segmentation_id: 5001 }
subnets:
  red-v4: { network: red, cidr: 10.0.0.0/24 }
ports:
  red-a: { network: red }
`

const controller = await createController({ topology: [{ file: 'test.yaml', text }] })
await controller.settled()
const before = host.bridge('br-int').datapath.flows.size

// A guest is plugged, as libvirt would: the bridge gets its flows.
host.plug('red-a')
await host.bridge('br-int').until(bridge => bridge.datapath.flows.size > before)
await controller.settled()
console.log(`${host.bridge('br-int').datapath.flows.size - before} flows for red-a`)

// A controller that starts again finds everything as it should be.
await controller.close()
const { flowMods } = host.bridge('br-int').counters
await using again = await createController({
  topology: [{ file: 'test.yaml', text }],
  openflow: controller.endpoints.openflow,
})
await again.settled()
assert.equal(host.bridge('br-int').counters.flowMods, flowMods)
await host.close()
