import { matchOf, type OpenFlowConnection, PORT } from 'node-openflow'

/** Has a bridge send a frame out of one of its ports. OpenFlow 1.5.1 § 7.3.6. */
export function sendFrame(connection: OpenFlowConnection, outPort: number, frame: Uint8Array): void {
  connection.send({
    type: 'packet_out',
    match: matchOf({ in_port: PORT.CONTROLLER }),
    actions: [{ type: 'output', port: outPort }],
    data: frame,
  })
}
