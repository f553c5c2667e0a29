import {
  type Address,
  all,
  byUuid,
  type Change,
  declaredSchema,
  type Listener,
  named,
  type Operation,
  operations,
  type Row,
  type Uuid,
  vswitch,
} from 'ovsdb-client'
import { DatabaseView, type DeclaredRows, OvsdbServer } from 'ovsdb-client/server'

const { insert, update, mutate, deleteRows } = operations(vswitch)

type Tables = typeof vswitch.tables
type Bridge = Row<Tables['Bridge']>
type Interface = Row<Tables['Interface']>

/** The number of a bridge's own internal port. OpenFlow 1.5.1 § 7.2.1 `OFPP_LOCAL`, as OVS writes it to the database. */
const LOCAL_PORT = 65534

/** What a guest's interface looks like when it has been plugged. */
export interface PluggedInterface {
  readonly name: string
  readonly uuid: Uuid
  readonly ofport: number
}

/**
 * A host's OVSDB in this process: it speaks the real protocol, and a stand-in for ovs-vswitchd answers in the database as the
 * daemon would: ofport, datapath_id, mac_in_use, link state, cur_cfg. There is no data plane.
 */
export class FakeOvsdb {
  readonly server: OvsdbServer
  /** Where it listens, with the port it got. */
  readonly address: Address
  /** Called when a bridge's datapath id or the targets of its controllers have changed; without targets when it is gone. */
  onController: ((bridge: string, datapathId: string, targets: readonly string[]) => void) | undefined
  private readonly view: DatabaseView<Tables>
  private readonly root: Uuid
  private readonly numbers = new Map<Uuid, PortNumbers>()
  private readonly bridgeOfPort = new Map<Uuid, Uuid>()
  /** What `onController` was last told, by bridge. */
  private readonly told = new Map<Uuid, { readonly name: string; readonly text: string }>()
  private dirtyPorts = new Set<Uuid>()
  private dirtyBridges = true
  private reacting = false
  private plugged = 0

  private constructor(server: OvsdbServer, listener: Listener) {
    this.server = server
    this.address = listener.address
    this.view = new DatabaseView(server.database, vswitch)
    const [{ uuid }] = server.transact([
      insert('Open_vSwitch', {
        ovs_version: '3.1.0',
        datapath_types: ['netdev', 'system'],
        iface_types: ['geneve', 'gre', 'internal', 'patch', 'system', 'tap', 'vxlan'],
      }),
    ])
    this.root = uuid
    this.view.onCommit(changes => this.committed(changes))
  }

  /** Makes a host without bridges that listens at `address`, by default on a free loopback port. */
  static async listen(address: Address = { transport: 'tcp', host: '127.0.0.1', port: 0 }): Promise<FakeOvsdb> {
    const server = new OvsdbServer(declaredSchema(vswitch, '8.3.1'))
    return new FakeOvsdb(server, await server.listen(address))
  }

  /** Dials a controller that listens for hosts, as `ovs-vsctl set-manager` makes a host do; once, without trying again. */
  async dial(address: Address): Promise<void> {
    await this.server.dial(address)
  }

  /** Adds a port as libvirt plugs a guest: a Port and an Interface with `external_ids:iface-id`. Throws without the bridge. */
  plug(portId: string, options: { readonly bridge?: string; readonly name?: string } = {}): PluggedInterface {
    const bridgeName = options.bridge ?? 'br-int'
    const bridge = this.bridge(bridgeName)
    if (!bridge) throw new Error(`there is no bridge ${bridgeName}`)
    const name = options.name ?? `vnet${this.plugged++}`
    const [{ uuid }] = this.server.transact([
      insert('Interface', { name, external_ids: { 'iface-id': portId, 'iface-status': 'active' } }, 'interface'),
      insert('Port', { name, interfaces: [named('interface')] }, 'port'),
      mutate('Bridge', byUuid(bridge._uuid), [['ports', 'insert', [named('port')]]]),
    ])
    this.react()
    return { name, uuid, ofport: this.view.row('Interface', uuid)?.ofport ?? -1 }
  }

  /** Removes the port of this name from its bridge. */
  unplug(name: string): void {
    const port = this.view.rows('Port').find(row => row.name === name)
    const bridge = port && this.bridgeOfPort.get(port._uuid)
    if (!bridge) throw new Error(`there is no port ${name}`)
    this.server.transact([mutate('Bridge', byUuid(bridge), [['ports', 'delete', [port._uuid]]])])
    this.react()
  }

