import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

/** Where the declarations of a published package come from and go to. */
export interface DeclarationPlan {
  /** The files consumers import, relative to `from`. */
  readonly entries: readonly string[]
  /** The folder the compiler wrote to. */
  readonly from: string
  readonly to: string
  /** Modules that consumers have at hand. */
  readonly available: readonly RegExp[]
  /** Modules whose declarations travel along: name -> its folder. */
  readonly carried: Readonly<Record<string, string>>
}

const SPECIFIER = /(^[ \t]*(?:import|export)\b[^'"`;=]*\bfrom\s+|^[ \t]*import\s+|\bimport\()(['"])([^'"]+)\2/gm

/**
 * Copies the entries and every declaration they reach, and nothing else.
 *
 * @throws {Error} when a declaration names a module that consumers would not find.
 */
export function copyDeclarations({ entries, from, to, available, carried }: DeclarationPlan): void {
  const seen = new Set<string>()
  const copy = (file: string, target: string) => {
    if (seen.has(target)) return
    seen.add(target)
    const text = readFileSync(file, 'utf8').replace(SPECIFIER, (whole, before: string, quote: string, name: string) => {
      if (name.startsWith('.')) {
        copy(declarationOf(resolve(dirname(file), name)), declarationOf(resolve(dirname(target), name), false))
        return whole
      }
      const folder = carried[name]
      if (folder !== undefined) {
        const home = join(to, name)
        copy(join(folder, 'index.d.ts'), join(home, 'index.d.ts'))
        cpSync(join(folder, 'LICENSE'), join(home, 'LICENSE'))
        return `${before}${quote}${relative(dirname(target), home)}/index.js${quote}`
      }
      if (available.some(pattern => pattern.test(name))) return whole
      throw new Error(`${relative(from, file)}: the public types name ${name}, which consumers do not have`)
    })
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, text)
  }
  for (const entry of entries) copy(join(from, entry), join(to, entry))
}

/** `x.ts` and `x.js` are declared by `x.d.ts`. */
function declarationOf(path: string, mustExist = true): string {
  const file = path.endsWith('.d.ts') ? path : path.replace(/\.[jt]s$/, '.d.ts')
  if (mustExist && !existsSync(file)) throw new Error(`${file}: no such declaration`)
  return file
}
