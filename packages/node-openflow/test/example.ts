import { connectOpenFlow, fields, formatMessage, matchOf, PORT } from '../src/index.ts'

const bridge = await connectOpenFlow({ transport: 'unix', path: '/var/run/openvswitch/br0.mgmt' })
const tunnel = { type: 'set_field', field: fields.tunnel_id, value: 5001n } as const
await bridge.bundle([
  {
    type: 'flow_mod',
    command: 'add',
    match: matchOf({ in_port: 1, ipv4_dst: [0x0a000000, 0xff000000] }), // ip,in_port=1,nw_dst=10.0.0.0/8
    instructions: [{ type: 'apply_actions', actions: [tunnel, { type: 'output', port: PORT.NORMAL }] }],
  },
])
console.log(formatMessage(await bridge.request({ type: 'features_request' }, 'features_reply'), bridge.version))
