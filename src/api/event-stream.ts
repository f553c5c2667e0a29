import type { FastifyInstance } from 'fastify'
import type { EventLog, EventView } from './event-log.ts'
import { BadRequest } from './refusal.ts'

/** A comment this often keeps proxies from closing a quiet stream, ms. */
const HEARTBEAT = 15_000

/** A reader that leaves more than this unread is sent away, bytes: it comes back with the last revision it saw. */
const UNREAD = 1 << 20

/** Serves the events: those so far, and the stream of those to come. */
export function serveEvents(api: FastifyInstance, events: EventLog): void {
  api.get<{ Querystring: { since?: string } }>('/v1/events', request => events.since(revisionOf(request.query.since)))

  // Server-sent events (HTML Living Standard § 9.2): a browser's EventSource, or curl -N.
  api.get<{ Querystring: { since?: string } }>('/v1/events/stream', (request, reply) => {
    const since = revisionOf(request.headers['last-event-id'] ?? request.query.since)
    reply.hijack()
    const stream = reply.raw
    stream.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    stream.flushHeaders()
    const send = (event: EventView) => {
      stream.write(`id: ${event.revision}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`)
      if (stream.writableLength > UNREAD) stream.destroy()
    }
    for (const event of events.since(since).events) send(event)
    const unfollow = events.follow(send)
    const heartbeat = setInterval(() => stream.write(':\n\n'), HEARTBEAT)
    heartbeat.unref()
    stream.once('close', () => {
      unfollow()
      clearInterval(heartbeat)
    })
  })
}

function revisionOf(text: string | string[] | undefined): number {
  const revision = Number(text ?? 0)
  if (!Number.isSafeInteger(revision) || revision < 0)
    throw new BadRequest(`since: "${text}" is no revision (0, 1, ...)`)
  return revision
}
