import type { Action } from 'node-openflow'
import { Unsupported } from './unsupported.ts'

type ActionType = Action['type']

/** Of each of these a set has one: the last that was put in. */
const SINGLE: readonly ActionType[] = ['pop_vlan', 'pop_mpls', 'push_mpls', 'push_vlan', 'dec_ttl', 'dec_mpls_ttl']
/** All of these happen, in the order in which they were put in. */
const SETTING: readonly ActionType[] = ['set_field', 'load', 'move', 'set_nw_ttl', 'set_mpls_ttl']
/** One of these happens, the earliest here. */
const FINAL: readonly ActionType[] = ['group', 'output', 'resubmit', 'ct_clear', 'ct']
const KNOWN = new Set<ActionType>([...SINGLE, ...SETTING, ...FINAL])

/** The actions of a bucket in the order in which Open vSwitch performs them: a bucket holds a set (ovs-actions(7), Action Sets). */
export function ordered(set: readonly Action[]): readonly Action[] {
  for (const { type } of set) if (!KNOWN.has(type)) throw new Unsupported(`action ${type} in an action set`)
  const last = (type: ActionType) => set.findLast(action => action.type === type) ?? []
  const end = FINAL.find(type => set.some(action => action.type === type))
  if (end === undefined) return []
  return [...SINGLE.flatMap(last), ...set.filter(({ type }) => SETTING.includes(type)), last(end)].flat()
}
