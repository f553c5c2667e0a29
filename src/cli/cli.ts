import yargs from 'yargs'
import { EndpointError } from '../endpoint.ts'
import { DEFAULT_API } from './client.ts'
import { DESCRIBED } from './described.ts'
import { CommandError, EXIT, type ExitCode } from './exit-code.ts'

/** Runs the command and resolves with its exit code. Data goes to stdout, everything else to stderr. */
export async function runCli(argv: readonly string[]): Promise<number> {
  if (argv[0] === 'help') return runCli([...argv.slice(1), '--help'])
  let code: ExitCode | number = EXIT.ok
  const print = (text: string) => process.stdout.write(`${text}\n`)
  const fail = (error: unknown) => {
    code = error instanceof CommandError ? error.code : error instanceof EndpointError ? EXIT.usage : EXIT.failed
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  }
  const api = {
    type: 'string',
    default: process.env['WEFT_API'] ?? DEFAULT_API,
    describe: 'where the controller’s API listens',
  } as const

  const parser = yargs([...argv])
    .scriptName('weft')
    .usage('$0 COMMAND: tenant networks on plain Open vSwitch hosts')
    .parserConfiguration({ 'camel-case-expansion': false, 'populate--': true })
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
      'get <kind> [name]',
      'list hosts, bridges, networks, subnets, ports, flows or leases',
      async builder => (await import('./get.ts')).getOptions(builder).option('api', api),
      async args => {
        const { get } = await import('./get.ts')
        print(await get(args as unknown as Parameters<typeof get>[0]))
      },
    )
    .command(
      'describe <kind> <name>',
      'everything about one resource, with its flows on every host',
      builder =>
        builder
          .positional('kind', { choices: DESCRIBED, demandOption: true })
          .positional('name', { type: 'string', demandOption: true })
          .option('output', { alias: 'o', choices: ['text', 'json'] as const, default: 'text' as const })
          .option('api', api)
          .example('$0 describe port red-a', 'where it is, its lease, its flows and why they exist')
          .example('$0 describe flow 0x57451d1a90d9507b', 'what a cookie in a host’s own dump-flows means'),
      async args => {
        const { describe } = await import('./describe.ts')
        print(await describe(args))
      },
    )
    .command(
      (await import('./lab.ts')).labCommand(ended => {
        code = ended
      }),
    )
    .command('help [command]', 'show help: of a command with its options and examples')
    .demandCommand(1, 'a command is missing')
    .recommendCommands()
    .strict()
    .version(false)
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .exitProcess(false)
    .showHelpOnFail(false)
    .fail((message, error) => {
      if (error !== undefined && error !== null) throw error
      throw new CommandError(`${message}\n\`weft help\` shows the commands`, EXIT.usage)
    })

  try {
    await parser.parseAsync()
  } catch (error) {
    fail(error)
  }
  return code
}
