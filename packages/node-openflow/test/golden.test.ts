import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  BUNDLE_FLAG,
  CT,
  decodeMessage,
  FLOW_FLAG,
  fields,
  GROUP,
  METER_FLAG,
  type Message,
  matchOf,
  NAT,
  NO_BUFFER,
  PORT,
  type Version,
} from '../src/index.ts'
import { encoded } from './ofctl.ts'

/** Messages as they are on the wire, a comment a member: what no oracle and no round trip may change. */

const XID = 0x01020304
const DIRECTORIES: Readonly<Record<string, Version>> = { of13: 4, of15: 6 }

const apply = (...actions: Extract<Message, { type: 'packet_out' }>['actions']) =>
  ({ type: 'apply_actions', actions }) as const
const tenantFlow: Message = {
  type: 'flow_mod',
  command: 'add',
  cookie: 0x0102030405060708n,
  tableId: 30,
  priority: 200,
  flags: FLOW_FLAG.SEND_FLOW_REM,
  match: matchOf({
    eth_dst: 0xfa163e00000a,
    eth_type: 0x0800,
    ipv4_dst: [0x0a000000, 0xffffff00],
    reg0: 5,
    reg1: [0x10, 0xf0],
    tunnel_id: 5001n,
  }),
  instructions: [
    apply(
      { type: 'set_field', field: fields.tun_ipv4_dst, value: 0xc0000202 },
      { type: 'set_field', field: fields.reg2, value: 1, mask: 0xff },
      { type: 'move', src: { field: fields.eth_src, offset: 0 }, dst: { field: fields.eth_dst, offset: 0 }, bits: 48 },
      { type: 'resubmit', table: 40 },
      { type: 'output', port: 7 },
    ),
    { type: 'goto_table', tableId: 50 },
  ],
}
const flood: Message = {
  type: 'group_mod',
  command: 'add',
  groupType: 'all',
  groupId: 9,
  buckets: [
    { actions: [{ type: 'output', port: 1 }] },
    {
      bucketId: 1,
      actions: [
        { type: 'set_field', field: fields.tun_ipv4_dst, value: 0xc0000202 },
        { type: 'output', port: 2 },
      ],
    },
  ],
}
const packet = Uint8Array.of(0xde, 0xad, 0xbe, 0xef)