  /** Adds a bridge with its internal port, as `ovs-vsctl add-br` does. */
  addBridge(name: string, row: { readonly other_config?: Readonly<Record<string, string>> } = {}): Uuid {
    const [, , { uuid }] = this.server.transact([
      insert('Interface', { name, type: 'internal' }, 'interface'),
      insert('Port', { name, interfaces: [named('interface')] }, 'port'),
      insert('Bridge', { name, ports: [named('port')], ...row }, 'bridge'),
      mutate('Open_vSwitch', byUuid(this.root), [['bridges', 'insert', [named('bridge')]]]),
    ])
    this.react()
    return uuid
  }

  /** Removes a bridge. */
  deleteBridge(name: string): void {
    const bridge = this.bridge(name)
    if (!bridge) throw new Error(`there is no bridge ${name}`)
    this.server.transact([
      mutate('Open_vSwitch', byUuid(this.root), [['bridges', 'delete', [bridge._uuid]]]),
      deleteRows('Bridge', byUuid(bridge._uuid)),
    ])
    this.react()
  }

  /** Writes into the Controller rows of a bridge with this target that their connection is up or down. */
  setConnected(bridgeName: string, target: string, connected: boolean): void {
    const controllers = [...(this.bridge(bridgeName)?.controller ?? [])].filter(
      uuid => this.view.row('Controller', uuid)?.target === target,
    )
    const status = { state: connected ? 'ACTIVE' : 'BACKOFF' }
    this.server.transact(
      controllers.map(uuid => update('Controller', byUuid(uuid), { is_connected: connected, status })),
    )
  }

  /** The rows of a table as they are now. */
  rows<N extends keyof Tables & string>(table: N): Row<Tables[N]>[] {
    return this.view.rows(table)
  }

  /** Ends all sessions, as a restarting ovsdb-server does; clients may come back. */
  disconnect(): Promise<void> {
    return this.server.disconnect()
  }

  /** Ends all sessions and stops listening. */
  close(): Promise<void> {
    return this.server.close()
  }

  private bridge(name: string): Bridge | undefined {
    return this.view.rows('Bridge').find(row => row.name === name)
  }

  /** Notes what a commit means for the daemon; it answers in a transaction of its own. */
  private committed(changes: readonly Change<DeclaredRows<Tables>>[]): void {
    for (const change of changes) {
      switch (change.table) {
        case 'Bridge':
          this.dirtyBridges = true
          this.followPorts(change.uuid, change.before?.ports ?? new Set(), change.after?.ports ?? new Set())
          if (!change.after) this.numbers.delete(change.uuid)
          break
        case 'Port':
          if (change.after && change.after.interfaces !== change.before?.interfaces) this.dirtyPorts.add(change.uuid)
          break
        case 'Interface':
          if (change.after?.ofport_request !== change.before?.ofport_request) this.renumber(change.uuid, change.after)
          break
        case 'Controller':
        case 'Open_vSwitch':
          this.dirtyBridges = true
          break
        default:
      }
    }
    if (!this.reacting) queueMicrotask(() => this.react())
  }

  private followPorts(bridge: Uuid, before: ReadonlySet<Uuid>, after: ReadonlySet<Uuid>): void {
    for (const port of after) {
      if (before.has(port)) continue
      this.bridgeOfPort.set(port, bridge)
      this.dirtyPorts.add(port)
    }
    for (const port of before) {
      if (after.has(port) || this.bridgeOfPort.get(port) !== bridge) continue
      this.bridgeOfPort.delete(port)
      this.numbers.get(bridge)?.release(port)
    }
  }

  private renumber(uuid: Uuid, row: Interface | undefined): void {
    if (row?.ofport === undefined) return
    const port = this.view.rows('Port').find(({ interfaces }) => interfaces.has(uuid))
    if (port) this.dirtyPorts.add(port._uuid)
  }

