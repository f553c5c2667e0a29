import { operations, vswitch } from 'ovsdb-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ask } from '../../src/cli/client.ts'
import { Site } from './weft.ts'

/** A command is a process of its own, and some tests here start eight, ms. */
const PATIENCE = 30_000

let site: Site
beforeAll(async () => {
  site = await Site.open()
}, PATIENCE)
afterAll(() => site?.[Symbol.asyncDispose]())

const bridges = () => site.host.ovsdb.rows('Bridge').map(row => row.name)

test(
  'release says what it would do, does it with --yes, and the host stays so',
  async () => {
    const dry = await site.weft('release', 'h1')
    expect(dry).toMatchObject({
      code: 0,
      stderr: 'nothing is done yet: --yes does it, and host h1 is left alone until `weft adopt h1`\n',
    })
    expect(dry.stdout).toMatch(/^bridge br-int stays, for ports vnet0, vnet1 are not Weft’s;/m)
    expect(dry.stdout).toMatch(/^bridge br-tun is deleted, with ports patch-int, weft-gre, weft-vxlan$/m)
    expect(bridges()).toEqual(['br-int', 'br-tun'])

    const done = await site.weft('release', 'h1', '--yes')
    expect(done).toEqual({ code: 0, stdout: dry.stdout, stderr: 'host h1 is released\n' })
    expect(bridges()).toEqual(['br-int'])
    expect((await site.weft('get', 'hosts', '--no-headers')).stdout).toMatch(/^h1 +released /)
    expect(await site.weft('wait', '--timeout', '5s')).toMatchObject({ code: 0 })
    expect((await site.weft('release', 'h1')).stderr).toMatch(/^nothing of Weft’s is on host h1$/m)
  },
  PATIENCE,
)

test(
  'adopt says what it would do and why not; with --yes it does it, and the guests are back',
  async () => {
    const refused = await site.weft('adopt', 'h1')
    expect(refused.code).toBe(1)
    expect(refused.stdout).toMatch(/^port vnet0 has iface-id red-a: it binds at once$/m)
    expect(refused.stderr).toMatch(
      /^host h1 would not be adopted:\nbridge br-int may carry an address of the host: br-int is not down/,
    )
    expect(await site.weft('adopt', 'h1', '--yes')).toMatchObject({ code: 1, stdout: '' })
    expect(bridges()).toEqual(['br-int'])

    const { update } = operations(vswitch)
    site.host.ovsdb.server.transact([update('Interface', [['name', '==', 'br-int']], { admin_state: 'down' })])
    expect(await site.weft('adopt', 'h1')).toMatchObject({ code: 0, stderr: 'nothing is done yet: --yes does it\n' })
    expect(await site.weft('adopt', 'h1', '--yes')).toMatchObject({ code: 0, stderr: 'host h1 is adopted\n' })
    await site.controller.settled(5_000)
    expect(site.controller.inputs.bindings.size).toBe(2)
    expect((await site.weft('get', 'hosts', '--no-headers')).stdout).toMatch(/^h1 +managed /)
    expect((await site.weft('get', 'events')).stdout).toMatch(/host-released.*\n(.*\n)*.*host-adopted/)
  },
  PATIENCE,
)

test.each([
  ['adopt', { dryrun: true }, 'dryrun: unknown; known are dry_run, replace_controller, carries_no_address'],
  ['release', { dry_run: 'yes' }, 'dry_run: true or false'],
])('the API refuses what it does not understand: %s %j', async (verb, body, message) => {
  const before = bridges()
  const asked = ask(site.controller.endpoints.api, `/v1/hosts/h1/${verb}`, { method: 'POST', body })
  await expect(asked).rejects.toThrow(message)
  expect(bridges()).toEqual(before)
})

test.each([
  ['adopt h2', 1, 'there is no host h2'],
  ['release', 2, 'Not enough non-option arguments'],
])(
  '%s: %i',
  async (words, code, message) => {
    const refused = await site.weft(...words.split(' '))
    expect(refused.code).toBe(code)
    expect(refused.stderr).toContain(message)
  },
  PATIENCE,
)
