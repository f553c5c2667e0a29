import { rm } from 'node:fs/promises'
import fastify, { type FastifyInstance } from 'fastify'
import type { Endpoint } from '../endpoint.ts'
import { LEVELS, type Level } from '../log.ts'
import { describe } from './describe.ts'
import { serveEvents } from './event-stream.ts'
import { find } from './find.ts'
import { type FlowFilter, flowViews } from './flow-view.ts'
import { serveHosts } from './host-routes.ts'
import { macViews } from './mac-view.ts'
import { unknown } from './named.ts'
import {
  bridgeViews,
  hostViews,
  leaseViews,
  networkViews,
  portViews,
  type Sources,
  statusView,
  subnetViews,
} from './read-model.ts'
import { BadRequest, NotFound } from './refusal.ts'
import { serveTopology, type TopologyActions } from './topology-routes.ts'

/** The lists that the API serves, by the plural that the command uses too. */
const LISTS: Readonly<Record<string, (sources: Sources) => readonly object[]>> = {
  hosts: hostViews,
  bridges: bridgeViews,
  networks: networkViews,
  subnets: subnetViews,
  ports: portViews,
  leases: leaseViews,
  macs: macViews,
}

/** The longest that a request may wait, and how often it is looked whether anybody still does, ms. */
const LONGEST_WAIT = 60_000
const WAIT_PIECE = 500

/** The HTTP API over a running controller; it is not listening yet. */
export function createApi(sources: Sources, actions: TopologyActions): FastifyInstance {
  const api = fastify({ logger: false, forceCloseConnections: true })
  api.get('/healthz', () => ({ alive: true }))
  api.get('/v1/status', () => statusView(sources))
  for (const [name, list] of Object.entries(LISTS)) api.get(`/v1/${name}`, () => list(sources))
  api.get<{ Querystring: FlowFilter }>('/v1/flows', request => flowViews(sources, request.query))
  api.get<{ Querystring: { q?: string } }>('/v1/find', request => find(sources, request.query.q ?? ''))
  api.get<{ Params: { kind: string; name: string } }>('/v1/describe/:kind/:name', async request => {
    const { kind, name } = request.params
    const found = await describe(sources, kind, name)
    if (found === undefined) throw unknown(kind, name, namesOf(sources, kind))
    return found
  })
  // Answers as soon as everything is in step, or after so many ms with who lags behind.
  api.get<{ Querystring: { timeout?: string } }>('/v1/settled', async request => {
    const timeout = Number(request.query.timeout ?? 0)
    if (!(timeout >= 0 && timeout <= LONGEST_WAIT)) throw new BadRequest(`timeout: 0..${LONGEST_WAIT} ms`)
    const { fabric } = sources
    const end = performance.now() + timeout
    for (;;) {
      const left = Math.max(0, end - performance.now())
      // In pieces: nobody waits long for one who has hung up.
      const settled = await fabric.settled(Math.min(left, WAIT_PIECE)).then(
        () => true,
        () => false,
      )
      if (settled) return { settled, laggards: [] }
      if (performance.now() >= end || request.raw.socket.destroyed) return { settled, laggards: fabric.laggards() }
    }
  })
  api.get('/v1/log-level', () => ({ level: sources.log.level }))
  api.put<{ Body: { level?: unknown } | null }>('/v1/log-level', request => {
    const level = request.body?.level
    if (!isLevel(level)) throw new BadRequest(`level: ${LEVELS.join(', ')}, not ${JSON.stringify(level)}`)
    sources.log.level = level
    return { level }
  })
  serveEvents(api, sources.events)
  serveTopology(api, actions)
  serveHosts(api, sources)
  api.setNotFoundHandler(request => {
    throw new NotFound(`${request.method} ${request.url} is not served`)
  })
  api.setErrorHandler((error, _request, reply) => {
    const { message, type, status } = refusal(error)
    return reply.code(status).send({ type, message, detail: '' })
  })
  return api
}

const isLevel = (value: unknown): value is Level => (LEVELS as readonly unknown[]).includes(value)

/** The names of a kind that `describe` takes. */
function namesOf(sources: Sources, kind: string): string[] {
  if (kind === 'bridge') return bridgeViews(sources).map(bridge => `${bridge.host}/${bridge.name}`)
  const views = (LISTS[`${kind}s`]?.(sources) ?? []) as readonly { readonly name?: string }[]
  return views.flatMap(view => view.name ?? [])
}

/** What is answered to an error; one without a status of its own is ours. */
function refusal(error: unknown): { readonly message: string; readonly type: string; readonly status: number } {
  if (!(error instanceof Error)) return { message: String(error), type: 'InternalError', status: 500 }
  const { message, name } = error
  const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500
  return { message, type: status === 500 ? 'InternalError' : name, status }
}

/** Listens; resolves with the endpoint it really got. */
export async function listenApi(api: FastifyInstance, endpoint: Endpoint): Promise<Endpoint> {
  if (endpoint.transport === 'ssl') throw new Error('the API does not speak TLS yet: use tcp: or unix:')
  if (endpoint.transport === 'unix') {
    // A socket file that a killed controller left; one that is alive holds the state folder, which was opened before.
    await rm(endpoint.path, { force: true })
    await api.listen({ path: endpoint.path })
    return endpoint
  }
  await api.listen({ host: endpoint.host, port: endpoint.port })
  const address = api.server.address()
  return typeof address === 'object' && address !== null ? { ...endpoint, port: address.port } : endpoint
}
