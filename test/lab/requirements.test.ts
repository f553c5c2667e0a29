import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { checkRequirements, PACKAGES } from '../../src/lab/requirements.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

test('scripts/install-deps installs the package of every program that a lab runs', () => {
  const script = readFileSync(join(import.meta.dirname, '../../scripts/install-deps'), 'utf8')
  for (const [program, debian] of Object.entries(PACKAGES)) {
    expect(script).toMatch(new RegExp(`^need ${debian} (.* )?${program}( |$)`, 'm'))
  }
})

test('without root a lab is refused in one line', () => {
  vi.spyOn(process, 'geteuid').mockReturnValue(1000)
  expect(() => checkRequirements()).toThrow(/^a lab needs root[^\n]*$/)
})
