import type { FastifyInstance } from 'fastify'
import type { Plan, ResourceChange } from '../../flows/plan.ts'
import type { TopologyText } from '../../topology/document.ts'
import { TopologyError } from '../../topology/problem.ts'
import type { Revision } from '../store/store.ts'
import { BadRequest } from './refusal.ts'

export type { Plan, ResourceChange }

/** What may be done to the topology of a running controller. */
export interface TopologyActions {
  readonly plan: (texts: readonly TopologyText[]) => Promise<Plan>
  readonly apply: (texts: readonly TopologyText[], confirmWithin?: number) => Revision
  readonly confirm: () => Revision
  readonly rollback: (number?: number) => Revision
  readonly revisions: () => readonly Revision[]
}

/** A revision without its texts. */
export interface RevisionView {
  readonly number: number
  readonly time: string
  readonly origin: Revision['origin']
  readonly files: readonly string[]
  /** When it is taken back unless it is confirmed. */
  readonly confirm_by: string | null
}

interface TopologyBody {
  readonly texts?: unknown
  readonly confirm_ms?: unknown
}

/** A topology of 10,000 ports has about a megabyte. */
const BODY_LIMIT = 64 << 20

/** Serves plan, apply, confirm, rollback and the revisions. */
export function serveTopology(api: FastifyInstance, actions: TopologyActions): void {
  api.get('/v1/revisions', () => actions.revisions().map(viewOf))
  api.post<{ Body: TopologyBody | null }>('/v1/plan', { bodyLimit: BODY_LIMIT }, request =>
    refused(() => actions.plan(textsOf(request.body))),
  )
  api.post<{ Body: TopologyBody | null }>('/v1/apply', { bodyLimit: BODY_LIMIT }, request =>
    refused(async () => {
      const texts = textsOf(request.body)
      const within = request.body?.confirm_ms
      if (within !== undefined && !(typeof within === 'number' && within >= 1 && within <= 86_400_000)) {
        throw new BadRequest('confirm_ms: 1..86400000')
      }
      const plan = await actions.plan(texts)
      return { plan, revision: viewOf(actions.apply(texts, within)) }
    }),
  )
  api.post('/v1/confirm', () => refused(async () => viewOf(actions.confirm())))
  api.post<{ Body: { number?: unknown } | null }>('/v1/rollback', request =>
    refused(async () => {
      const number = request.body?.number
      if (number !== undefined && !Number.isInteger(number)) throw new BadRequest('number: a revision’s')
      return viewOf(actions.rollback(number as number | undefined))
    }),
  )
}

/** A topology with problems, and a condition that does not hold, are the asker’s fault and not ours. */
async function refused<Answer>(act: () => Promise<Answer>): Promise<Answer> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof TopologyError) throw new BadRequest(error.message)
    throw error instanceof Error && !('statusCode' in error) ? new BadRequest(error.message) : error
  }
}

function textsOf(body: TopologyBody | null): TopologyText[] {
  const texts = body?.texts
  if (!Array.isArray(texts) || texts.length === 0) throw new BadRequest('texts: [{ file, text }]')
  return texts.map((one: unknown) => {
    const { text, file } = (one ?? {}) as { text?: unknown; file?: unknown }
    if (typeof text !== 'string' || typeof file !== 'string') throw new BadRequest('texts: [{ file, text }]')
    return { text, file }
  })
}

function viewOf({ number, time, origin, texts, confirmBy }: Revision): RevisionView {
  return {
    number,
    time: new Date(time).toISOString(),
    origin,
    files: texts.map(({ file }) => file),
    confirm_by: confirmBy === undefined ? null : new Date(confirmBy).toISOString(),
  }
}
