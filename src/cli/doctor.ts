import { readFileSync } from 'node:fs'
import type { Argv } from 'yargs'
import type { Finding, Intent } from '../doctor/doctor.ts'
import { type Endpoint, formatEndpoint, parseEndpoint } from '../endpoint.ts'
import { apiOption } from './client.ts'
import { LOCAL, NOBODY, subjectNamed } from './doctor-subject.ts'
import { CommandError, EXIT } from './exit-code.ts'
import { type Paint, paintFor, type Style } from './style.ts'

/** The options of `weft doctor`. */
export function doctorOptions(yargs: Argv) {
  return yargs
    .positional('host', { type: 'string', describe: 'a host of the topology' })
    .option('ovsdb', {
      type: 'string',
      describe: `where its OVSDB listens [default: what the topology says; without HOST ${LOCAL}]`,
    })
    .option('openflow', {
      type: 'string',
      array: true,
      default: [] as string[],
      describe: 'where a bridge of it listens for OpenFlow, to be asked for its version',
    })
    .option('datapath', {
      choices: ['system', 'netdev'] as const,
      describe: 'the datapath that its bridges are to have',
    })
    .option('tunnel-ip', { type: 'string', describe: 'its tunnel endpoint' })
    .option('mtu', { type: 'number', describe: 'the largest tunnelled packet, outer headers included, bytes' })
    .option('topology', { type: 'string', describe: 'ask this file or folder about HOST, and not the controller' })
    .option('private-key', { type: 'string', describe: 'for ssl: endpoints, PEM file' })
    .option('certificate', { type: 'string', describe: 'for ssl: endpoints, PEM file' })
    .option('ca-cert', { type: 'string', describe: 'for ssl: endpoints, PEM file of who signed the host’s' })
    .option('output', { alias: 'o', choices: ['text', 'json'] as const, default: 'text' as const })
    .option('api', apiOption)
    .example('$0 doctor', 'this machine')
    .example('$0 doctor h1', 'a host of the running controller’s topology')
    .example('$0 doctor h1 --topology topology.yaml', 'before any controller runs')
    .example('$0 doctor --ovsdb tcp:192.0.2.1:6640 --datapath netdev', 'a host of no topology yet')
    .epilogue('It changes nothing. Exit code 1: something must be cured before Weft can serve the host.')
}
export type DoctorArguments = Awaited<ReturnType<typeof doctorOptions>['argv']>

/** Prints what there is to say of a host. @throws {CommandError} when something must be cured. */
export async function doctor(args: DoctorArguments, print: (text: string) => void): Promise<void> {
  const known = args.host === undefined ? NOBODY : await subjectNamed(args.host, args)
  const ovsdb = args.ovsdb ?? known.ovsdb
  if (ovsdb === undefined) {
    const cure = 'say --ovsdb, or run `weft doctor` on the host'
    throw new CommandError(`host ${args.host} dials in, nobody says where its OVSDB listens: ${cure}`, EXIT.usage)
  }
  const intent: Intent = {
    name: args.host,
    datapathType: args.datapath ?? known.datapathType,
    tunnelIp: args['tunnel-ip'] ?? known.tunnelIp,
    dialsIn: args.host !== undefined && known.ovsdb === undefined,
    outerMtu: args.mtu ?? known.outerMtu,
  }
  const tls = readTls(args)
  const addressOf = (endpoint: Endpoint) => {
    if (endpoint.transport !== 'ssl') return { ...endpoint, transport: endpoint.transport } as PlainAddress
    if (tls === undefined) {
      const needs = 'needs --private-key, --certificate and --ca-cert'
      throw new CommandError(`${formatEndpoint(endpoint)} ${needs}`, EXIT.usage)
    }
    return { ...endpoint, transport: 'ssl' as const, tls }
  }
  const { examineHost } = await import('../doctor/doctor.ts')
  const findings = await examineHost({
    ovsdb: addressOf(parseEndpoint(ovsdb)),
    openflow: args.openflow.map(text => addressOf(parseEndpoint(text))),
    intent,
  }).catch((error: unknown) => {
    if (error instanceof CommandError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new CommandError(`no OVSDB answers at ${ovsdb}: ${reason}`, EXIT.unreachable)
  })
  print(
    args.output === 'json'
      ? JSON.stringify(findings, undefined, 2)
      : findings.map(finding => formatFinding(finding, paintFor(process.stdout))).join('\n'),
  )
  const errors = findings.filter(finding => finding.level === 'error').length
  if (errors > 0) throw new CommandError(`${errors} to cure before Weft can serve this host`)
}

const STYLES: Readonly<Record<Finding['level'], Style>> = {
  error: 'bad',
  warning: 'warning',
  unknown: 'quiet',
  ok: 'good',
}

/** A finding for people: what, and below it why and the cure. */
export function formatFinding({ level, what, why, cure }: Finding, paint: Paint): string {
  const lines = [`${paint(level.padEnd(7), STYLES[level])}  ${what}`]
  if (why !== '') lines.push(`         why   ${why}`)
  if (cure !== undefined) lines.push(`         ${level === 'unknown' ? 'ask ' : 'cure'}  ${cure}`)
  return lines.join('\n')
}

function readTls(args: DoctorArguments) {
  const { 'private-key': key, certificate, 'ca-cert': ca } = args
  if (key === undefined || certificate === undefined || ca === undefined) return undefined
  return { key: readFileSync(key), cert: readFileSync(certificate), ca: readFileSync(ca) }
}

type PlainAddress = { transport: 'tcp'; host: string; port: number } | { transport: 'unix'; path: string }
