import yargs, { type Argv } from 'yargs'
import { nearest } from '../../topology/nearest.ts'
import { EndpointError } from '../endpoint.ts'
import { LEVELS } from '../log.ts'
import { apiOption } from './client.ts'
import { COMPLETE, complete, SCRIPTS } from './completion.ts'
import { DESCRIBED } from './described.ts'
import { doctorOptions } from './doctor.ts'
import { CommandError, EXIT, type ExitCode } from './exit-code.ts'
import { getOptions } from './get.ts'
import { examplesFirst, TOPICS } from './help.ts'
import { kindNamed } from './kind.ts'
import { labCommand } from './lab.ts'

/** Runs the command and resolves with its exit code. Data goes to stdout, everything else to stderr. */
export async function runCli(argv: readonly string[]): Promise<number> {
  let code: ExitCode | number = EXIT.ok
  const print = (text: string) => process.stdout.write(`${text}\n`)
  const fail = (error: unknown) => {
    code = exitCodeOf(error)
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  }
  const topic = argv[0] === 'help' ? TOPICS[argv[1] ?? ''] : undefined
  if (topic !== undefined) {
    print(topic())
    return code
  }

  const parse = async (words: readonly string[], width: number | null, show: (text: string) => void) => {
    const parser = commandLine(words, print, ended => {
      code = ended
    })
    // With a callback yargs hands over the help that it would print.
    await parser.wrap(width).parseAsync([...words], {}, (_error, _args, help) => {
      if (help !== '') show(help)
    })
  }
  try {
    if (argv[0] === COMPLETE) {
      const helpOf = async (command: readonly string[]) => {
        let found = ''
        await parse([...command, '--help'], null, help => {
          found = help
        })
        return found
      }
      print((await complete(argv.slice(1), helpOf)).join('\n'))
      return code
    }
    const words = argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv
    await parse(words, Math.min(110, process.stdout.columns ?? 110), help => print(examplesFirst(help)))
  } catch (error) {
    fail(error)
  }
  return code
}

