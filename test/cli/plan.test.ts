import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Controller, createController, FakeHost } from '../../src/testing.ts'
import { weft as run } from './weft.ts'

const folder = mkdtempSync(join(tmpdir(), 'weft-plan-'))
const file = join(folder, 'topology.yaml')
let host: FakeHost
let text: string
let controller: Controller
const weft = (...argv: string[]) => run(argv, { WEFT_API: controller.endpoints.api })
const start = () =>
  createController({
    topology: file,
    state: join(folder, 'state'),
    api: 'tcp:127.0.0.1:0',
    openflow: 'tcp:127.0.0.1:0',
  })

beforeAll(async () => {
  host = await FakeHost.listen()
  text = `hosts: { h1: { ovsdb: "${host.endpoint}", tunnel_ip: 192.0.2.1 } }
networks: { red: { network_type: vxlan, segmentation_id: 5001 } }
subnets: { red-v4: { network: red, cidr: 10.0.0.0/24 } }
ports:
  red-a: { network: red, fixed_ips: [{ ip_address: 10.0.0.11 }] }
`
  writeFileSync(file, text)
  controller = await start()
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

test('plan shows resources, bridges and traffic, and says so in its exit code when it is asked to', async () => {
  expect(await weft('plan', file, '--exit-code')).toMatchObject({ code: 0, stdout: 'unchanged\n' })
  const edited = join(folder, 'edited.yaml')
  writeFileSync(edited, text.replace('10.0.0.11', '10.0.0.12'))
  const { code, stdout } = await weft('plan', edited, '--exit-code')
  expect(code).toBe(3)
  expect(stdout).toContain('~ port red-a (fixed_ips): brief: a gap for red-a')
  expect(stdout).toMatch(/^h1\/br-int +\d+ +\d+ +\d+$/m)
  expect(stdout).toContain('traffic: brief')
})

test('apply, get revisions, rollback', async () => {
  const edited = join(folder, 'edited.yaml')
  writeFileSync(edited, `${text}  red-b: { network: red }\n`)
  expect((await weft('apply', edited)).stdout).toMatch(/^\+ port red-b: no packet is treated differently$/m)
  expect((await weft('apply', edited)).stdout).toMatch(/^unchanged$/m)
  expect((await weft('get', 'revisions')).stdout.split('\n')).toHaveLength(4)
  expect((await weft('rollback')).stdout).toBe('revision 3\n')
  expect([...controller.topology.ports.values()].map(port => port.name)).toEqual(['red-a'])
})

test('a file with an error changes nothing and says where it is', async () => {
  const bad = join(folder, 'bad.yaml')
  writeFileSync(bad, 'networks: { red: { network_typ: vxlan } }\n')
  for (const command of ['plan', 'apply']) {
    const { code, stdout, stderr } = await weft(command, bad)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(`${bad}:1:20: `)
    expect(stderr).toContain('did you mean "network_type"?')
  }
  expect([...controller.topology.ports.values()].map(port => port.name)).toEqual(['red-a'])
})

test('what was not confirmed when the controller ended is taken back', async () => {
  const edited = join(folder, 'edited.yaml')
  expect((await weft('apply', edited, '--confirm', '10m')).stdout).toContain('unless `weft confirm` comes first')
  await controller.close()
  controller = await start()
  expect([...controller.topology.ports.values()].map(port => port.name)).toEqual(['red-a'])
})

test('what was applied is there after a restart, until the file is edited', async () => {
  const edited = join(folder, 'edited.yaml')
  await weft('apply', edited)
  await controller.close()
  controller = await start()
  expect([...controller.topology.ports.values()].map(port => port.name)).toEqual(['red-a', 'red-b'])
  await controller.close()
  writeFileSync(file, `${text}  red-c: { network: red }\n`)
  controller = await start()
  expect([...controller.topology.ports.values()].map(port => port.name)).toEqual(['red-a', 'red-c'])
})
