import { describe, expect, expectTypeOf, test } from 'vitest'
import {
  abort,
  all,
  assert,
  asUuid,
  byUuid,
  comment,
  commit,
  named,
  OvsdbError,
  operations,
  type Uuid,
  vswitch,
} from '../src/index.ts'
import { type Operation, readResults } from '../src/operations.ts'

const { insert, select, update, mutate, deleteRows, wait } = operations(vswitch)
const ID = asUuid('36bef046-7da7-43a5-905a-c17899216fcb')

test.each<[Operation, unknown]>([
  [
    insert('Bridge', { name: 'br', fail_mode: 'secure', ports: [named('p')] }, 'b'),
    {
      op: 'insert',
      table: 'Bridge',
      row: { name: 'br', fail_mode: 'secure', ports: ['set', [['named-uuid', 'p']]] },
      'uuid-name': 'b',
    },
  ],
  [
    select('Port', [['tag', '==', undefined]], ['name']),
    { op: 'select', table: 'Port', where: [['tag', '==', ['set', []]]], columns: ['_uuid', 'name'] },
  ],
  [
    update('Port', byUuid(ID), { tag: 7, external_ids: { a: 'b' } }),
    {
      op: 'update',
      table: 'Port',
      where: [['_uuid', '==', ['uuid', ID]]],
      row: { tag: 7, external_ids: ['map', [['a', 'b']]] },
    },
  ],
  [
    mutate('Bridge', all, [
      ['ports', 'delete', new Set([ID])],
      ['external_ids', 'delete', ['k']],
    ]),
    {
      op: 'mutate',
      table: 'Bridge',
      where: [],
      mutations: [
        ['ports', 'delete', ['set', [['uuid', ID]]]],
        ['external_ids', 'delete', ['set', ['k']]],
      ],
    },
  ],
  [
    mutate('Open_vSwitch', all, [['next_cfg', '+=', 1]]),
    { op: 'mutate', table: 'Open_vSwitch', where: [], mutations: [['next_cfg', '+=', 1]] },
  ],
  [
    deleteRows('Bridge', [
      ['name', '!=', 'x'],
      ['external_ids', 'includes', { a: 'b' }],
    ]),
    {
      op: 'delete',
      table: 'Bridge',
      where: [
        ['name', '!=', 'x'],
        ['external_ids', 'includes', ['map', [['a', 'b']]]],
      ],
    },
  ],
  [
    wait('Bridge', all, ['fail_mode'], '!=', [{ fail_mode: undefined }], 100),
    {
      op: 'wait',
      table: 'Bridge',
      where: [],
      columns: ['fail_mode'],
      until: '!=',
      rows: [{ fail_mode: ['set', []] }],
      timeout: 100,
    },
  ],
  [comment('why'), { op: 'comment', comment: 'why' }],
  [assert('lock'), { op: 'assert', lock: 'lock' }],
  [commit(true), { op: 'commit', durable: true }],
  [abort(), { op: 'abort' }],
])('%#: notation', ({ wire }, expected) => expect(JSON.parse(JSON.stringify(wire))).toEqual(expected))

describe('what the compiler refuses, and what happens to those who get past it', () => {
  test('values, columns and tables that are not declared', () => {
    // @ts-expect-error no such value of an enumeration; the server would refuse it
    insert('Bridge', { name: 'br', fail_mode: 'open' })
    // @ts-expect-error no such table
    expect(() => insert('Brigde', { name: 'br' })).toThrow('Open_vSwitch has no table Brigde')
    // @ts-expect-error no such column
    expect(() => insert('Bridge', { nmae: 'br' })).toThrow('Open_vSwitch has no column Bridge.nmae')
    // @ts-expect-error a text for a set
    expect(() => update('Bridge', all, { ports: 'p' })).toThrow('Bridge.ports: p is no set of uuid')
    // @ts-expect-error any text for an id
    expect(() => byUuid('x') && update('Bridge', byUuid('x'), {})).toThrow('Bridge._uuid: "x" is no uuid')
    // @ts-expect-error a number for a text in a condition
    expect(() => select('Bridge', [['name', '==', 1]])).toThrow('Bridge.name: 1 is no string')
    // @ts-expect-error an order of texts
    select('Bridge', [['name', '<', 'x']])
    // @ts-expect-error arithmetic on texts
    mutate('Bridge', all, [['name', '+=', 1]])
    // @ts-expect-error a column that was not asked for
    wait('Bridge', all, ['name'], '==', [{ fail_mode: 'secure' }])
  })

  test('results have the types that their operations promise', () => {
    const list = [
      insert('Bridge', { name: 'br' }),
      select('Port', all, ['tag', 'interfaces']),
      deleteRows('Port', all),
    ] as const
    const answers = readResults(list, [
      { uuid: ['uuid', ID] },
      { rows: [{ _uuid: ['uuid', ID], tag: ['set', []], interfaces: ['uuid', ID] }] },
      { count: 3 },
    ])
    expect(answers).toEqual([{ uuid: ID }, [{ _uuid: ID, tag: undefined, interfaces: new Set([ID]) }], { count: 3 }])
    expectTypeOf(answers[0].uuid).toEqualTypeOf<Uuid>()
    expectTypeOf(answers[1][0]?.tag).toEqualTypeOf<number | undefined>()
    expectTypeOf(answers[1]).items.not.toHaveProperty('name')
    expectTypeOf(answers[2].count).toEqualTypeOf<number>()
  })
})

describe('answers', () => {
  const list = [comment('x'), deleteRows('Port', all)]

  test.each<[string, Parameters<typeof readResults>[1], object]>([
    [
      'a failed operation',
      [{}, { error: 'timed out', details: 'why' }],
      {
        error: 'timed out',
        details: 'why',
        index: 1,
        operation: list[1]?.wire,
        message: 'transact: operation 1 (delete Port): timed out: why',
      },
    ],
    [
      'one before others',
      [{ error: 'aborted' }, null],
      { error: 'aborted', index: 0, message: 'transact: operation 0 (comment): aborted' },
    ],
    [
      'a failed commit',
      [{}, { count: 1 }, { error: 'constraint violation' }],
      {
        error: 'constraint violation',
        index: undefined,
        operation: undefined,
        message: 'transact: constraint violation',
      },
    ],
  ])('%s is an OvsdbError that says which', (_, answer, expected) => {
    expect(() => readResults(list, answer)).toThrow(OvsdbError)
    expect(() => readResults(list, answer)).toThrow(expect.objectContaining(expected))
  })

  test.each([[null], [[]], [[{}]], [[{}, { count: 'many' }]], [[{}, null]]])('%j is refused', answer => {
    expect(() => readResults(list, answer)).toThrow(expect.objectContaining({ name: 'ProtocolError' }))
  })
})