/** The grammar of the command line. What a command is made of is imported when it runs: most of it is never needed. */
function commandLine(words: readonly string[], print: (text: string) => void, exit: (code: number) => void) {
  const parser = yargs([...words])
  return parser
    .scriptName('weft')
    .usage('$0 COMMAND: tenant networks on plain Open vSwitch hosts')
    .example('$0 lab up topology/examples/two-tenants.yaml', 'hosts and guests on this machine, to try it on')
    .example('$0 run --topology topology.yaml --state ./state', 'serve a topology')
    .example('$0 get ports', 'who is where')
    .example('$0 describe port red-a', 'everything about one port')
    .parserConfiguration({ 'camel-case-expansion': false, 'populate--': true })
    .option('color', { type: 'boolean', default: true, describe: 'on a terminal (--no-color or NO_COLOR: never)' })
    .middleware(args => {
      if (!args.color) process.env['NO_COLOR'] = '1'
    })
    .command(
      'run',
      'run the controller',
      async builder => (await import('./run.ts')).runOptions(builder),
      async args => {
        const { run } = await import('./run.ts')
        await run(args as unknown as Parameters<typeof run>[0])
      },
    )
    .command(
      'validate [file]',
      'check a topology file or folder',
      builder =>
        builder
          .positional('file', { type: 'string' })
          .option('topology', { type: 'string', describe: 'the same as FILE' })
          .example('$0 validate topology.yaml', 'every problem with its line and column'),
      async args => {
        const path = args.file ?? args.topology
        if (path === undefined) throw new CommandError('weft validate FILE: which file?', EXIT.usage)
        print((await import('./validate.ts')).validate(path))
      },
    )
    .command(
      'plan <file>',
      'what a topology would change, and what that does to traffic; changes nothing',
      builder =>
        builder
          .positional('file', { type: 'string', demandOption: true, describe: 'a topology: a file or a folder' })
          .option('output', { alias: 'o', choices: ['text', 'json'] as const, default: 'text' as const })
          .option('exit-code', { type: 'boolean', default: false, describe: 'exit with 3 when something would change' })
          .option('api', apiOption)
          .example('$0 plan topology.yaml', 'resources, bridges, and which ports would see a gap or lose reach'),
      async args => {
        const { formatPlan, isUnchanged, plan } = await import('./plan.ts')
        const planned = await plan(args.api, args.file)
        print(args.output === 'json' ? JSON.stringify(planned, undefined, 2) : formatPlan(planned))
        if (args['exit-code'] && !isUnchanged(planned)) exit(EXIT.differs)
      },
    )
    .command(
      'apply <file>',
      'replace the topology',
      builder =>
        builder
          .positional('file', { type: 'string', demandOption: true, describe: 'a topology: a file or a folder' })
          .option('confirm', {
            type: 'string',
            describe: 'roll back unless `weft confirm` comes within so long: 60s, 2m',
          })
          .option('api', apiOption)
          .example('$0 apply topology.yaml', 'what is applied survives a restart, until the file of `run` is edited')
          .example('$0 apply topology.yaml --confirm 60s', 'for changes that may cut the way to the controller'),
      async args => {
        const [{ apply, formatPlan }, { parseDuration }] = await Promise.all([
          import('./plan.ts'),
          import('./duration.ts'),
        ])
        const within = args.confirm === undefined ? undefined : parseDuration(args.confirm)
        const { plan, revision } = await apply(args.api, args.file, within)
        print(`${formatPlan(plan)}\nrevision ${revision.number}`)
        if (revision.confirm_by !== null)
          print(`rolled back at ${revision.confirm_by} unless \`weft confirm\` comes first`)
      },
    )
    .command(
      'confirm',
      'keep what was applied with --confirm',
      builder => builder.option('api', apiOption).example('$0 confirm', 'after a look that all is well'),
      async args => print(`revision ${(await (await import('./plan.ts')).confirm(args.api)).number} stays`),
    )
    .command(
      'rollback [revision]',
      'apply an earlier topology again, by default the one before',
      builder =>
        builder
          .positional('revision', { type: 'number', describe: 'as `weft get revisions` lists them' })
          .option('api', apiOption)
          .example('$0 rollback', 'undo the last change'),
      async args => {
        const { number } = await (await import('./plan.ts')).rollback(args.api, args.revision)
        print(`revision ${number}`)
      },
    )
    .command(
      'get <kind> [name]',
      'list hosts, bridges, networks, subnets, ports, flows, macs, leases or events',
      builder => getOptions(builder),
      async args => {
        const { get } = await import('./get.ts')
        await get(args as unknown as Parameters<typeof get>[0], print)
      },
    )
    .command(
      'describe <kind> <name>',
      'everything about one resource, with its flows on every host',
      builder =>
        builder
          .positional('kind', {
            choices: DESCRIBED,
            demandOption: true,
            coerce: (word: string) => kindNamed(word)?.replace(/s$/, '') ?? word,
          })
          .positional('name', { type: 'string', demandOption: true })
          .option('output', { alias: 'o', choices: ['text', 'json'] as const, default: 'text' as const })
          .option('api', apiOption)
          .example('$0 describe port red-a', 'where it is, its lease, its flows and why they exist')
          .example('$0 describe flow 0x57454654a1b2c3d4', 'what a cookie seen in ovs-ofctl means'),
      async args => {
        const { describe } = await import('./describe.ts')
        print(await describe(args as unknown as Parameters<typeof describe>[0]))
      },
    )
    .command(
      'find <wanted>',
      'who has a MAC or an address: port, host, bridge, port number, lease',
      builder =>
        builder
          .positional('wanted', { type: 'string', demandOption: true, describe: 'a MAC or an IP address' })
          .option('output', { alias: 'o', choices: ['table', 'json'] as const, default: 'table' as const })
          .option('api', apiOption)
          .example('$0 find 10.0.0.11', 'everybody who has it: tenants may use the same addresses')
          .example('$0 find fa16.3e00.000a', 'a MAC, in any spelling'),
      async args => print(await (await import('./find.ts')).find(args)),
    )
    .command(
      'wait',
      'wait until every bridge holds what it is to hold',
      builder =>
        builder
          .option('for', { choices: ['synced'] as const, default: 'synced' as const, describe: 'what to wait for' })
          .option('timeout', { type: 'string', default: '30s', describe: 'how long: 500ms, 30s, 2m, 1h' })
          .option('api', apiOption)
          .example('$0 wait --for=synced --timeout 30s', 'in scripts: exit code 124 and who lags, when the time is up'),
      async args => {
        const [{ waitForSynced }, { parseDuration }] = await Promise.all([import('./wait.ts'), import('./duration.ts')])
        await waitForSynced(args.api, parseDuration(args.timeout))
      },
    )
    .command(
      'adopt <host>',
      'take a host in: bridges that are there become Weft’s; a released host is so no more',
      builder =>
        changeOptions(builder)
          .option('replace-controller', {
            type: 'boolean',
            default: false,
            describe: 'take other controllers away from its bridges, until release',
          })
          .option('carries-no-address', {
            type: 'boolean',
            default: false,
            describe: 'vouch that no address of the host is on its bridges: a crash of the switch would cut it off',
          })
          .example('$0 adopt h1', 'what it would do; nothing is done')
          .example('$0 adopt h1 --yes', 'does it'),
      async args => (await import('./host.ts')).adopt(args, print),
    )
    .command(
      'release <host>',
      'leave nothing of Weft’s on a host, and keep off it until it is adopted',
      builder =>
        changeOptions(builder)
          .example('$0 release h1', 'what it would do; nothing is done')
          .example('$0 release h1 --yes', 'does it'),
      async args => (await import('./host.ts')).release(args, print),
    )
    .command(
      'doctor [host]',
      'look whether a host is fit to be served, and say what cures it',
      builder => doctorOptions(builder),
      async args => {
        const { doctor } = await import('./doctor.ts')
        await doctor(args, print)
      },
    )
    .command(
      'log-level [level]',
      'show or set what the running controller logs',
      builder =>
        builder
          .positional('level', { choices: LEVELS, describe: 'what it is to be' })
          .option('api', apiOption)
          .example('$0 log-level', 'what it is')
          .example('$0 log-level debug', 'every flow that is sent; until the controller ends'),
      async args => {
        const { ask } = await import('./client.ts')
        const change = args.level === undefined ? {} : ({ method: 'PUT', body: { level: args.level } } as const)
        print((await ask<{ readonly level: string }>(args.api, '/v1/log-level', change)).level)
      },
    )
    .command(labCommand(exit))
    .command(
      'completion <shell>',
      'print the completion of commands, options and names for a shell',
      builder =>
        builder
          .positional('shell', { choices: ['bash', 'zsh'] as const, demandOption: true })
          .example('source <($0 completion bash)', 'for this shell; in ~/.bashrc for all')
          .example('$0 completion zsh > ~/.zfunc/_weft', 'for zsh, where ~/.zfunc is in $fpath'),
      args => print(SCRIPTS[args.shell]),
    )
    .command('help [topic]', `show help: of a command, or ${Object.keys(TOPICS).join(', ')}`, builder =>
      builder
        .example('$0 help get', 'options and examples of a command')
        .example('$0 help exit-codes', 'what they say'),
    )
    .demandCommand(1, 'a command is missing')
    .recommendCommands()
    .strict()
    .version(false)
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message, error) => {
      if (error !== undefined && error !== null) throw error
      throw new CommandError(
        `${message}${nearestOption(message, parser)}\n\`weft help\` shows the commands`,
        EXIT.usage,
      )
    })
}

/** The options of a command that changes what a host is to Weft. */
function changeOptions<Options>(builder: Argv<Options>) {
  return builder
    .positional('host', { type: 'string', demandOption: true, describe: 'a host of the topology' })
    .option('yes', { type: 'boolean', default: false, describe: 'do it; without it, say what would be done' })
    .option('output', { alias: 'o', choices: ['text', 'json'] as const, default: 'text' as const })
    .option('api', apiOption)
}

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommandError) return error.code
  // yargs wraps what is thrown while it reads the command line.
  const usage = error instanceof EndpointError || (error instanceof Error && error.name === 'YError')
  return usage ? EXIT.usage : EXIT.failed
}

/** The option that was meant, where yargs says only that one is unknown. */
function nearestOption(message: string, parser: unknown): string {
  const unknown = /^Unknown arguments?: ([\w-]+)/.exec(message)?.[1]
  if (unknown === undefined) return ''
  // What yargs knows of the command being parsed; its types leave it out.
  const { key } = (parser as { getOptions(): { readonly key: Readonly<Record<string, unknown>> } }).getOptions()
  const near = nearest(unknown, Object.keys(key))
  return near === undefined ? '' : `\nDid you mean --${near}?`
}
