/** A column of a table for people: its heading and what stands in it. */
export type Column<Row> = readonly [heading: string, cell: (row: Row) => string | number | boolean | null | undefined]

/** Columns as wide as their widest cell, two spaces between them, headings in capitals: easy for eyes, grep and awk. */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const lines = [columns.map(([heading]) => heading.toUpperCase())]
  for (const row of rows) lines.push(columns.map(([, cell]) => text(cell(row))))
  const widths = columns.map((_, index) => Math.max(...lines.map(line => line[index]!.length)))
  return lines
    .map(line =>
      line
        .map((cell, index) => cell.padEnd(widths[index]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function text(value: string | number | boolean | null | undefined): string {
  if (value === null || value === undefined || value === '') return '-'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return String(value)
}
