import { expect, test } from 'vitest'
import { parseTopologies, parseTopology } from '../../topology/document.ts'
import { nearest } from '../../topology/nearest.ts'
import { formatProblem } from '../../topology/problem.ts'

const told = (text: string) => parseTopology(text, 't.yaml').problems.map(formatProblem).join('\n')

test('the caret stands under the column behind tabs', () => {
  const problem = { file: 't.yaml', line: 1, column: 4, source: '\ta\tb', message: 'no' }
  expect(formatProblem(problem)).toBe('t.yaml:1:4: no\n\ta\tb\n\t \t^')
})

test('of a long line only the surroundings are shown', () => {
  const text = `networks: {${' '.repeat(500)}red: 5${' '.repeat(500)}}`
  const [, source, caret] = told(text).split('\n') as [string, string, string]
  expect(source.length).toBeLessThan(165)
  expect(source.at(caret.indexOf('^'))).toBe('5')
  expect(source).toMatch(/^… .* …$/)
})

test('control characters do not reach the terminal', () => {
  expect(told('networks: { red: { project: "\x1b[31mred" } }')).not.toContain('\x1b')
  expect(told('networks: { red: { project: "\\e[31mred" } }')).not.toContain('\x1b')
})

test('line ends of Windows and a byte order mark move no column', () => {
  expect(told('\ufeffports:\r\n  a: 5\r\n')).toBe('t.yaml:2:6: a 5 is not a mapping of attributes\n  a: 5\n     ^')
  expect(told('\ufeffport: {}\r\n')).toMatch(/^t\.yaml:1:1: .*\nport: \{\}\n\^/)
})

test.each([
  ['deep nesting', '['.repeat(100_000)],
  ['deep nesting in a resource', `ports: { a: ${'['.repeat(3000)}${']'.repeat(3000)} }`],
  [
    'aliases that multiply',
    `a0: &a0 [x]\n${Array.from({ length: 60 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]\n`).join('')}networks: { red: { project: *a60 } }`,
  ],
  ['keys that are not for objects', 'networks: { __proto__: {}, constructor: 5 }'],
])('refused, in time: %s', (_, text) => {
  const { document, problems } = parseTopology(text, 't.yaml')
  expect(document).toBeUndefined()
  expect(problems).not.toEqual([])
})

test('an anchor is for its aliases, the words of YAML 1.1 are words, numbers as keys are names', () => {
  const text = 'networks: { 0x10: &it { network_type: gre }, 1e3: *it, null: *it, yes: *it }'
  const { document } = parseTopology(text, 't.yaml')
  expect([...document!.networks]).toEqual(['0x10', '1e3', 'null', 'yes'].map(name => [name, { network_type: 'gre' }]))
})

test('several files are one topology; problems come file by file', () => {
  const one = { file: 'one.yaml', text: 'ports:\n  red-a: { network: red }\n  red-b: { network: blue }' }
  const two = { file: 'two.yaml', text: 'networks: { red: {} }' }
  const three = { file: 'three.yaml', text: '# nothing yet' }
  expect(parseTopologies([one, two, three]).problems.map(formatProblem)).toEqual([
    'one.yaml:3:21: network blue is not in this topology\n  red-b: { network: blue }\n                    ^',
  ])
  const again = { file: 'again.yaml', text: 'networks:\n  red: {}\nports:\n  red-c: {}' }
  expect(parseTopologies([two, again]).problems.map(formatProblem)).toEqual([
    'again.yaml:2:3: network red is given twice (first at two.yaml:1:13)\n  red: {}\n  ^',
    'again.yaml:4:3: port red-c has no network\n  red-c: {}\n  ^',
  ])
})

test('a topology of nothing has to be meant', () => {
  expect(parseTopology('{}', 't.yaml').problems).toEqual([])
  expect(parseTopology('ports:', 't.yaml').problems).toEqual([])
  expect(parseTopology('  \n', 't.yaml').problems).toHaveLength(1)
})

test.each([
  ['segmentaton_id', 'segmentation_id'],
  ['CIDR', 'cidr'],
  ['netwrok', 'network'],
  ['id', undefined],
  ['zebra', undefined],
])('nearest to %s is %s', (word, found) => {
  expect(nearest(word, ['network', 'cidr', 'segmentation_id', 'ids'])).toBe(found)
})
