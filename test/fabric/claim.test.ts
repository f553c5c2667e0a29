import { expect, test } from 'vitest'
import { Claims } from '../../src/fabric/claim.ts'

const old = (ofport: number) => ({ ofport, fresh: false })
const fresh = (ofport: number) => ({ ofport, fresh: true })

test('a port is where it was plugged last, and falls back when that plug goes', () => {
  const claims = new Claims()
  expect(claims.say('p', 'h1', old(3))?.host).toBe('h1')
  expect(claims.say('p', 'h2', fresh(4))?.host).toBe('h2')
  expect([...claims.contested()]).toEqual([['p', ['h1', 'h2']]])
  expect(claims.say('p', 'h2', undefined)).toEqual({ host: 'h1', ofport: 3, fresh: false })
  expect(claims.say('p', 'h1', undefined)).toBeUndefined()
  expect(claims.contested().size).toBe(0)
})

test('claims that were there before are ranked by host, whatever order they are read in', () => {
  for (const order of [
    ['h1', 'h2', 'h3'],
    ['h3', 'h1', 'h2'],
    ['h2', 'h3', 'h1'],
  ]) {
    const claims = new Claims()
    for (const host of order) claims.say('p', host, old(1))
    expect(claims.say('p', 'h9', undefined)?.host).toBe('h1')
  }
})

test('a claim read late does not beat one seen live, and a new port number is no new claim', () => {
  const claims = new Claims()
  claims.say('p', 'h2', fresh(4))
  expect(claims.say('p', 'h1', old(3))?.host).toBe('h2')
  claims.say('p', 'h1', undefined)
  claims.say('p', 'h1', fresh(3))
  expect(claims.say('p', 'h2', fresh(9))).toMatchObject({ host: 'h1' })
})
