import { readFileSync } from 'node:fs'
import { until } from './until.ts'

/** A process that no later process with the same pid is mistaken for. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks after boot: field 22 of proc_pid_stat(5). */
  readonly startTime: number
}

/** The process that has the pid now; undefined when there is none, or only its remains wait for its parent. */
export function identify(pid: number): ProcessIdentity | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The command in parentheses may hold spaces and parentheses itself; the state is field 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined
  return { pid, startTime: Number(fields[19]) }
}

export function isRunning({ pid, startTime }: ProcessIdentity): boolean {
  return identify(pid)?.startTime === startTime
}

/** Resolves when the process has ended; no event tells of processes that are not our children. */
export function ended(identity: ProcessIdentity, timeoutMs = 10_000): Promise<void> {
  return until(() => !isRunning(identity), `the end of process ${identity.pid}`, timeoutMs)
}
