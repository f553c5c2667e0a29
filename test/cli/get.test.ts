import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { FlowView } from '../../src/api/flow-view.ts'
import { KIND_NAMES, KINDS, kindNamed } from '../../src/cli/kind.ts'
import { changes } from '../../src/cli/watch.ts'
import { follow, run, Site } from './weft.ts'

let site: Site
beforeAll(async () => {
  site = await Site.open()
})
afterAll(async () => site?.[Symbol.asyncDispose]())

const rows = (text: string) => text.trimEnd().split('\n')
const json = async (...argv: string[]) => JSON.parse((await site.weft('get', ...argv, '-o', 'json')).stdout)
const names = async (...argv: string[]) => (await json(...argv)).map((row: { name: string }) => row.name)

describe('outputs', () => {
  test('yaml says what json says', async () => {
    const { stdout } = await site.weft('get', 'networks', '-o', 'yaml')
    expect(parse(stdout)).toEqual(await json('networks'))
  })

  test('wide has all columns of the table and more', async () => {
    const [table = ''] = rows((await site.weft('get', 'ports')).stdout)
    const [wide = ''] = rows((await site.weft('get', 'ports', '-o', 'wide')).stdout)
    expect(wide.split(/ +/)).toEqual([...table.split(/ +/), 'ID'])
  })

  test.each([
    ['ports', ['red-a', 'red-b', 'blue-a']],
    ['bridges', ['h1/br-int', 'h1/br-tun']],
  ])('name, as describe takes it: %s', async (kind, expected) => {
    const { stdout } = await site.weft('get', kind, '-o', 'name')
    expect(rows(stdout)).toEqual(expected)
    const { code } = await site.weft('describe', kind, rows(stdout)[0]!)
    expect(code).toBe(0)
  })

  test('--no-headers', async () => {
    expect((await site.weft('get', 'hosts', '--no-headers')).stdout).toMatch(/^h1 /)
  })

  test('a reader that has seen enough is no failure', async () => {
    const command = `"${process.execPath}" --conditions=weft-source src/bin.ts get flows | head -n 1`
    const env = { ...process.env, ...site.env }
    const { stdout, stderr } = await run('bash', ['-o', 'pipefail', '-c', command], { env })
    expect({ lines: rows(stdout).length, stderr }).toEqual({ lines: 1, stderr: '' })
  })
})

describe('colour', () => {
  const onTerminal = async (options: string, env: Record<string, string> = {}) => {
    const command = `"${process.execPath}" --conditions=weft-source src/bin.ts get ports ${options}`
    const all = { ...process.env, NO_COLOR: '', TERM: 'xterm', ...site.env, ...env }
    const { stdout } = await run('script', ['-qec', command, '/dev/null'], { env: all })
    return stdout.includes('\x1b[')
  }

  test.each([
    ['on a terminal', '', {}, true],
    ['not with NO_COLOR', '', { NO_COLOR: '1' }, false],
    ['not with --no-color', '--no-color', {}, false],
    ['not on a dumb terminal', '', { TERM: 'dumb' }, false],
  ])('%s', async (_, options, env, expected) => {
    expect(await onTerminal(options, env)).toBe(expected)
  })

  test('never in a pipe', async () => {
    expect((await site.weft('get', 'ports')).stdout).not.toContain('\x1b[')
  })
})

test.each(
  KIND_NAMES.flatMap(kind => [kind, ...KINDS[kind].short].map(word => [word, kind] as const)),
)('%s means %s', (word, kind) => {
  expect(kindNamed(word)).toBe(kind)
  // No word means two kinds.
  const meant = KIND_NAMES.filter(name => name === word || (KINDS[name].short as readonly string[]).includes(word))
  expect(meant).toEqual([kind])
})

