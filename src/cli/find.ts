import type { MatchView } from '../api/find.ts'
import { ask } from './client.ts'
import { CommandError } from './exit-code.ts'
import { paintFor } from './style.ts'
import { type Column, formatTable } from './table.ts'

const COLUMNS: readonly Column<MatchView>[] = [
  ['what', match => match.what],
  ['name', match => match.name],
  ['network', match => match.network],
  ['project', match => match.project],
  ['mac', match => match.mac_address],
  ['addresses', match => match.ip_addresses.join(',')],
  ['host', match => match.host],
  ['bridge', match => match.bridge],
  ['ofport', match => match.ofport],
  ['lease', match => match.lease && `until ${match.lease.expires}`],
]

/** The text that `weft find` prints. @throws {CommandError} when nobody has it. */
export async function find(args: { readonly wanted: string; readonly api: string; readonly output: 'table' | 'json' }) {
  const matches = await ask<readonly MatchView[]>(args.api, `/v1/find?q=${encodeURIComponent(args.wanted)}`)
  if (matches.length === 0) throw new CommandError(`nobody has ${args.wanted}`)
  if (args.output === 'json') return JSON.stringify(matches, undefined, 2)
  return formatTable(COLUMNS, matches, { paint: paintFor(process.stdout) })
}
