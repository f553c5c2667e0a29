import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { type Backend, codec, defaultBackend } from '../src/codec/codec.ts'
import {
  type Action,
  DecodeError,
  decodeMessage,
  EncodeError,
  encodeMessage,
  fields,
  type Message,
  matchOf,
  Reader,
  Writer,
} from '../src/index.ts'
import { messageSchema } from '../src/messages.ts'

const backends: readonly Backend[] = ['generated', 'interpreted']
const encodeWith = (backend: Backend, message: Message, version = 6): Uint8Array => {
  const writer = new Writer(8)
  codec(messageSchema, version, 'message', backend).encode(writer, message, 1)
  return writer.bytes()
}
const thrown = (run: () => unknown): unknown => {
  try {
    return run()
  } catch (error) {
    return error
  }
}

describe.each(backends)('%s', backend => {
  const refused = (message: object, version = 6) => thrown(() => encodeWith(backend, message as Message, version))
  const flow = (actions: readonly object[]) => ({
    type: 'flow_mod',
    command: 'add',
    match: [],
    instructions: [{ type: 'apply_actions', actions }],
  })

  test.each<[object, string]>([
    [
      { type: 'flow_mod', command: 'add', match: [], priority: 65536 },
      'flow_mod.priority: 65536 is no number of 16 bits',
    ],
    [{ type: 'flow_mod', command: 'add', match: [], cookie: -1n }, 'flow_mod.cookie: -1n is no bigint of 64 bits'],
    [{ type: 'flow_mod', command: 'add', match: [], cookie: 5 }, 'flow_mod.cookie: 5 is no bigint of 64 bits'],
    [
      { type: 'flow_mod', command: 'append', match: [] },
      'flow_mod.command: append is none of add, modify, modify_strict, delete, delete_strict',
    ],
    [
      { type: 'flow_mod', command: 'add', match: [{ field: fields.tcp_dst, value: 65536 }] },
      'flow_mod.match.tcp_dst: 65536 is no number of 16 bits',
    ],
    [
      { type: 'flow_mod', command: 'add', match: [{ field: fields.reg0, value: -1 }] },
      'flow_mod.match.reg0: -1 is no number of 32 bits',
    ],
    [
      { type: 'flow_mod', command: 'add', match: [{ field: fields.tunnel_id, value: 1 }] },
      'flow_mod.match.tunnel_id: 1 is no bigint of 64 bits',
    ],
    [
      flow([{ type: 'pop_vlan' }, { type: 'group' }]),
      'flow_mod.instructions[0].apply_actions.actions[1].group.groupId: undefined is no number of 32 bits',
    ],
    [flow([{ type: 'fly' }]), 'flow_mod.instructions[0].apply_actions.actions[0]: no fly in version 6'],
    [
      flow([{ type: 'load', field: fields.reg0, offset: 0, bits: 1, value: 1n }]),
      'flow_mod.instructions[0].apply_actions.actions[0]: no load in version 6',
    ],
    [
      flow(Array(5000).fill({ type: 'output', port: 1 })),
      'flow_mod.instructions[0].apply_actions: 80008 bytes, 65535 at most',
    ],
    [
      {
        type: 'multipart_reply',
        kind: 'desc',
        body: { manufacturer: 'm', hardware: 'h', software: 's', serialNumber: 'x'.repeat(33), datapath: '' },
      },
      `multipart_reply.desc.body.serialNumber: "${'x'.repeat(33)}" is longer than 32 bytes`,
    ],
    [{ type: 'nosuch' }, 'no nosuch in version 6'],
  ])('names the member that cannot be encoded: %#', (message, expected) => {
    const error = refused(message)
    expect(error).toBeInstanceOf(EncodeError)
    expect((error as Error).message).toBe(expected)
  })

  const decode = (bytes: Uint8Array) =>
    thrown(() => codec(messageSchema, bytes[0]!, 'message', backend).decode(new Reader(bytes)))
  const base = encodeWith(backend, {
    type: 'flow_mod',
    command: 'add',
    match: matchOf({ in_port: 1, eth_type: 0x0800, ipv4_dst: 5 }),
    instructions: [{ type: 'apply_actions', actions: [{ type: 'output', port: 1 }] }],
  })
  const patched = (at: number, ...values: number[]) => {
    const bytes = base.slice()
    bytes.set(values, at)
    return bytes
  }
  test.each<[string, Uint8Array, string]>([
    ['a command', patched(25, 9), 'flow_mod.command: unknown value 9 (byte 25)'],
    ['the type of a match', patched(48, 0, 0), 'flow_mod.match: a match of type 0 (byte 48)'],
    ['the length of a match', patched(50, 0, 200), 'flow_mod.match: a length of 200 with 56 bytes left (byte 50)'],
    ['the size of a field', patched(55, 3), 'flow_mod.match.in_port: 3 bytes of value, 4 are wanted (byte 52)'],
    ['a field matched twice', patched(66, 0x80, 0, 0, 4), 'flow_mod.match.in_port: is matched twice (byte 66)'],
    [
      'an instruction of length 0',
      patched(82, 0, 0),
      'flow_mod.instructions[0]: a length of 0 with 24 bytes left (byte 80)',
    ],
    [
      'an action of length 0',
      patched(90, 0, 0),
      'flow_mod.instructions[0].apply_actions.actions[0]: a length of 0 with 16 bytes left (byte 88)',
    ],
    [
      'an action that is too short',
      patched(90, 0, 8),
      'flow_mod.instructions[0].apply_actions.actions[0].output.maxLen: 2 bytes wanted, 0 left (byte 96)',
    ],
  ])('names the member that cannot be decoded: %s', (_, bytes, expected) => {
    const error = decode(bytes)
    expect(error).toBeInstanceOf(DecodeError)
    expect((error as Error).message).toBe(expected)
  })

  test('actions nested without end are refused, not followed until the stack ends', () => {
    const nest = (levels: number): Action => {
      let action: Action = { type: 'pop_vlan' }
      for (let i = 0; i < levels; i++) action = { type: 'clone', actions: [action] }
      return action
    }
    const bytes = (levels: number) =>
      encodeWith(backend, { type: 'packet_out', match: matchOf({ in_port: 1 }), actions: [nest(levels)] })
    expect(decode(bytes(40))).toMatchObject({ type: 'packet_out' })
    expect(decode(bytes(500))).toBeInstanceOf(DecodeError)
  })
})

