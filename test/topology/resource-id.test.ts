import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { resourceId, sha1 } from '../../topology/resource-id.ts'

test("SHA-1 is node:crypto's", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      const hex = Array.from(sha1(bytes), word => (word >>> 0).toString(16).padStart(8, '0')).join('')
      expect(hex).toBe(createHash('sha1').update(bytes).digest('hex'))
    }),
  )
})

// Ids stand in the state folder and in the hosts' OVSDB: they must never change.
test.each([
  ['host', 'h1', '11bc40e0-9370-5cfc-b6f6-6aae5b358b17'],
  ['network', 'red', '367de738-b204-52ec-8925-e341d22fc53f'],
  ['subnet', 'red-v4', 'ae4e9914-3838-5a45-bb44-73f3c7604af8'],
  ['port', 'red-a', '0bd5069e-85b3-5bb5-809c-18b2d43a677c'],
] as const)('the id of %s %s', (kind, name, id) => {
  expect(resourceId(kind, name)).toBe(id)
})

test('an id is the UUIDv5 of kind/name in the namespace', () => {
  const namespace = Buffer.from('6d0c2f358f1e4c579b6b3ad15e27c490', 'hex')
  fc.assert(
    fc.property(fc.string(), name => {
      const hash = createHash('sha1').update(namespace).update(`port/${name}`).digest()
      hash[6] = (hash[6]! & 0x0f) | 0x50
      hash[8] = (hash[8]! & 0x3f) | 0x80
      const hex = hash.toString('hex', 0, 16)
      expect(resourceId('port', name)).toBe(hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'))
    }),
  )
})
