import { type Field, fields } from 'node-openflow'

/** What a pipeline keeps in a register: how many bits, and between which tables it holds a value. */
export interface RegisterDeclaration {
  /** Width in bits, 1..32. */
  readonly bits: number
  /** First table that may write it; default: the first table of the pipeline. */
  readonly from?: string
  /** Last table that may read it; default: the last table of the pipeline. */
  readonly to?: string
}

/** Where a declared register lies. */
export interface Register {
  readonly name: string
  readonly field: Field
  /** Lowest bit, 0..31. */
  readonly shift: number
  readonly bits: number
}

const REGISTERS = [...Array(16).keys()].map(number => fields[`reg${number as 0}`])

/**
 * Gives each declared register its bits: first fit, in the order of declaration, reg0 upward, on a boundary that reads well in hex.
 *
 * Two registers share bits only when no table lies in both lifetimes.
 *
 * @throws {Error} when a width is impossible, a table does not exist, or sixteen registers are not enough.
 */
export function allocateRegisters<Name extends string>(
  pipeline: string,
  declarations: { readonly [name in Name]: RegisterDeclaration },
  order: readonly string[],
): { readonly [name in Name]: Register } {
  const taken: { number: number; mask: number; first: number; last: number }[] = []
  const result: Partial<Record<Name, Register>> = {}
  for (const name of Object.keys(declarations) as Name[]) {
    const { bits, from, to } = declarations[name]
    const what = `${pipeline}: register ${name}`
    if (!Number.isInteger(bits) || bits < 1 || bits > 32) throw new Error(`${what} is ${bits} bits wide (1..32)`)
    const first = from === undefined ? 0 : order.indexOf(from)
    const last = to === undefined ? order.length - 1 : order.indexOf(to)
    if (first < 0) throw new Error(`${what}: there is no table ${from}`)
    if (last < 0) throw new Error(`${what}: there is no table ${to}`)
    if (last < first) throw new Error(`${what} ends at ${to}, before it begins at ${from}`)
    const alive = taken.filter(other => other.first <= last && first <= other.last)
    const place = firstFit(bits, alive)
    if (place === undefined) throw new Error(`${what}: no register has ${bits} bits left`)
    taken.push({ number: place.number, mask: maskOf(bits, place.shift), first, last })
    result[name] = { name, field: REGISTERS[place.number]!, shift: place.shift, bits }
  }
  return result as { readonly [name in Name]: Register }
}

function firstFit(bits: number, alive: readonly { number: number; mask: number }[]) {
  const boundary = bits > 16 ? 32 : bits > 8 ? 16 : bits > 4 ? 8 : 4
  for (let number = 0; number < REGISTERS.length; number++) {
    const used = alive.reduce((mask, other) => (other.number === number ? mask | other.mask : mask), 0)
    for (let shift = 0; shift + bits <= 32; shift += boundary) {
      if ((used & maskOf(bits, shift)) === 0) return { number, shift }
    }
  }
  return undefined
}

/** The mask of `bits` bits from `shift` upward, as an unsigned 32-bit number. */
export function maskOf(bits: number, shift: number): number {
  return ((bits === 32 ? 0xffffffff : (1 << bits) - 1) << shift) >>> 0
}
