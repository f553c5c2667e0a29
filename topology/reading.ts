import { z } from 'zod'
import { bare, type ResourceSchema, show } from './attribute.ts'
import { didYouMean, nearest } from './nearest.ts'
import type { Path, Report } from './problem.ts'

/** What could be read of a resource. */
export interface Reading<Attributes> {
  /** The attributes that are valid in themselves; absent when a required one is not among them. */
  readonly attributes?: Attributes
  /** The attributes that were refused: their absence above means nothing. */
  readonly refused: ReadonlySet<string>
}

const NONE: ReadonlySet<string> = new Set()

/** Reads the attributes of the resource at `path`; reports every refusal at its place. */
export function readAttributes<A>(resource: ResourceSchema<A>, raw: unknown, path: Path, report: Report): Reading<A> {
  const result = resource.schema.safeParse(raw ?? {})
  if (result.success) return { attributes: result.data, refused: NONE }
  const refused = new Set<string>()
  for (const issue of result.error.issues) {
    if (issue.code !== 'unrecognized_keys') continue
    for (const key of issue.keys) {
      const meant = reportUnknown(resource, issue.path, key, path, report)
      refused.add(String(issue.path[0] ?? key))
      if (issue.path.length === 0 && meant !== undefined) refused.add(meant)
    }
  }
  // An attribute that is there under a misspelt name is not missing.
  const misspelt = new Set(refused)
  for (const issue of result.error.issues) {
    const attribute = String(issue.path[0])
    if (
      issue.code === 'unrecognized_keys' ||
      (misspelt.has(attribute) && (raw as Record<string, unknown>)[attribute] === undefined)
    )
      continue
    refused.add(attribute)
    reportRefusal(resource, issue, raw, path, report)
  }
  if (typeof raw !== 'object') return { refused }
  const rest = resource.schema.safeParse(
    Object.fromEntries(Object.entries(raw ?? {}).filter(([key]) => !refused.has(key))),
  )
  return rest.success ? { attributes: rest.data, refused } : { refused }
}

function reportRefusal(
  resource: ResourceSchema<unknown>,
  issue: z.core.$ZodIssue,
  raw: unknown,
  path: Path,
  report: Report,
): void {
  const steps = issue.path as (string | number)[]
  const at = [...path, ...steps]
  if (issue.code === 'invalid_key') {
    report(at, `${show(steps.at(-1))} ${issue.issues[0]?.message}`, { part: 'key' })
    return
  }
  const value = steps.reduce<unknown>((inner, step) => (inner as Record<PropertyKey, unknown> | undefined)?.[step], raw)
  if (value === undefined && steps.length === 1) {
    report(at, `${resource.kind} ${path.at(-1)} has no ${steps[0]}`)
    return
  }
  // The key of a record is the user's word; the attribute is the one before it.
  const words = schemaAt(resource.schema, steps.slice(0, -1)) instanceof z.ZodRecord ? at.slice(0, -1) : at
  const word = words.findLast(step => typeof step === 'string')
  const rather = issue.code === 'custom' ? (issue.params?.['rather'] as string | undefined) : undefined
  const candidates = issue.code === 'invalid_value' ? issue.values.map(String) : []
  report(at, [word, ...(value === undefined || value === null ? [] : [show(value)]), issue.message].join(' '), {
    hint:
      rather === undefined
        ? didYouMean(typeof value === 'string' ? value : '', candidates)
        : () => `did you mean "${rather}"?`,
  })
}

/** Reports a key that its mapping does not know; the known key that was meant, if one is near. */
function reportUnknown(
  resource: ResourceSchema<unknown>,
  steps: readonly PropertyKey[],
  key: string,
  path: Path,
  report: Report,
): string | undefined {
  const at = [...path, ...(steps as (string | number)[]), key]
  if (steps.length === 0 && resource.later.includes(key)) {
    report(at, `${key} is not served yet`, { part: 'key' })
    return undefined
  }
  const inner = schemaAt(resource.schema, steps)
  const known = inner instanceof z.ZodObject ? Object.keys(inner.shape) : []
  // Neutron's API spells the attributes of a segment `provider:network_type`.
  const meant = nearest(key.replace(/^provider:/, ''), known)
  const hint = meant === undefined ? `known here: ${known.join(', ')}` : `did you mean "${meant}"?`
  report(at, `unknown attribute ${show(key)}`, { part: 'key', hint: () => hint })
  return meant
}

/** The schema of what stands at a path below a schema. */
function schemaAt(schema: z.core.$ZodType, steps: readonly PropertyKey[]): z.core.$ZodType {
  let inner = bare(schema)
  for (const step of steps) {
    if (inner instanceof z.ZodObject) inner = bare(inner.shape[step as string])
    else if (inner instanceof z.ZodArray) inner = bare(inner.element)
  }
  return inner
}
