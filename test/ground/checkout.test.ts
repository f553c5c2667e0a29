import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly version?: string; readonly resolved?: string; readonly link?: boolean }>
  >
}
const lock = JSON.parse(read('package-lock.json')) as Lock
const manifest = JSON.parse(read('package.json')) as {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

describe('the lock file', () => {
  test('names no registry', () => {
    expect(read('.npmrc').split('\n')).toContain('omit-lockfile-registry-resolved=true')
    expect(read('package-lock.json')).not.toMatch(/https?:\/\/[^"]*\.tgz/)
    // What is left is the workspaces' own folders.
    const resolved = Object.values(lock.packages).filter(entry => entry.resolved !== undefined)
    expect(resolved.filter(entry => entry.link !== true)).toEqual([])
  })

  test.each(
    Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }),
  )('has %s at exactly %s', (name, version) => {
    expect(version).toMatch(/^\d+\.\d+\.\d+$/)
    expect(lock.packages[`node_modules/${name}`]?.version).toBe(version)
  })
})

describe('the first commands', () => {
  const commands = [
    'weft',
    'scripts/demo',
    'scripts/test',
    'scripts/package',
    'scripts/package-test',
    'scripts/clean-root',
    '.ci/run',
  ]

  test.each(commands)('%s can be run', path => {
    accessSync(join(root, path), constants.X_OK)
    expect(read(path)).toMatch(/^#!\/(bin\/sh|usr\/bin\/env bash|bin\/bash)\n/)
  })

  test('README starts with the demo and the tests', () => {
    const block = read('README.md').match(/```(?:sh|console|bash)?\n([^`]*)```/)?.[1] ?? ''
    const named = [...block.matchAll(/(?:^|\s)(\.\/\S+)/gm)].map(match => match[1])
    expect(named.slice(0, 2)).toEqual(['./scripts/demo', './scripts/test'])
  })

  test.each(['README.md', 'CONTRIBUTING.md'])('what %s tells to run is there', path => {
    const named = [...read(path).matchAll(/(?:^|[\s`(])(\.\/(?:scripts\/[\w-]+|weft))\b/gm)].map(
      match => match[1] ?? '',
    )
    expect(named).not.toEqual([])
    for (const name of named) expect(statSync(join(root, name)).mode & 0o111, name).not.toBe(0)
  })
})
