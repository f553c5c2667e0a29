import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Controller, createController, FakeHost } from '../../src/testing.ts'
import { inProcess, weft as inProcessOfItsOwn, run } from './weft.ts'

const folder = mkdtempSync(join(tmpdir(), 'weft-cli-'))
let host: FakeHost
let controller: Controller

const weft = (...argv: string[]) => inProcess(argv, { WEFT_API: controller.endpoints.api })

beforeAll(async () => {
  host = await FakeHost.listen()
  const text = `
hosts: { h1: { ovsdb: "${host.endpoint}", tunnel_ip: 192.0.2.1 } }
networks: { red: { project: red, network_type: vxlan, segmentation_id: 5001 } }
subnets: { red-v4: { network: red, cidr: 10.0.0.0/24 } }
ports:
  red-a: { network: red, mac_address: "fa:16:3e:00:00:0a", fixed_ips: [{ ip_address: 10.0.0.11 }] }
  red-b: { network: red }
`
  controller = await createController({ topology: [{ text, file: 'topology.yaml' }], api: 'tcp:127.0.0.1:0' })
  await controller.settled(5_000)
  host.plug('red-a')
  await controller.fabric.until(() => controller.inputs.presences.size === 1, 5_000)
  await controller.settled(5_000)
})
afterAll(async () => {
  await controller?.close()
  await host?.close()
  rmSync(folder, { recursive: true })
})

describe('get', () => {
  test('lists who is where, as a table that eyes and awk can read', async () => {
    const { code, stdout, stderr } = await weft('get', 'ports')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const [heading = '', ...rows] = stdout.trimEnd().split('\n')
    expect(heading.split(/ +/)).toEqual(['NAME', 'NETWORK', 'PROJECT', 'MAC', 'ADDRESSES', 'STATUS', 'HOST', 'OFPORT'])
    expect(rows.map(row => row.split(/ +/)[0])).toEqual(['red-a', 'red-b'])
    expect(rows[0]).toMatch(/^red-a +red +red +fa:16:3e:00:00:0a +10\.0\.0\.11 +ACTIVE +h1 +\d+$/)
    expect(rows[1]).toMatch(/ DOWN +- +-$/)
  })

  test.each(['hosts', 'bridges', 'networks', 'subnets', 'ports', 'flows', 'leases'])('%s, as JSON', async kind => {
    const { code, stdout } = await weft('get', kind, '-o', 'json')
    expect(code).toBe(0)
    expect(Array.isArray(JSON.parse(stdout))).toBe(true)
  })

  test('one by name', async () => {
    expect(JSON.parse((await weft('get', 'ports', 'red-b', '-o', 'json')).stdout)).toMatchObject([{ name: 'red-b' }])
  })

  test('flows show bridge, table names and owner, and can be narrowed to an owner', async () => {
    const all = (await weft('get', 'flows')).stdout
    expect(all).toMatch(/h1 +br-int +port red-a +0 .*table=l2_lookup/)
    expect(all).toMatch(/h1 +br-tun +network red on h1 /)
    const owned = (await weft('get', 'flows', '--owner', 'port red-a', '-o', 'json')).stdout
    const flows = JSON.parse(owned) as { owner: string; reason: string }[]
    expect(flows.length).toBeGreaterThan(5)
    expect(new Set(flows.map(flow => flow.owner))).toEqual(new Set(['port red-a']))
    for (const flow of flows) expect(flow.reason).not.toBe('')
  })

  test('flows in ovs-ofctl syntax are taken by ovs-ofctl', async () => {
    const { stdout } = await weft('get', 'flows', '--bridge', 'br-int', '-o', 'ofctl')
    const file = join(folder, 'flows')
    writeFileSync(file, stdout)
    const parsed = await run('ovs-ofctl', ['-O', 'OpenFlow15', 'parse-flows', file])
    expect(parsed.stdout.split('\n').filter(line => line.includes('ADD'))).toHaveLength(
      stdout.trimEnd().split('\n').length,
    )
  })
})

