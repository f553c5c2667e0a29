import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createController, FakeHost } from '../src/testing.ts'
import { median, quantile, report, round } from './figure.ts'

// From typing a command in a checkout to its last line: `get ports` of 100 ports by `./weft`, as an admin types it, and without the
// shell around it; a completion of names; and a Node that does nothing, which is the floor.

const ROUNDS = Number(process.argv[2] ?? 15)
const root = join(import.meta.dirname, '..')
const run = promisify(execFile)

const host = await FakeHost.listen()
const ports = Array.from({ length: 100 }, (_, index) => `  p${index}: { network: red }`)
const text = `hosts: { h1: { ovsdb: "${host.endpoint}", tunnel_ip: 192.0.2.1 } }
networks: { red: {} }
subnets: { red-v4: { network: red, cidr: 10.0.0.0/16 } }
ports:
${ports.join('\n')}
`
const controller = await createController({ topology: [{ text, file: 'topology.yaml' }], api: 'tcp:127.0.0.1:0' })
await controller.settled(5_000)
const cache = mkdtempSync(join(tmpdir(), 'weft-compile-cache-'))
const node = (environment: Readonly<Record<string, string>>, ...argv: string[]) => ({
  command: process.execPath,
  argv,
  environment,
})
const weft = ['--conditions=weft-source', join(root, 'src/bin.ts')]

const cases = {
  node: node({}, '-e', '0'),
  get_ports: { command: join(root, 'weft'), argv: ['get', 'ports'], environment: {} },
  get_ports_without_shell: node({ NODE_COMPILE_CACHE: cache }, ...weft, 'get', 'ports'),
  get_ports_without_cache: node({}, ...weft, 'get', 'ports'),
  complete_names: node({ NODE_COMPILE_CACHE: cache }, ...weft, '--complete', 'get', 'ports', ''),
  help: node({ NODE_COMPILE_CACHE: cache }, ...weft, 'help'),
}

const figures: Record<string, number> = {}
for (const [name, { command, argv, environment }] of Object.entries(cases)) {
  const env = { ...process.env, NODE_COMPILE_CACHE: '', WEFT_API: controller.endpoints.api, ...environment }
  const times: number[] = []
  // The first one fills the caches.
  for (let round = 0; round <= ROUNDS; round++) {
    const begin = performance.now()
    await run(command, argv, { env })
    if (round > 0) times.push(performance.now() - begin)
  }
  figures[`${name}_ms`] = round(median(times))
  if (name === 'get_ports') figures['get_ports_p90_ms'] = round(quantile(times, 0.9))
}
report('cli start', { rounds: ROUNDS, ports: ports.length, ...figures })
await controller.close()
await host.close()
rmSync(cache, { recursive: true })
