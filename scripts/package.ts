/** Builds the three published packages under build/: staged folders and the archives npm would publish. */
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build, type Metafile } from 'esbuild'
import { copyDeclarations } from './declarations.ts'

const root = join(import.meta.dirname, '..')
const buildFolder = join(root, 'build')
const stage = join(buildFolder, 'npm')

/** The libraries that are published on their own and travel inside weft-controller. */
export const libraries = ['node-openflow', 'ovsdb-client'] as const

/** What consumers import -> the source file. */
const entries = { '.': 'main', './testing': 'testing' } as const

interface Manifest {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly license: string
  readonly engines: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, Readonly<Record<string, string>>>>
}
const readManifest = (folder: string) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
const writeManifest = (folder: string, manifest: object) =>
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)

/** Not what tools leave behind. */
const visible = (path: string) => !basename(path).startsWith('.')

/** A built package. */
export interface Package {
  readonly name: string
  readonly version: string
  /** The staged folder. */
  readonly folder: string
  /** The .tgz. */
  readonly archive: string
}

/** Builds everything anew and resolves with weft-controller first, then the libraries. */
export async function buildPackages(): Promise<readonly [Package, ...Package[]]> {
  rmSync(buildFolder, { recursive: true, force: true })
  const built = libraries.map(buildLibrary)
  return [await buildController(built), ...built]
}

function buildLibrary(name: string): Package {
  const home = join(root, 'packages', name)
  const folder = join(buildFolder, name)
  rmSync(join(home, 'dist'), { recursive: true, force: true })
  execFileSync('tsc', ['-p', join(home, 'tsconfig.build.json')], { stdio: 'inherit' })
  mkdirSync(folder, { recursive: true })
  for (const part of ['dist', 'src', 'README.md', 'CHANGELOG.md']) {
    if (existsSync(join(home, part))) cpSync(join(home, part), join(folder, part), { recursive: true, filter: visible })
  }
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  const manifest = readManifest(home)
  // The condition of the checkout names TypeScript, which Node refuses to run inside node_modules.
  const exports = Object.fromEntries(
    Object.entries(manifest.exports).map(([path, { 'weft-source': _, ...published }]) => [path, published]),
  )
  writeManifest(folder, { ...manifest, exports })
  return pack(folder)
}

async function buildController(bundled: readonly Package[]): Promise<Package> {
  mkdirSync(stage, { recursive: true })
  const { name, version, description, license, engines } = readManifest(root)
  const published = Object.entries(entries).filter(([, source]) => existsSync(join(root, `src/${source}.ts`)))

  const { metafile } = await build({
    entryPoints: ['bin', ...published.map(([, source]) => source)].map(source => join(root, `src/${source}.ts`)),
    outdir: join(stage, 'lib'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    conditions: ['weft-source'],
    absWorkingDir: root,
    metafile: true,
    legalComments: 'none',
    logLevel: 'warning',
    // For the CommonJS packages inside.
    banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
  })
  writeFileSync(join(stage, 'THIRD-PARTY-LICENSES.txt'), licensesOf(metafile))
  buildTypes(published.map(([, source]) => source))

  for (const file of ['README.md', 'LICENSE', 'CHANGELOG.md']) cpSync(join(root, file), join(stage, file))
  cpSync(join(import.meta.dirname, 'weft.cjs'), join(stage, 'weft.cjs'))
  chmodSync(join(stage, 'weft.cjs'), 0o755)
  for (const library of bundled) {
    const target = join(stage, 'node_modules', library.name)
    mkdirSync(target, { recursive: true })
    execFileSync('tar', ['-xzf', library.archive, '-C', target, '--strip-components=1'])
  }
  writeManifest(stage, {
    name,
    version,
    description,
    keywords: ['openflow', 'openvswitch', 'ovs', 'ovsdb', 'sdn', 'neutron', 'vxlan', 'dhcp'],
    license,
    type: 'module',
    engines,
    bin: { weft: 'weft.cjs' },
    exports: {
      ...Object.fromEntries(
        published.map(([path, source]) => [
          path,
          { types: `./types/src/${source}.d.ts`, default: `./lib/${source}.mjs` },
        ]),
      ),
      './package.json': './package.json',
    },
    files: ['lib', 'types', 'weft.cjs', 'CHANGELOG.md', 'THIRD-PARTY-LICENSES.txt'],
    dependencies: Object.fromEntries(bundled.map(library => [library.name, library.version])),
    bundleDependencies: bundled.map(library => library.name),
  })
  return pack(stage)
}

/** Writes what the given sources declare, with all that is reachable from there. */
function buildTypes(sources: readonly string[]): void {
  const emitted = join(buildFolder, 'types')
  const config = join(buildFolder, 'tsconfig.types.json')
  const options = { rootDir: '..', outDir: 'types', declaration: true, emitDeclarationOnly: true, customConditions: [] }
  writeFileSync(
    config,
    JSON.stringify({
      extends: '../tsconfig.base.json',
      compilerOptions: options,
      files: sources.map(source => `../src/${source}.ts`),
    }),
  )
  execFileSync('tsc', ['-p', config], { stdio: 'inherit' })
  copyDeclarations({
    entries: sources.map(source => `src/${source}.d.ts`),
    from: emitted,
    to: join(stage, 'types'),
    available: [/^node:/, ...libraries.map(library => new RegExp(`^${library}(/|$)`))],
    carried: { zod: join(root, 'node_modules/zod') },
  })
}

/** The licence texts of what the bundle contains. */
function licensesOf({ inputs }: Metafile): string {
  const folders = new Set(
    Object.keys(inputs).flatMap(path => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/)?.[0] ?? []),
  )
  const texts = [...folders].sort().map(folder => {
    const { name, version, license } = readManifest(join(root, folder))
    const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license', 'LICENCE', 'LICENSE-MIT']
      .map(candidate => join(root, folder, candidate))
      .find(existsSync)
    const text = file === undefined ? `License: ${license}` : readFileSync(file, 'utf8').trim()
    return `${name} ${version}\n\n${text}\n`
  })
  return texts.join(`\n${'-'.repeat(80)}\n\n`)
}

function pack(folder: string): Package {
  const { name, version } = readManifest(folder)
  const output = execFileSync('npm', ['pack', '--json', '--silent', '--pack-destination', buildFolder], {
    cwd: folder,
    encoding: 'utf8',
  })
  const [{ filename }] = JSON.parse(output) as [{ filename: string }]
  return { name, version, folder, archive: join(buildFolder, basename(filename)) }
}

if (import.meta.main) {
  for (const { archive } of await buildPackages()) console.log(archive)
}
