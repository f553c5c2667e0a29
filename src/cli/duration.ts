import { CommandError, EXIT } from './exit-code.ts'

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const

/** The ms of `500ms`, `30s`, `2m`, `1h`; a bare number is seconds. */
export function parseDuration(text: string): number {
  const { amount, unit = 's' } = /^(?<amount>\d+(\.\d+)?)(?<unit>ms|s|m|h)?$/.exec(text)?.groups ?? {}
  if (amount === undefined) throw new CommandError(`"${text}" is no duration: 500ms, 30s, 2m, 1h`, EXIT.usage)
  return Number(amount) * UNITS[unit as keyof typeof UNITS]
}
