import type { FlowView } from '../api/flow-view.ts'
import { ask } from './client.ts'
import { formatTable } from './table.ts'

/** The text that `weft describe` prints: what is one value a line, then lists as tables, then flows with their reasons. */
export async function describe(args: {
  readonly kind: string
  readonly name: string
  readonly api: string
  readonly output: 'text' | 'json'
}): Promise<string> {
  const path = `/v1/describe/${encodeURIComponent(args.kind)}/${encodeURIComponent(args.name)}`
  const found = await ask<Readonly<Record<string, unknown>>>(args.api, path)
  if (args.output === 'json') return JSON.stringify(found, undefined, 2)
  const lines: string[] = []
  const entries = Object.entries(found).filter(([, value]) => !isList(value))
  const width = Math.max(...entries.map(([key]) => key.length))
  for (const [key, value] of entries) lines.push(`${key.padEnd(width)}  ${inline(value)}`)
  for (const [key, value] of Object.entries(found)) {
    if (!isList(value) || value.length === 0) continue
    lines.push('', `${key.replace(/_list$/, 's')}:`)
    if (key === 'flows') lines.push(...(value as unknown as FlowView[]).flatMap(flowLines))
    else {
      const headings = Object.keys(value[0]!).filter(name => name !== 'id')
      const columns = headings.map(
        name => [name, (row: Readonly<Record<string, unknown>>) => inline(row[name])] as const,
      )
      lines.push(
        ...formatTable(columns, value)
          .split('\n')
          .map(line => `  ${line}`),
      )
    }
  }
  return lines.join('\n')
}

function flowLines(flow: FlowView): string[] {
  return [`  ${flow.host}/${flow.bridge}: ${flow.reason} (${flow.packets} packets)`, `    ${flow.flow}`]
}

function isList(value: unknown): value is readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) && typeof value[0] === 'object' && value[0] !== null
}

function inline(value: unknown): string {
  if (value === null || value === undefined || value === '') return '-'
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(inline).join(', ')
  if (typeof value === 'object') {
    const entries = Object.entries(value)
    return entries.length === 0 ? '-' : entries.map(([key, one]) => `${key}=${inline(one)}`).join(' ')
  }
  return String(value)
}
