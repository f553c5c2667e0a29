/** How cells and words are set off from others on a terminal. SGR codes of ECMA-48 § 8.3.117. */
const SGR = { heading: 1, good: 32, warning: 33, bad: 31, quiet: 2 } as const
export type Style = keyof typeof SGR

export type Paint = (text: string, style: Style) => string

/** Whether a stream is given colour: only a terminal that can, and nobody said `NO_COLOR` (no-color.org) or `--no-color`. */
export function isColourful(
  stream: { readonly isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
}

export const plain: Paint = text => text

const coloured: Paint = (text, style) => `\x1b[${SGR[style]}m${text}\x1b[0m`

/** The paint for a stream of this process. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  return isColourful(stream, process.env) ? coloured : plain
}
