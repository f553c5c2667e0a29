/** Writes the generated parts of docs/cli.md anew. */
import { readFileSync, writeFileSync } from 'node:fs'
import { withReference } from '../src/cli/reference.ts'

const page = new URL('../docs/cli.md', import.meta.url)
writeFileSync(page, withReference(readFileSync(page, 'utf8')))
