import { describe, expect, test } from 'vitest'
import { formatTally, succeeded, tallyOf } from '../../scripts/tally.ts'

const file = (status: string, ...tests: string[]) => ({
  name: 'a.test.ts',
  status,
  assertionResults: tests.map((status, index) => ({ fullName: `test ${index}`, status })),
})

describe('the closing line', () => {
  test.each([
    [
      'all is well',
      [file('passed', 'passed', 'passed'), file('passed', 'passed')],
      0,
      '3 passed, 0 failed, 0 skipped',
      true,
    ],
    ['a test failed', [file('failed', 'passed', 'failed')], 1, '1 passed, 1 failed, 0 skipped', false],
    [
      'skipped and to do',
      [file('passed', 'passed', 'skipped', 'todo', 'pending')],
      0,
      '1 passed, 0 failed, 3 skipped',
      true,
    ],
    [
      'a file that does not load',
      [file('failed'), file('passed', 'passed')],
      1,
      '1 passed, 1 failed, 0 skipped',
      false,
    ],
    ['a hook threw', [file('failed', 'skipped', 'skipped')], 1, '0 passed, 1 failed, 2 skipped', false],
    ['an error outside of every test', [file('passed', 'passed')], 1, '1 passed, 1 failed, 0 skipped', false],
    ['nothing ran', [], 0, '0 passed, 0 failed, 0 skipped', false],
    ['everything was skipped', [file('passed', 'skipped')], 0, '0 passed, 0 failed, 1 skipped', false],
  ])('%s', (_name, testResults, exitCode, line, success) => {
    const tally = tallyOf({ testResults }, exitCode)
    expect(formatTally(tally)).toBe(line)
    expect(succeeded(tally)).toBe(success)
  })
})
