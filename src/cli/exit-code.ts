/** What each exit code says: of this table are the codes, `weft help exit-codes` and docs/cli.md. */
export const EXIT_CODES = {
  ok: { code: 0, means: 'It worked, or what was asked is so.' },
  failed: { code: 1, means: 'It was understood and did not work out, or what was asked is not so.' },
  usage: { code: 2, means: 'The command line or a file is wrong; nothing was done.' },
  differs: { code: 3, means: '`plan --exit-code`: the topology would change something.' },
  unreachable: { code: 69, means: 'Nobody answers where the controller or the host should.' },
  timeout: { code: 124, means: '`wait`: the time is up; stderr says who lags behind.' },
} as const satisfies Readonly<Record<string, { readonly code: number; readonly means: string }>>

type Table = typeof EXIT_CODES

/** The exit codes by name. */
export const EXIT = Object.fromEntries(Object.entries(EXIT_CODES).map(([name, { code }]) => [name, code])) as {
  readonly [Name in keyof Table]: Table[Name]['code']
}
export type ExitCode = Table[keyof Table]['code']

/** Ends the command with its message on stderr and this exit code. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly code: ExitCode

  constructor(message: string, code: ExitCode = EXIT.failed) {
    super(message)
    this.code = code
  }
}