test('describe tells where a port is and why each of its flows exists', async () => {
  const { code, stdout } = await weft('describe', 'port', 'red-a')
  expect(code).toBe(0)
  expect(stdout).toMatch(/^host +h1$/m)
  expect(stdout).toMatch(/^segmentation_id +5001$/m)
  expect(stdout).toMatch(/^local_vlan +1$/m)
  expect(stdout).toContain('h1/br-int: its MAC is here (0 packets)')
})

test('a cookie, as a host’s own dump shows it, leads to owner and reason', async () => {
  const { stdout } = await weft('get', 'flows', '--owner', 'port red-a', '-o', 'json')
  const [flow] = JSON.parse(stdout) as { cookie: string; owner: string; reason: string }[]
  const described = await weft('describe', 'flow', flow!.cookie)
  expect(described.stdout).toContain(`owner   ${flow!.owner}`)
  expect(described.stdout).toContain(`reason  ${flow!.reason}`)
})

test.each(['host h1', 'bridge h1/br-int', 'network red', 'subnet red-v4'])('describe %s', async what => {
  const { code, stdout } = await weft('describe', ...what.split(' '))
  expect(code).toBe(0)
  expect(stdout).not.toBe('')
})

describe('what is wrong is said on stderr, with an exit code', () => {
  test.each([
    ['describe port nobody', 1, 'there is no port nobody'],
    ['get prots', 2, 'prots'],
    ['gte ports', 2, 'Did you mean get'],
    ['get ports -o ofctl', 2, '-o ofctl is for flows'],
    ['get ports --api unix:/nowhere', 69, 'no controller answers at unix:/nowhere'],
    ['get ports --api nonsense', 2, '"nonsense" is not an endpoint'],
    ['validate /nowhere.yaml', 1, 'ENOENT'],
    ['', 2, 'a command is missing'],
  ])('weft %s', async (line, code, words) => {
    const result = await weft(...line.split(' ').filter(word => word !== ''))
    expect(result).toMatchObject({ code, stdout: '' })
    expect(result.stderr).toContain(words)
  })
})

describe('validate', () => {
  test('counts what a good file holds', async () => {
    const { code, stdout } = await weft('validate', 'topology/examples/two-tenants.yaml')
    expect(code).toBe(0)
    expect(stdout).toContain('3 hosts, 2 networks, 2 subnets, 6 ports: valid')
  })

  test('shows every problem with its place, the line, a caret and the nearest right key', async () => {
    const file = join(folder, 'bad.yaml')
    writeFileSync(
      file,
      'networks:\n  red: { network_type: vxlan, segmentation_id: 99999999 }\n  blue: { segmentation_di: 5 }\n',
    )
    const { code, stdout, stderr } = await weft('validate', file)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(`${file}:2:48: `)
    expect(stderr).toContain('99999999')
    expect(stderr).toMatch(/^ +\^/m)
    expect(stderr).toContain('did you mean "segmentation_id"?')
  })
})

test('in a process of its own, as an admin types it', async () => {
  const env = { WEFT_API: controller.endpoints.api }
  expect(await inProcessOfItsOwn(['get', 'ports', 'red-a', '-o', 'name'], env)).toEqual({
    code: 0,
    stdout: 'red-a\n',
    stderr: '',
  })
  const { code, stdout } = await inProcessOfItsOwn(['get', 'ports', 'nobody'], env)
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
})

test('help shows commands and examples', async () => {
  const { code, stdout } = await weft('help')
  expect(code).toBe(0)
  for (const command of ['run', 'validate', 'get', 'describe', 'lab']) expect(stdout).toContain(`weft ${command}`)
  const run = await weft('help', 'run')
  expect(run.stdout).toContain('--advertise')
  expect(run.stdout).toContain('Examples:')
})
