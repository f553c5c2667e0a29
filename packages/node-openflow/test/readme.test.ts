import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { actionRows } from '../src/actions.ts'
import { type Case, formsOf } from '../src/codec/node.ts'
import { fieldList, VERSIONS } from '../src/index.ts'
import { instructionRows } from '../src/instructions.ts'
import { messageRows } from '../src/messages.ts'
import { multipartRows } from '../src/protocol/multipart.ts'

const readme = readFileSync(`${import.meta.dirname}/../README.md`, 'utf8')

/** What is implemented, from the declarations. */
const ledger = (): string => {
  const versions = (row: Case) => VERSIONS.map(version => (formsOf(row, version).length > 0 ? 'yes' : '-')).join(' | ')
  const table = (kind: string, rows: Readonly<Record<string, Case>>) =>
    [
      `| ${kind} | 1.3 | 1.4 | 1.5 |`,
      '| --- | --- | --- | --- |',
      ...Object.entries(rows).map(([name, row]) => `| \`${name}\` | ${versions(row)} |`),
    ].join('\n')
  return [
    table('message', messageRows),
    table('multipart kind', multipartRows.reply),
    table('instruction', instructionRows),
    table('action', actionRows),
    `${fieldList.length} fields: ${fieldList.map(({ name }) => `\`${name}\``).join(', ')}.`,
  ].join('\n\n')
}

test('the ledger in the README is that of the declarations', () => {
  const [, written] = /<!-- ledger -->\n([\s\S]*)\n<!-- \/ledger -->/.exec(readme) ?? []
  expect(written).toBe(ledger())
})

test('the example in the README is the one that compiles here', () => {
  const example = readFileSync(`${import.meta.dirname}/example.ts`, 'utf8').replace('../src/index.ts', 'node-openflow')
  expect(readme).toContain(`\`\`\`ts\n${example}\`\`\``)
})
