import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join, parse, resolve } from 'node:path'
import { resolveTopology } from '../../topology/allocation.ts'
import { parseTopologies } from '../../topology/document.ts'
import { formatProblem } from '../../topology/problem.ts'
import type { Topology } from '../../topology/topology.ts'
import { readTopologyTexts } from '../topology-source.ts'
import { Cage } from './cage.ts'
import { succeed } from './command.ts'
import { apiPath, ownWeft, startController } from './controller.ts'
import { LabError } from './error.ts'
import { addGuest, plugArguments, wireArguments } from './guest.ts'
import { addHost, joinHosts } from './host.ts'
import { layOut } from './layout.ts'
import { isRunning } from './process-identity.ts'
import {
  claimFolder,
  folderOf,
  type LabRecord,
  readRecord,
  readRecords,
  STATE_DIR,
  sweep,
  writeRecord,
} from './record.ts'
import { checkRequirements } from './requirements.ts'
import { Lab } from './running-lab.ts'

export type { Capture, CaptureOptions } from './capture.ts'
export { type CommandOptions, type CommandResult, exitCode } from './command.ts'
export { LabError } from './error.ts'
export type { DhcpClient } from './guest.ts'
export type { LabGuest, LabHost, LabLayout } from './layout.ts'
export { Lab } from './running-lab.ts'

export interface LabOptions {
  /** A topology's file or folder, or its text (of more than one line). */
  readonly topology: string
  /** Default: one that no other lab has. */
  readonly name?: string | undefined
  /** Whether `weft run` belongs to it (default true), or the command that takes `run`. */
  readonly controller?: boolean | readonly string[] | undefined
  /** Where labs have their folders; default `/run/weft/labs`. */
  readonly stateDir?: string | undefined
  /** Told of every step. */
  readonly log?: ((line: string) => void) | undefined
  /** Whether guests are plugged in; default: when there is a controller, for it makes br-int. */
  readonly plug?: boolean | undefined
  /** Whether guests have IPv6 (default false): it speaks unasked. */
  readonly ipv6?: boolean | undefined
}

const NAME = /^[a-z\d][\w.-]{0,39}$/i
/** The longest path of a Unix domain socket: unix(7), without the final zero. */
const SOCKET_PATH = 107
let unnamed = 0

/**
 * Brings up a lab: hosts, then the controller until it listens, and guests, plugged in. It ends with this process, however
 * that ends, unless it is released.
 *
 * @throws {LabError} in one line (of the controller: its last ones); then nothing of the lab is left.
 */
export async function createLab(options: LabOptions): Promise<Lab> {
  const { name = `lab-${process.pid}-${++unnamed}`, stateDir = STATE_DIR, controller = true, log = () => {} } = options
  if (!NAME.test(name)) throw new LabError(`${name} is no name for a lab (letters, digits, ".", "_", "-"; at most 40)`)
  if (apiPath(folderOf(stateDir, name)).length > SOCKET_PATH) throw new LabError(`${stateDir} is too long for sockets`)
  checkRequirements()
  const text = options.topology.includes('\n') ? options.topology : undefined
  const topology = text === undefined ? resolve(options.topology) : join(folderOf(stateDir, name), 'topology.yaml')
  const layout = layOut(readTopology(options.topology, text), {
    systemDatapath: existsSync('/sys/module/openvswitch'),
  })
  for (const dead of await sweep(stateDir)) log(`removed what lab ${dead} left when it died`)

  const cage = await Cage.open()
  let record: LabRecord = {
    name,
    init: cage.init,
    members: {},
    layout,
    topology,
    ...(controller === false ? {} : { weft: controller === true ? ownWeft() : controller }),
    up: false,
  }
  let folder: string
  try {
    folder = await claimFolder(stateDir, record)
  } catch (error) {
    await cage.close()
    throw error
  }
  try {
    if (text !== undefined) await writeFile(topology, text)
    await joinHosts(cage, folder, layout)
    const members: Record<string, number> = {}
    await Promise.all(
      layout.hosts.map(async host => {
        members[host.name] = await addHost(cage, folder, layout, host)
        log(
          `host ${host.name}: Open vSwitch at ${host.address}${host.tunnelIp ? `, tunnels from ${host.tunnelIp}` : ''}`,
        )
      }),
    )
    const steps = layout.guests.map(async guest => {
      members[guest.name] = await addGuest(cage, folder, members[guest.host]!, guest, options.ipv6 ?? false)
      log(`guest ${guest.name}: ${guest.macAddress} on ${guest.host}`)
    })
    if (record.weft !== undefined) {
      steps.push(
        startController(cage, folder, layout, topology, record.weft).then(() =>
          log(`controller: OpenFlow at ${layout.controller}, API at unix:${apiPath(folder)}`),
        ),
      )
    }
    await Promise.all(steps)
    if (options.plug ?? controller !== false) {
      await Promise.all(
        layout.hosts.map(async host => {
          if (host.wires.length > 0) {
            const argv = ['ovs-vsctl', '--timeout=30', ...wireArguments(host.wires)]
            succeed(await cage.run(members[host.name]!, argv, { timeoutMs: 40_000 }), `wiring ${host.name}`)
          }
          const guests = layout.guests.filter(guest => guest.host === host.name)
          if (guests.length === 0) return
          const argv = ['ovs-vsctl', '--timeout=30', ...plugArguments(guests)]
          succeed(
            await cage.run(members[host.name]!, argv, { timeoutMs: 40_000 }),
            `plugging guests in on ${host.name}`,
          )
          log(`host ${host.name}: plugged in ${guests.map(guest => guest.name).join(', ')}`)
        }),
      )
    }
    record = { ...record, members, up: true }
    await writeRecord(folder, record)
    return new Lab(stateDir, record, cage)
  } catch (error) {
    await new Lab(stateDir, record, cage).down()
    throw error
  }
}

