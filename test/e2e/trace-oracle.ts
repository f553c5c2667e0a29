import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { BundleError, connectOpenFlow, type Message, type OpenFlowConnection } from 'node-openflow'
import { type Ovs, startOvs } from '../../packages/node-openflow/test/ovs.ts'
import type { Group, Port } from '../../src/interpreter/bridge.ts'
import { TUNNEL_ID_BITS } from '../../src/interpreter/fabric.ts'
import type { Flow } from '../../src/interpreter/flow-table.ts'
import type { Arrival, Passage } from '../../src/interpreter/passage.ts'
import { formatIpv4Address } from '../../src/packet/address.ts'
import { runDatapathActions } from './datapath-actions.ts'

/** The bridges of the host and their ports, as an interpreter's bridges are to have them. */
export const GUESTS = [...Array(16).keys()].map(n => 10 + n)
export const PORTS: { readonly [bridge in BridgeName]: readonly Port[] } = {
  'br-int': [
    { kind: 'patch', number: 1, name: 'patch-tun', peer: 'patch-int' },
    { kind: 'patch', number: 2, name: 'int-br-ex', peer: 'phy-br-ex' },
    ...GUESTS.map((number): Port => ({ kind: 'endpoint', number, name: `guest${number}` })),
  ],
  'br-tun': [
    { kind: 'patch', number: 1, name: 'patch-int', peer: 'patch-tun' },
    { kind: 'tunnel', type: 'vxlan', number: 2, name: 'vxlan' },
    { kind: 'tunnel', type: 'gre', number: 3, name: 'gre' },
  ],
  'br-ex': [
    { kind: 'patch', number: 1, name: 'phy-br-ex', peer: 'int-br-ex' },
    { kind: 'uplink', number: 2, name: 'uplink', wire: 'physnet1' },
  ],
}
export type BridgeName = 'br-int' | 'br-tun' | 'br-ex'

/** Hosts that a tunnel can lead to: 192.0.2.1 and on. This one's underlay has another address of that network. */
const NEIGHBOURS = [...Array(8).keys()].map(n => `192.0.2.${1 + n}`)
const UNDERLAY = 'br0'

/** What leaves the host, a line each: port or tunnel and frame, cookie and frame of what goes to the controller. */
export interface Leaving {
  readonly outputs: readonly string[]
  readonly packetIns: readonly string[]
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** What the interpreter lets leave. */
export function leavingOf({ departures, packetIns }: Passage): Leaving {
  return {
    outputs: departures.map(({ bridge, port, frame, tunnel }) => {
      if (port.kind !== 'tunnel' || tunnel === undefined) return `${bridge} ${port.number}: ${hex(frame)}`
      const id = BigInt.asUintN(TUNNEL_ID_BITS[port.type], tunnel.id)
      return `${port.type} ${id} to ${formatIpv4Address(Number(tunnel.destination))}: ${hex(frame)}`
    }),
    packetIns: packetIns.map(({ cookie, frame }) => `${cookie}: ${hex(frame)}`),
  }
}

/** A real ovs-vswitchd with the bridges of a host, asked by `ofproto/trace` (ovs-vswitchd(8)) what it would do. */
export class TraceOracle implements AsyncDisposable {
  readonly #ovs: Ovs
  readonly #control: Control
  readonly #bridges: { readonly [bridge in BridgeName]: OpenFlowConnection }
  /** Datapath port -> `br-int 10`. */
  readonly #ports: ReadonlyMap<number, string>

  private constructor(
    ovs: Ovs,
    control: Control,
    bridges: { readonly [bridge in BridgeName]: OpenFlowConnection },
    ports: ReadonlyMap<number, string>,
  ) {
    this.#ovs = ovs
    this.#control = control
    this.#bridges = bridges
    this.#ports = ports
  }

  static async start(): Promise<TraceOracle> {
    const ovs = await startOvs({ realTunnels: true })
    await ovs.vsctl(...Object.entries(PORTS).flatMap(([bridge, ports]) => plug(bridge, ports)), ...PLUG_UNDERLAY)
    const control = new Control(connect(`${ovs.dir}/vswitchd.ctl`))
    await control.call('netdev-dummy/ip4addr', UNDERLAY, '192.0.2.100/24')
    await control.call('ovs/route/add', '192.0.2.0/24', UNDERLAY)
    await control.call('tnl/neigh/aging', '3600')
    for (const [index, address] of NEIGHBOURS.entries())
      await control.call('tnl/neigh/set', UNDERLAY, address, `02:00:00:00:00:0${index}`)
    const dial = (bridge: string) =>
      connectOpenFlow({ transport: 'unix', path: `${ovs.dir}/${bridge}.mgmt` }, { versions: [6] })
    const underlay = await dial(UNDERLAY)
    const out = { type: 'apply_actions', actions: [{ type: 'output', port: 1 }] } as const
    await underlay.bundle([{ type: 'flow_mod', command: 'add', match: [], instructions: [out] }])
    underlay.close()
    const bridges = { 'br-int': await dial('br-int'), 'br-tun': await dial('br-tun'), 'br-ex': await dial('br-ex') }
    for (const meterId of GUESTS) bridges['br-int'].send(meter(meterId))
    await bridges['br-int'].barrier()
    return new TraceOracle(ovs, control, bridges, datapathPorts(await control.call('dpif/show')))
  }

