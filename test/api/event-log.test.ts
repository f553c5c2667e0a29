import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EventLog, type EventView } from '../../src/api/event-log.ts'
import { type Controller, createController, FakeHost } from '../../src/testing.ts'

const event = (message: string) => ({ kind: 'port-bound', subject: 'port red-a', message }) as const

test('the log remembers the last ones, in order, and counts what it has forgotten', () => {
  fc.assert(
    fc.property(fc.nat(50), fc.integer({ min: 1, max: 20 }), fc.nat(60), (count, capacity, since) => {
      const log = new EventLog(() => 0, capacity)
      const followed: number[] = []
      log.follow(one => followed.push(one.revision))
      for (let n = 1; n <= count; n++) log.add(event(String(n)))
      const all = Array.from({ length: count }, (_, index) => index + 1)
      expect(followed).toEqual(all)
      const wanted = all.filter(revision => revision > (since > count ? 0 : since))
      const kept = wanted.slice(-capacity)
      const { latest, lost, events } = log.since(since)
      expect({ latest, lost }).toEqual({ latest: count, lost: wanted.length - kept.length })
      expect(events.map(one => [one.revision, one.message])).toEqual(kept.map(n => [n, String(n)]))
    }),
  )
})

describe('over HTTP', () => {
  let host: FakeHost
  let controller: Controller
  let base: string
  beforeAll(async () => {
    host = await FakeHost.listen()
    const text = `hosts: { h1: { ovsdb: "${host.endpoint}", tunnel_ip: 192.0.2.1 } }
networks: { red: {} }
subnets: { red-v4: { network: red, cidr: 10.0.0.0/24 } }
ports: { red-a: { network: red } }
`
    controller = await createController({ topology: [{ text, file: 't.yaml' }], api: 'tcp:127.0.0.1:0', now: () => 0 })
    base = controller.endpoints.api.replace('tcp:', 'http://')
    await controller.settled(5_000)
  })
  afterAll(async () => {
    await controller?.close()
    await host?.close()
  })

  const happened = (): string[] =>
    controller.events.since(0).events.map(({ kind, subject, message }) => `${kind} ${subject}: ${message}`)
  const until = (pattern: RegExp, count = 1) =>
    new Promise<void>(resolve => {
      const look = () => happened().filter(line => pattern.test(line)).length >= count
      if (look()) return resolve()
      const unfollow = controller.events.follow(() => {
        if (!look()) return
        unfollow()
        resolve()
      })
    })

  test('what happens is told, with revision and time', async () => {
    const { openflow } = controller.endpoints
    const plug = host.plug('red-a')
    await until(/^port-bound port red-a: to h1/)
    host.unplug(plug.name)
    await until(/^port-unbound port red-a: from h1/)
    await host.bridge('br-int').reconnect()
    await until(/^bridge-reconciled bridge h1\/br-int/, 2)
    await host.ovsdb.disconnect()
    await until(/^host-disconnected host h1/)
    await until(/^host-connected host h1/, 2)
    expect(() => controller.apply([{ text: 'nets: {}', file: 'bad.yaml' }])).toThrow()
    host.ovsdb.setConnected('br-int', openflow, true)
    const answer = await fetch(`${base}/v1/events`)
    const { latest, lost, events } = (await answer.json()) as { latest: number; lost: number; events: EventView[] }
    expect({ latest, lost }).toEqual({ latest: events.length, lost: 0 })
    expect(events.map(one => one.revision)).toEqual(events.map((_, index) => index + 1))
    expect(events[0]).toEqual({
      revision: 1,
      time: '1970-01-01T00:00:00.000Z',
      kind: 'topology-applied',
      subject: 'topology',
      message: 'hosts 1, networks 1, subnets 1, ports 1',
    })
    const kinds = new Set<string>(events.map(one => one.kind))
    for (const kind of ['host-connected', 'bridge-connected', 'bridge-disconnected', 'topology-refused']) {
      expect(kinds).toContain(kind)
    }
    const since = (await (await fetch(`${base}/v1/events?since=${latest - 1}`)).json()) as { events: EventView[] }
    expect(since.events.map(one => one.revision)).toEqual([latest])
  })

  test('a problem of a host, and that it is gone', async () => {
    const other = await FakeHost.listen()
    other.ovsdb.addBridge('br-int')
    const text = `hosts: { h2: { ovsdb: "${other.endpoint}", tunnel_ip: 192.0.2.2 } }`
    const second = await createController({ topology: [{ text, file: 't.yaml' }] })
    try {
      const seen = (kind: string) => second.events.since(0).events.find(one => one.kind === kind)
      await second.fabric.until(() => seen('host-problem') !== undefined, 5_000)
      expect(seen('host-problem')).toMatchObject({ subject: 'host h2', message: expect.stringContaining('br-int') })
      other.ovsdb.deleteBridge('br-int')
      await second.fabric.until(() => seen('host-cured') !== undefined, 5_000)
    } finally {
      await second.close()
      await other.close()
    }
  })

  test('the stream begins after the revision that was seen last, and goes on', async () => {
    const { latest } = controller.events
    const stop = new AbortController()
    const answer = await fetch(`${base}/v1/events/stream`, {
      headers: { 'last-event-id': String(latest - 1) },
      signal: stop.signal,
    })
    expect(answer.headers.get('content-type')).toBe('text/event-stream')
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
    const read = async (pattern: RegExp) => {
      let text = ''
      while (!pattern.test(text)) text += (await reader.read()).value ?? ''
      return text
    }
    expect(await read(/\n\n/)).toMatch(new RegExp(`^id: ${latest}\n`))
    controller.events.add({ kind: 'port-bound', subject: 'port red-a', message: 'now' })
    expect(await read(/\n\n/)).toMatch(
      new RegExp(`^id: ${latest + 1}\nevent: port-bound\ndata: \\{.*"message":"now"\\}\n\n$`),
    )
    stop.abort()
  })

  test.each(['-1', 'x', '1.5'])('since=%s is refused', async since => {
    const answer = await fetch(`${base}/v1/events?since=${since}`)
    expect({ status: answer.status, body: await answer.json() }).toEqual({
      status: 400,
      body: { type: 'BadRequest', message: `since: "${since}" is no revision (0, 1, ...)`, detail: '' },
    })
  })
})
