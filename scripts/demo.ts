import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { ask } from '../src/cli/client.ts'
import { createLab, type Lab, LabError } from '../src/lab/lab.ts'

/**
 * Shows Weft's main job on real Open vSwitch, step by step, each with its time and its verdict: tenants red and blue with the
 * same addresses on three hosts. `scripts/demo` starts it.
 */

const TOPOLOGY = 'topology/examples/two-tenants.yaml'
const TENANTS = ['red', 'blue'] as const
type Tenant = (typeof TENANTS)[number]

const start = performance.now()
const seconds = () => ((performance.now() - start) / 1000).toFixed(1).padStart(6)
let failed = 0
let isInterrupted = false

function print(line: string): void {
  // What an interruption breaks off is no news.
  if (!isInterrupted) process.stdout.write(`${line}\n`)
}

function say(line: string): void {
  print(`${seconds()} s    ${line}`)
}

function verdict(ok: boolean, line: string): void {
  if (!ok) failed += 1
  print(`${seconds()} s  ${ok ? '✓' : '✗'} ${line}`)
}

function title(line: string): void {
  print(`\n${line}`)
}

function guestsOf(lab: Lab, tenant: Tenant): string[] {
  return lab.guests.filter(name => name.startsWith(tenant))
}

/** Every guest with the next one of its tenant: all of them on different hosts. */
function ring(guests: readonly string[]): [string, string][] {
  return guests.map((guest, at) => [guest, guests[(at + 1) % guests.length]!])
}

async function addresses(lab: Lab): Promise<void> {
  title('Guests ask for their addresses (udhcpc), and Weft answers')
  await Promise.all(
    lab.layout.guests.map(async ({ name, host, macAddress, fixedIps }) => {
      const address = await lab.dhcp(name).catch((error: Error) => error.message)
      verdict(address === fixedIps[0], `${name} on ${host} (${macAddress}): ${address}`)
    }),
  )
}

async function reachability(lab: Lab): Promise<void> {
  title('Within a tenant, across hosts: ping, and TCP')
  for (const tenant of TENANTS) {
    const guests = guestsOf(lab, tenant)
    for (const [from, to] of ring(guests)) {
      const { sent, received } = await lab.ping(from, to, { count: 3, intervalMs: 20 })
      verdict(received === sent, `${from} -> ${to} (${await lab.address(to)}): ${received} of ${sent} pings answered`)
    }
    const [from, to] = [guests[0]!, guests.at(-1)!]
    const bytes = 10_000_000
    const begin = performance.now()
    const arrived = await lab.tcp(from, to, bytes)
    const rate = (arrived * 8) / 1000 / (performance.now() - begin)
    verdict(arrived === bytes, `${from} -> ${to}: ${arrived / 1e6} MB over TCP, ${rate.toFixed(0)} Mbit/s`)
  }
}

async function wire(lab: Lab): Promise<void> {
  title('On the wire between the hosts: red in VXLAN 5001, blue in GRE 6001')
  const filters = { red: 'udp port 4789', blue: 'proto gre' }
  const marks = { red: 'vni 5001', blue: `key=0x${(6001).toString(16)}` }
  for (const tenant of TENANTS) {
    const [from, to] = guestsOf(lab, tenant)
    const capture = await lab.capture('h1', {
      interface: 'underlay0',
      filter: `${filters[tenant]} and src host 192.0.2.1`,
    })
    await lab.ping(from!, to!, { count: 1 })
    const [line = 'nothing'] = await capture.stop()
    const end = line.indexOf(marks[tenant])
    const header = line.slice(0, end + marks[tenant].length).replace(/^.*length \d+: /, '')
    verdict(end >= 0, end >= 0 ? `${from} -> ${to}: ${header}` : line)
  }
}

/** What red does to be heard: it pings, shouts, asks for everybody, and sends to blue's MAC addresses. */
async function provoke(lab: Lab): Promise<void> {
  const [from, to] = guestsOf(lab, 'red')
  const ping = (...argv: string[]) => lab.exec(from!, ['ping', '-i', '0.02', '-W', '1', ...argv])
  const nobody = Array.from({ length: 20 }, (_, at) => ping('-c', '1', `10.0.0.${200 + at}`))
  const forged = lab.layout.guests
    .filter(({ name }) => name.startsWith('blue'))
    .map(async ({ macAddress }, at) => {
      const address = `10.0.0.${100 + at}`
      await lab.exec(from!, ['ip', 'neighbour', 'replace', address, 'lladdr', macAddress, 'dev', 'eth0'])
      await ping('-c', '3', address)
      await lab.exec(from!, ['ip', 'neighbour', 'del', address, 'dev', 'eth0'])
    })
  await Promise.all([
    lab.ping(from!, to!, { count: 5, intervalMs: 20 }),
    ping('-b', '-c', '3', '10.0.0.255'),
    ...nobody,
    ...forged,
  ])
}

