import { glob, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** What the linter's import rules cannot see, searched for in the text. */
const blindSpots = [
  {
    name: 'a module named by anything but a plain string',
    pattern: /\bimport\((?!\s*'[^']*'\s*\))/,
    folders: ['src', 'flows', 'topology', 'packages/*/src'],
    example: 'await import(path)',
  },
  {
    name: 'a type reached through import()',
    pattern: /\btypeof import\(|\bimport\('[^']*'\)\.[A-Z]/,
    folders: ['src', 'flows', 'topology', 'packages/*/src'],
    example: "type Fabric = import('../fabric/fabric.ts').Fabric",
  },
  {
    name: 'random numbers in a pure room',
    pattern: /\bMath\.random\b/,
    folders: ['src/{engine,packet,pipeline,interpreter}', 'flows', 'topology'],
    example: 'const xid = Math.random()',
  },
  {
    name: 'an import rule switched off',
    pattern: /biome-ignore(-all|-start)? lint\/?($|:|\s|style($|:|\s|\/(noRestricted|noCommonJs|noDefaultExport)))/m,
    folders: ['src', 'flows', 'topology', 'packages', 'bench', 'scripts'],
    example: '// biome-ignore lint/style/noRestrictedImports: just this once',
  },
] as const

describe.each(blindSpots)('$name', ({ pattern, folders, example }) => {
  test('is found', () => {
    expect(example).toMatch(pattern)
  })

  test('is nowhere', async () => {
    const found: string[] = []
    let files = 0
    const paths = glob(
      folders.map(folder => `${folder}/**/*.ts`),
      { cwd: root, exclude: path => /(^|\/)(node_modules|dist|\.toolchain)$/.test(path) },
    )
    for await (const path of paths) {
      files += 1
      const text = await readFile(join(root, path), 'utf8')
      const at = text.search(pattern)
      if (at >= 0) found.push(`${path}:${text.slice(0, at).split('\n').length}`)
    }
    expect(found).toEqual([])
    expect(files).toBeGreaterThan(0)
  })
})
