import type { FastifyInstance } from 'fastify'
import type { Fabric } from '../fabric/fabric.ts'
import { unknown } from './named.ts'
import type { Sources } from './read-model.ts'
import { BadRequest, Conflict } from './refusal.ts'

/** What adopting or releasing a host does. */
export interface HostChangeView {
  readonly host: string
  /** One sentence each. */
  readonly steps: readonly string[]
  /** Why it would not be done; only of a dry run. */
  readonly refusals: readonly string[]
  /** Whether it was done; false of a dry run, and of a release that goes on. */
  readonly done: boolean
}

type Body = Readonly<Partial<Record<'dry_run' | 'replace_controller' | 'carries_no_address', unknown>>> | null
interface Request {
  readonly Params: { readonly name: string }
  readonly Body: Body
}

/** Serves how a host is taken in and let go. */
export function serveHosts(api: FastifyInstance, { fabric }: Sources): void {
  api.post<Request>('/v1/hosts/:name/adopt', async ({ params: { name }, body }): Promise<HostChangeView> => {
    const session = sessionOf(fabric, name)
    const consent = {
      replaceController: flag(body, 'replace_controller'),
      carriesNoAddress: flag(body, 'carries_no_address'),
    }
    const dryRun = flag(body, 'dry_run')
    if (!session.connected) throw new Conflict(`host ${name}: its OVSDB is not connected`)
    const { steps, refusals } = dryRun ? fabric.planAdoption(name, consent) : await fabric.adopt(name, consent)
    if (!dryRun && refusals.length > 0) throw new Conflict(`host ${name} is not adopted:\n${refusals.join('\n')}`)
    return { host: name, steps, refusals, done: !dryRun }
  })
  api.post<Request>('/v1/hosts/:name/release', async ({ params: { name }, body }): Promise<HostChangeView> => {
    const session = sessionOf(fabric, name)
    const { steps } = session.connected
      ? fabric.planRelease(name)
      : { steps: ['its OVSDB is not connected: what is Weft’s goes as soon as it is'] }
    const done = !flag(body, 'dry_run') && (await fabric.release(name))
    return { host: name, steps, refusals: [], done }
  })
}

function sessionOf(fabric: Fabric, name: string) {
  const session = fabric.hosts.get(name)
  if (session === undefined) throw unknown('host', name, fabric.hosts.keys())
  return session
}

function flag(body: Body, name: keyof NonNullable<Body>): boolean {
  const value = body?.[name] ?? false
  if (typeof value !== 'boolean') throw new BadRequest(`${name}: true or false`)
  return value
}
