import { PacketError } from '../../src/packet/error.ts'

/** What `run` complains of by a PacketError, undefined where it succeeds; any other error fails the test. */
export function complaint(run: () => unknown): string | undefined {
  try {
    run()
  } catch (error) {
    if (error instanceof PacketError) return error.message
    throw error
  }
  return undefined
}
