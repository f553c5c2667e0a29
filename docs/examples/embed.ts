/** A program that embeds a controller and talks OpenFlow and OVSDB itself. `scripts/package-test` compiles and runs it. */
import { decodeMessage, encodeMessage, formatMessage, Writer } from 'node-openflow'
import { operations, vswitch } from 'ovsdb-client'
import { type Controller, createController, TopologyError } from 'weft-controller'

const text = `
networks:
  red: { project: red, network_type: vxlan, segmentation_id: 5001 }
subnets:
  red-v4: { network: red, cidr: 10.0.0.0/24 }
ports:
  red-a: { network: red }
`

// A controller on a free loopback port; its state is forgotten when the block ends.
await using controller: Controller = await createController({ topology: [{ file: 'embedded.yaml', text }] })
console.log(`bridges connect to ${controller.endpoints.openflow}`)
for (const { name, fixed_ips } of controller.topology.ports.values()) {
  console.log(`${name} has ${fixed_ips.map(ip => ip.ip_address).join(', ')}`)
}

// A topology with a mistake is refused and changes nothing.
try {
  controller.apply([{ file: 'embedded.yaml', text: text.replace('network: red,', 'network: rde,') }])
} catch (error) {
  if (!(error instanceof TopologyError)) throw error
  console.log(error.message)
}

// The two libraries on their own: a message as bytes and as ovs-ofctl text, an OVSDB operation checked by the compiler.
const writer = new Writer()
encodeMessage(writer, { type: 'echo_request', data: new Uint8Array([1, 2, 3]) }, 6, 1)
const { message, version, xid } = decodeMessage(writer.buffer.subarray(0, writer.offset))
console.log(formatMessage(message, version, xid))
console.log(operations(vswitch).insert('Bridge', { name: 'br-int', fail_mode: 'secure' }).wire)
