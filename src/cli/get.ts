import type { Argv } from 'yargs'
import { nearest } from '../../topology/nearest.ts'
import type { EventsView } from '../api/event-log.ts'
import { apiOption, ask } from './client.ts'
import { CommandError, EXIT } from './exit-code.ts'
import { KIND_NAMES, KINDS, type Kind, type KindName, kindNamed, NARROWINGS, type Narrowing } from './kind.ts'
import { checkListing, Listing, OUTPUTS, type Output, type View } from './listing.ts'
import { paintFor } from './style.ts'

export type GetArguments = {
  readonly kind: KindName
  readonly name?: string | undefined
  readonly api: string
  readonly output: Output
  readonly watch: boolean
  readonly headers: boolean
  readonly interval: number
} & { readonly [Key in Narrowing]?: string | undefined }

/** The options of `weft get`. */
export function getOptions(yargs: Argv) {
  return yargs
    .positional('kind', {
      choices: KIND_NAMES,
      demandOption: true,
      describe: 'what to list; or its singular, or a short name: net, sub, po, br, fl, ev',
      coerce: (word: string) => {
        const kind = kindNamed(word)
        if (kind !== undefined) return kind
        const near = nearest(word, [...KIND_NAMES, ...KIND_NAMES.flatMap(name => KINDS[name].short)])
        const hint = near === undefined ? KIND_NAMES.join(', ') : `did you mean ${near}?`
        throw new CommandError(`there are no ${word} to get: ${hint}`, EXIT.usage)
      },
    })
    .positional('name', { type: 'string', describe: 'only the one of this name' })
    .option('output', {
      alias: 'o',
      choices: OUTPUTS,
      default: 'table' as const,
      describe: 'wide has more columns; name is for other commands; ofctl is flows as ovs-ofctl takes them',
    })
    .option('watch', { alias: 'w', type: 'boolean', default: false, describe: 'then show what changes, until Ctrl-C' })
    .option('interval', { type: 'number', default: 1, describe: 'with --watch: how often to look, seconds' })
    .option('headers', { type: 'boolean', default: true, describe: '--no-headers: only the rows of a table' })
    .option('host', { type: 'string', describe: 'only what is on this host' })
    .option('bridge', { type: 'string', describe: 'only of this bridge: br-int, or h1/br-int' })
    .option('table', { type: 'string', describe: 'flows: only of this table, by name or number' })
    .option('network', { type: 'string', describe: 'only of this network' })
    .option('port', { type: 'string', describe: 'only of this port' })
    .option('owner', { type: 'string', describe: 'flows: only of this resource, as "port red-a" or "network red"' })
    .option('api', apiOption)
    .check(args => {
      const { kind, output, watch, interval } = args as unknown as GetArguments
      checkListing({ kind, output, mode: modeOf({ kind, watch }) })
      if (!(interval > 0)) throw new CommandError('--interval: a number of seconds', EXIT.usage)
      for (const narrowing of NARROWINGS) {
        if (args[narrowing] === undefined || narrowing in KINDS[kind].narrow) continue
        const others = KIND_NAMES.filter(name => narrowing in KINDS[name].narrow).join(', ')
        throw new CommandError(`${kind} cannot be narrowed by --${narrowing}; it is for ${others}`, EXIT.usage)
      }
      return true
    })
    .example('$0 get ports', 'who is where')
    .example('$0 get ports --network red -o wide', 'with ids')
    .example('$0 get events -w', 'what has happened, and what happens')
    .example('$0 get flows --port red-a --host h1', 'the flows that are there for a port')
    .example('$0 get flows --bridge h1/br-int -o ofctl', 'as the host’s own ovs-ofctl add-flows takes them')
    .example('$0 get po -o name | xargs -n1 $0 describe port', 'for other commands')
}

/** Prints what `weft get` prints; with --watch until it is interrupted. */
export async function get(args: GetArguments, print: (text: string) => void): Promise<void> {
  const { kind, output, headers: headings } = args
  const mode = modeOf(args)
  const listing = new Listing({ kind, output, mode, headings, paint: paintFor(process.stdout) })
  if (mode !== 'once') {
    const { watch, watchEvents } = await import('./watch.ts')
    await (mode === 'stream' ? watchEvents(args, listing, print) : watch(args, listing, print))
    return
  }
  const rows = await readRows(args)
  if (args.name !== undefined && rows.length === 0) await sayUnknown(args)
  const lines = await listing.lines(rows.map(row => ({ fate: 'present', row })))
  if (lines.length > 0) print(lines.join('\n'))
}

const modeOf = ({ kind, watch }: Pick<GetArguments, 'kind' | 'watch'>) =>
  watch ? (kind === 'events' ? 'stream' : 'changes') : 'once'

/** The rows that are wanted. */
export async function readRows(args: GetArguments): Promise<View[]> {
  if (args.kind === 'events') {
    const { events, lost } = await ask<EventsView>(args.api, '/v1/events')
    if (lost > 0) process.stderr.write(`${lost} older events are forgotten\n`)
    return (events as unknown as View[]).filter(row => isWanted(args, row))
  }
  const views = await ask<View[]>(args.api, `/v1/${args.kind}${query(args)}`)
  return views.filter(row => isWanted(args, row))
}

/** Whether a row is of the name and the places that are asked for. */
export function isWanted(args: GetArguments, row: View): boolean {
  const kind = KINDS[args.kind] as unknown as Kind
  if (args.name !== undefined && kind.nameOf?.(row) !== args.name && !kind.alsoCalled?.(row).includes(args.name)) {
    return false
  }
  return NARROWINGS.every(narrowing => {
    const place = kind.narrow[narrowing]
    return args[narrowing] === undefined || place === undefined || place(row) === args[narrowing]
  })
}

/** What the API itself narrows by. */
function query(args: GetArguments): string {
  const { narrow } = KINDS[args.kind]
  const wanted = NARROWINGS.flatMap((narrowing): [string, string][] => {
    const value = args[narrowing]
    return value !== undefined && narrowing in narrow && narrow[narrowing] === undefined ? [[narrowing, value]] : []
  })
  return wanted.length === 0 ? '' : `?${new URLSearchParams(wanted)}`
}

async function sayUnknown(args: GetArguments): Promise<never> {
  const { nameOf } = KINDS[args.kind] as unknown as Kind
  const [singular] = KINDS[args.kind].short
  const name = args.name ?? ''
  const others = nameOf === undefined ? [] : (await readRows({ ...args, name: undefined })).map(nameOf)
  const near = nearest(name, others)
  throw new CommandError(`there is no ${singular} ${name}${near === undefined ? '' : `: did you mean ${near}?`}`)
}
