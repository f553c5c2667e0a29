import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseDuration } from '../../src/cli/duration.ts'
import { EXIT_CODES } from '../../src/cli/exit-code.ts'
import { withReference } from '../../src/cli/reference.ts'
import { inProcess, run, Site } from './weft.ts'

let site: Site
beforeAll(async () => {
  site = await Site.open()
})
afterAll(async () => site?.[Symbol.asyncDispose]())

describe('find', () => {
  test('everybody who has an address, whatever the tenant', async () => {
    const { code, stdout } = await site.weft('find', '10.0.0.11', '-o', 'json')
    expect(code).toBe(0)
    const found = JSON.parse(stdout)
    expect(found).toMatchObject([
      { what: 'port', name: 'red-a', network: 'red', project: 'red', host: 'h1', bridge: 'br-int', local_vlan: 1 },
      { what: 'port', name: 'blue-a', network: 'blue', project: 'blue', host: 'h1', bridge: 'br-int', local_vlan: 2 },
    ])
    expect(found[0].ofport).not.toBe(found[1].ofport)
  })

  test.each(['fa:16:3e:00:00:0a', 'FA-16-3E-00-00-0A', 'fa16.3e00.000a', 'fa163e00000a'])('a MAC: %s', async mac => {
    const { stdout } = await site.weft('find', mac)
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .slice(1)
        .map(line => line.split(/ +/)[1]),
    ).toEqual(['red-a', 'blue-a'])
  })

  test.each([
    ['10.0.0.1', /^gateway +red-v4 .*\ngateway +blue-v4 /m],
    ['10.0.0.254', /^dhcp server +red-v4 .*\ndhcp server +blue-v4 /m],
    ['192.0.2.1', /^tunnel endpoint +h1 /m],
  ])('what is nobody’s port: %s', async (address, expected) => {
    expect((await site.weft('find', address)).stdout).toMatch(expected)
  })

  test.each([
    ['10.0.0.99', 1, 'nobody has 10.0.0.99'],
    ['2001:db8::1', 1, 'nobody has 2001:db8::1'],
    ['red-a', 2, '"red-a" is neither a MAC nor an IP address'],
  ])('%s', async (wanted, code, words) => {
    const result = await site.weft('find', wanted)
    expect(result).toMatchObject({ code, stdout: '' })
    expect(result.stderr).toContain(words)
  })
})

describe('wait', () => {
  test('ends as soon as everything is in step', async () => {
    expect(await site.weft('wait', '--for=synced', '--timeout', '5s')).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  test('says who lags behind, with exit code 124', async () => {
    const red = 'hosts: { h9: { ovsdb: "tcp:127.0.0.1:1", tunnel_ip: 192.0.2.9 } }'
    const { createController } = await import('../../src/testing.ts')
    const topology = [{ text: red, file: 'topology.yaml' }]
    await using controller = await createController({ topology, api: 'tcp:127.0.0.1:0' })
    const result = await inProcess(['wait', '--timeout', '100ms'], { WEFT_API: controller.endpoints.api })
    expect(result).toMatchObject({ code: 124, stdout: '' })
    expect(result.stderr).toContain('not synced after 0.1 s:\nhost h9: its OVSDB is not connected')
  })

  test('for a controller that does not come', async () => {
    const result = await inProcess(['wait', '--timeout', '300ms'], { WEFT_API: 'unix:/nowhere' })
    expect(result).toMatchObject({ code: 124, stdout: '' })
    expect(result.stderr).toContain('no controller answers at unix:/nowhere')
  })

  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5s', 1_500],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['7', 7_000],
  ])('%s is %i ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  test.each(['', 's', '-1s', '1d', '1 s', 'soon'])('"%s" is no duration', text => {
    expect(() => parseDuration(text)).toThrow('is no duration')
  })
})

describe('doctor', () => {
  test('a host of the running topology, found by its name', async () => {
    const { code, stdout, stderr } = await site.weft('doctor', 'h1', '--datapath', 'netdev', '-o', 'json')
    expect({ code, stderr }).toEqual({ code: 1, stderr: '1 to cure before Weft can serve this host\n' })
    expect(JSON.parse(stdout)[0]).toMatchObject({
      level: 'error',
      what: 'there is no netdev bridge with an underlay port',
      cure: expect.stringContaining('ovs-vsctl add-br br-underlay'),
    })
  })

  test('a host that is fit', async () => {
    const { code, stdout } = await inProcess(['doctor', '--ovsdb', site.host.endpoint, '--datapath', 'netdev'], {})
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ok +it can make vxlan and gre ports$/m)
    expect(stdout).toMatch(/^warning +bridge br-int does not reach Weft at .*\n +why .*\n +cure +nc -zv/m)
  })

  test.each([
    ['doctor h2', 1, 'there is no host h2'],
    ['doctor --ovsdb unix:/nowhere', 69, 'no OVSDB answers at unix:/nowhere'],
    ['doctor --ovsdb nonsense', 2, '"nonsense" is not an endpoint'],
    ['doctor --ovsdb ssl:127.0.0.1:1', 2, 'ssl:127.0.0.1:1 needs --private-key'],
    ['doctor h1 --topology topology/examples/two-tenants.yaml --ovsdb unix:/nowhere', 69, 'unix:/nowhere'],
  ])('weft %s', async (line, code, words) => {
    const result = await site.weft(...line.split(' '))
    expect(result).toMatchObject({ code, stdout: '' })
    expect(result.stderr).toContain(words)
  })
})

