/** What the command's exit code says. */
export const EXIT = {
  ok: 0,
  /** It was understood and did not work out. */
  failed: 1,
  /** The command line or a file is wrong. */
  usage: 2,
  /** No controller answers. */
  unreachable: 69,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Ends the command with one line on stderr and this exit code. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly code: ExitCode

  constructor(message: string, code: ExitCode = EXIT.failed) {
    super(message)
    this.code = code
  }
}
