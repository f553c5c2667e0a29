import { apiOption, ask } from './client.ts'
import { KINDS, type Kind, type KindName, kindNamed } from './kind.ts'
import type { View } from './listing.ts'

/** How long the controller may take to name what there is, ms: a completion that hangs is worse than none. */
const CAP = 200

/** The word by which a shell asks what may stand at the end of the command line behind it. */
export const COMPLETE = '--complete'

/** The shells' part: they ask the command itself. Where it knows nothing they complete the names of files. */
export const SCRIPTS = {
  bash: `# Completion of weft for bash: source <(weft completion bash)
_weft() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$("$1" ${COMPLETE} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "$2"))
}
complete -o default -F _weft weft`,
  zsh: `#compdef weft
# Completion of weft for zsh: source <(weft completion zsh), or a file _weft in $fpath
_weft() {
  local -a found
  found=(\${(f)"$("\${words[1]}" ${COMPLETE} "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  (( \${#found} )) && compadd -a found || _default
}
if [ "$funcstack[1]" = _weft ]; then _weft "$@"; else compdef _weft weft; fi`,
} as const

/** What the help of a command says about its grammar. */
interface Grammar {
  readonly commands: readonly string[]
  readonly positionals: readonly { readonly choices: readonly string[] }[]
  /** By `--output`, and `-o`. */
  readonly options: ReadonlyMap<string, { readonly choices: readonly string[]; readonly takesValue: boolean }>
}

/**
 * What may stand at the end of a command line, one candidate each.
 *
 * @param words the command line without `weft`; the last word is being written.
 * @param helpOf the help of a command, one line an entry: completion knows what help says and nothing else.
 */
export async function complete(
  words: readonly string[],
  helpOf: (command: readonly string[]) => Promise<string>,
): Promise<string[]> {
  const before = words.slice(0, -1)
  const current = words.at(-1) ?? ''
  let path: readonly string[] = []
  let grammar = readGrammar(await helpOf(path))
  while (before[path.length] !== undefined && grammar.commands.includes(before[path.length]!)) {
    path = before.slice(0, path.length + 1)
    grammar = readGrammar(await helpOf(path))
  }
  if (current.startsWith('-')) return [...grammar.options.keys()].filter(option => option.startsWith('--'))
  const last = before.at(-1) ?? ''
  const option = grammar.options.get(last)
  if (option?.takesValue) {
    return option.choices.length > 0 ? [...option.choices] : names(kindNamed(last.replace(/^--/, '')), before)
  }
  const given = positionalsOf(before.slice(path.length), grammar)
  const choices = grammar.positionals[given.length]?.choices ?? []
  if (choices.length > 0) return [...choices]
  const named = LIVE[path.join(' ')]?.(given)
  return named === undefined ? [...grammar.commands] : names(named, before)
}

/** The kinds whose names commands take, by what stands before. */
const LIVE: Readonly<Record<string, (given: readonly string[]) => KindName | undefined>> = {
  get: ([kind, ...rest]) => (rest.length === 0 ? kindNamed(kind ?? '') : undefined),
  describe: ([kind, ...rest]) => (rest.length === 0 ? kindNamed(kind ?? '') : undefined),
  adopt: given => (given.length === 0 ? 'hosts' : undefined),
  release: given => (given.length === 0 ? 'hosts' : undefined),
  doctor: given => (given.length === 0 ? 'hosts' : undefined),
}

/** The names that the controller knows of a kind; none when it does not answer in time. */
async function names(kind: KindName | undefined, words: readonly string[]): Promise<string[]> {
  const { nameOf } = (kind === undefined ? {} : KINDS[kind]) as Partial<Kind>
  if (nameOf === undefined) return []
  const api = words[words.indexOf('--api') + 1]
  const where = words.includes('--api') && api !== undefined ? api : apiOption.default
  const rows = await ask<View[]>(where, `/v1/${kind}`, { signal: AbortSignal.timeout(CAP) }).catch(() => [])
  return rows.map(nameOf)
}

function positionalsOf(words: readonly string[], { options }: Grammar): string[] {
  const found: string[] = []
  for (const [index, word] of words.entries()) {
    if (!word.startsWith('-') && !options.get(words[index - 1] ?? '')?.takesValue) found.push(word)
  }
  return found
}

/** Reads the help of a command, in which every entry is one line. */
function readGrammar(help: string): Grammar {
  const section = (title: string) => (new RegExp(`^${title}:\n((?: .*\n?)*)`, 'm').exec(help)?.[1] ?? '').split('\n')
  const choicesOf = (line: string) =>
    [...(/\[choices: ([^\]]*)\]/.exec(line)?.[1] ?? '').matchAll(/"([^"]*)"/g)].map(([, choice]) => choice!)
  return {
    // A line is the whole usage: `weft lab up <file>   bring up a lab`.
    commands: section('Commands').flatMap(
      line => /^ {2}weft (?:[\w-]+ )*?([\w-]+)(?= {2}| [<[])/.exec(line)?.[1] ?? [],
    ),
    positionals: section('Positionals').flatMap(line => (/^ +\w/.test(line) ? [{ choices: choicesOf(line) }] : [])),
    options: new Map(
      section('Options').flatMap(line => {
        const option = { choices: choicesOf(line), takesValue: !/\[boolean\]/.test(line) }
        return (/^ +((?:-\w, )?--[\w-]+)/.exec(line)?.[1]?.split(', ') ?? []).map(name => [name, option] as const)
      }),
    ),
  }
}
