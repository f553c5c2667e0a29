import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema'

/** Namespaces of their own, for who may make them; the dummy datapath touches nothing of the machine without them either. */
const CAGE = process.getuid?.() === 0 ? ['unshare', '-n', '-m', '--'] : []

/** A real ovs-vswitchd with one secure bridge, br0, on the dummy datapath; its files and sockets are in `dir`. */
export interface Ovs extends AsyncDisposable {
  dir: string
  /** The bridge's management socket: whoever connects is a controller. */
  mgmt: string
  vsctl(...args: string[]): Promise<string>
  ofctl(...args: string[]): Promise<string>
}

/** Starts ovsdb-server and ovs-vswitchd and waits until br0 is there. Tunnel ports are dummies too, unless `realTunnels`. */
export async function startOvs({ realTunnels = false } = {}): Promise<Ovs> {
  const dir = await mkdtemp(join(tmpdir(), 'ovs-'))
  const env = { ...process.env, OVS_RUNDIR: dir, OVS_LOGDIR: dir, OVS_DBDIR: dir, OVS_SYSCONFDIR: dir }
  const db = `unix:${dir}/db.sock`
  const daemons: ChildProcess[] = []
  const daemon = (command: string, ...args: string[]) => {
    // exec'ed by unshare without a fork, so the child is the daemon itself.
    const [program, ...argv] = [...CAGE, command, ...args]
    const child = spawn(program!, argv, { env, stdio: 'ignore' })
    daemons.push(child)
  }
  const vsctl = async (...args: string[]) =>
    (await run('ovs-vsctl', [`--db=${db}`, '--timeout=10', ...args], { env })).stdout.trim()

  await run('ovsdb-tool', ['create', `${dir}/conf.db`, SCHEMA], { env })
  daemon('ovsdb-server', `${dir}/conf.db`, `--remote=p${db}`, `--unixctl=${dir}/db.ctl`)
  await vsctl('--retry', '--no-wait', 'init')
  const dummy = [
    realTunnels ? '--enable-dummy' : '--enable-dummy=override',
    '--disable-system',
    '--disable-system-route',
  ]
  daemon('ovs-vswitchd', db, ...dummy, `--unixctl=${dir}/vswitchd.ctl`)
  const bridge = ['datapath_type=dummy', 'fail_mode=secure', 'protocols=OpenFlow13,OpenFlow14,OpenFlow15']
  await vsctl('add-br', 'br0', '--', 'set', 'bridge', 'br0', ...bridge)
  return {
    dir,
    mgmt: `${dir}/br0.mgmt`,
    vsctl,
    ofctl: async (...args) =>
      (await run('ovs-ofctl', ['-O', 'OpenFlow15', ...args], { env, maxBuffer: 64 << 20 })).stdout,
    async [Symbol.asyncDispose]() {
      for (const child of daemons.toReversed()) {
        if (child.exitCode !== null || child.signalCode !== null) continue
        const exit = new Promise(resolve => child.once('exit', resolve))
        child.kill('SIGKILL')
        await exit
      }
      await rm(dir, { recursive: true, force: true })
    },
  }
}
