import { resolve } from 'node:path'
import type { Plan, ResourceChange, RevisionView } from '../api/topology-routes.ts'
import { readTopologyTexts } from '../topology-source.ts'
import { ask } from './client.ts'
import { formatTable } from './table.ts'

const SIGN: Readonly<Record<ResourceChange['action'], string>> = { create: '+', update: '~', delete: '-' }

/** Texts of a file or folder; problems name the file as it was given. */
function textsOf(path: string) {
  return readTopologyTexts(path).map(({ text, file }) => ({ text, file: file === path ? path : resolve(file) }))
}

/** Whether a plan changes anything at all. */
export function isUnchanged({ resources, bridges }: Plan): boolean {
  return resources.length === 0 && bridges.length === 0
}

/** What a topology would change. */
export async function plan(api: string, path: string): Promise<Plan> {
  return ask<Plan>(api, '/v1/plan', { method: 'POST', body: { texts: textsOf(path) } })
}

/** Applies a topology; on disk when it resolves. */
export async function apply(
  api: string,
  path: string,
  confirmMs: number | undefined,
): Promise<{ readonly plan: Plan; readonly revision: RevisionView }> {
  return ask(api, '/v1/apply', {
    method: 'POST',
    body: { texts: textsOf(path), ...(confirmMs === undefined ? {} : { confirm_ms: confirmMs }) },
  })
}

export async function confirm(api: string): Promise<RevisionView> {
  return ask(api, '/v1/confirm', { method: 'POST', body: {} })
}

export async function rollback(api: string, number: number | undefined): Promise<RevisionView> {
  return ask(api, '/v1/rollback', { method: 'POST', body: number === undefined ? {} : { number } })
}

/** A plan for people: each resource with what it does to traffic, each bridge with how much of it changes. */
export function formatPlan(plan: Plan): string {
  if (isUnchanged(plan)) return 'unchanged'
  const lines: string[] = []
  for (const change of plan.resources) {
    const what = change.attributes.length === 0 ? '' : ` (${change.attributes.join(', ')})`
    lines.push(`${SIGN[change.action]} ${change.kind} ${change.name}${what}: ${effectOf(change)}`)
  }
  if (plan.bridges.length > 0) {
    lines.push(
      '',
      formatTable(
        [
          ['bridge', row => row.bridge],
          ['add', row => row.add],
          ['change', row => row.change],
          ['remove', row => row.remove],
        ],
        plan.bridges,
      ),
    )
  }
  lines.push('', `traffic: ${plan.disruption}`)
  return lines.join('\n')
}

/** At most so many ports are named. */
const NAMED = 8

function effectOf({ disruption, ports }: ResourceChange): string {
  if (disruption === 'none') return 'no packet is treated differently'
  const named = ports.slice(0, NAMED).join(', ') + (ports.length > NAMED ? ` and ${ports.length - NAMED} more` : '')
  return disruption === 'brief' ? `brief: a gap for ${named}` : `cut: ${named} lose reach`
}