test('a refused message leaves nothing behind in the writer', () => {
  const writer = new Writer(8)
  encodeMessage(writer, { type: 'barrier_request' }, 6, 1)
  expect(() => encodeMessage(writer, { type: 'flow_mod', command: 'add', match: [], priority: -1 }, 6, 2)).toThrow(
    EncodeError,
  )
  encodeMessage(writer, { type: 'barrier_request' }, 6, 3)
  expect(Buffer.from(writer.view()).toString('hex')).toBe('0614000800000001' + '0614000800000003')
})

test('decoded bytes are a copy', () => {
  const bytes = Buffer.from(encodeWith('generated', { type: 'echo_request', data: Uint8Array.of(1, 2) }))
  const { message } = decodeMessage(bytes)
  bytes.fill(0)
  expect(message).toEqual({ type: 'echo_request', data: Uint8Array.of(1, 2) })
})

test.each<[string, string]>([
  ['', 'a header has 8'],
  ['06140008000000', 'a header has 8'],
  ['0114000800000001', 'version 1'],
  ['061400080000000100', 'after the message'],
  ['0614000900000001', 'a length of 9'],
  ['0614000000000001', 'a length of 0'],
])('a message of bytes %s is refused', (hex, reason) => {
  expect(() => decodeMessage(Uint8Array.from(Buffer.from(hex, 'hex')))).toThrow(reason)
})

test('an unknown message, multipart kind and experimenter are kept', () => {
  for (const hex of [
    '06630009000000010a',
    '0613001200000001007b00010000000005060000'.slice(0, 36),
    '0604001200000001000000630000000701020000'.slice(0, 36),
  ]) {
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'))
    const { message, version, xid } = decodeMessage(bytes)
    const writer = new Writer()
    encodeMessage(writer, message, version, xid)
    expect(writer.bytes()).toEqual(bytes)
  }
})

test('generated code is the default, and the interpreter where it is not allowed', () => {
  expect(defaultBackend).toBe('generated')
  const script = `
    const { defaultBackend, encodeMessage, decodeMessage, Writer, matchOf } = await import(${JSON.stringify(`${import.meta.dirname}/../src/index.ts`)})
    const writer = new Writer()
    encodeMessage(writer, { type: 'flow_mod', command: 'add', match: matchOf({ in_port: 1 }) }, 6, 1)
    console.log(defaultBackend, decodeMessage(writer.view()).message.type)`
  const flags = ['--disallow-code-generation-from-strings', '--input-type=module', '-e', script]
  expect(execFileSync(process.execPath, flags, { encoding: 'utf8' })).toBe('interpreted flow_mod\n')
})
