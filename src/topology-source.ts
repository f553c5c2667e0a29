import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { TopologyText } from '../topology/document.ts'

/**
 * The texts of a topology: a file, or every `*.yaml` and `*.yml` of a folder in the order of their names.
 *
 * @throws {Error} when there is none.
 */
export function readTopologyTexts(path: string): TopologyText[] {
  if (!statSync(path).isDirectory()) return [{ text: readFileSync(path, 'utf8'), file: path }]
  const files = readdirSync(path)
    .filter(name => /\.ya?ml$/.test(name))
    .sort()
    .map(name => join(path, name))
  if (files.length === 0) throw new Error(`${path} holds no *.yaml file`)
  return files.map(file => ({ text: readFileSync(file, 'utf8'), file }))
}
