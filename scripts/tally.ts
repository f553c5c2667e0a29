/** How many checks ended how. */
export interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export const PASSED: Tally = { passed: 1, failed: 0, skipped: 0 }
export const FAILED: Tally = { passed: 0, failed: 1, skipped: 0 }
export const SKIPPED: Tally = { passed: 0, failed: 0, skipped: 1 }

/** What vitest's json reporter writes, as far as it is read here. */
export interface VitestReport {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

/** The sum of several tallies. */
export function sum(tallies: readonly Tally[]): Tally {
  return tallies.reduce(
    (a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }),
    { passed: 0, failed: 0, skipped: 0 },
  )
}

/**
 * Counts a vitest run.
 *
 * A file that failed without a failed test (it could not be loaded, or a hook threw: its tests then only count as
 * skipped) is one failure, and so is a run that ended badly although nothing in it failed.
 */
export function tallyOf(report: VitestReport, exitCode: number): Tally {
  const tally = sum(
    report.testResults.map(file => {
      const count = (...statuses: string[]) =>
        file.assertionResults.filter(test => statuses.includes(test.status)).length
      const passed = count('passed')
      const failed = count('failed')
      const skipped = file.assertionResults.length - passed - failed
      return { passed, failed: file.status === 'failed' ? Math.max(failed, 1) : failed, skipped }
    }),
  )
  return exitCode !== 0 && tally.failed === 0 ? sum([tally, FAILED]) : tally
}

/** The tests of a run that were left out, `path > name`. */
export function skippedTests(report: VitestReport): string[] {
  return report.testResults.flatMap(file =>
    file.assertionResults
      .filter(test => !['passed', 'failed'].includes(test.status))
      .map(test => `${file.name} > ${test.fullName}`),
  )
}

/** `N passed, N failed, N skipped`. */
export function formatTally({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}

/** Whether a tally is a success: something ran and nothing failed. */
export function succeeded({ passed, failed }: Tally): boolean {
  return failed === 0 && passed > 0
}
