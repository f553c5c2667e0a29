import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { Cage, OUTSIDE_ALL_MEMBERS, type SpawnOptions } from './cage.ts'
import { Capture, type CaptureOptions } from './capture.ts'
import { type CommandOptions, type CommandResult, completion, succeed } from './command.ts'
import { apiPath, isSettled, PID_FILE, startController } from './controller.ts'
import { killDaemon } from './daemon.ts'
import { LabError } from './error.ts'
import { addressOf, type DhcpClient, obtainAddress, plugArguments } from './guest.ts'
import { type Daemon, startDaemon, warmUnderlay } from './host.ts'
import { CONTROLLER, type LabGuest, type LabHost, type LabLayout } from './layout.ts'
import { discard, folderOf, type LabRecord } from './record.ts'
import { checkPrograms } from './requirements.ts'
import { until } from './until.ts'

/** The first port of `tcp`; each transfer takes the next one. */
const TCP_PORTS = 20_000

/** How long the last answer to a ping may take. */
const ANSWER_MS = 1_000

/**
 * A lab that is up: the hosts, guests and controller of a topology on this machine.
 *
 * A place is the name of a host, of a guest (its port's name), or `controller`.
 */
export class Lab implements AsyncDisposable {
  readonly #stateDir: string
  readonly #record: LabRecord
  readonly #cage: Cage
  readonly #hosts: ReadonlyMap<string, LabHost>
  readonly #guests: ReadonlyMap<string, LabGuest>
  #transfers = 0

  constructor(stateDir: string, record: LabRecord, cage = Cage.attach(record.init)) {
    this.#stateDir = stateDir
    this.#record = record
    this.#cage = cage
    this.#hosts = new Map(record.layout.hosts.map(host => [host.name, host]))
    this.#guests = new Map(record.layout.guests.map(guest => [guest.name, guest]))
  }

  get name(): string {
    return this.#record.name
  }