const goldens: Readonly<Record<string, Message>> = {
  'of13/flow_mod': tenantFlow,
  'of13/group_mod': {
    ...flood,
    buckets: flood.type === 'group_mod' ? flood.buckets!.map(({ actions }) => ({ actions })) : [],
  },
  'of13/packet_in': {
    type: 'packet_in',
    bufferId: NO_BUFFER,
    totalLen: 4,
    reason: 'action',
    tableId: 3,
    cookie: 9n,
    match: matchOf({ in_port: 1 }),
    data: packet,
  },
  'of13/packet_out': {
    type: 'packet_out',
    match: matchOf({ in_port: PORT.CONTROLLER }),
    actions: [{ type: 'output', port: 1 }],
    data: packet,
  },
  'of13/bundle_add_message': {
    type: 'bundle_add_message',
    bundleId: 3,
    flags: BUNDLE_FLAG.ATOMIC | BUNDLE_FLAG.ORDERED,
    message: { type: 'barrier_request' },
  },
  'of13/set_async': {
    type: 'set_async',
    packetInMaster: 7,
    packetInSlave: 0,
    portStatusMaster: 7,
    portStatusSlave: 7,
    flowRemovedMaster: 15,
    flowRemovedSlave: 0,
  },
  'of15/hello': { type: 'hello', elements: [{ type: 'version_bitmap', versions: [0x50] }] },
  'of15/error': { type: 'error', errorType: 0xffff, code: 34, experimenter: 0x2320, data: packet },
  'of15/flow_mod': tenantFlow,
  'of15/flow_mod_ct': {
    type: 'flow_mod',
    command: 'add',
    match: matchOf({ eth_type: 0x0800, ct_state: [0, 0x20] }),
    instructions: [
      apply(
        {
          type: 'ct',
          flags: CT.COMMIT,
          zone: { field: fields.reg3, offset: 0, bits: 16 },
          table: 7,
          actions: [
            { type: 'nat', flags: NAT.SRC, ipv4Min: 0x01020304, portMin: 1024, portMax: 2047 },
            { type: 'set_field', field: fields.ct_mark, value: 1 },
          ],
        },
        { type: 'controller', userdata: packet, pause: true, maxLen: 128 },
        { type: 'conjunction', id: 5, clause: 0, clauses: 2 },
      ),
    ],
  },
  'of15/group_mod': flood,
  'of15/insert_bucket': {
    type: 'group_mod',
    command: 'insert_bucket',
    groupId: 9,
    commandBucketId: GROUP.BUCKET_LAST,
    buckets: [{ bucketId: 2, weight: 5, watchPort: 3, actions: [] }],
  },
  'of15/meter_mod': {
    type: 'meter_mod',
    command: 'add',
    flags: METER_FLAG.PKTPS | METER_FLAG.BURST,
    meterId: 7,
    bands: [{ type: 'drop', rate: 100, burstSize: 20 }],
  },
  'of15/packet_out': {
    type: 'packet_out',
    match: matchOf({ in_port: PORT.CONTROLLER, reg0: 5 }),
    actions: [{ type: 'output', port: 1 }],
    data: packet,
  },
  'of15/flow_reply': {
    type: 'multipart_reply',
    kind: 'flow',
    more: true,
    body: [
      {
        tableId: 4,
        priority: 100,
        idleTimeout: 0,
        hardTimeout: 30,
        flags: 0,
        cookie: 5n,
        match: matchOf({ in_port: 1 }),
        durationSec: 12,
        durationNsec: 500_000_000,
        packetCount: 3n,
        byteCount: 180n,
        instructions: [{ type: 'goto_table', tableId: 5 }],
      },
    ],
  },
  'of15/port_status': {
    type: 'port_status',
    reason: 'add',
    port: {
      portNo: 5,
      hwAddr: 0xfa163e000005,
      name: 'tap5',
      config: 0,
      state: 4,
      properties: [
        { type: 'ethernet', curr: 0x840, advertised: 0, supported: 0, peer: 0, currSpeed: 10_000_000, maxSpeed: 0 },
      ],
    },
  },
  'of15/role_request': { type: 'role_request', role: 'master', generationId: 3n },
  'of15/set_async': { type: 'set_async', packetInMaster: 0x3f, flowRemovedSlave: 0 },
  'of15/bundle_control': { type: 'bundle_control', bundleId: 3, kind: 'commit_request', flags: BUNDLE_FLAG.ATOMIC },
  'of15/packet_in2': {
    type: 'packet_in2',
    packet,
    fullLen: 60,
    tableId: 5,
    cookie: 7n,
    reason: 'action',
    match: matchOf({ in_port: 4, reg1: 7 }),
    userdata: Uint8Array.of(9, 8),
    continuation: Uint8Array.of(1, 2, 3),
  },
}

const directory = `${import.meta.dirname}/golden`
const bytesOf = (name: string): Uint8Array => {
  const text = readFileSync(`${directory}/${name}.hex`, 'utf8').replaceAll(/#.*/g, '')
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'))
}

test.each(Object.entries(goldens))('%s', (name, message) => {
  const version = DIRECTORIES[name.split('/')[0]!]!
  const bytes = bytesOf(name)
  expect(encoded(message, version, XID)).toEqual(bytes)
  const decoded = decodeMessage(bytes)
  expect(decoded).toMatchObject({ version, xid: XID, message })
  expect(encoded(decoded.message, version, XID)).toEqual(bytes)
})

test('every file is tested', () => {
  const files = Object.keys(DIRECTORIES).flatMap(version =>
    readdirSync(`${directory}/${version}`).map(file => `${version}/${file.replace(/\.hex$/, '')}`),
  )
  expect(files.toSorted()).toEqual(Object.keys(goldens).toSorted())
})
