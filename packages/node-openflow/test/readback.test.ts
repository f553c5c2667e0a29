import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Action,
  type DecodedMessage,
  decodeMessage,
  encodeMessage,
  errorName,
  type FlowMod,
  fieldList,
  fields,
  formatFlow,
  type MatchObject,
  type Message,
  matchOf,
  PORT,
  type TextNames,
  type Version,
  Writer,
} from '../src/index.ts'
import { encoded, hexOf, withoutOfctl } from './ofctl.ts'
import { type Ovs, startOvs } from './ovs.ts'
import { actionSamples, matchFor, messageSamples, prerequisitesOf } from './samples.ts'

/** What a real ovs-vswitchd gives back is what was sent, to the byte: only so can a controller compare. */

const hasSwitch = (): boolean => {
  try {
    execFileSync('ovs-vswitchd', ['--version'])
    return process.getuid?.() === 0
  } catch {
    return false
  }
}
const reason =
  withoutOfctl ?? (hasSwitch() ? undefined : 'ovs-vswitchd is not installed, or we may not make a namespace')

/** Sends messages in one go and collects what comes until the barrier's answer, and `asynchronous` messages that may come later. */
const exchange = async (
  socket: Socket,
  version: Version,
  messages: readonly Message[],
  asynchronous = 0,
): Promise<{ xid: number; message: DecodedMessage }[]> => {
  const writer = new Writer()
  messages.forEach((message, i) => {
    encodeMessage(writer, message, version, i + 1)
  })
  const last = messages.length + 1
  encodeMessage(writer, { type: 'barrier_request' }, version, last)
  const answers: { xid: number; message: DecodedMessage }[] = []
  let pending = Buffer.alloc(0)
  let passed = false
  const done = new Promise<void>(resolve => {
    const take = (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 4 && pending.length >= pending.readUInt16BE(2)) {
        const bytes = pending.subarray(0, pending.readUInt16BE(2))
        pending = pending.subarray(bytes.length)
        if (bytes[1] === 0) continue
        const { xid, message } = decodeMessage(bytes)
        if (message.type === 'echo_request') socket.write(encoded({ ...message, type: 'echo_reply' }, version, xid))
        else if (message.type === 'barrier_reply' && xid === last) passed = true
        else answers.push({ xid, message })
      }
      if (!passed || answers.length < asynchronous) return
      socket.off('data', take)
      resolve()
    }
    socket.on('data', take)
  })
  socket.write(writer.bytes())
  await done
  return answers
}

