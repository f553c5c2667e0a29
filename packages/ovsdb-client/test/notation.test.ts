import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AtomicType, ColumnType } from '../src/database-schema.ts'
import { ProtocolError } from '../src/errors.ts'
import type { Json } from '../src/json.ts'
import {
  applyDifference,
  decodeValue,
  defaultValue,
  encodeDelete,
  encodeValue,
  type Value,
  type ValueInput,
} from '../src/notation.ts'
import { asUuid, boolean, type Column, integer, map, named, optional, real, set, string, uuid } from '../src/schema.ts'
import { datumToJson, difference, parseDatum, toValue } from '../src/server/datum.ts'

const ID = asUuid('36bef046-7da7-43a5-905a-c17899216fcb')
const OTHER = asUuid('00000000-7da7-43a5-905a-c17899216fcb')

/** Column, value in JavaScript, notation, and other notations that mean the same. */
const same: readonly (readonly [string, Column, Value, Json, (readonly Json[])?])[] = [
  ['string', string, 'a"ü', 'a"ü', [['set', ['a"ü']]]],
  ['integer', integer, -7, -7],
  ['real', real, 1.5, 1.5],
  ['boolean', boolean, true, true],
  ['uuid', uuid, ID, ['uuid', ID], [['set', [['uuid', ID]]]]],
  ['optional, none', optional(string), undefined, ['set', []]],
  ['optional, some', optional(string), 'x', 'x', [['set', ['x']]]],
  ['optional uuid', optional(uuid), ID, ['uuid', ID]],
  ['empty set', set(string), new Set(), ['set', []]],
  ['set of one', set(integer), new Set([1]), ['set', [1]], [1]],
  [
    'set of ids',
    set(uuid),
    new Set([ID, OTHER]),
    [
      'set',
      [
        ['uuid', ID],
        ['uuid', OTHER],
      ],
    ],
  ],
  ['a set that holds the word set', set(string), new Set(['set', 'x']), ['set', ['set', 'x']]],
  ['empty map', map(string, string), new Map(), ['map', []]],
  [
    'map',
    map(string, integer),
    new Map([
      ['a', 1],
      ['b', 2],
    ]),
    [
      'map',
      [
        ['a', 1],
        ['b', 2],
      ],
    ],
  ],
  ['map of ids', map(integer, uuid), new Map([[3, ID]]), ['map', [[3, ['uuid', ID]]]]],
  ['a map with the key __proto__', map(string, string), new Map([['__proto__', 'x']]), ['map', [['__proto__', 'x']]]],
]

for (const [title, { type }, value, json, spellings = []] of same) {
  test(`${title} is written, and read in each spelling`, () => {
    expect(encodeValue(type, value as ValueInput)).toEqual(json)
    for (const spelling of [json, ...spellings]) expect(decodeValue(type, spelling)).toEqual(value)
  })
}

test('a set is also written from an array, a map from an object, an id from a name', () => {
  expect(encodeValue(set(string).type, ['a', 'b'])).toEqual(['set', ['a', 'b']])
  expect(encodeValue(map(string, string).type, { a: 'b' })).toEqual(['map', [['a', 'b']]])
  expect(encodeValue(set(uuid).type, [named('row')])).toEqual(['set', [['named-uuid', 'row']]])
})

test('of a map also keys alone are deleted', () => {
  expect(encodeDelete(map(string, string).type, ['a'])).toEqual(['set', ['a']])
  expect(encodeDelete(map(string, string).type, { a: 'b' })).toEqual(['map', [['a', 'b']]])
})

test('integers beyond 2^53 - 1 are read as that bound', () => {
  expect(decodeValue(integer.type, JSON.parse('9223372036854775807'))).toBe(Number.MAX_SAFE_INTEGER)
  expect(decodeValue(integer.type, JSON.parse('-9223372036854775808'))).toBe(Number.MIN_SAFE_INTEGER)
})

const unreadable: readonly (readonly [Column, Json | undefined])[] = [
  [string, 1],
  [string, undefined],
  [string, ['set', []]],
  [string, ['set', ['a', 'b']]],
  [integer, '1'],
  [integer, 1.5],
  [real, null],
  [boolean, 'true'],
  [uuid, ID],
  [uuid, ['uuid', 'x']],
  [uuid, ['uuid', ID.toUpperCase()]],
  [uuid, ['named-uuid', 'x']],
  [optional(string), ['set', ['a', 'b']]],
  [set(string), ['set', ['a', 1]]],
  [set(string), ['set']],
  [set(string), ['map', []]],
  [map(string, string), ['map', [['a']]]],
  [map(string, string), ['map', [['a', 1]]]],
  [map(string, string), ['set', []]],
  [map(string, string), { a: 'b' }],
]
test.each(unreadable)('%j is refused for %j', ({ type }, json) => {
  expect(() => decodeValue(type, json)).toThrow(ProtocolError)
})

