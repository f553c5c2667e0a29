import { cpus, totalmem } from 'node:os'

/** Prints one JSON line: the name of the benchmark, its figures, and what they were measured on. */
export function report(name: string, figures: Readonly<Record<string, unknown>>): void {
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`
  process.stdout.write(`${JSON.stringify({ bench: name, ...figures, machine })}\n`)
}

/** The middle value; of an even number of values the lower one of the two. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length - 1) * share))] ?? Number.NaN
}

/** Rounded to three digits after the point. */
export function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
