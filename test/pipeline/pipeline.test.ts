import { describe, expect, test } from 'vitest'
import { cookieOf, isOurs } from '../../src/pipeline/cookie.ts'
import { decodeFlow, deletionOf, flowKey, replacementOf } from '../../src/pipeline/flow-bytes.ts'
import { pipeline } from '../../src/pipeline/pipeline.ts'

const registers = { network: { bits: 24 }, kind: { bits: 8 }, port: { bits: 16, from: 'second' } } as const

const br = pipeline('br', registers, {
  first: {
    id: 0,
    does: 'd',
    match: ['in_port'],
    sets: ['network', 'kind'],
    next: ['second'],
    miss: 'drop',
    missReason: 'm',
  },
  second: {
    id: 4,
    does: 'd',
    match: ['network', 'kind', 'eth_dst'],
    sets: ['port'],
    next: ['third'],
    miss: 'third',
    missReason: 'm',
  },
  third: { id: 9, does: 'd', match: ['port'], next: [], miss: 'drop', missReason: 'm' },
})
const t = br.tables

const row = { does: 'd', match: [], next: [], miss: 'drop', missReason: 'm' } as const

describe('a pipeline is checked when it is declared', () => {
  test('a table may only lead to later ones', () => {
    expect(() => pipeline('b', {}, { a: { id: 0, ...row }, b: { id: 1, ...row, next: ['a'] } })).toThrow(
      'b.b: a is not a later table',
    )
    expect(() => pipeline('b', {}, { a: { id: 0, ...row, miss: 'a' } })).toThrow('b.a: a is not a later table')
  })

  test('table numbers grow', () => {
    expect(() => pipeline('b', {}, { a: { id: 3, ...row }, b: { id: 3, ...row } })).toThrow(
      'table number 3 does not follow 3',
    )
  })

  test('a register is used within its lifetime', () => {
    expect(() =>
      pipeline('b', { r: { bits: 8, from: 'b' } }, { a: { id: 0, ...row, match: ['r'] }, b: { id: 1, ...row } }),
    ).toThrow('b.a: register r holds nothing here')
    expect(() => pipeline('b', { r: { bits: 33 } }, { a: { id: 0, ...row } })).toThrow('33 bits wide')
  })

  test('registers share bits only when their lifetimes are apart', () => {
    const { network, kind, port } = br.registers
    expect([network.field.name, network.shift, kind.field.name, kind.shift]).toEqual(['reg0', 0, 'reg0', 24])
    expect([port.field.name, port.shift]).toEqual(['reg1', 0])
    const apart = pipeline(
      'b',
      { one: { bits: 32, to: 'a' }, two: { bits: 32, from: 'b' } },
      { a: { id: 0, ...row }, b: { id: 1, ...row } },
    )
    expect(apart.registers.two.field.name).toBe('reg0')
  })

  test('the compiler refuses what the declaration does not allow', () => {
    // @ts-expect-error: `second` does not match in_port
    t.second({ in_port: 3 })
    // @ts-expect-error: `third` leads nowhere
    expect(() => t.third({ port: 3 }).goto('second')).not.toThrow()
    // @ts-expect-error: there is no such table
    expect(() => t.first({}).goto('nowhere')).toThrow()
    // @ts-expect-error: `first` does not write `port`
    t.first({}).set({ port: 1 })
  })
})

describe('a flow', () => {
  const flow = t
    .second({ network: 5, kind: 2, eth_dst: 0xfa163e000001 }, 'specific')
    .set({ port: 7 })
    .goto('third')
    .because('port a', 'goes to a')

  test('matches two registers of one word together', () => {
    const { match, priority, tableId, cookie } = decodeFlow(flow.bytes)
    const reg0 = match.find(term => term.field.name === 'reg0')
    expect(reg0?.value).toBe(0x02000005)
    expect({ priority, tableId }).toEqual({ priority: 200, tableId: 4 })
    expect(cookie).toBe(cookieOf('port a', 'goes to a'))
    expect(isOurs(cookie ?? 0n)).toBe(true)
  })

  test('has a key of table, priority and match', () => {
    const same = t.second({ eth_dst: 0xfa163e000001, kind: 2, network: 5 }, 'specific').because('x', 'y')
    expect(same.key).toBe(flow.key)
    expect(t.second({ network: 5, kind: 2, eth_dst: 0xfa163e000001 }).because('x', 'y').key).not.toBe(flow.key)
    expect(t.second({ network: 5, kind: 3, eth_dst: 0xfa163e000001 }, 'specific').because('x', 'y').key).not.toBe(
      flow.key,
    )
  })

  test('is deleted strictly, without its actions', () => {
    const deletion = decodeFlow(deletionOf(flow.bytes))
    expect(deletion).toMatchObject({ command: 'delete_strict', instructions: [] })
    expect(flowKey(deletionOf(flow.bytes))).toBe(flow.key)
  })

  test('is modified when only its actions change, and added anew when its cookie does', () => {
    const other = t.second({ network: 5, kind: 2, eth_dst: 0xfa163e000001 }, 'specific').set({ port: 8 }).goto('third')
    expect(decodeFlow(replacementOf(flow.bytes, other.because('port a', 'goes to a').bytes)).command).toBe(
      'modify_strict',
    )
    expect(decodeFlow(replacementOf(flow.bytes, other.because('port b', 'goes to b').bytes)).command).toBe('add')
  })

  test('that expires is removed by the switch, which says so; a modification would not change that', () => {
    const match = { network: 5, kind: 2, eth_dst: 0xfa163e000001 } as const
    const expiring = t
      .second(match, 'specific')
      .set({ port: 7 })
      .expires(300)
      .goto('third')
      .because('port a', 'goes to a')
    expect(decodeFlow(expiring.bytes)).toMatchObject({ idleTimeout: 300, flags: 1 })
    expect(expiring.key).toBe(flow.key)
    expect(decodeFlow(replacementOf(flow.bytes, expiring.bytes)).command).toBe('add')
    expect(decodeFlow(replacementOf(expiring.bytes, flow.bytes)).command).toBe('add')
  })

  test('a value that does not fit its register is refused', () => {
    expect(() => t.second({ network: 1 << 24 }).because('x', 'y')).toThrow(
      'register network cannot hold 16777216 in 24 bits',
    )
    expect(() => t.second({}).set({ port: 65_536 })).toThrow('register port cannot hold 65536 in 16 bits')
  })
})

test('cookies depend on owner and reason alone', () => {
  expect(cookieOf('a', 'b')).toBe(cookieOf('a', 'b'))
  expect(new Set([cookieOf('a', 'b'), cookieOf('ab', ''), cookieOf('', 'ab'), cookieOf('b', 'a')]).size).toBe(4)
  const cookies = new Set<bigint>()
  for (let n = 0; n < 20_000; n++) cookies.add(cookieOf(`port p${n}`, 'its MAC is here'))
  expect(cookies.size).toBe(20_000)
})