describe('narrowed', () => {
  test.each([
    ['ports --network red', ['red-a', 'red-b']],
    ['ports --host h1', ['red-a', 'blue-a']],
    ['po --port blue-a', ['blue-a']],
    ['net --network blue', ['blue']],
    ['br --bridge br-tun', ['br-tun']],
    ['br h1/br-int', ['br-int']],
  ])('%s', async (line, expected) => {
    expect(await names(...line.split(' '))).toEqual(expected)
  })

  test('flows, by the API: each narrowing keeps some and drops some', async () => {
    const flows = async (...argv: string[]): Promise<FlowView[]> => json('flows', ...argv)
    const all = await flows()
    const cases: [string[], (flow: FlowView) => boolean][] = [
      [['--bridge', 'br-int'], flow => flow.bridge === 'br-int'],
      [['--bridge', 'h1/br-tun'], flow => flow.bridge === 'br-tun'],
      [['--table', 'l2_lookup'], flow => flow.table === 'l2_lookup'],
      [['--table', '0'], flow => flow.table_id === 0],
      [['--port', 'red-a'], flow => flow.owner === 'port red-a'],
      [['--network', 'red'], flow => /^(network red( on h1)?|subnet red-v4|port red-[ab])$/.test(flow.owner)],
      [['--network', 'red', '--table', 'dhcp'], flow => flow.owner === 'port red-a' && flow.table === 'dhcp'],
    ]
    for (const [argv, expected] of cases) {
      const kept = await flows(...argv)
      expect(kept, argv.join(' ')).toEqual(all.filter(expected))
      expect(kept.length, argv.join(' ')).toBeGreaterThan(0)
      expect(kept.length, argv.join(' ')).toBeLessThan(all.length)
    }
    expect(await flows('--host', 'h2')).toEqual([])
  })
})

describe('what is wrong', () => {
  test.each([
    ['get hosts --network red', 2, 'hosts cannot be narrowed by --network; it is for networks, subnets, ports'],
    ['get events -o name', 2, 'events have no names'],
    ['get flows -w -o ofctl', 2, '-w goes with'],
    ['get port red-q', 1, 'there is no port red-q: did you mean red-a?'],
    ['get flows --network rde', 1, 'there is no network rde: did you mean red?'],
    ['get ports --hots h1', 2, 'Did you mean --host?'],
    ['get prt', 2, 'there are no prt to get: did you mean port?'],
    ['describe net bleu', 1, 'there is no network bleu: did you mean blue?'],
  ])('weft %s', async (line, code, words) => {
    const result = await site.weft(...line.split(' '))
    expect(result).toMatchObject({ code, stdout: '' })
    expect(result.stderr).toContain(words)
  })
})

describe('watched', () => {
  test('rows that change are shown again, with what became of them, until Ctrl-C', async () => {
    const watched = follow(['get', 'ports', '-w', '--interval', '0.05', '--port', 'red-b'], site.env)
    expect(await watched.line(/red-b/)).toMatch(/^present +red-b .* DOWN /)
    const plug = site.host.plug('red-b')
    expect(await watched.line(/red-b/)).toMatch(/^changed +red-b .* ACTIVE +h1 /)
    site.host.unplug(plug.name)
    expect(await watched.line(/red-b/)).toMatch(/^changed +red-b .* DOWN /)
    expect(await watched.interrupt()).toBe(0)
  })

  test('as JSON, an object a line', async () => {
    const watched = follow(['get', 'hosts', '-w', '-o', 'json'], site.env)
    expect(JSON.parse(await watched.line(/./))).toMatchObject({ fate: 'present', row: { name: 'h1' } })
    expect(await watched.interrupt()).toBe(0)
  })

  test('events come as they happen', async () => {
    const watched = follow(['get', 'events', '-w'], site.env)
    expect(await watched.line(/host-connected/)).toMatch(/ host h1 /)
    const plug = site.host.plug('red-b')
    expect(await watched.line(/port-bound +port red-b/)).toContain('to h1, OpenFlow port')
    site.host.unplug(plug.name)
    await watched.line(/port-unbound +port red-b +from h1/)
    expect(await watched.interrupt()).toBe(0)
  })

  test('what became of each row', () => {
    const list = (...entries: [string, number][]) => new Map(entries.map(([name, n]) => [name, { name, n }]))
    const shown = (row: Readonly<Record<string, unknown>>) => String(row['n'])
    const before = list(['gone', 1], ['same', 1], ['other', 1])
    const now = list(['same', 1], ['other', 2], ['new', 1])
    const brief = (from: typeof before | undefined) =>
      changes(from, now, shown).map(({ fate, row }) => `${fate} ${row['name']}`)
    expect(brief(undefined)).toEqual(['present same', 'present other', 'present new'])
    expect(brief(before)).toEqual(['removed gone', 'changed other', 'added new'])
    expect(brief(now)).toEqual([])
  })
})