describe.skipIf(reason !== undefined).each([4, 6] as const)('ovs-vswitchd in version %i', version => {
  let ovs: Ovs
  let socket: Socket
  beforeAll(async () => {
    ovs = await startOvs()
    socket = connect(ovs.mgmt)
    await once(socket, 'connect')
    socket.write(encoded({ type: 'hello', elements: [] }, version))
  }, 20_000)
  afterAll(async () => {
    socket?.destroy()
    await ovs?.[Symbol.asyncDispose]()
  })

  const readFlows = async (): Promise<FlowMod[]> => {
    const answers = await exchange(socket, version, [{ type: 'multipart_request', kind: 'flow' }])
    return answers
      .flatMap(({ message }) => (message.type === 'multipart_reply' && message.kind === 'flow' ? message.body : []))
      .map(({ tableId, priority, cookie, match, instructions }) => ({
        type: 'flow_mod',
        command: 'add',
        tableId,
        priority,
        cookie,
        match,
        instructions,
      }))
  }

  test('gives back groups and meters as they were sent', async () => {
    const made = messageSamples.filter(
      message => (message.type === 'group_mod' || message.type === 'meter_mod') && message.command === 'add',
    )
    const ids = made.map((message, i) =>
      message.type === 'group_mod'
        ? { ...message, groupId: 100 + i }
        : message.type === 'meter_mod'
          ? { ...message, meterId: 100 + i }
          : message,
    )
    const answers = await exchange(socket, version, [
      ...ids,
      { type: 'multipart_request', kind: 'group_desc' },
      { type: 'multipart_request', kind: 'meter_config' },
    ])
    const back = answers.flatMap(({ message }): Message[] => {
      if (message.type === 'error') throw new Error(errorName(message))
      if (message.type !== 'multipart_reply') return []
      if (message.kind === 'group_desc')
        return message.body.map(group => ({ type: 'group_mod', command: 'add', ...group }))
      if (message.kind === 'meter_config')
        return message.body.map(meter => ({ type: 'meter_mod', command: 'add', ...meter }))
      return []
    })
    const hexes = (messages: readonly Message[]) => messages.map(message => hexOf(encoded(message, version))).sort()
    expect(hexes(back)).toEqual(hexes(ids))
  })

  test('gives back flows as they were sent', async () => {
    // The datapath's hash is hidden from controllers.
    const matched = fieldList
      .filter(({ name }) => name !== 'dp_hash')
      .flatMap(field => {
        const values = SAMPLE[field.name] ?? (field.wide ? [5n] : [Math.min(5, field.limit)])
        const terms = values.flatMap(value => [value, ...(field.maskable ? [[value, value]] : [])])
        return terms.map(
          (term): FlowMod => ({
            type: 'flow_mod',
            command: 'add',
            match: matchOf({ ...prerequisitesOf(field), [field.name]: term } as MatchObject),
            instructions: [],
          }),
        )
      })
    const acting = actionSamples
      .filter(({ type }) => (version === 6 ? type !== 'load' : type !== 'meter'))
      .map(
        (action): FlowMod => ({
          type: 'flow_mod',
          command: 'add',
          match: matchOf(matchFor(action)),
          instructions: [{ type: 'apply_actions', actions: [action] }],
        }),
      )
    const others = messageSamples
      .filter(message => message.type === 'flow_mod')
      // OVS leaves out what applies nothing.
      .filter(
        flow => flow.command === 'add' && flow.bufferId === undefined && !formatFlow(flow).endsWith('actions=drop'),
      )
    const flows = [...matched, ...acting, ...others].map(
      ({ type, command, tableId, match, instructions }, i): FlowMod => ({
        type,
        command,
        tableId: tableId ?? 0,
        priority: i + 1,
        cookie: BigInt(i + 1),
        match,
        instructions: instructions ?? [],
      }),
    )
    const needed: Message[] = [
      { type: 'group_mod', command: 'add', groupId: 5, buckets: [{ actions: [] }] },
      { type: 'meter_mod', command: 'add', meterId: 3, flags: 1, bands: [{ type: 'drop', rate: 1, burstSize: 0 }] },
      { type: 'meter_mod', command: 'add', meterId: 5, flags: 1, bands: [{ type: 'drop', rate: 1, burstSize: 0 }] },
    ]
    const answers = await exchange(socket, version, [...needed, ...flows])
    const refused = new Map(
      answers.flatMap(({ xid, message }) =>
        message.type === 'error' ? [[xid - needed.length - 1, errorName(message)] as const] : [],
      ),
    )
    const names = [...refused].map(([i, error]) => `${hexOf(encoded(flows[i]!, version))} ${error}`)
    expect(names).toEqual([])
    const back = await readFlows()
    const hexes = (list: readonly FlowMod[]) =>
      list.toSorted((a, b) => a.priority! - b.priority!).map(flow => hexOf(encoded(flow, version)))
    expect(hexes(back)).toEqual(hexes(flows.filter((_, i) => !refused.has(i))))
  })

  test('hands over a paused packet with what the action said, and goes on where it stopped', async () => {
    const userdata = Uint8Array.of(1, 2, 3)
    const packet = Uint8Array.from({ length: 60 }, (_, i) => (i < 6 ? 0xff : i))
    const paused: Action[] = [
      { type: 'set_field', field: fields.reg3, value: 7 },
      { type: 'controller', userdata, pause: true },
      { type: 'resubmit', table: 61 },
    ]
    const asked: Message[] = [
      // Who comes to the management socket is told nothing unless it asks.
      { type: 'set_config', flags: 0, missSendLen: 0xffff },
      { type: 'set_packet_in_format', format: 'nxt_packet_in2' },
      {
        type: 'flow_mod',
        command: 'add',
        priority: 0xffff,
        cookie: 60n,
        match: matchOf({ in_port: PORT.LOCAL }),
        instructions: [{ type: 'apply_actions', actions: paused }],
      },
      { type: 'flow_mod', command: 'add', tableId: 61, cookie: 61n, match: matchOf({ reg3: 7 }), instructions: [] },
      {
        type: 'packet_out',
        match: matchOf({ in_port: PORT.LOCAL }),
        actions: [{ type: 'output', port: PORT.TABLE }],
        data: packet,
      },
    ]
    const [handed, ...more] = await exchange(socket, version, asked, 1)
    expect(more).toEqual([])
    expect(handed?.message).toMatchObject({
      type: 'packet_in2',
      packet,
      tableId: 0,
      reason: 'action',
      userdata,
    })
    if (handed?.message.type !== 'packet_in2') return
    expect(handed.message.match).toEqual(expect.arrayContaining([...matchOf({ in_port: PORT.LOCAL, reg3: 7 })]))

    expect(await exchange(socket, version, [{ ...handed.message, type: 'resume' }])).toEqual([])
    const [counted] = await exchange(socket, version, [
      { type: 'multipart_request', kind: 'flow', body: { tableId: 61 } },
    ])
    expect(counted?.message).toMatchObject({ body: [{ cookie: 61n, packetCount: 1n }] })
  })

  test('prints flows with the names of its tables and ports as we do', async () => {
    await ovs.vsctl('add-port', 'br0', 'vm-1', '--', 'set', 'interface', 'vm-1', 'type=dummy', 'ofport_request=1')
    await ovs.vsctl(
      '--',
      '--id=@a',
      'create',
      'Flow_Table',
      'name=classify',
      '--',
      '--id=@b',
      'create',
      'Flow_Table',
      'name="to-tunnel"',
      '--',
      'set',
      'bridge',
      'br0',
      'flow_tables:70=@a',
      'flow_tables:71=@b',
    )
    const flow: FlowMod = {
      type: 'flow_mod',
      command: 'add',
      tableId: 70,
      priority: 5,
      cookie: 9n,
      idleTimeout: 60,
      flags: 1,
      match: matchOf({ in_port: PORT.LOCAL, eth_type: 0x0806, reg0: 5 }),
      instructions: [
        {
          type: 'apply_actions',
          actions: [
            { type: 'resubmit', table: 71 },
            { type: 'output', port: PORT.IN_PORT },
            { type: 'output', port: 1 },
          ],
        },
        { type: 'goto_table', tableId: 71 },
      ],
    }
    expect(await exchange(socket, version, [flow])).toEqual([])
    const names: TextNames = {
      tables: id => ({ 70: 'classify', 71: 'to-tunnel' })[id],
      ports: number => ({ [PORT.LOCAL]: 'br0', 1: 'vm-1' })[number],
    }
    const dumped = await ovs.ofctl('--names', '--no-stats', 'dump-flows', `unix:${ovs.mgmt}`, 'table=70')
    expect(dumped).toBe(` ${formatFlow(flow, names)}\n`)
  })

  test('says what it is in messages that we read', async () => {
    const asked: Message[] = [
      { type: 'features_request' },
      { type: 'get_config_request' },
      { type: 'get_async_request' },
      { type: 'role_request', role: 'nochange', generationId: 0n },
      { type: 'multipart_request', kind: 'desc' },
      { type: 'multipart_request', kind: 'port_desc' },
      { type: 'multipart_request', kind: 'table' },
      { type: 'multipart_request', kind: 'table_features' },
      { type: 'multipart_request', kind: 'aggregate' },
    ]
    const answers = await exchange(socket, version, asked)
    const kinds = answers.map(({ message }) => (message.type === 'multipart_reply' ? message.kind : message.type))
    expect(new Set(kinds)).toEqual(
      new Set([
        'features_reply',
        'get_config_reply',
        'get_async_reply',
        'role_reply',
        'desc',
        'port_desc',
        'table',
        'table_features',
        'aggregate',
      ]),
    )
    for (const { message, xid } of answers)
      expect(decodeMessage(encoded(message, version, xid)).message).toEqual(message)
  })
})

const SAMPLE: Readonly<Record<string, readonly number[]>> = {
  packet_type: [0x1894f],
  in_port: [1, 0xfffffffe],
  eth_type: [0x88cc, 0x0800],
  vlan_vid: [0, 0x1000, 0x1005],
  vlan_tci: [0, 0xf005],
  ip_frag: [0, 1, 3],
  ct_state: [0x21, 0x2a],
  icmpv6_type: [135],
  ct_nw_proto: [6],
  recirc_id: [0],
}
