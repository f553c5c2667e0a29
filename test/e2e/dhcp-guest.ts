import { type ChildProcess, execFile, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { formatIpv4Address } from '../../src/packet/address.ts'
import { type Arp, ArpOperation } from '../../src/packet/arp.ts'
import { DhcpMessageType } from '../../src/packet/dhcp.ts'
import { dhcpOption } from '../../src/packet/dhcp-options.ts'
import { buildFrame, type Frame, parseFrame } from '../../src/packet/frame.ts'
import { formatMac } from '../../src/packet/mac.ts'
import { answerDhcp, type DhcpBinding } from '../../src/services/dhcp.ts'
import { describeOutcome } from '../services/dhcp-client.ts'

// A guest to run real DHCP clients in: namespaces of its own for network, mounts, processes and host name, so that nothing a client or
// its script does reaches the machine. Its eth0 is a veth whose other end, in one more namespace, carries frames to answerDhcp.

/** A script for a client that runs the stock one and then tells, as `udhcpc bound`. */
const hook = (client: string, stock: string): string =>
  `printf '%s\\n' '#!/bin/sh' '${stock} "$@"' 'env > /run/${client}-env' 'echo "${client} \${reason:-$1}" > /run/events' > /run/${client}-hook
chmod +x /run/${client}-hook`

const GUEST = `
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/etc /run/lib/dhcp /run/lib/dhcpcd
cp -a /etc/. /run/etc
mount --bind /run/etc /etc
for lib in dhcp dhcpcd; do mount --bind /run/lib/$lib /var/lib/$lib; done
hostname guest
ip link set lo up
mkfifo /run/events
${hook('udhcpc', '/etc/udhcpc/default.script')}
${hook('dhclient', '/sbin/dhclient-script')}
${hook('dhcpcd', '/usr/lib/dhcpcd/dhcpcd-run-hooks')}
cat <> /run/events &
echo ready
exec cat > /dev/null`

const PIPED: SpawnOptions = { stdio: ['pipe', 'pipe', 'inherit'] }

export class DhcpGuest implements AsyncDisposable {
  /** The port that the guest is on; a test may change it at any time. */
  binding: DhcpBinding
  /** Addresses that somebody else on the wire answers ARP for. */
  readonly taken = new Set<number>()
  readonly #guest: ChildProcess
  readonly #wire: ChildProcess
  #init = 0
  readonly #events: string[] = []
  #waiting: (() => void) | undefined

  private constructor(binding: DhcpBinding) {
    this.binding = binding
    // Both end with their stdin, and all of the guest's processes with its first: nothing is left even if the test is killed.
    this.#guest = spawn(
      'unshare',
      ['-n', '-m', '-u', '-p', '-f', '--kill-child', '--mount-proc', 'sh', '-c', GUEST],
      PIPED,
    )
    const carry = 'read go && ip link set wire up && exec python3 "$0" wire'
    this.#wire = spawn('unshare', ['-n', 'sh', '-c', carry, join(import.meta.dirname, 'wire.py')], PIPED)
  }

  /** Brings a guest up; it has an eth0 with the binding's MAC and no address. */
  static async start(binding: DhcpBinding): Promise<DhcpGuest> {
    const guest = new DhcpGuest(binding)
    try {
      await guest.#connect()
    } catch (error) {
      await guest[Symbol.asyncDispose]()
      throw error
    }
    return guest
  }

  async #connect(): Promise<void> {
    createInterface(this.#guest.stdout!).on('line', line => this.#note(line))
    await this.until(/^ready$/)
    const { pid } = this.#guest
    this.#init = Number(await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8'))
    const veth = `ip link add eth0 address ${formatMac(this.binding.macAddress)} type veth peer name wire`
    const network = ['--target', String(this.#init), '--net']
    // In the guest's network, but still among the machine's processes, whose number the other namespace goes by.
    await run('nsenter', [...network, 'sh', '-c', `${veth} netns ${this.#wire.pid} && ip link set eth0 up`])
    this.#wire.stdin!.write('go\n')
    void this.#carry(this.#wire.stdout!)
    await this.until(/^wire$/)
  }

  async #carry(stream: Readable): Promise<void> {
    let rest = Buffer.alloc(0)
    for await (const chunk of stream) {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE()) {
        const end = 4 + rest.readUInt32BE()
        if (end === 4) this.#note('wire')
        else this.#receive(rest.subarray(4, end))
        rest = rest.subarray(end)
      }
    }
  }

  #receive(bytes: Uint8Array): void {
    const { arp, dhcp, ipv4 }: Frame = parseFrame(bytes)
    if (arp?.operation === ArpOperation.request) this.#answerArp(arp)
    if (!dhcp) return
    const outcome = answerDhcp(bytes, this.binding, Date.now())
    if (outcome.kind === 'reply') this.#send(outcome.frame)
    const { options } = dhcp
    const type = Object.keys(DhcpMessageType)[(dhcpOption(options, 'message-type') ?? 0) - 1]
    const addresses = {
      ciaddr: dhcp.ciaddr || undefined,
      requested: dhcpOption(options, 'requested-address'),
      server: dhcpOption(options, 'server-id'),
      to: ipv4?.destination,
    }
    const said = Object.entries(addresses).map(([name, address]) =>
      address === undefined ? '' : ` ${name} ${formatIpv4Address(address)}`,
    )
    this.#note(`${type}${said.join('')} -> ${describeOutcome(outcome).replace(/ until \d+$/, '')}`)
  }

  #answerArp({ senderMac, senderAddress, targetAddress }: Arp): void {
    const { serverAddress, serverMac, router } = this.binding
    if (targetAddress !== serverAddress && targetAddress !== router && !this.taken.has(targetAddress)) return
    const reply = {
      senderMac: serverMac,
      senderAddress: targetAddress,
      targetMac: senderMac,
      targetAddress: senderAddress,
    }
    this.#send(
      buildFrame({
        ethernet: { destination: senderMac, source: serverMac },
        arp: { operation: ArpOperation.reply, ...reply },
      }),
    )
  }

  #send(frame: Uint8Array): void {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(frame.length)
    this.#wire.stdin!.write(Buffer.concat([length, frame]))
  }

  #note(event: string): void {
    this.#events.push(event)
    this.#waiting?.()
  }

  /** Waits for an event like `pattern` and gives all that happened up to it since the last wait. */
  async until(pattern: RegExp, timeoutMs = 10_000): Promise<string[]> {
    for (;;) {
      const at = this.#events.findIndex(event => pattern.test(event))
      if (at >= 0) return this.#events.splice(0, at + 1)
      await new Promise<void>((resolve, reject) => {
        const fail = () => reject(new Error(`no ${pattern} among ${JSON.stringify(this.#events)}`))
        const timer = setTimeout(fail, timeoutMs)
        this.#waiting = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  /** Tells a client something, again when it does not listen: dhcpcd loses what it is told while its hook runs. */
  async tell(command: string, pattern: RegExp): Promise<string[]> {
    for (let tries = 0; tries < 5; tries++) {
      await this.run(command)
      const heard = await this.until(pattern, 2_000).catch(() => undefined)
      if (heard !== undefined) return heard
    }
    return this.until(pattern)
  }

  /** Runs a shell command in the guest and gives what it printed. */
  async run(command: string): Promise<string> {
    return (await run('nsenter', this.#inside(command))).stdout.trim()
  }

  /** Starts a client in the guest; it ends with the guest. */
  start(command: string): ChildProcess {
    return spawn('nsenter', this.#inside(`exec ${command}`), { stdio: 'ignore' })
  }

  #inside(command: string): string[] {
    return ['--target', String(this.#init), '--all', 'sh', '-c', command]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of [this.#wire, this.#guest]) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const exit = once(child, 'exit')
      child.stdin!.end()
      await exit
    }
  }
}

const run = promisify(execFile)