  /** Makes a bridge hold these and nothing else. */
  async install(bridge: BridgeName, flows: Iterable<Flow>, groups: Iterable<Group> = []): Promise<void> {
    await this.#bridges[bridge].bundle([
      { type: 'flow_mod', command: 'delete', tableId: 255, match: [] },
      { type: 'group_mod', command: 'delete', groupId: 0xfffffffc },
      ...Array.from(groups, groupMod),
      ...Array.from(flows, flowMod),
    ])
  }

  /** Adds one; `false` when Open vSwitch will not have it. */
  async offer(bridge: BridgeName, item: Flow | Group): Promise<boolean> {
    try {
      await this.#bridges[bridge].bundle(['groupId' in item ? groupMod(item) : flowMod(item)])
      return true
    } catch (error) {
      if (error instanceof BundleError) return false
      throw error
    }
  }

  /** What would leave for a frame that came in, and the trace as Open vSwitch prints it. */
  async trace({ bridge, port, frame, tunnel }: Arrival): Promise<{ leaving: Leaving; text: string }> {
    const match = [`in_port=${port}`]
    if (tunnel !== undefined) {
      match.push(`tun_id=${tunnel.id}`, `tun_src=${formatIpv4Address(Number(tunnel.source))}`)
      match.push(`tun_dst=${formatIpv4Address(Number(tunnel.destination))}`)
    }
    const text = await this.#control.call('ofproto/trace', bridge, match.join(), hex(frame))
    const [, actions] = /^Datapath actions: (.*)$/m.exec(text) ?? []
    if (actions === undefined) throw new Error(text)
    const outputs: string[] = []
    const packetIns: string[] = []
    for (const output of runDatapathActions(actions, frame)) {
      const bytes = hex(output.frame)
      if (output.to === 'controller') packetIns.push(`${output.cookie}: ${bytes}`)
      else if (output.to === 'port') outputs.push(`${this.#ports.get(output.port)}: ${bytes}`)
      else outputs.push(`${output.kind} ${output.id} to ${output.destination}: ${bytes}`)
    }
    return { leaving: { outputs, packetIns }, text }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of Object.values(this.#bridges)) connection.close()
    this.#control.close()
    await this.#ovs[Symbol.asyncDispose]()
  }
}

const flowMod = (flow: Flow): Message => ({ type: 'flow_mod', command: 'add', ...flow })
const groupMod = ({ groupId, buckets }: Group): Message => ({
  type: 'group_mod',
  command: 'add',
  groupType: 'all',
  groupId,
  buckets: buckets.map(({ actions }, bucketId) => ({ bucketId, actions })),
})
const meter = (meterId: number): Message => ({
  type: 'meter_mod',
  command: 'add',
  meterId,
  flags: 2,
  bands: [{ type: 'drop', rate: 1000, burstSize: 0 }],
})

const PLUG_UNDERLAY = [
  '--',
  'add-port',
  UNDERLAY,
  'wire',
  '--',
  'set',
  'interface',
  'wire',
  'type=dummy',
  'ofport_request=1',
]

function plug(bridge: string, ports: readonly Port[]): string[] {
  const settings = ['datapath_type=dummy', 'fail_mode=secure', 'protocols=OpenFlow15']
  return [
    ...['--', 'add-br', bridge, '--', 'set', 'bridge', bridge, ...settings],
    ...ports.flatMap(port => {
      const type =
        port.kind === 'patch'
          ? ['type=patch', `options:peer=${port.peer}`]
          : port.kind === 'tunnel'
            ? [`type=${port.type}`, 'options:remote_ip=flow', 'options:key=flow']
            : ['type=dummy']
      const { name, number } = port
      return ['--', 'add-port', bridge, name, '--', 'set', 'interface', name, ...type, `ofport_request=${number}`]
    }),
  ]
}

/** Reads `dpif/show`: bridges, and under each `name ofport/datapath port: (type)`. */
function datapathPorts(text: string): Map<number, string> {
  const ports = new Map<number, string>()
  let bridge = ''
  for (const line of text.split('\n')) {
    bridge = /^ {2}(\S+):$/.exec(line)?.[1] ?? bridge
    const [, ofport, port] = /^ {4}\S+ (\d+)\/(\d+):/.exec(line) ?? []
    if (port !== undefined) ports.set(Number(port), `${bridge} ${ofport}`)
  }
  return ports
}

/** How long a daemon may take for an answer, in ms. */
const PATIENCE = 20_000

/** The control socket of a daemon: JSON-RPC as ovs-appctl(8) speaks it, one request at a time. */
class Control {
  readonly #socket: Socket
  #text = ''
  /** Once it has not answered it never will. */
  #hung: Error | undefined

  constructor(socket: Socket) {
    this.#socket = socket.setEncoding('utf8')
  }

  async call(method: string, ...params: string[]): Promise<string> {
    if (this.#hung !== undefined) throw this.#hung
    this.#socket.write(JSON.stringify({ id: 0, method, params }))
    for (;;) {
      const [chunk] = await this.#data(`${method} ${params.join(' ')}`)
      this.#text += chunk
      const reply = complete(this.#text)
      if (reply === undefined) continue
      this.#text = ''
      if (reply.error !== null) throw new Error(`${method}: ${reply.error}`)
      return reply.result
    }
  }

  async #data(asked: string): Promise<[string]> {
    try {
      return (await once(this.#socket, 'data', { signal: AbortSignal.timeout(PATIENCE) })) as [string]
    } catch (error) {
      this.#hung = new Error(`no answer to ${asked}`, { cause: error })
      throw this.#hung
    }
  }

  close(): void {
    this.#socket.destroy()
  }
}

/** A reply has no end but its own brace. */
function complete(text: string): { result: string; error: string | null } | undefined {
  if (!text.endsWith('}')) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
