/** Writes the generated part of docs/topology.md anew. */
import { readFileSync, writeFileSync } from 'node:fs'
import { withReference } from '../topology/reference.ts'

const page = new URL('../docs/topology.md', import.meta.url)
writeFileSync(page, withReference(readFileSync(page, 'utf8')))