  /** What ovs-vswitchd does about the changes noted: a transaction of its own, then connections to controllers. */
  private react(): void {
    if (this.reacting) return
    this.reacting = true
    const ports = this.dirtyPorts
    const bridges = this.dirtyBridges
    this.dirtyPorts = new Set()
    this.dirtyBridges = false
    try {
      const answers = [
        ...[...ports].flatMap(port => this.numberPort(port)),
        ...(bridges ? [...this.identifyBridges(), ...this.acknowledge()] : []),
      ]
      if (answers.length > 0) this.server.transact(answers)
    } finally {
      this.reacting = false
      this.dirtyBridges = false
    }
    if (bridges) this.tellControllers()
  }

  private numberPort(uuid: Uuid): Operation[] {
    const bridge = this.bridgeOfPort.get(uuid)
    const row = bridge && this.view.row('Bridge', bridge)
    const port = this.view.row('Port', uuid)
    if (!row || !port) return []
    let numbers = this.numbers.get(row._uuid)
    if (!numbers) {
      numbers = new PortNumbers()
      this.numbers.set(row._uuid, numbers)
    }
    const taken = numbers
    return [...port.interfaces].flatMap(id => {
      const found = this.view.row('Interface', id)
      if (!found) return []
      const ofport = taken.take(uuid, found, found.name === row.name ? LOCAL_PORT : found.ofport_request)
      if (ofport === found.ofport) return []
      return [
        update('Interface', byUuid(id), {
          ofport,
          mac_in_use: found.mac ?? madeUpMac(id),
          admin_state: 'up',
          link_state: 'up',
          mtu: found.mtu_request ?? 1500,
        }),
      ]
    })
  }

  private identifyBridges(): Operation[] {
    return this.view.rows('Bridge').flatMap(row => {
      const datapathId = row.other_config.get('datapath-id')?.replace(/^0x/, '').padStart(16, '0')
      const wanted = datapathId ?? row.datapath_id ?? row._uuid.replaceAll('-', '').slice(0, 12).padStart(16, '0')
      return wanted === row.datapath_id ? [] : [update('Bridge', byUuid(row._uuid), { datapath_id: wanted })]
    })
  }

  private acknowledge(): Operation[] {
    const root = this.view.row('Open_vSwitch', this.root)
    if (!root || root.next_cfg === root.cur_cfg) return []
    return [update('Open_vSwitch', all, { cur_cfg: root.next_cfg })]
  }

  private tellControllers(): void {
    const news: [string, string, string[]][] = []
    const bridges = new Map(this.view.rows('Bridge').map(row => [row._uuid, row]))
    for (const [uuid, { name }] of this.told) {
      if (bridges.has(uuid)) continue
      this.told.delete(uuid)
      news.push([name, '', []])
    }
    for (const [uuid, { name, datapath_id = '', controller }] of bridges) {
      const targets = [...controller].flatMap(id => this.view.row('Controller', id)?.target ?? []).sort()
      const text = [datapath_id, ...targets].join(' ')
      if (targets.length === 0 && !this.told.has(uuid)) continue
      if (this.told.get(uuid)?.text === text) continue
      if (targets.length > 0) this.told.set(uuid, { name, text })
      else this.told.delete(uuid)
      news.push([name, datapath_id, targets])
    }
    for (const [name, datapathId, targets] of news) this.onController?.(name, datapathId, targets)
  }
}

/** The OpenFlow port numbers of one bridge: 1 and upward, a freed number not given again at once. */
class PortNumbers {
  private readonly owners = new Map<number, { readonly port: Uuid; readonly interface: Uuid }>()
  private last = 0

  /** The number of an interface: the requested one if it is free, else the one it has, else the next. */
  take(port: Uuid, { _uuid, ofport }: Interface, requested: number | undefined): number {
    const free = (number: number): boolean => (this.owners.get(number)?.interface ?? _uuid) === _uuid
    let number = requested
    if (number === undefined || !free(number)) number = ofport !== undefined && free(ofport) ? ofport : undefined
    if (number === undefined) {
      do this.last++
      while (!free(this.last))
      number = this.last
    }
    if (ofport !== undefined && ofport !== number && free(ofport)) this.owners.delete(ofport)
    this.owners.set(number, { port, interface: _uuid })
    return number
  }

  /** Gives back the numbers of a port's interfaces. */
  release(port: Uuid): void {
    for (const [number, owner] of this.owners) if (owner.port === port) this.owners.delete(number)
  }
}

/** A locally administered MAC address made of the row's id. */
const madeUpMac = (uuid: Uuid): string => `02:${uuid.slice(26).match(/../g)?.join(':')}`
