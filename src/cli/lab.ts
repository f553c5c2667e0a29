import { relative } from 'node:path'
import type { Argv, CommandModule } from 'yargs'
import { CommandError, EXIT } from './exit-code.ts'
import { formatTable } from './table.ts'

/**
 * `weft lab`: a topology's hosts, guests and controller as namespaces on this machine.
 *
 * @param exit told the exit code of the command when it is not 0.
 */
export function labCommand(exit: (code: number) => void): CommandModule {
  return {
    command: 'lab',
    describe: 'a topology’s hosts, guests and controller on this machine, in namespaces',
    builder: yargs =>
      yargs
        .command(
          'up <file>',
          'bring up a lab, and leave it running',
          builder => upOptions(builder),
          args => up(args),
        )
        .command(
          'down [name]',
          'end a lab; nothing of it is left',
          builder =>
            builder
              .positional('name', { type: 'string', describe: 'which one [default: the only one]' })
              .option('all', { type: 'boolean', default: false, describe: 'all of them' })
              .example('$0 lab down', 'the only one')
              .example('$0 lab down --all', 'every lab of this machine'),
          args => down(args),
        )
        .command(
          'list',
          'list labs',
          builder => builder.example('$0 lab list', 'with their hosts and guests'),
          () => list(),
        )
        .command(
          'exec <place>',
          'run a command, or a shell, on a host, in a guest, or beside the controller',
          builder =>
            builder
              .positional('place', { type: 'string', demandOption: true, describe: 'host, guest or controller' })
              .option('lab', labOption)
              .example('$0 lab exec red-a -- ip address', 'inside a guest')
              .example('$0 lab exec h1 -- ovs-vsctl show', 'on a host'),
          async args => exit(await execute(args as typeof args & { '--'?: string[] })),
        )
        .command(
          'ping <from> <to>',
          'ping from one place to another, and say who answers',
          builder =>
            builder
              .positional('from', { type: 'string', demandOption: true, describe: 'host or guest' })
              .positional('to', { type: 'string', demandOption: true, describe: 'guest or address' })
              .option('count', { alias: 'c', type: 'number', default: 3, describe: 'how many' })
              .option('lab', labOption)
              .example('$0 lab ping red-a red-b', 'exit code 1: no answer'),
          async args => {
            if (!(await ping(args))) exit(EXIT.failed)
          },
        )
        .example('$0 lab up topology/examples/two-tenants.yaml', 'hosts and guests on this machine, to try it on')
        .example('$0 lab exec red-a', 'a shell in a guest')
        .demandCommand(1, 'weft lab: up, down, list, exec or ping?'),
    handler: () => {},
  }
}

const labOption = { type: 'string', describe: 'which lab [default: the only one]' } as const

/** Imported when it is needed: most commands do without. */
const lab = () => import('../lab/lab.ts')

function upOptions(yargs: Argv) {
  return yargs
    .positional('file', { type: 'string', demandOption: true, describe: 'a topology: a file, or a folder of *.yaml' })
    .option('name', { type: 'string', describe: 'its name [default: that of the file]' })
    .option('controller', { type: 'boolean', default: true, describe: 'with a controller (--no-controller: without)' })
    .option('dhcp', {
      type: 'boolean',
      default: true,
      describe: 'guests ask for their addresses (--no-dhcp: they do not)',
    })
    .option('ipv6', { type: 'boolean', default: false, describe: 'guests have IPv6, too' })
    .example('$0 lab up topology/examples/two-tenants.yaml', 'guests ask for their addresses by DHCP')
    .example('$0 lab up topology.yaml --no-controller', 'hosts for a controller of your own')
}

