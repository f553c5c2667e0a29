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

interface Request {
  readonly Params: { readonly name: string }
  readonly Body: unknown
}

/** Serves how a host is taken in and let go. */
export function serveHosts(api: FastifyInstance, { fabric }: Sources): void {
  api.post<Request>('/v1/hosts/:name/adopt', async ({ params: { name }, body }): Promise<HostChangeView> => {
    const session = sessionOf(fabric, name)
    const said = flags(body, ['dry_run', 'replace_controller', 'carries_no_address'])
    const dryRun = said.has('dry_run')
    const consent = {
      replaceController: said.has('replace_controller'),
      carriesNoAddress: said.has('carries_no_address'),
    }
    if (!session.connected) throw new Conflict(`host ${name}: its OVSDB is not connected`)
    const { steps, refusals } = dryRun ? fabric.planAdoption(name, consent) : await fabric.adopt(name, consent)
    if (!dryRun && refusals.length > 0) throw new Conflict(`host ${name} is not adopted:\n${refusals.join('\n')}`)
    return { host: name, steps, refusals, done: !dryRun }
  })
  api.post<Request>('/v1/hosts/:name/release', async ({ params: { name }, body }): Promise<HostChangeView> => {
    const session = sessionOf(fabric, name)
    const dryRun = flags(body, ['dry_run']).has('dry_run')
    const { steps } = session.connected
      ? fabric.planRelease(name)
      : { steps: ['its OVSDB is not connected: what is Weft’s goes as soon as it is'] }
    const done = !dryRun && (await fabric.release(name))
    return { host: name, steps, refusals: [], done }
  })
}

function sessionOf(fabric: Fabric, name: string) {
  const session = fabric.hosts.get(name)
  if (session === undefined) throw unknown('host', name, fabric.hosts.keys())
  return session
}

/** The flags that a body sets. What is misspelt is refused: nobody is to do what he wanted to try. */
function flags(body: unknown, known: readonly string[]): ReadonlySet<string> {
  const set = new Set<string>()
  for (const [name, value] of Object.entries(body ?? {})) {
    if (!known.includes(name)) throw new BadRequest(`${name}: unknown; known are ${known.join(', ')}`)
    if (typeof value !== 'boolean') throw new BadRequest(`${name}: true or false`)
    if (value) set.add(name)
  }
  return set
}
