import { describe, expect, test } from 'vitest'
import { allocateLocalVlans, localVlanKey, readLocalVlans } from '../../src/fabric/local-vlan.ts'

const always = () => true

describe('local VLANs', () => {
  test.each([
    { name: 'the lowest free ones, in the order of ids', recorded: {}, present: ['b', 'a'], added: { a: 1, b: 2 } },
    { name: 'none that is on record', recorded: { x: 1, y: 3 }, present: ['a', 'b'], added: { a: 2, b: 4 } },
    { name: 'nothing for a network that has one', recorded: { a: 7 }, present: ['a'], added: {} },
  ])('gives $name', ({ recorded, present, added }) => {
    const plan = allocateLocalVlans(new Map(Object.entries(recorded)), new Set(present), always)
    expect(Object.fromEntries(plan.added)).toEqual(added)
    expect(plan.removed).toEqual([])
  })

  test('keeps the VLAN of a network without ports, and frees that of a deleted one', () => {
    const recorded = new Map([
      ['idle', 1],
      ['deleted', 2],
    ])
    const plan = allocateLocalVlans(recorded, new Set(['new']), network => network !== 'deleted')
    expect(plan).toEqual({ added: new Map([['new', 2]]), removed: ['deleted'], refused: [] })
  })

  test('takes the VLAN of an idle network when all are given out, and refuses when none is idle', () => {
    const recorded = new Map([...Array(4094).keys()].map(n => [`n${n}`, n + 1] as const))
    const busy = new Set(recorded.keys())
    busy.delete('n41')
    const plan = allocateLocalVlans(recorded, new Set([...busy, 'new']), always)
    expect(plan).toEqual({ added: new Map([['new', 42]]), removed: ['n41'], refused: [] })
    const full = allocateLocalVlans(recorded, new Set([...recorded.keys(), 'new']), always)
    expect(full).toEqual({ added: new Map(), removed: [], refused: ['new'] })
  })

  test('of two networks under one VLAN the second gets another one', () => {
    const recorded = new Map([
      ['a', 5],
      ['b', 5],
    ])
    const plan = allocateLocalVlans(recorded, new Set(['a', 'b']), always)
    expect(plan).toEqual({ added: new Map([['b', 1]]), removed: ['b'], refused: [] })
  })

  test('reads back what it wrote and nothing else', () => {
    const ids = new Map([
      [localVlanKey('red'), '17'],
      [localVlanKey('bad'), '4095'],
      [localVlanKey('worse'), 'x'],
      ['weft', 'bridge'],
    ])
    expect([...readLocalVlans(ids)]).toEqual([['red', 17]])
  })
})
