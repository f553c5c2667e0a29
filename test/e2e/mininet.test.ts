import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Cage, OUTSIDE_ALL_MEMBERS } from '../../src/lab/cage.ts'

// mininet's own switches (Open vSwitch, userspace datapath) and hosts, in a cage: its cleaning up kills by name.

const CHECKOUT = join(import.meta.dirname, '../..')
const BIN = join(CHECKOUT, 'src/bin.ts')
const SCRIPT = join(import.meta.dirname, 'mininet-network.py')
const ENV = { OVS_RUNDIR: '/run/ovs', OVS_LOGDIR: '/run/ovs', OVS_DBDIR: '/run/ovs' }
const NUMBERS = [...Array(20).keys()]
const TCP_BYTES = 2_000_000

const SET_UP = `
mount -t tmpfs tmpfs /run
mkdir -p /run/ovs /run/netns /run/checkout
# It removes files in /tmp, where the checkout may be.
mount --bind "$CHECKOUT" /run/checkout
mount -t tmpfs tmpfs /tmp
mkdir -p "$CHECKOUT"
mount --bind /run/checkout "$CHECKOUT"
# mininet would raise limits of the whole machine.
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
echo '{}' > /run/topology.yaml
ovsdb-tool create /run/ovs/conf.db /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server /run/ovs/conf.db --remote=punix:/run/ovs/db.sock --pidfile --detach --log-file
ovs-vsctl --no-wait init
ovs-vswitchd unix:/run/ovs/db.sock --pidfile --detach --log-file
`

let cage: Cage
let port: string

beforeAll(async () => {
  cage = await Cage.open()
  await cage.script(OUTSIDE_ALL_MEMBERS, 'Open vSwitch', `(${SET_UP}) >/dev/null 2>&1`, {
    env: { ...ENV, CHECKOUT },
  })
  const argv = ['run', '--unmanaged', 'learn', '--topology', '/run/topology.yaml', '--state', '/run/weft']
  const endpoints = [
    '--openflow',
    'tcp:127.0.0.1:0',
    '--ovsdb',
    'none',
    '--api',
    'none',
    '--log-level',
    'error',
    '--print-ready',
  ]
  const weft = [process.execPath, '--conditions=weft-source', '--no-warnings', BIN, ...argv, ...endpoints]
  const child = cage.spawn(OUTSIDE_ALL_MEMBERS, weft, { stdio: ['ignore', 'pipe', 'inherit'] })
  const dead = once(child, 'exit').then(() => Promise.reject(new Error('weft did not start')))
  dead.catch(() => {}) // at the end it has to
  const [line] = (await Promise.race([once(createInterface(child.stdout!), 'line'), dead])) as [string]
  port = /"openflow":"tcp:127\.0\.0\.1:(\d+)"/.exec(line)![1]!
})
afterAll(() => cage?.close())

describe.each([
  ['tree', 'OpenFlow13', 2],
  ['linear', 'OpenFlow15', 1],
])('mininet, topology %s, %s', (topology, protocol, others) => {
  test('frames arrive once; pingall, broadcast and TCP get through, by flows; those of a port go with it', async () => {
    const argv = ['/usr/bin/python3', SCRIPT, topology, protocol, port]
    const { stdout, stderr } = await cage.run(OUTSIDE_ALL_MEMBERS, argv, { env: ENV })
    const results = JSON.parse(stdout.trim().split('\n').at(-1) || JSON.stringify(stderr))
    expect(results).toEqual({
      asked: NUMBERS,
      answered: NUMBERS,
      broadcasts: Array(others + 1).fill(NUMBERS),
      loss: 0,
      tcp: TCP_BYTES,
      unused: [],
      left: [],
      lossAfter: 0,
    })
  })
})
