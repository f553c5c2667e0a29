import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, expect, test } from 'vitest'
import { weft } from './weft.ts'

const folder = mkdtempSync(join(tmpdir(), 'weft-run-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('run says where it listens, reads its file again at SIGHUP, keeps what runs when that is wrong, and ends at SIGTERM', async () => {
  const file = join(folder, 'topology.yaml')
  writeFileSync(file, 'networks: { red: {} }\n')
  const listen = ['--openflow', 'tcp:127.0.0.1:0', '--ovsdb', 'none', '--api', `unix:${join(folder, 'api.sock')}`]
  const bin = join(import.meta.dirname, '../../src/bin.ts')
  const argv = [
    '--conditions=weft-source',
    bin,
    'run',
    '--topology',
    file,
    '--state',
    join(folder, 'state'),
    ...listen,
    '--print-ready',
    '--log-format',
    'json',
  ]
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] })
  const logged = (message: string) =>
    new Promise<void>(resolve => {
      const look = (line: string) => {
        if (!line.includes(message)) return
        log.off('line', look)
        resolve()
      }
      log.on('line', look)
    })
  const log = createInterface({ input: child.stderr })
  const [ready] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  expect(JSON.parse(ready.replace(/^READY /, ''))).toMatchObject({ pid: child.pid, ovsdb: 'none' })
  const networks = async () => {
    const { stdout } = await weft(['get', 'networks', '-o', 'json'], { WEFT_API: `unix:${join(folder, 'api.sock')}` })
    return (JSON.parse(stdout) as { name: string }[]).map(network => network.name)
  }
  expect(await networks()).toEqual(['red'])

  const again = logged('topology read again')
  writeFileSync(file, 'networks: { red: {}, blue: {} }\n')
  child.kill('SIGHUP')
  await again
  expect(await networks()).toEqual(['red', 'blue'])

  const refused = logged('topology refused')
  writeFileSync(file, 'networks: { red: { mtu: x } }\n')
  child.kill('SIGHUP')
  await refused
  expect(await networks()).toEqual(['red', 'blue'])

  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await exit).toEqual([0, null])
})