  /** Names, in the order of the topology. */
  get hosts(): string[] {
    return [...this.#hosts.keys()]
  }

  /** Names, in the order of the topology. */
  get guests(): string[] {
    return [...this.#guests.keys()]
  }

  /** Addresses and interfaces of all. */
  get layout(): LabLayout {
    return this.#record.layout
  }

  /** `unix:PATH` of the controller's API, from inside and outside. */
  get apiEndpoint(): string {
    return `unix:${apiPath(this.folder)}`
  }

  /** What outlives a crash: `controller.log`; `hosts/NAME` with database, sockets and logs. */
  get folder(): string {
    return folderOf(this.#stateDir, this.name)
  }

  /** Runs a command to its end; that of all who inherited its output, if longer. */
  async exec(place: string, argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return this.#cage.run(this.#member(place), argv, options)
  }

  /**
   * Starts a command. It ends with the lab. The child that is returned stands for it: ends with its exit code, and `kill`
   * signals it.
   */
  spawn(place: string, argv: readonly string[], options: SpawnOptions = {}): ChildProcess {
    return this.#cage.spawn(this.#member(place), argv, options)
  }

  /** The output of ovs-vsctl(8) on a host. */
  vsctl(host: string, ...argv: string[]): Promise<string> {
    return this.#succeed(host, ['ovs-vsctl', '--timeout=30', ...argv])
  }

  /** The output of ovs-ofctl(8) on a host. */
  ofctl(host: string, ...argv: string[]): Promise<string> {
    return this.#succeed(host, ['ovs-ofctl', '--timeout=30', ...argv])
  }

  /** The output of ovs-appctl(8) on a host. */
  appctl(host: string, ...argv: string[]): Promise<string> {
    return this.#succeed(host, ['ovs-appctl', '--timeout=30', ...argv])
  }

  /**
   * Gets a guest an address by DHCP, and returns it. The client goes on in the background; an earlier one ends.
   *
   * @param options.argv further options of the client.
   */
  dhcp(
    guest: string,
    options: { client?: DhcpClient; argv?: readonly string[]; timeoutMs?: number } = {},
  ): Promise<string> {
    const { client = 'udhcpc', argv = [], timeoutMs = 30_000 } = options
    return obtainAddress(this.#cage, this.#member(guest), this.#guest(guest), client, argv, timeoutMs)
  }

  /** A guest's IPv4 address; undefined while it has none. */
  address(guest: string): Promise<string | undefined> {
    return addressOf(this.#cage, this.#member(guest), this.#guest(guest))
  }

  /**
   * Sends echo requests, and tells how many of them were answered within a second of the last one.
   *
   * @param to an address, or a guest that has one.
   */
  async ping(
    from: string,
    to: string,
    options: { count?: number; intervalMs?: number } = {},
  ): Promise<{ sent: number; received: number }> {
    checkPrograms(['ping'])
    const { count = 3, intervalMs = 200 } = options
    const address = await this.#addressOf(to)
    // Once one was answered, ping waits for the last answer no longer than twice the longest so far: on a busy machine that
    // is too short. So it goes on sending while we wait.
    const grace = Math.ceil(ANSWER_MS / intervalMs)
    const interval = String(intervalMs / 1000)
    const argv = ['stdbuf', '-oL', 'ping', '-n', '-c', String(count + grace), '-i', interval, '-W', '1', address]
    const child = this.spawn(from, argv, { stdio: ['ignore', 'pipe', 'pipe'] })
    const answered = new Set<number>()
    createInterface(child.stdout!).on('line', line => {
      const sequence = Number(/icmp_seq=(\d+) ttl=/.exec(line)?.[1])
      if (sequence <= count) answered.add(sequence)
      if (answered.size === count) child.kill('SIGINT')
    })
    let complaint = ''
    child.stderr!.setEncoding('utf8').on('data', text => {
      complaint += text
    })
    await new Promise<void>(resolve => child.once('close', () => resolve()))
    if (complaint === '') return { sent: count, received: answered.size }
    // Without a route to it, nothing is sent at all.
    if (/Network is unreachable/.test(complaint)) return { sent: 0, received: 0 }
    throw new LabError(`ping from ${from}: ${complaint.trim()}`)
  }

  /**
   * Sends bytes over TCP, and returns how many arrived: 0 when no connection came about.
   *
   * @param to a guest that has an address.
   */
  async tcp(from: string, to: string, bytes: number, { timeoutMs = 10_000 } = {}): Promise<number> {
    checkPrograms(['nc'])
    const address = await this.#addressOf(to)
    const port = String(TCP_PORTS + (this.#transfers++ % 10_000))
    const server = this.spawn(to, ['sh', '-c', 'nc -v -n -l "$0" | wc -c', port])
    // nc keeps the time; ours is for when it does not.
    const limit = { timeoutMs: timeoutMs + 10_000 }
    const received = completion(server, `nc in ${to}`, limit)
    received.catch(() => {})
    const listening = new Promise<void>(resolve => {
      createInterface(server.stderr!).on('line', line => line.startsWith('Listening') && resolve())
    })
    try {
      await Promise.race([listening, received])
      const client = ['sh', '-c', 'head -c "$0" /dev/zero | nc -n -N -w "$1" "$2" "$3"']
      const seconds = String(Math.ceil(timeoutMs / 1000))
      const sent = await this.exec(from, [...client, String(bytes), seconds, address, port], limit)
      return sent.code === 0 ? Number(succeed(await received, `nc in ${to}`)) : 0
    } finally {
      server.kill()
    }
  }

  /** Captures packets at an interface of a place; resolves when the capture sees what comes. */
  capture(place: string, options: CaptureOptions): Promise<Capture> {
    return Capture.start(this.#cage, this.#member(place), options)
  }

  /** Plugs a guest into its host's br-int, as soon as there is one. */
  async plug(guest: string): Promise<void> {
    const { host } = this.#guest(guest)
    await this.vsctl(host, ...plugArguments([this.#guest(guest)]))
  }

  async unplug(guest: string): Promise<void> {
    const { host, tap } = this.#guest(guest)
    await this.vsctl(host, '--if-exists', 'del-port', 'br-int', tap)
  }

  /** Ends a host's ovs-vswitchd. After most signals it stays so; after those of a crash (`SIGSEGV`...) it comes back by itself. */
  async killSwitch(host: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#kill(host, 'ovs-vswitchd', signal)
  }

  /** Starts a host's ovs-vswitchd again; resolves when its underlay is up. */
  async startSwitch(host: string): Promise<void> {
    await this.#start(host, 'ovs-vswitchd')
  }

  async killOvsdb(host: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#kill(host, 'ovsdb-server', signal)
  }

  /** Starts a host's ovsdb-server again; resolves when it listens. */
  async startOvsdb(host: string): Promise<void> {
    await this.#start(host, 'ovsdb-server')
  }

  async stopController(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await killDaemon(this.#cage, OUTSIDE_ALL_MEMBERS, `${this.folder}/${PID_FILE}`, signal)
  }

  /** Starts the controller; resolves when it listens. */
  async startController(): Promise<void> {
    const { layout, topology, weft } = this.#record
    if (weft === undefined) throw new LabError(`lab ${this.name} has no controller`)
    await startController(this.#cage, this.folder, layout, topology, weft)
  }

  /** Resolves when the controller has heard every host out and every bridge holds what it is to hold. */
  settled(timeoutMs = 20_000): Promise<void> {
    return until(() => isSettled(this.folder), 'the bridges to hold what they should', timeoutMs)
  }

  /** Has every host learn the neighbours of its tunnel endpoint: first packets are lost otherwise. */
  async underlayWarm(): Promise<void> {
    await Promise.all(
      this.layout.hosts.map(host => warmUnderlay(this.#cage, this.#member(host.name), host, this.layout)),
    )
  }

  /** Lets the lab live on when this process ends. */
  release(): Promise<void> {
    return this.#cage.release()
  }

  /** Ends the lab: every process, namespace, link and file of it. */
  async down(): Promise<void> {
    await this.#cage.close()
    await discard(this.#stateDir, this.#record)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.down()
  }

  #member(place: string): number {
    const member = place === CONTROLLER ? OUTSIDE_ALL_MEMBERS : this.#record.members[place]
    if (member === undefined) throw new LabError(`no ${place} in lab ${this.name}: ${this.#places()}`)
    return member
  }

  #guest(name: string): LabGuest {
    const guest = this.#guests.get(name)
    if (guest === undefined) throw new LabError(`no guest ${name} in lab ${this.name}: ${this.guests.join(', ')}`)
    return guest
  }

  #host(name: string): LabHost {
    const host = this.#hosts.get(name)
    if (host === undefined) throw new LabError(`no host ${name} in lab ${this.name}: ${this.hosts.join(', ')}`)
    return host
  }

  #places(): string {
    return [...this.hosts, ...this.guests, CONTROLLER].join(', ')
  }

  async #addressOf(to: string): Promise<string> {
    if (!this.#guests.has(to)) return to
    const address = await this.address(to)
    if (address === undefined) throw new LabError(`${to} has no address`)
    return address
  }

  async #succeed(host: string, argv: readonly string[]): Promise<string> {
    this.#host(host)
    return succeed(await this.exec(host, argv), `${argv[0]} on ${host}`)
  }

  async #kill(host: string, daemon: Daemon, signal: NodeJS.Signals): Promise<void> {
    await killDaemon(this.#cage, this.#member(this.#host(host).name), `/run/openvswitch/${daemon}.pid`, signal)
  }

  async #start(host: string, daemon: Daemon): Promise<void> {
    await startDaemon(this.#cage, this.#member(host), daemon, this.folder, this.layout, this.#host(host))
  }
}