/**
 * A lab that another process brought up.
 *
 * @param name may be left out while there is only one.
 * @throws {LabError} when there is no such lab.
 */
export async function findLab(name?: string, stateDir = STATE_DIR): Promise<Lab> {
  const living = (await readRecords(stateDir)).filter(({ init }) => isRunning(init))
  const names = living.map(record => record.name).join(', ')
  const [record, another] = name === undefined ? living : living.filter(one => one.name === name)
  if (record === undefined) {
    throw new LabError(`no lab ${name === undefined ? '' : `${name} `}is up${names === '' ? '' : `: ${names}`}`)
  }
  if (another !== undefined) throw new LabError(`which lab? ${names}`)
  if (!record.up) throw new LabError(`lab ${record.name} is not up yet`)
  return new Lab(stateDir, record)
}

/** What is known of a lab without entering it. */
export interface LabSummary extends Pick<LabRecord, 'name' | 'topology'> {
  /** `dead`: only its folder is left. */
  readonly state: 'starting' | 'up' | 'dead'
  readonly hosts: readonly string[]
  readonly guests: readonly string[]
}

/** The name of a lab that is called as its topology's file or folder. */
export function labName(path: string): string {
  const { name } = parse(resolve(path))
  return name.replace(/[^\w.-]+/g, '-').slice(0, 40)
}

/** All labs of this machine, in the order of their names. */
export async function listLabs(stateDir = STATE_DIR): Promise<LabSummary[]> {
  return (await readRecords(stateDir)).map(({ name, topology, init, up, layout }) => ({
    name,
    topology,
    state: !isRunning(init) ? 'dead' : up ? 'up' : 'starting',
    hosts: layout.hosts.map(host => host.name),
    guests: layout.guests.map(guest => guest.name),
  }))
}

/** Ends a lab, also one that is not up yet or died. @throws {LabError} when there is none. */
export async function endLab(name: string, stateDir = STATE_DIR): Promise<void> {
  const record = await readRecord(folderOf(stateDir, name))
  if (record === undefined) throw new LabError(`no lab ${name} is up`)
  await new Lab(stateDir, record).down()
}

function readTopology(path: string, text: string | undefined): Topology {
  const texts = text === undefined ? readTopologyTexts(path) : [{ text, file: 'topology' }]
  const parsed = parseTopologies(texts)
  const { topology, problems } = parsed.document
    ? resolveTopology(parsed.document, [])
    : { ...parsed, topology: undefined }
  if (topology === undefined) throw new LabError(problems.map(formatProblem).join('\n'))
  return topology
}
