import type { ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import { LabError } from './error.ts'

export interface CommandOptions {
  /** Text for the command's standard input; default none. */
  readonly stdin?: string | undefined
  /** Default 30,000; then the command is killed. */
  readonly timeoutMs?: number | undefined
  /** Variables beside those of this process. */
  readonly env?: Readonly<Record<string, string>> | undefined
}

export interface CommandResult {
  /** As a shell has it: 128 + the signal's number when a signal ended it. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** How a process ended, as a shell says it. */
export function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal])
}

/**
 * What a child whose three streams are pipes leaves behind when it and all who share its output have ended.
 *
 * @throws {LabError} when that takes too long; the child is killed.
 */
export function completion(
  child: ChildProcess,
  what: string,
  { stdin, timeoutMs = 30_000 }: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const output = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.setEncoding('utf8').on('data', (text: string) => {
        output[name] += text
      })
    }
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      // Whoever else holds the pipes must not hold us.
      for (const stream of [child.stdout, child.stderr]) stream?.destroy()
      reject(new LabError(`${what}: not done after ${timeoutMs} ms${lastLine(output.stderr)}`))
    }, timeoutMs)
    child.once('error', error => {
      clearTimeout(timer)
      reject(new LabError(`${what}: ${error.message}`))
    })
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code: exitCode(code, signal), ...output })
    })
    // A command that does not read to the end is no error of ours.
    child.stdin?.on('error', () => {})
    child.stdin?.end(stdin ?? '')
  })
}

/** The standard output of a command that must succeed. @throws {LabError} with the last line that it complained with. */
export function succeed(result: CommandResult, what: string): string {
  if (result.code === 0) return result.stdout
  throw new LabError(`${what}: exit code ${result.code}${lastLine(result.stderr) || lastLine(result.stdout)}`)
}

function lastLine(text: string): string {
  const line = text.trimEnd().split('\n').at(-1)
  return line ? `: ${line}` : ''
}
