import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CommandResult, completion } from '../../src/lab/command.ts'
import { createLab, findLab, type Lab, listLabs } from '../../src/lab/lab.ts'
import { until } from '../../src/lab/until.ts'
import { createPlainLab, TOPOLOGY } from './plain-lab.ts'

const NODE = ['--conditions=weft-source', '--no-warnings']
const BIN = join(import.meta.dirname, '../../src/bin.ts')

describe('a lab', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await createPlainLab()
  })
  afterAll(() => lab?.down())

  test('has the hosts and guests of its topology', async () => {
    expect(lab.hosts).toEqual(['h1', 'h2'])
    expect(lab.guests).toEqual(['red-a', 'red-b', 'blue-a', 'blue-b'])
    for (const { name, macAddress, mtu } of lab.layout.guests) {
      const { stdout } = await lab.exec(name, [
        'sh',
        '-c',
        'hostname; cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu',
      ])
      expect(stdout.split('\n')).toEqual([name, macAddress, String(mtu), ''])
    }
  })

  test('each host’s OVSDB is where the topology says, in the management network', async () => {
    for (const { name, address, ovsdbPort } of lab.layout.hosts) {
      const rows = ['ovsdb-client', '-f', 'csv', '--no-heading', 'dump', `tcp:${address}:${ovsdbPort}`]
      const { stdout } = await lab.exec('controller', [...rows, 'Open_vSwitch', 'Open_vSwitch', 'external_ids'])
      expect(stdout).toContain(`hostname=${name}`)
      expect(existsSync(join(lab.folder, 'hosts', name, 'db.sock'))).toBe(true)
    }
  })

  test('guests reach each other across hosts: ping, and TCP', async () => {
    expect(await lab.ping('red-a', 'red-b', { count: 3, intervalMs: 10 })).toEqual({ sent: 3, received: 3 })
    expect(await lab.ping('blue-b', '10.0.0.11', { count: 3, intervalMs: 10 })).toEqual({ sent: 3, received: 3 })
    expect(await lab.tcp('red-a', 'red-b', 1_000_000)).toBe(1_000_000)
    expect(await lab.tcp('blue-b', 'blue-a', 1)).toBe(1)
  })

  test('what does not get through is counted, no error', async () => {
    expect(await lab.ping('red-a', '10.0.0.99', { count: 1 })).toEqual({ sent: 1, received: 0 })
    expect(await lab.ping('red-a', '203.0.113.1', { count: 1 })).toEqual({ sent: 0, received: 0 })
    // Blue's address is red-b's, too, and there nobody listens.
    expect(await lab.tcp('red-a', 'blue-b', 1000)).toBe(0)
    await expect(lab.ping('red-a', 'nobody.invalid', { count: 1 })).rejects.toThrow('ping from red-a')
  })

  test('a capture has every packet from when it began until it was stopped', async () => {
    for (let round = 0; round < 5; round++) {
      const filter = 'icmp[icmptype] == icmp-echo'
      const [red, blue] = await Promise.all([
        lab.capture('red-b', { interface: 'eth0', filter }),
        lab.capture('blue-b', { interface: 'eth0', filter }),
      ])
      await lab.ping('red-a', 'red-b', { count: 20, intervalMs: 1 })
      expect(await red.stop()).toHaveLength(20)
      expect(await blue.stop()).toEqual([])
    }
  })

  test('a capture ends by itself after so many packets, and says what is wrong with a filter', async () => {
    const capture = await lab.capture('red-b', { interface: 'eth0', filter: 'icmp', countLimit: 2 })
    await lab.ping('red-a', 'red-b', { count: 3, intervalMs: 10 })
    const lines = await capture.full()
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatch(
      /^fa:16:3e:.* > fa:16:3e:.*, ethertype IPv4 .* 10\.0\.0\.11 > 10\.0\.0\.12: ICMP echo request/,
    )
    await expect(lab.capture('red-b', { interface: 'eth0', filter: 'nonsense' })).rejects.toThrow('syntax error')
  })

  test('the wire between hosts carries the tunnel', async () => {
    const capture = await lab.capture('h1', { interface: 'underlay0', filter: 'udp dst port 4789' })
    await lab.ping('red-a', 'red-b', { count: 1 })
    const lines = await capture.stop()
    expect(lines.find(line => line.includes('192.0.2.1'))).toMatch(/192\.0\.2\.1\.\d+ > 192\.0\.2\.2\.4789: VXLAN/)
  })

  test('a host’s own kernel does not answer its guests', async () => {
    const argv = ['arping', '-c', '1', '-w', '1', '-I', 'eth0', '198.18.0.1']
    expect((await lab.exec('red-a', argv)).stdout).toContain('Received 0 response')
  })

  describe('DHCP, from a server in a guest', () => {
    const machine = readFileSync('/etc/resolv.conf', 'utf8')
    beforeAll(async () => {
      const script = `cat > /run/udhcpd.conf
: > /run/udhcpd.leases
busybox udhcpd -a 20 -f /run/udhcpd.conf </dev/null >/dev/null 2>&1 &`
      const stdin = `start 10.0.0.50
end 10.0.0.50
interface eth0
lease_file /run/udhcpd.leases
option subnet 255.255.255.0
option dns 192.0.2.53
`
      await lab.exec('red-a', ['sh', '-ec', script], { stdin })
    })
    afterAll(async () => {
      await lab.exec('red-b', ['sh', '-c', 'ip address flush dev eth0; ip address add 10.0.0.12/24 dev eth0'])
    })

    test.each([
      ['udhcpc', []],
      ['dhclient', []],
      ['dhcpcd', ['--noarp']],
    ] as const)('%s gets an address, and its resolv.conf is the guest’s own', async (client, argv) => {
      await lab.exec('red-b', ['sh', '-c', ': > /etc/resolv.conf'])
      expect(await lab.dhcp('red-b', { client, argv })).toBe('10.0.0.50')
      expect(await lab.address('red-b')).toBe('10.0.0.50')
      expect((await lab.exec('red-b', ['cat', '/etc/resolv.conf'])).stdout).toContain('nameserver 192.0.2.53')
      expect((await lab.exec('blue-b', ['cat', '/etc/resolv.conf'])).stdout).toBe('')
      expect(readFileSync('/etc/resolv.conf', 'utf8')).toBe(machine)
    })

    test('a client that gets none says so', async () => {
      const refused = lab.dhcp('blue-b', { argv: ['-t', '1', '-T', '1'] })
      await expect(refused).rejects.toThrow('udhcpc in blue-b got no address: udhcpc: no lease, failing')
      await lab.exec('blue-b', ['ip', 'address', 'add', '10.0.0.12/24', 'dev', 'eth0'])
    })
  })

  test('commands: exit code, both outputs, input, signals, time', async () => {
    const run = (script: string, options = {}): Promise<CommandResult> =>
      lab.exec('red-a', ['sh', '-c', script], options)
    expect(await run('cat; echo no >&2; exit 7', { stdin: 'yes' })).toEqual({ code: 7, stdout: 'yes', stderr: 'no\n' })
    expect(await run('kill -9 $$')).toMatchObject({ code: 137 })
    await expect(run('echo slow >&2; sleep 60', { timeoutMs: 200 })).rejects.toThrow('not done after 200 ms: slow')
    // The guest's files are there for the next command.
    await run('echo kept > /run/file')
    expect(await run('cat /run/file; test ! -e /proc/1/root/run/file')).toMatchObject({ code: 0, stdout: 'kept\n' })
    await expect(lab.exec('red-z', ['true'])).rejects.toThrow('no red-z in lab')
  })

  test('a spawned program gets signals, and its exit code comes back', async () => {
    const script = 'trap "exit 9" TERM; echo ready; while :; do sleep 0.01; done'
    const child = lab.spawn('red-a', ['sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(createInterface(child.stdout!), 'line')
    child.kill()
    expect(await once(child, 'exit')).toEqual([9, null])
  })

  test('a guest is unplugged and plugged in again', async () => {
    await lab.unplug('red-b')
    expect(await lab.ping('red-a', 'red-b', { count: 1 })).toMatchObject({ received: 0 })
    await lab.plug('red-b')
    const ids = await lab.vsctl('h2', 'get', 'Interface', 'tapred-b', 'external_ids')
    expect(ids).toContain('iface-id=red-b')
    expect(ids).toContain(`attached-mac="${lab.layout.guests[1]!.macAddress}"`)
    await lab.vsctl('h2', 'set', 'Port', 'tapred-b', 'tag=1')
    expect(await lab.ping('red-a', 'red-b', { count: 3, intervalMs: 10 })).toMatchObject({ received: 3 })
  })

  test('switch and database are killed and started again', async () => {
    await lab.killSwitch('h2')
    expect(await lab.ping('red-a', 'red-b', { count: 1 })).toMatchObject({ received: 0 })
    await lab.startSwitch('h2')
    await lab.killOvsdb('h1')
    expect((await lab.exec('h1', ['ovs-vsctl', '--timeout=1', 'show'])).code).not.toBe(0)
    await lab.startOvsdb('h1')
    expect(await lab.vsctl('h1', 'br-exists', 'br-int')).toBe('')
    await lab.underlayWarm()
    const answered = async () => (await lab.ping('red-a', 'red-b', { count: 1 })).received === 1
    await until(answered, 'the switch of h1 to find its database', 10_000)
  })
})