test('log-level shows, sets and refuses', async () => {
  expect((await site.weft('log-level')).stdout).toBe('error\n')
  expect((await site.weft('log-level', 'debug')).stdout).toBe('debug\n')
  expect((await site.weft('log-level')).stdout).toBe('debug\n')
  expect(await site.weft('log-level', 'loud')).toMatchObject({ code: 2, stdout: '' })
  expect((await site.weft('log-level', 'error')).stdout).toBe('error\n')
})

describe('completion', () => {
  const complete = async (line: string) => {
    const { stdout } = await site.weft('--complete', ...line.split(' '))
    return stdout.trimEnd().split('\n')
  }

  test.each([
    ['', ['run', 'get', 'describe', 'find', 'wait', 'doctor', 'lab', 'help']],
    ['get ', ['hosts', 'ports', 'events']],
    ['get po ', ['red-a', 'red-b', 'blue-a']],
    ['describe bridge ', ['h1/br-int', 'h1/br-tun']],
    ['get flows --port ', ['red-a', 'red-b', 'blue-a']],
    ['get flows --network ', ['red', 'blue']],
    ['get ports -o ', ['table', 'wide', 'json', 'yaml', 'name', 'ofctl']],
    ['get ports --', ['--watch', '--network', '--api']],
    ['lab ', ['up', 'down', 'list', 'exec', 'ping']],
    ['lab up --', ['--controller', '--dhcp', '--ipv6']],
    ['log-level ', ['error', 'warn', 'info', 'debug']],
    ['doctor ', ['h1']],
  ])('weft %s', async (line, expected) => {
    expect(await complete(line)).toEqual(expect.arrayContaining(expected))
  })

  test('a controller that does not answer is not waited for', async () => {
    const { createServer } = await import('node:net')
    const mute = createServer(() => {}).listen(0, '127.0.0.1')
    try {
      await new Promise(resolve => mute.once('listening', resolve))
      const { port } = mute.address() as { port: number }
      const { code, stdout } = await inProcess(['--complete', 'get', 'ports', ''], {
        WEFT_API: `tcp:127.0.0.1:${port}`,
      })
      expect({ code, stdout }).toEqual({ code: 0, stdout: '\n' })
    } finally {
      mute.close()
    }
  })

  test('bash takes it', async () => {
    const command = `
weft() { "${process.execPath}" --conditions=weft-source src/bin.ts "$@"; }
source <(weft completion bash)
COMP_WORDS=(weft describe port re); COMP_CWORD=3
_weft weft re port
printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout } = await run('bash', ['-c', command], { env: { ...process.env, ...site.env } })
    expect(stdout).toBe('red-a\nred-b\n')
  })
})

describe('help', () => {
  test('every command has examples, before its options', async () => {
    const below = async (...path: string[]): Promise<string[][]> => {
      const { stdout } = await inProcess(['--complete', ...path, ''], {})
      const help = await inProcess([...path, '--help'], {})
      const names = stdout
        .trimEnd()
        .split('\n')
        .filter(name => name !== '' && help.stdout.includes(`  weft ${[...path, name].join(' ')} `))
      const found = [path]
      for (const name of names) found.push(...(await below(...path, name)))
      return found
    }
    const commands = await below()
    expect(commands.map(path => path.join(' '))).toEqual(expect.arrayContaining(['', 'get', 'doctor', 'lab up']))
    for (const path of commands) {
      const { code, stdout } = await inProcess([...path, '--help'], {})
      expect(code).toBe(0)
      expect(stdout.indexOf('\nExamples:'), path.join(' ')).toBeGreaterThan(0)
      expect(stdout.indexOf('\nOptions:'), path.join(' ')).toBeGreaterThan(stdout.indexOf('\nExamples:'))
    }
  })

  test('docs/cli.md: its tables are those of the command (else: node --conditions=weft-source scripts/cli-reference.ts)', () => {
    const page = readFileSync('docs/cli.md', 'utf8')
    expect(withReference(page)).toBe(page)
    for (const { code, means } of Object.values(EXIT_CODES)) expect(page).toContain(`| ${code} | ${means} |`)
  })

  test('exit codes: all of the table', async () => {
    const { stdout } = await inProcess(['help', 'exit-codes'], {})
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(Object.keys(EXIT_CODES).length)
    for (const [index, { code, means }] of Object.values(EXIT_CODES).entries()) {
      expect(lines[index]!.trim()).toBe(`${code}  ${means}`)
    }
    expect(new Set(Object.values(EXIT_CODES).map(({ code }) => code)).size).toBe(lines.length)
  })
})
