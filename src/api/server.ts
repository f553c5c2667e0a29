import { rm } from 'node:fs/promises'
import fastify, { type FastifyInstance } from 'fastify'
import type { Endpoint } from '../endpoint.ts'
import {
  bridgeViews,
  describe,
  flowViews,
  hostViews,
  leaseViews,
  networkViews,
  portViews,
  type Sources,
  statusView,
  subnetViews,
} from './read-model.ts'

/** The lists that the API serves, by the plural that the command uses too. */
const LISTS: Readonly<Record<string, (sources: Sources) => readonly object[]>> = {
  hosts: hostViews,
  bridges: bridgeViews,
  networks: networkViews,
  subnets: subnetViews,
  ports: portViews,
  leases: leaseViews,
}

/** The HTTP API over a running controller; it is not listening yet. */
export function createApi(sources: Sources): FastifyInstance {
  const api = fastify({ logger: false, forceCloseConnections: true })
  api.get('/healthz', () => ({ alive: true }))
  api.get('/v1/status', () => statusView(sources))
  for (const [name, list] of Object.entries(LISTS)) api.get(`/v1/${name}`, () => list(sources))
  api.get<{ Querystring: { host?: string; bridge?: string; owner?: string } }>('/v1/flows', request =>
    flowViews(sources, request.query),
  )
  api.get<{ Params: { kind: string; name: string } }>('/v1/describe/:kind/:name', async (request, reply) => {
    const { kind, name } = request.params
    const found = await describe(sources, kind, name)
    if (found !== undefined) return found
    return reply.code(404).send({ type: 'NotFound', message: `there is no ${kind} ${name}`, detail: '' })
  })
  api.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ type: 'NotFound', message: `${request.method} ${request.url} is not served`, detail: '' }),
  )
  api.setErrorHandler((error, _request, reply) => {
    const message = error instanceof Error ? error.message : String(error)
    return reply.code(500).send({ type: 'InternalError', message, detail: '' })
  })
  return api
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