test('two labs of one topology do not meet; guests have IPv6 where it is asked for', async () => {
  await using one = await createPlainLab({ ipv6: true })
  await using two = await createPlainLab()
  const capture = await two.capture('red-b', { interface: 'eth0' })
  expect(await one.ping('red-a', 'red-b', { count: 3, intervalMs: 10 })).toMatchObject({ received: 3 })
  expect(await capture.stop()).toEqual([])
  expect(await two.ping('red-a', 'red-b', { count: 3, intervalMs: 10 })).toMatchObject({ received: 3 })
  const ipv6 = async (lab: Lab) => (await lab.exec('red-a', ['ip', '-6', 'address', 'show', 'dev', 'eth0'])).stdout
  expect(await ipv6(one)).toContain('inet6 fe80::')
  expect(await ipv6(two)).toBe('')
})

describe('what is left of a lab', () => {
  let stateDir: string
  beforeAll(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'weft-labs-'))
  })
  afterAll(() => rm(stateDir, { recursive: true }))

  /** Everything outside its folder by which a lab can be seen. */
  class Trace {
    /** The namespaces of all its processes. */
    readonly #namespaces: ReadonlySet<string>

    constructor(init: number) {
      const cage = namespace(init, 'pid')
      const processes = pids().filter(pid => namespace(pid, 'pid') === cage)
      // One for the cage, each host and each guest.
      this.#namespaces = new Set(processes.flatMap(pid => ['pid', 'net', 'mnt'].map(kind => namespace(pid, kind)!)))
      expect(this.#namespaces.size).toBeGreaterThanOrEqual(1 + 2 * 7)
    }

    get(): string[] {
      const processes = pids().filter(pid =>
        ['pid', 'net', 'mnt'].some(kind => this.#namespaces.has(namespace(pid, kind)!)),
      )
      const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
      return [
        ...processes.map(pid => `process ${pid}`),
        ...mounts.filter(line => line.includes(stateDir) || line.includes(' nsfs ')),
        ...readdirSync('/sys/class/net').filter(name => /^(tap|br-|underlay|management|mgmt)/.test(name)),
      ]
    }
  }

  const initOf = async (name: string): Promise<number> =>
    JSON.parse(readFileSync(join(stateDir, name, 'lab.json'), 'utf8')).init.pid

  test('when it is taken down: nothing', async () => {
    const lab = await createPlainLab({ stateDir })
    const trace = new Trace(await initOf(lab.name))
    await lab.down()
    expect(trace.get()).toEqual([])
    expect(readdirSync(stateDir)).toEqual([])
    await lab.down()
    await expect(lab.exec('red-a', ['true'])).rejects.toThrow('the lab is gone')
  })

  test('when its first process is killed: its folder, until the next lab comes up', async () => {
    const lab = await createPlainLab({ stateDir })
    const init = await initOf(lab.name)
    const trace = new Trace(init)
    process.kill(init, 'SIGKILL')
    await until(() => trace.get().length === 0, 'its processes to end', 5000)
    expect(await listLabs(stateDir)).toMatchObject([{ name: lab.name, state: 'dead' }])
    await expect(findLab(lab.name, stateDir)).rejects.toThrow(`no lab ${lab.name} is up`)
    const said: string[] = []
    await using next = await createLab({
      topology: TOPOLOGY,
      controller: false,
      stateDir,
      log: line => said.push(line),
    })
    expect(said[0]).toBe(`removed what lab ${lab.name} left when it died`)
    expect(readdirSync(stateDir)).toEqual([next.name])
  })

  test('when the process that made it is killed: its folder', async () => {
    const script = `
      const { createLab } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/lab/lab.ts'))})
      const lab = await createLab({ topology: ${JSON.stringify(TOPOLOGY)}, name: 'orphan', controller: false, stateDir: ${JSON.stringify(stateDir)} })
      console.log(lab.name)
      setInterval(() => {}, 1000)`
    const maker = spawn(process.execPath, [...NODE, '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    expect(await once(createInterface(maker.stdout), 'line')).toEqual(['orphan'])
    const trace = new Trace(await initOf('orphan'))
    maker.kill('SIGKILL')
    await until(() => trace.get().length === 0, 'its processes to end', 5000)
    expect(await listLabs(stateDir)).toMatchObject([{ name: 'orphan', state: 'dead' }])
    await using _next = await createLab({ topology: TOPOLOGY, name: 'orphan', controller: false, stateDir })
  })

  test('when it does not come up: nothing, and the controller’s last words are told', async () => {
    const weft = ['sh', '-c', 'echo broken pipe dream >&2; exit 3']
    const failed = createLab({ topology: TOPOLOGY, controller: weft, stateDir })
    await expect(failed).rejects.toThrow('the controller did not start:\nbroken pipe dream')
    expect(readdirSync(stateDir)).toEqual([])
  })

  test('two of one name: the second is refused and the first stays', async () => {
    await using lab = await createPlainLab({ name: 'twin', stateDir })
    await expect(createPlainLab({ name: 'twin', stateDir })).rejects.toThrow('lab twin is already up')
    expect(await lab.ping('red-a', 'red-b', { count: 1 })).toMatchObject({ received: 1 })
    const found = await findLab(undefined, stateDir)
    expect(await found.ping('red-a', 'red-b', { count: 1 })).toMatchObject({ received: 1 })
  })
})

describe('weft lab', () => {
  const name = `cli-${process.pid}`
  const weft = (...argv: string[]): Promise<CommandResult> =>
    completion(spawn(process.execPath, [...NODE, BIN, 'lab', ...argv]), argv.join(' '))

  test('up leaves a lab running that other processes enter, and down ends it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'weft-topology-'))
    try {
      const file = join(folder, 'topology.yaml')
      await writeFile(file, TOPOLOGY)
      const up = await weft('up', file, '--name', name, '--no-controller')
      expect(up).toMatchObject({ code: 0, stdout: expect.stringContaining(`lab ${name} is up.`) })
      expect(up.stderr).toContain('host h2: Open vSwitch at 198.18.0.2')
      expect((await weft('list')).stdout).toMatch(new RegExp(`^${name} +up +h1,h2 +red-a,`, 'm'))
      expect(await weft('exec', 'red-a', '--lab', name, '--', 'sh', '-c', 'hostname; exit 5')).toMatchObject({
        code: 5,
        stdout: 'red-a\n',
      })
      const ping = await weft('ping', 'red-a', '10.0.0.12', '-c', '1', '--lab', name)
      expect(ping).toMatchObject({ code: 1, stdout: 'red-a -> 10.0.0.12: no answer\n' })
      expect(await weft('exec', 'nobody', '--lab', name, '--', 'true')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('no nobody in lab'),
      })
      expect(await weft('down', name)).toMatchObject({ code: 0, stderr: `lab ${name} is down\n` })
      expect(await weft('down', name)).toMatchObject({ code: 1, stderr: `no lab ${name} is up\n` })
    } finally {
      await weft('down', name)
      await rm(folder, { recursive: true })
    }
  })
})

function pids(): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
}

function namespace(pid: number, kind: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`)
  } catch {
    return undefined
  }
}
