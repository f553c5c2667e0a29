import { describe, expect, test } from 'vitest'
import { actionRows } from '../src/actions.ts'
import {
  EncodeError,
  errorName,
  type FlowMod,
  formatFlow,
  formatGroup,
  formatMessage,
  formatMeter,
  type Message,
  matchOf,
  VERSIONS,
  type Version,
} from '../src/index.ts'
import { instructionRows } from '../src/instructions.ts'
import { messageRows } from '../src/messages.ts'
import { multipartRows } from '../src/protocol/multipart.ts'
import { encoded, hexOf, printed, sent, withoutOfctl } from './ofctl.ts'
import { actionSamples, matchFor, messageSamples } from './samples.ts'

/** Every action, instruction and message, as ovs-ofctl reads its bytes and writes its text. */

const withActions = actionSamples.map(
  action =>
    ({
      type: 'flow_mod',
      command: 'add',
      tableId: 1,
      match: matchOf(matchFor(action)),
      instructions: [{ type: 'apply_actions', actions: [action] }],
    }) as const satisfies Message,
)
const samples: readonly Message[] = [...withActions, ...messageSamples]

const canEncode = (message: Message, version: Version): boolean => {
  try {
    return encoded(message, version).length > 0
  } catch (error) {
    if (error instanceof EncodeError) return false
    throw error
  }
}

/** Whether `add-flow` can say it. */
const isAddition = (flow: FlowMod): boolean =>
  flow.command === 'add' &&
  flow.cookieMask === undefined &&
  flow.bufferId === undefined &&
  !flow.instructions?.some(step => 'actions' in step && step.actions.length === 0)
/** Before 1.5 ovs-ofctl sets some bits of a field by reg_load; see fields.test.ts. */
const setsBits = (flow: FlowMod): boolean => formatFlow(flow).match(/set_field:[^,]*\/[^,]*->/) !== null
/** Before 1.5 a packet_out says nothing of metadata. */
const saysAll = (message: Message, version: Version): boolean =>
  version === 6 || message.type !== 'packet_out' || message.match.length === 1

/** ovs-ofctl goes on to say what the packet is; we do not. */
const HOLDS_PACKET = new Set(['packet_in', 'packet_in2', 'packet_out', 'resume'])

describe.skipIf(withoutOfctl !== undefined)('ovs-ofctl', () => {
  test.each(VERSIONS)('prints our bytes of version %i as we do', version => {
    const list = samples.filter(message => canEncode(message, version) && saysAll(message, version))
    const texts = printed(list.map(message => encoded(message, version)))
    const ours = list.map(message => formatMessage(message, version))
    expect(ours).toEqual(
      texts.map((text, i) => (HOLDS_PACKET.has(list[i]!.type) ? text.slice(0, ours[i]!.length) : text)),
    )
  })

  test.each(
    VERSIONS,
  )('sends our bytes of version %i for the text of a flow, one by one and in a bundle', async version => {
    const flows = samples
      .filter(message => message.type === 'flow_mod')
      .filter(flow => isAddition(flow) && canEncode(flow, version) && (version === 6 || !setsBits(flow)))
    const text = flows.map(flow => formatFlow(flow)).join('\n')
    const ours = flows.map(flow => hexOf(encoded(flow, version)))
    expect((await sent(version, ['add-flows', '-'], text)).map(hexOf)).toEqual(ours)
    expect((await sent(version, ['--bundle', 'add-flows', '-'], text)).map(hexOf)).toEqual(ours)
  })

  test.each(VERSIONS)('sends our bytes of version %i for the text of a group', async version => {
    const groups = samples.filter(message => message.type === 'group_mod').filter(({ command }) => command === 'add')
    const text = groups.map(group => formatGroup({ groupType: 'all', buckets: [], ...group }, version)).join('\n')
    expect((await sent(version, ['add-groups', '-'], text)).map(hexOf)).toEqual(
      groups.map(group => hexOf(encoded(group, version))),
    )
  })

  test.each(VERSIONS)('sends our bytes of version %i for the text of a meter', async version => {
    const meters = samples.filter(message => message.type === 'meter_mod').filter(({ command }) => command === 'add')
    const all: Uint8Array[] = []
    for (const meter of meters)
      all.push(...(await sent(version, ['add-meter', formatMeter({ flags: 0, bands: [], ...meter })], '')))
    expect(all.map(hexOf)).toEqual(meters.map(meter => hexOf(encoded(meter, version))))
  })

  test('names errors as we do', () => {
    const NO_DATA = new Uint8Array()
    const standard = Array.from({ length: 18 * 20 }, (_, i) => ({ errorType: Math.floor(i / 20), code: i % 20 }))
    const extended = [0x2320, 0x4f4e4600].flatMap(experimenter =>
      Array.from({ length: 5000 }, (_, code) => ({ errorType: 0xffff, code, experimenter })).filter(({ code }) =>
        experimenter === 0x2320 ? code < 60 : code > 2000,
      ),
    )
    for (const version of [4, 6] as const) {
      const errors = [...standard, ...extended].map(kind => ({ type: 'error', ...kind, data: NO_DATA }) as const)
      const texts = printed(errors.map(error => encoded(error, version)))
      errors.forEach((error, i) => {
        // What OVS does not know it calls a bad message.
        if (!texts[i]!.includes('decode error'))
          expect(
            errorName(error)
              .replace('OFPTFFC_BAD_TYPE', 'OFPBPC_BAD_TYPE')
              .replace('OFPTFFC_BAD_LEN', 'OFPBPC_BAD_LEN')
              .replace('OFPTFFC_BAD_VALUE', 'OFPBPC_BAD_VALUE'),
          ).toBe(/: (\w+)\n/.exec(texts[i]!)?.[1])
      })
    }
  })

  test('prints what an error quotes as we do', () => {
    const whole = encoded({ type: 'flow_mod', command: 'add', match: matchOf({ in_port: 1 }) }, 6, 7)
    for (const data of [new Uint8Array(), whole.subarray(0, 5), whole.subarray(0, 64 - 4), whole]) {
      const error = { type: 'error', errorType: 4, code: 9, data } as const
      expect(formatMessage(error, 6)).toBe(printed([encoded(error, 6)])[0])
    }
    const refusal = { type: 'error', errorType: 0, code: 0, data: new TextEncoder().encode('no version\n') } as const
    expect(formatMessage(refusal, 6)).toBe(printed([encoded(refusal, 6)])[0])
  })
})

/** Rows that only stand for what the samples cannot have: the experimenter's own messages. */
const WITHOUT_SAMPLE = new Set(['error', 'experimenter', 'table_features'])

test('every row has a sample', () => {
  const seen = new Set<string>()
  const collect = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
    const { type, kind } = value as { type?: unknown; kind?: unknown }
    if (typeof type === 'string') seen.add(type)
    if (typeof kind === 'string') seen.add(`${String(type)} ${kind}`)
    for (const member of Object.values(value))
      if (typeof member !== 'object' || !('headers' in (member ?? {}))) collect(member)
  }
  samples.forEach(collect)
  const rows = [
    ...Object.keys(messageRows),
    ...Object.keys(actionRows),
    ...Object.keys(instructionRows),
    ...Object.keys(multipartRows.request).map(kind => `multipart_request ${kind}`),
    ...Object.keys(multipartRows.reply).map(kind => `multipart_reply ${kind}`),
  ]
  expect(rows.filter(row => !seen.has(row) && !WITHOUT_SAMPLE.has(row.split(' ').at(-1)!))).toEqual([])
})
