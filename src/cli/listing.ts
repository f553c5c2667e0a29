import { CommandError, EXIT } from './exit-code.ts'
import { KINDS, type Kind, type KindName } from './kind.ts'
import type { Paint } from './style.ts'
import { type Column, TableFormat } from './table.ts'

export const OUTPUTS = ['table', 'wide', 'json', 'yaml', 'name', 'ofctl'] as const
export type Output = (typeof OUTPUTS)[number]

/** A row as the API gives it. */
export type View = Readonly<Record<string, unknown>>

/** What became of a row since it was last shown. */
export type Fate = 'present' | 'added' | 'changed' | 'removed'

export interface ListingOptions {
  readonly kind: KindName
  readonly output: Output
  readonly headings: boolean
  readonly paint: Paint
  /** `once`: the whole list; `changes`: then each row again when it changes, with its fate; `stream`: each row as it comes. */
  readonly mode: 'once' | 'changes' | 'stream'
}

/**
 * Why a listing makes no sense, if it does not.
 *
 * @throws {CommandError} with the way out.
 */
export function checkListing({ kind, output, mode }: Pick<ListingOptions, 'kind' | 'output' | 'mode'>): void {
  if (output === 'ofctl' && kind !== 'flows') throw new CommandError('-o ofctl is for flows', EXIT.usage)
  if (output === 'name' && KINDS[kind].nameOf === undefined) {
    throw new CommandError(`${kind} have no names: -o table, wide, json or yaml`, EXIT.usage)
  }
  if (mode !== 'once' && (output === 'ofctl' || output === 'name')) {
    throw new CommandError(`-w goes with -o table, wide, json or yaml, not with ${output}`, EXIT.usage)
  }
}

/**
 * Rows as text, a few at a time. Where changes are shown the fate is the first column of a table, and JSON and YAML are
 * `{ fate, row }`. JSON that goes on is an object a line, YAML a document a row.
 */
export class Listing {
  readonly #options: ListingOptions
  readonly #kind: Kind
  readonly #format: TableFormat<{ readonly fate: Fate; readonly row: View }>
  #begun = false

  constructor(options: ListingOptions) {
    this.#options = options
    this.#kind = KINDS[options.kind] as unknown as Kind
    const columns = this.#kind.columns
      .filter(([, , { wide = false } = {}]) => !wide || options.output === 'wide')
      .map(([heading, cell, { style } = {}]): Column<{ readonly fate: Fate; readonly row: View }> => {
        return style === undefined
          ? [heading, ({ row }) => cell(row)]
          : [heading, ({ row }) => cell(row), { style: ({ row }) => style(row) }]
      })
    const fate: Column<{ readonly fate: Fate }> = ['fate', ({ fate }) => fate]
    this.#format = new TableFormat(options.mode === 'changes' ? [fate, ...columns] : columns, options.paint)
  }

  /** What of a row is shown: when it is equal, nothing has changed for the reader. */
  shown(row: View): string {
    const { output } = this.#options
    if (output === 'json' || output === 'yaml') return JSON.stringify(row)
    return this.#format.cells({ fate: 'present', row }).join('\0')
  }

  /** The lines for these rows; headings come before the first ones. */
  async lines(rows: readonly { readonly fate: Fate; readonly row: View }[]): Promise<string[]> {
    const { output, headings, mode } = this.#options
    const shown = mode === 'changes' ? rows : rows.map(({ row }) => row)
    switch (output) {
      case 'json':
        return mode === 'once' ? [JSON.stringify(shown, undefined, 2)] : shown.map(one => JSON.stringify(one))
      case 'yaml': {
        const { stringify } = await import('yaml')
        if (mode === 'once') return [stringify(shown).trimEnd()]
        return shown.map(one => `---\n${stringify(one).trimEnd()}`)
      }
      case 'name':
        return rows.map(({ row }) => this.#kind.nameOf?.(row) ?? '')
      case 'ofctl':
        return rows.map(({ row }) => String(row['ofctl']))
      case 'table':
      case 'wide': {
        this.#format.widen(rows)
        const first = headings && !this.#begun ? [this.#format.headings()] : []
        this.#begun = true
        return [...first, ...rows.map(one => this.#format.line(one))]
      }
    }
  }
}
