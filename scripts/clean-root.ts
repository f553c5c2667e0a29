/**
 * Runs the README's first command on a machine that has nothing: a fresh Debian root with a copy of the checkout.
 *
 * `--weft` stops at a working `./weft help`. Needs root, debootstrap, and a way to Debian's and npm's packages: what
 * this machine says about those (mirrors, proxies, certificates) holds in the root too. Mounts live in a namespace of
 * their own and end with it; the root is removed whatever happens.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'

const CHECKOUT = '/srv/weft'
/** Environment that says how packages are fetched. */
const REACH = /^(npm_config_.*|(https?|no|all)_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR)$/i
/** apt settings that say how packages are fetched. */
const APT_REACH = /^Acquire::(https?|Check-[\w-]+|Retries|ForceIPv[46])\b.*"[^"]+";$/

const repository = join(import.meta.dirname, '..')
const { values: options } = parseArgs({ options: { weft: { type: 'boolean', default: false } } })
const commands = options.weft ? ['./weft help'] : ['./weft help', './scripts/demo --check']

if (process.getuid?.() !== 0) fail('needs root')
for (const program of ['debootstrap', 'unshare', 'chroot', 'git']) {
  const found = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program]).status === 0
  if (!found) fail(`needs ${program}`)
}

const root = mkdtempSync(join(tmpdir(), 'weft-clean-root-'))
let running: ReturnType<typeof spawn> | undefined
let interrupted = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupted = true
    // Everything in its namespaces ends with it.
    running?.kill('SIGKILL')
  })
}

try {
  // Services inside drop root's rights and must still get in.
  chmodSync(root, 0o755)
  const { suite, mirror } = debian()
  await stage('debootstrap', () =>
    isolated(`exec debootstrap --variant=minbase --include=ca-certificates ${suite} "$ROOT" ${mirror} >&2`),
  )
  await stage('ways to the packages', takeOverReach)
  await stage('copy of the checkout', copyCheckout)
  for (const command of commands) await stage(command, () => inRoot(`cd ${CHECKOUT} && exec ${command}`))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  // The mounts were never visible here; should one be, nothing is removed through it.
  if (readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${root}`)) fail(`${root} is still mounted`)
  rmSync(root, { recursive: true, force: true })
}

function fail(message: string): never {
  console.error(`clean-root: ${message}`)
  process.exit(69)
}

/** Runs one stage and says how long it took. */
async function stage(name: string, work: () => Promise<void> | void): Promise<void> {
  console.log(`== ${name}`)
  const start = performance.now()
  await work()
  console.log(`== ${name}: ${((performance.now() - start) / 1000).toFixed(1)} s`)
}

/** The release of this machine and the mirror it uses, where it is a Debian. */
function debian(): { readonly suite: string; readonly mirror: string } {
  const release = readFileSync('/etc/os-release', 'utf8')
  const suite = /^ID=debian$/m.test(release)
    ? (/^VERSION_CODENAME=(\w+)$/m.exec(release)?.[1] ?? 'bookworm')
    : 'bookworm'
  const targets = optionalOutput('apt-get', [
    'indextargets',
    '--format',
    '$(CODENAME) $(REPO_URI)',
    'Created-By: Packages',
  ])
  const mirror = targets
    .split('\n')
    .map(line => line.split(' '))
    .find(([codename, uri]) => codename === suite && /^https?:/.test(uri ?? ''))?.[1]
  return { suite, mirror: mirror ?? '' }
}

/** Makes the root reach Debian's and npm's packages as this machine does. */
async function takeOverReach(): Promise<void> {
  const copies = [
    '/etc/resolv.conf',
    '/etc/hosts',
    '/etc/apt/sources.list',
    '/etc/apt/sources.list.d',
    '/etc/apt/keyrings',
    '/etc/apt/trusted.gpg.d',
    '/usr/share/keyrings',
    '/usr/local/share/ca-certificates',
    '/etc/npmrc',
    ...Object.entries(reach()).flatMap(([name, value]) => (/CA|CERT/i.test(name) && existsSync(value) ? [value] : [])),
  ]
  for (const path of copies) if (existsSync(path)) copyIn(path, path)
  if (existsSync(join(homedir(), '.npmrc'))) copyIn(join(homedir(), '.npmrc'), '/root/.npmrc')
  const settings = optionalOutput('apt-config', ['dump', '--format', '%F "%v";%n', 'Acquire']).split('\n')
  writeFileSync(
    join(root, 'etc/apt/apt.conf.d/00reach'),
    `${settings.filter(line => APT_REACH.test(line)).join('\n')}\n`,
  )
  // Packages that bring a service are not to start it here.
  writeFileSync(join(root, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  await inRoot('update-ca-certificates >/dev/null')
}

function copyIn(from: string, to: string): void {
  mkdirSync(dirname(join(root, to)), { recursive: true })
  cpSync(from, join(root, to), { recursive: true, dereference: true, force: true })
}

function reach(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (REACH.test(name) ? [[name, value ?? '']] : [])),
  )
}

/** What git knows, as it is in the work tree. */
function copyCheckout(): void {
  const listed = execFileSync('git', ['ls-files', '-z'], { cwd: repository, encoding: 'utf8' })
  for (const path of listed.split('\0')) {
    if (path !== '' && existsSync(join(repository, path))) copyIn(join(repository, path), join(CHECKOUT, path))
  }
}

function inRoot(command: string): Promise<void> {
  const environment = {
    HOME: '/root',
    LANG: 'C.UTF-8',
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    TERM: process.env['TERM'] ?? 'dumb',
    ...reach(),
  }
  const script = [
    'set -e',
    // A mount point of its own: what is run there may want to change how mounts propagate.
    'mount --bind "$ROOT" "$ROOT"',
    'mount -t proc proc "$ROOT/proc"',
    'mount -t sysfs sysfs "$ROOT/sys"',
    'mount --rbind /dev "$ROOT/dev"',
    'mount -t tmpfs tmpfs "$ROOT/run"',
    'exec chroot "$ROOT" /bin/sh -c "$COMMAND"',
  ].join('\n')
  return isolated(script, { ...environment, COMMAND: command })
}

/** Runs a shell script in mount and process namespaces that end with it. */
async function isolated(script: string, environment: NodeJS.ProcessEnv = process.env): Promise<void> {
  const args = ['--mount', '--pid', '--fork', '--kill-child', '/bin/sh', '-c', script]
  running = spawn('unshare', args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...environment, ROOT: root } })
  const [code, signal] = (await once(running, 'close')) as [number | null, string | null]
  running = undefined
  if (interrupted) throw new Error('interrupted')
  if (code !== 0) throw new Error(`failed: ${signal ?? `exit code ${code}`}`)
}

/** The output of a program that not every machine has. */
function optionalOutput(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return ''
  }
}
