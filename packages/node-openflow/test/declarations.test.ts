import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { action, actionHeader, nicira } from '../src/action.ts'
import { actionRows } from '../src/actions.ts'
import { type Backend, codec } from '../src/codec/codec.ts'
import { list, or, rest, struct, u8, u16, u32, union } from '../src/codec/schema.ts'
import { fieldList, Reader, Writer } from '../src/index.ts'
import { instructionRows } from '../src/instructions.ts'
import { message, messageHeader } from '../src/message.ts'
import { messageRows } from '../src/messages.ts'

/** One more field, action or message is one more declaration. */

const root = `${import.meta.dirname}/../src`
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.ts'))
  .map(file => ({ file, text: readFileSync(`${root}/${file}`, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '') }))
/** Files that name something, as a key, a member or a string. */
const naming = (name: string): string[] =>
  sources
    .filter(({ text }) => new RegExp(`(?<![\\w.-])${name}:|fields\\.${name}\\b|'${name}'`).test(text))
    .map(({ file }) => file)

describe('a name stands in one file', () => {
  /** Fields with a meaning of their own beyond being matched and set: words for Ethernet types and protocols, VLANs, ports, pairs of registers; write_metadata's member. */
  const SPECIAL = new Set([
    'packet_type',
    'in_port',
    'actset_output',
    'eth_type',
    'ip_proto',
    'vlan_vid',
    'vlan_pcp',
    'vlan_tci',
    'metadata',
  ])
  test.each(
    fieldList.map(({ name }) => name).filter(name => !SPECIAL.has(name) && !/^x{0,2}reg\d/.test(name)),
  )('field %s', name => {
    expect(naming(name)).toEqual(['fields.ts'])
  })

  const ACTION_FILES = ['actions.ts', 'nicira/actions.ts']
  /** Actions that are also something else: an instruction, a message, text that ct writes elsewhere than others, a word of another enumeration. */
  const SHARED = new Set(['meter', 'nat', 'ct', 'group', 'output', 'controller'])
  test.each(Object.keys(actionRows).filter(name => !SHARED.has(name)))('action %s', name => {
    const files = naming(name)
    expect(files).toHaveLength(1)
    expect(ACTION_FILES).toContain(files[0])
  })

  test.each(
    Object.keys(instructionRows).filter(name => name !== 'meter' && name !== 'apply_actions'),
  )('instruction %s', name => {
    expect(naming(name)).toEqual(['instructions.ts'])
  })
})

test('a message is a declaration in its file and a line in the list', () => {
  const listed = sources.find(({ file }) => file === 'messages.ts')!.text
  for (const name of Object.keys(messageRows)) {
    const variable = name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
    const declared = sources.filter(({ text }) => new RegExp(`export const ${variable}\\b[^=]*=`).test(text))
    expect(declared.map(({ file }) => file)).toEqual([expect.stringMatching(/^(protocol|nicira)\//)])
    expect(listed.match(new RegExp(`^  (${name}: )?${variable},$`, 'gm'))).toHaveLength(1)
  }
})

describe.each(['generated', 'interpreted'] as const)('one more row, %s', (backend: Backend) => {
  test('is an action with encoder, decoder and text', () => {
    const rows = {
      spin: action(77, { turns: u16, left: or(u8, 0) }, a => `spin:${a.turns}${a.left === 1 ? 'l' : 'r'}`, 6),
      tag: nicira(500, { label: rest }, a => `tag:${a.label.length}`),
    }
    const actions = codec(list(union(actionHeader, rows)), 6, 'actions', backend)
    const writer = new Writer()
    actions.encode(writer, [
      { type: 'spin', turns: 0x102 },
      { type: 'tag', label: Uint8Array.of(1, 2, 3, 4, 5, 6) },
    ])
    expect(Buffer.from(writer.view()).toString('hex')).toBe('004d000801020000ffff00100000232001f4010203040506')
    const decoded = actions.decode(new Reader(writer.view()))
    expect(decoded).toEqual([
      { type: 'spin', turns: 0x102, left: 0 },
      { type: 'tag', label: Uint8Array.of(1, 2, 3, 4, 5, 6) },
    ])
    const [first] = decoded
    expect(first?.type === 'spin' && rows.spin.text(first as never, undefined)).toBe('spin:258r')
  })

  test('is a message with encoder, decoder and text', () => {
    const rows = { ping: message(200, { count: u32, note: or(u16, 7) }, m => ` count=${m.count}`) }
    const messages = codec(
      union(messageHeader, rows, { other: struct({ bytes: rest }), apart: true }),
      6,
      'message',
      backend,
    )
    const writer = new Writer()
    messages.encode(writer, { type: 'ping', count: 3 }, 9)
    expect(Buffer.from(writer.view()).toString('hex')).toBe('06c8000e00000009000000030007')
    expect(messages.decode(new Reader(writer.view()))).toEqual({ type: 'ping', count: 3, note: 7 })
    expect(rows.ping.text({ count: 3 } as never, { version: 6, names: undefined })).toBe(' count=3')
  })
})
