import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pipelineDocument } from '../../scripts/pipeline-document.ts'

test('docs/pipeline.md says what flows/ declares', () => {
  const written = readFileSync(join(import.meta.dirname, '../../docs/pipeline.md'), 'utf8')
  expect(written).toBe(pipelineDocument())
})