async function up(args: Awaited<ReturnType<typeof upOptions>['argv']>): Promise<void> {
  const { createLab, labName, listLabs } = await lab()
  const start = performance.now()
  const log = (line: string) => {
    const seconds = ((performance.now() - start) / 1000).toFixed(2).padStart(6)
    process.stderr.write(`${seconds} s  ${line}\n`)
  }
  const { file, controller, ipv6 } = args
  // Nothing keeps the lab alive before the end: a Ctrl-C ends it, too.
  const made = await createLab({ topology: file, name: args.name ?? labName(file), controller, ipv6, log })
  if (controller) await made.settled()
  await made.underlayWarm()
  if (args.dhcp && controller) {
    await Promise.all(
      made.guests.map(guest =>
        made.dhcp(guest).then(
          address => log(`guest ${guest}: got ${address} by DHCP`),
          (error: Error) => log(error.message),
        ),
      ),
    )
  }
  await made.release()

  const weft = ownCommand()
  const which = (await listLabs()).length > 1 ? ` --lab ${made.name}` : ''
  const [host] = made.hosts
  const [guest, other] = made.guests
  const hints = [
    ...(guest === undefined ? [] : [`${weft} lab exec${which} ${guest} -- ip address`]),
    ...(guest === undefined || other === undefined ? [] : [`${weft} lab ping${which} ${guest} ${other}`]),
    `${weft} lab exec${which} ${host} -- ovs-vsctl show`,
    ...(controller ? [`${weft} get ports --api ${made.apiEndpoint}`] : []),
    `${weft} lab down ${made.name}`,
  ]
  process.stdout.write(`lab ${made.name} is up. Try:\n${hints.map(hint => `  ${hint}\n`).join('')}`)
}

async function down({ name, all }: { name?: string | undefined; all: boolean }): Promise<void> {
  const { endLab, listLabs } = await lab()
  const labs = (await listLabs()).map(one => one.name)
  if (name === undefined && !all) {
    if (labs.length === 0) throw new CommandError('no lab is up')
    if (labs.length > 1) throw new CommandError(`which lab? ${labs.join(', ')} (or --all)`, EXIT.usage)
  }
  for (const one of name === undefined ? labs : [name]) {
    await endLab(one)
    process.stderr.write(`lab ${one} is down\n`)
  }
}

async function list(): Promise<void> {
  const { listLabs } = await lab()
  const table = formatTable(
    [
      ['name', one => one.name],
      ['state', one => one.state],
      ['hosts', one => one.hosts.join(',')],
      ['guests', one => one.guests.join(',')],
      ['topology', one => one.topology],
    ],
    await listLabs(),
  )
  process.stdout.write(`${table}\n`)
}

async function execute(args: { place: string; lab?: string | undefined; '--'?: string[] }): Promise<number> {
  const { findLab, exitCode } = await lab()
  const argv = args['--'] ?? [process.env['SHELL'] ?? 'sh']
  const found = await findLab(args.lab)
  const child = found.spawn(args.place, argv, { stdio: 'inherit', folder: process.cwd(), terminal: true })
  // A Ctrl-C on the terminal reaches the command itself; what it makes of it is its business.
  process.on('SIGINT', () => {})
  process.on('SIGQUIT', () => {})
  process.on('SIGTERM', () => child.kill())
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(exitCode(code, signal)))
  })
}

async function ping(args: { from: string; to: string; count: number; lab?: string | undefined }): Promise<boolean> {
  const { findLab } = await lab()
  const found = await findLab(args.lab)
  const { sent, received } = await found.ping(args.from, args.to, { count: args.count })
  const address = found.guests.includes(args.to) ? ` (${await found.address(args.to)})` : ''
  const verdict = received === 0 ? 'no answer' : `${received} of ${sent} answered`
  process.stdout.write(`${args.from} -> ${args.to}${address}: ${verdict}\n`)
  return received > 0
}

/** How to call this command again. */
function ownCommand(): string {
  const script = process.argv[1] ?? ''
  if (!script.endsWith('/src/bin.ts')) return 'weft'
  const checkout = relative(process.cwd(), script.slice(0, -'/src/bin.ts'.length))
  return checkout === '' ? './weft' : `${checkout}/weft`
}
