import { EXIT_CODES } from './exit-code.ts'

/** The help of a command with its examples first: most readers need nothing else. */
export function examplesFirst(help: string): string {
  const sections = help.trimEnd().split(/\n\n(?=\S)/)
  const at = sections.findIndex(section => section.startsWith('Examples:'))
  if (at < 0) return sections.join('\n\n')
  const [examples = ''] = sections.splice(at, 1)
  // The usage line and the description stay above.
  const head = Math.min(sections.length, help.startsWith('weft COMMAND') ? 1 : 2)
  return [...sections.slice(0, head), examples, ...sections.slice(head)].join('\n\n')
}

/** What `weft help TOPIC` shows besides the commands. */
export const TOPICS: Readonly<Record<string, () => string>> = {
  'exit-codes': () =>
    Object.values(EXIT_CODES)
      .map(({ code, means }) => `${String(code).padStart(3)}  ${means}`)
      .join('\n'),
}
