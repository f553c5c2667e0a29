import { brEx } from '../flows/br-ex.ts'
import { brInt } from '../flows/br-int.ts'
import { brTun } from '../flows/br-tun.ts'
import { PRIORITY, type TableDeclaration } from '../src/pipeline/pipeline.ts'
import type { Register, RegisterDeclaration } from '../src/pipeline/register.ts'

interface Declared {
  readonly name: string
  readonly declarations: Readonly<Record<string, TableDeclaration>>
  readonly registers: Readonly<Record<string, Register>>
  readonly registerDeclarations: Readonly<Record<string, RegisterDeclaration>>
}

/** docs/pipeline.md: every table of every bridge as it is declared in flows/. */
export function pipelineDocument(): string {
  const priorities = Object.entries(PRIORITY).map(([name, value]) => `${name} ${value}`)
  return `# The pipelines

Generated from \`flows/\` by \`node --conditions=weft-source scripts/pipeline-doc.ts\`.

Priorities are names in a scale: ${priorities.join(' < ')}. The last flow of every table is its \`miss\`; the switch reports when
one of those is removed, and the bridge is read again.

${[brInt, brTun, brEx].map(pipeline => section(pipeline as unknown as Declared)).join('\n')}`
}

function section({ name, declarations, registers, registerDeclarations }: Declared): string {
  const tables = Object.entries(declarations)
  return `## ${name}

\`\`\`mermaid
flowchart TD
${tables.flatMap(([table, { next, miss }]) => arrows(table, next, miss)).join('\n')}
\`\`\`

| table | what happens | matches | writes | goes to | no match |
| --- | --- | --- | --- | --- | --- |
${tables.map(([table, declaration]) => tableRow(table, declaration)).join('\n')}

| register | bits | holds a value |
| --- | --- | --- |
${Object.entries(registers)
  .map(([register, place]) => registerRow(register, place, registerDeclarations[register]))
  .join('\n')}
`
}

function arrows(table: string, next: readonly string[], miss: string): string[] {
  const lines = next.filter(to => to !== miss).map(to => `  ${table} --> ${to}`)
  if (miss !== 'drop') lines.push(`  ${table} -. miss .-> ${miss}`)
  return lines.length === 0 ? [`  ${table}`] : lines
}

function tableRow(name: string, { id, does, match, sets, next, miss, missReason }: TableDeclaration): string {
  const code = (names: readonly string[] | undefined) => (names ?? []).map(one => `\`${one}\``).join(' ')
  return `| ${id} \`${name}\` | ${does} | ${code(match)} | ${code(sets)} | ${code(next)} | \`${miss}\`: ${missReason} |`
}

function registerRow(
  name: string,
  { field, shift, bits }: Register,
  declaration: RegisterDeclaration | undefined,
): string {
  const where = bits === field.bits ? field.name : `${field.name}[${shift}..${shift + bits - 1}]`
  const from = declaration?.from
  const to = declaration?.to
  const life = from === undefined && to === undefined ? 'everywhere' : `\`${from ?? 'first'}\` to \`${to ?? 'last'}\``
  return `| \`${name}\` | \`${where}\` | ${life} |`
}
