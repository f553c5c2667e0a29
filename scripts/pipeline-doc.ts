import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipelineDocument } from './pipeline-document.ts'

// Writes docs/pipeline.md anew from the declarations; a test fails when it is stale.

writeFileSync(join(import.meta.dirname, '../docs/pipeline.md'), pipelineDocument())