async function isolation(lab: Lab): Promise<void> {
  title("Red makes all the noise it can, on blue's addresses; blue's guests listen")
  const listen = (tenant: Tenant) =>
    Promise.all(guestsOf(lab, tenant).map(guest => lab.capture(guest, { interface: 'eth0' })))
  const [red, blue] = await Promise.all([listen('red'), listen('blue')])
  await provoke(lab)
  // So that the silence of red is not that of the capture.
  const [from, to] = guestsOf(lab, 'blue')
  await lab.ping(from!, to!, { count: 3, intervalMs: 20 })
  const stop = async (captures: typeof red) => (await Promise.all(captures.map(capture => capture.stop()))).flat()
  const [heardByRed, heardByBlue] = await Promise.all([stop(red), stop(blue)])
  const macs = lab.layout.guests.filter(guest => guest.name.startsWith('red')).map(guest => guest.macAddress)
  const ofRed = (lines: readonly string[]) => lines.filter(line => macs.some(mac => line.includes(mac)))
  const crossed = ofRed(heardByBlue)
  verdict(ofRed(heardByRed).length > 50, `red's own guests: ${ofRed(heardByRed).length} frames of red`)
  verdict(heardByBlue.length >= 12, `blue's guests: ${heardByBlue.length} frames in all`)
  verdict(crossed.length === 0, `blue's guests: ${crossed.length} frames of red`)
  for (const line of crossed.slice(0, 3)) say(line)
}

async function restart(lab: Lab): Promise<void> {
  title('The controller is killed and started again, while red-a pings red-c')
  const pings = lab.ping('red-a', 'red-c', { count: 200, intervalMs: 10 })
  await lab.stopController('SIGKILL')
  await lab.startController()
  await lab.settled()
  const { sent, received } = await pings
  verdict(received === sent, `${received} of ${sent} pings answered`)
  const bridges = await ask<readonly { flow_mods: number }[]>(lab.apiEndpoint, '/v1/bridges')
  const sentFlows = bridges.reduce((sum, bridge) => sum + bridge.flow_mods, 0)
  verdict(sentFlows === 0, `${bridges.length} bridges read back, ${sentFlows} flows to change`)
}

function farewell(lab: Lab): void {
  const exec = `./weft lab exec --lab ${lab.name}`
  title(`The lab stays up until Ctrl-C. In another terminal, from this folder:

  ${exec} red-a                             # a shell in a guest: ip address, ping 10.0.0.3, ...
  ${exec} h1 -- ovs-vsctl show              # a host is plain Open vSwitch
  ${exec} h1 -- ovs-ofctl -O OpenFlow15 --names dump-flows br-int
  export WEFT_API=${lab.apiEndpoint}
  ./weft get ports                                         # who is where
  ./weft get flows --host h1 --owner "port red-a"          # the flows that are there for a port
  ./weft describe port red-a                               # everything about it, and why each flow exists
  tail -f ${lab.folder}/controller.log`)
}

async function show(lab: Lab): Promise<void> {
  await lab.settled()
  verdict(true, 'every bridge holds what it should')
  await lab.underlayWarm()
  await addresses(lab)
  await reachability(lab)
  await wire(lab)
  await isolation(lab)
  await restart(lab)
}

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
class Interrupted extends Error {}
const interrupted = Promise.race((['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map(signal => once(process, signal))).then(
  () => {
    title('Cleaning up.')
    isInterrupted = true
    throw new Interrupted()
  },
)
// Heard at the next step, whenever it comes.
interrupted.catch(() => {})
const awake = setInterval(() => {}, 1 << 30)
let shown = false

try {
  title(`Three hosts, each with its own Open vSwitch, and two tenants (${TOPOLOGY})`)
  // A check must not meet a demo that somebody looks at.
  const name = values.check ? undefined : 'demo'
  await using lab = await createLab({ topology: TOPOLOGY, name, log: say })
  await Promise.race([show(lab), interrupted])
  shown = true
  title(failed === 0 ? `All as it should be, after ${seconds().trim()} s.` : `${failed} not as it should be.`)
  if (!values.check) {
    farewell(lab)
    await interrupted
  }
} catch (error) {
  if (error instanceof LabError) process.stderr.write(`${error.message}\n`)
  else if (!(error instanceof Interrupted)) throw error
} finally {
  clearInterval(awake)
}
process.exitCode = isInterrupted && !shown ? 130 : shown && failed === 0 ? 0 : 1
