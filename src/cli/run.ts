import type { Argv } from 'yargs'
import { LEVELS, type Level, winstonLogger } from '../log.ts'
import { createController, TopologyError, UNMANAGED, type Unmanaged } from '../main.ts'
import { DEFAULT_API } from './client.ts'
import { CommandError, EXIT } from './exit-code.ts'

/** The default of an option: what the environment says (`WEFT_LOG_LEVEL` for `--log-level`), else the built-in one. */
function preset<const Preset extends string | undefined>(option: string, builtIn: Preset): string | Preset {
  return process.env[`WEFT_${option.toUpperCase().replaceAll('-', '_')}`] ?? builtIn
}

/** The options of `weft run`. */
export function runOptions(yargs: Argv) {
  return yargs
    .option('topology', {
      type: 'string',
      default: preset('topology', '/etc/weft/topology.yaml'),
      describe: 'the topology: a file, or a folder of *.yaml',
    })
    .option('state', {
      type: 'string',
      default: preset('state', '/var/lib/weft'),
      describe: 'the folder of durable state',
    })
    .option('openflow', {
      type: 'string',
      default: preset('openflow', 'tcp:127.0.0.1:6653'),
      describe: 'where bridges connect',
    })
    .option('ovsdb', {
      type: 'string',
      default: preset('ovsdb', 'tcp:127.0.0.1:6640'),
      describe: 'where hosts may dial in, or none',
    })
    .option('api', { type: 'string', default: preset('api', DEFAULT_API), describe: 'where the API listens, or none' })
    .option('unmanaged', {
      choices: UNMANAGED,
      default: preset('unmanaged', 'reject') as Unmanaged,
      describe: 'datapaths that no host declares: send them away, or serve them as learning switches',
    })
    .option('advertise', {
      type: 'string',
      default: preset('advertise', undefined),
      describe: 'what bridges are told to connect to [default: --openflow]',
    })
    .option('private-key', {
      type: 'string',
      default: preset('private-key', undefined),
      describe: 'for ssl: endpoints, PEM file',
    })
    .option('certificate', {
      type: 'string',
      default: preset('certificate', undefined),
      describe: 'for ssl: endpoints, PEM file with the whole chain',
    })
    .option('ca-cert', {
      type: 'string',
      default: preset('ca-cert', undefined),
      describe: 'for ssl: endpoints, PEM file of who signs the peers',
    })
    .option('log-level', { choices: LEVELS, default: preset('log-level', 'info') as Level })
    .option('log-format', {
      choices: ['json', 'pretty'] as const,
      default: preset('log-format', undefined) as 'json' | 'pretty' | undefined,
      describe: '[default: pretty on a terminal]',
    })
    .option('print-ready', { type: 'boolean', default: false, describe: 'print READY and the endpoints on stdout' })
    .example('$0 run --topology topology.yaml --state ./state', 'serve a topology')
    .example('$0 run --openflow tcp:0.0.0.0:6653 --advertise tcp:192.0.2.9:6653', 'for hosts elsewhere')
    .epilogue('Every option has a variable in the environment: WEFT_LOG_LEVEL for --log-level, and so on.')
}

export type RunArguments = Awaited<ReturnType<typeof runOptions>['argv']>

/** Runs the controller until SIGINT or SIGTERM. */
export async function run(args: RunArguments): Promise<void> {
  const format = args['log-format'] ?? (process.stderr.isTTY ? 'pretty' : 'json')
  const log = await winstonLogger(args['log-level'], process.stderr, format)
  const { 'private-key': privateKey, certificate, 'ca-cert': caCert } = args
  const stop = new Promise<NodeJS.Signals>(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve)
  })
  await using controller = await createController({
    topology: args.topology,
    state: args.state,
    openflow: args.openflow,
    ovsdb: args.ovsdb,
    api: args.api,
    advertise: args.advertise,
    unmanaged: args.unmanaged,
    tls:
      privateKey === undefined || certificate === undefined || caCert === undefined
        ? undefined
        : { privateKey, certificate, caCert },
    log,
  }).catch((error: unknown) => {
    if (error instanceof TopologyError) throw new CommandError(error.message, EXIT.usage)
    throw error
  })
  const reload = () => {
    try {
      log.info('topology read again', { revision: controller.reload().number })
    } catch (error) {
      log.error('topology refused; the running one stays', {
        error: error instanceof Error ? error.message : String(error),
      })
    }
  }
  process.on('SIGHUP', reload)
  log.info('controller ready', controller.endpoints)
  if (args['print-ready'])
    process.stdout.write(`READY ${JSON.stringify({ pid: process.pid, ...controller.endpoints })}\n`)
  log.info('controller stops; the bridges keep what they hold', { signal: await stop })
}
