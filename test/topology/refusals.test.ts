import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { resolveTopology } from '../../topology/allocation.ts'
import { parseTopology } from '../../topology/document.ts'
import { formatProblem } from '../../topology/problem.ts'

// A case is `=== title`, a topology, `>>>` and what its writer is told.
const cases = readFileSync(new URL('refusals.txt', import.meta.url), 'utf8')
  .split(/^=== /m)
  .slice(1)
  .map(text => {
    const [title, file, told] = /^(.*)\n([\s\S]*)\n>>>\n([\s\S]*?)\n*$/.exec(text)!.slice(1)
    return { title, file: file!, told }
  })

test.each(cases)('$title', ({ file, told }) => {
  const { document, problems } = parseTopology(file, 'topology.yaml')
  const all = document ? resolveTopology(document, []).problems : problems
  expect(all.map(formatProblem).join('\n')).toBe(told)
})

test('the table has cases', () => {
  expect(cases.length).toBeGreaterThan(50)
})