const unwritable: readonly (readonly [Column, ValueInput])[] = [
  [string, 'a\0b'],
  [string, '\ud83d'],
  [string, 1],
  [string, undefined],
  [integer, 1.5],
  [integer, 2 ** 53],
  [real, Number.NaN],
  [real, Number.POSITIVE_INFINITY],
  [boolean, 'true'],
  [uuid, 'x'],
  [uuid, named('no name')],
  [set(string), 'abc'],
  [map(string, string), ['a', 'b']],
  [map(string, string), undefined],
]
test.each(unwritable)('%j does not take %j', ({ type }, value) => {
  expect(() => encodeValue(type, value)).toThrow(TypeError)
})

/** Any type with any value of it. */
const atomic = fc.constantFrom<AtomicType[]>('string', 'integer', 'real', 'boolean', 'uuid').map(type => ({ type }))
const typed: fc.Arbitrary<ColumnType> = fc.oneof(
  fc.record({ key: atomic, min: fc.constantFrom(0, 1), max: fc.constant(1) }),
  fc.record({ key: atomic, min: fc.constant(0), max: fc.constant(Number.POSITIVE_INFINITY) }),
  fc.record({ key: atomic, value: atomic, min: fc.constant(0), max: fc.constant(Number.POSITIVE_INFINITY) }),
)
const atoms = {
  string: fc.string({ unit: 'grapheme' }).map(text => text.replaceAll('\0', '')),
  integer: fc.maxSafeInteger(),
  real: fc.double({ noNaN: true, noDefaultInfinity: true }).map(number => number + 0),
  boolean: fc.boolean(),
  uuid: fc.uuid().map(asUuid),
}
const anyValue = ({ key, value, min, max }: ColumnType): fc.Arbitrary<Value> => {
  const keys = atoms[key.type] as fc.Arbitrary<string>
  if (value)
    return fc.array(fc.tuple(keys, atoms[value.type])).map(pairs => new Map<string, string | number | boolean>(pairs))
  if (max > 1) return fc.array(keys).map(elements => new Set(elements))
  return min === 0 ? fc.option(keys, { nil: undefined }) : keys
}
const overWire = (json: Json): Json => JSON.parse(JSON.stringify(json)) as Json

test('what is written is read again', () => {
  fc.assert(
    fc.property(
      typed.chain(type => fc.tuple(fc.constant(type), anyValue(type))),
      ([type, value]) => {
        expect(decodeValue(type, overWire(encodeValue(type, value as ValueInput)))).toEqual(value)
      },
    ),
  )
})

const noNames = (): never => {
  throw new Error('no names here')
}

test('the server reads what is written, and writes it so that it is read again', () => {
  fc.assert(
    fc.property(
      typed.chain(type => fc.tuple(fc.constant(type), anyValue(type))),
      ([type, value]) => {
        const datum = parseDatum(type, overWire(encodeValue(type, value as ValueInput)), noNames)
        expect(toValue(type, datum)).toEqual(value)
        expect(decodeValue(type, overWire(datumToJson(type, datum)))).toEqual(value)
      },
    ),
  )
})

/** Every second of the first's elements, and all of the second's. */
const mixed = (first: Value, second: Value): Value => {
  const kept = <T>(elements: Iterable<T>): T[] => [...elements].filter((_, at) => at % 2 === 0)
  if (first instanceof Set && second instanceof Set) return new Set([...kept(first), ...second])
  if (first instanceof Map && second instanceof Map) return new Map([...kept(first), ...second])
  return second
}

test('a value and its difference to another give the other', () => {
  fc.assert(
    fc.property(
      typed.chain(type => fc.tuple(fc.constant(type), anyValue(type), anyValue(type), fc.boolean())),
      ([type, before, other, overlapping]) => {
        // Values that share most of what they hold are the interesting ones.
        const after = overlapping ? mixed(before, other) : other
        const datum = (value: Value) => parseDatum(type, encodeValue(type, value as ValueInput), noNames)
        const json = overWire(datumToJson(type, difference(type, datum(before), datum(after))))
        expect(applyDifference(type, before, json)).toEqual(after)
      },
    ),
  )
})

test.each<[string, Column, Value, Json, Value]>([
  ['set', set(integer), new Set([1, 2]), ['set', [2, 3]], new Set([1, 3])],
  [
    'map',
    map(string, string),
    new Map([
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ]),
    [
      'map',
      [
        ['a', '1'],
        ['b', 'x'],
        ['d', '4'],
      ],
    ],
    new Map([
      ['b', 'x'],
      ['c', '3'],
      ['d', '4'],
    ]),
  ],
  ['optional', optional(integer), 1, 2, 2],
  ['optional cleared', optional(integer), 1, ['set', []], undefined],
  ['scalar', string, 'a', 'b', 'b'],
])('the difference of a %s as ovsdb-server(7) says', (_, { type }, before, json, after) => {
  const untouched = structuredClone(before)
  expect(applyDifference(type, before, json)).toEqual(after)
  expect(before).toEqual(untouched)
})

test.each<[Column, Value]>([
  [string, ''],
  [integer, 0],
  [boolean, false],
  [uuid, '00000000-0000-0000-0000-000000000000'],
  [optional(string), undefined],
  [set(string), new Set()],
  [set(string, { min: 1 }), new Set([''])],
  [map(string, string), new Map()],
])('the default of %j is %j', ({ type }, value) => expect(defaultValue(type)).toEqual(value))
