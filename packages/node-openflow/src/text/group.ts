import { type Action, formatActionList } from '../actions.ts'
import { GROUP, PORT } from '../constants.ts'
import type { TextContext } from '../message.ts'
import { portName, type TextNames } from './names.ts'

interface BucketFields {
  readonly bucketId: number
  readonly weight: number
  readonly watchPort: number
  readonly watchGroup: number
  readonly actions: readonly Action[]
}
interface GroupFields {
  readonly groupType: string | number
  readonly groupId: number
  readonly buckets: readonly BucketFields[]
}

const HAS_BUCKET_IDS = 6
const bucketIdText = (label: string, id: number, version: number) => {
  if (version < HAS_BUCKET_IDS) return ''
  const word = { [GROUP.BUCKET_FIRST]: 'first', [GROUP.BUCKET_LAST]: 'last', [GROUP.BUCKET_ALL]: 'all' }[id]
  return `${label}:${word ?? id},`
}

const groupText = (g: GroupFields, withType: boolean, { version, names }: TextContext): string => {
  const type = g.groupType === 'fast_failover' ? 'ff' : typeof g.groupType === 'number' ? 'unknown' : g.groupType
  const buckets = g.buckets.map(bucket => {
    const parts = [
      bucketIdText('bucket_id', bucket.bucketId, version),
      bucket.weight === (g.groupType === 'select' ? 1 : 0) ? '' : `weight:${bucket.weight},`,
      bucket.watchPort === PORT.ANY ? '' : `watch_port:${portName(bucket.watchPort, names)},`,
      bucket.watchGroup === GROUP.ANY ? '' : `watch_group:${bucket.watchGroup},`,
    ]
    return `,bucket=${parts.join('')}actions=${formatActionList(bucket.actions, names)}`
  })
  return `group_id=${g.groupId}${withType ? `,type=${type}` : ''}${buckets.join('')}`
}

const COMMANDS: Readonly<Record<string, string>> = {
  add: 'ADD',
  modify: 'MOD',
  delete: 'DEL',
  insert_bucket: 'INSERT_BUCKET',
  remove_bucket: 'REMOVE_BUCKET',
  add_or_modify: 'ADD_OR_MOD',
}
export const groupModText = (
  g: GroupFields & { readonly command: string; readonly commandBucketId: number },
  context: TextContext,
): string => {
  const ofBuckets = g.command === 'insert_bucket' || g.command === 'remove_bucket'
  const bucket = ofBuckets ? bucketIdText('command_bucket_id', g.commandBucketId, context.version) : ''
  return `\n ${COMMANDS[g.command]} ${bucket}${groupText(g, !ofBuckets, context)}`
}
export const groupDescText = (groups: readonly GroupFields[], context: TextContext): string =>
  groups.map(group => `\n ${groupText(group, true, context)}`).join('')

/** A group as `ovs-ofctl dump-groups` writes it, and `ovs-ofctl add-group` reads it. */
export const formatGroup = (group: GroupText, version: number, names?: TextNames): string => {
  const buckets = group.buckets.map(bucket => ({
    bucketId: 0,
    weight: 0,
    watchPort: PORT.ANY,
    watchGroup: GROUP.ANY,
    ...bucket,
  }))
  return groupText({ ...group, buckets }, true, { version, names })
}
/** A group as far as its text says; what is left out of a bucket has its default. */
export interface GroupText {
  readonly groupType: string | number
  readonly groupId: number
  readonly buckets: readonly (Partial<BucketFields> & { readonly actions: readonly Action[] })[]
}
