import type { Cage } from './cage.ts'

/** Signals the process of a pid file and waits for its end, unless it only stops or goes on; when nobody is there, nothing. */
const KILL = `
[ -s "$PID_FILE" ] || exit 0
pid=$(cat "$PID_FILE")
kill "-$SIGNAL" "$pid" 2>/dev/null || exit 0
case $SIGNAL in STOP | CONT) exit 0 ;; esac
timeout 10 tail --pid="$pid" --sleep-interval=0.01 -f /dev/null
`

/**
 * Ends a daemon of the lab; resolves when it is gone.
 *
 * @param pidFile its path inside the member; the pid in it is one of the cage.
 * @param signal with or without `SIG`.
 */
export async function killDaemon(cage: Cage, member: number, pidFile: string, signal: string): Promise<void> {
  const env = { PID_FILE: pidFile, SIGNAL: signal.replace(/^SIG/, '') }
  await cage.script(member, `end of ${pidFile}`, KILL, { env })
}
