import { type Paint, plain, type Style } from './style.ts'

export type Cell = string | number | boolean | null | undefined

/** A column of a table for people. */
export type Column<Row> = readonly [
  heading: string,
  cell: (row: Row) => Cell,
  options?: {
    /** Only in the wide table. */
    readonly wide?: boolean
    /** How the cell stands out; default not at all. */
    readonly style?: (row: Row) => Style | undefined
  },
]

/**
 * A table that keeps its columns: as wide as their widest cell so far, two spaces between them, headings in capitals. Easy for
 * eyes, grep and awk.
 */
export class TableFormat<Row> {
  readonly #columns: readonly Column<Row>[]
  readonly #paint: Paint
  readonly #widths: number[]

  constructor(columns: readonly Column<Row>[], paint: Paint = plain) {
    this.#columns = columns
    this.#paint = paint
    this.#widths = columns.map(([heading]) => heading.length)
  }

  /** The cells of a row as they are shown, without their padding. */
  cells(row: Row): string[] {
    return this.#columns.map(([, cell]) => text(cell(row)))
  }

  /** Makes room for rows before the first of them is shown. */
  widen(rows: readonly Row[]): void {
    for (const row of rows) {
      for (const [index, cell] of this.cells(row).entries()) {
        this.#widths[index] = Math.max(this.#widths[index]!, cell.length)
      }
    }
  }

  headings(): string {
    return this.#line(
      this.#columns.map(([heading]) => heading.toUpperCase()),
      () => 'heading',
    )
  }

  line(row: Row): string {
    return this.#line(this.cells(row), index => this.#columns[index]?.[2]?.style?.(row))
  }

  #line(cells: readonly string[], styleOf: (index: number) => Style | undefined): string {
    const shown = cells.map((cell, index) => {
      const style = styleOf(index)
      const padding = index === cells.length - 1 ? '' : ' '.repeat(Math.max(0, this.#widths[index]! - cell.length))
      return (style === undefined ? cell : this.#paint(cell, style)) + padding
    })
    return shown.join('  ')
  }
}

/** All of a table at once. */
export function formatTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: { readonly headings?: boolean; readonly paint?: Paint } = {},
): string {
  const format = new TableFormat(columns, options.paint)
  format.widen(rows)
  const lines = rows.map(row => format.line(row))
  return [...(options.headings === false ? [] : [format.headings()]), ...lines].join('\n')
}

function text(value: Cell): string {
  if (value === null || value === undefined || value === '') return '-'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return String(value)
}
