import { type DecodedMessageOf, GROUP } from 'node-openflow'
import { refusal } from './refusal.ts'

type GroupMod = DecodedMessageOf<'group_mod'>
type Group = Pick<GroupMod, 'groupType' | 'buckets' | 'properties'>
type Bucket = Group['buckets'][number]

/** The groups of one switch. OpenFlow 1.5.1 § 7.3.4.3. */
export class GroupTable {
  readonly #groups = new Map<number, Group>()

  get size(): number {
    return this.#groups.size
  }

  has(groupId: number): boolean {
    return this.#groups.has(groupId)
  }

  /** Applies a modification; the groups that went. What takes it back is added to `undo`. */
  apply(mod: GroupMod, undo?: (() => void)[]): number[] {
    const { command, groupId, groupType, buckets, properties, commandBucketId } = mod
    const before = this.#groups.get(groupId)
    switch (command) {
      case 'add':
        if (before !== undefined) throw refusal('GROUP_EXISTS')
        this.#set(groupId, { groupType, buckets, properties }, undo)
        return []
      case 'modify':
        if (before === undefined) throw refusal('UNKNOWN_GROUP')
        this.#set(groupId, { groupType, buckets, properties }, undo)
        return []
      case 'add_or_modify':
        this.#set(groupId, { groupType, buckets, properties }, undo)
        return []
      case 'delete': {
        const gone = groupId === GROUP.ALL ? [...this.#groups.keys()] : before === undefined ? [] : [groupId]
        for (const id of gone) this.#set(id, undefined, undo)
        return gone
      }
      case 'insert_bucket':
        if (before === undefined) throw refusal('UNKNOWN_GROUP')
        this.#set(groupId, { ...before, buckets: inserted(before.buckets, buckets, commandBucketId) }, undo)
        return []
      case 'remove_bucket':
        if (before === undefined) throw refusal('UNKNOWN_GROUP')
        this.#set(groupId, { ...before, buckets: removed(before.buckets, commandBucketId) }, undo)
        return []
    }
  }

  /** Groups by ascending id: one, or with GROUP.ALL all. */
  describe(groupId: number): (Group & { groupId: number })[] {
    return [...this.#groups]
      .filter(([id]) => groupId === GROUP.ALL || id === groupId)
      .toSorted(([a], [b]) => a - b)
      .map(([id, group]) => ({ groupId: id, ...group }))
  }

  clear(): void {
    this.#groups.clear()
  }

  #set(groupId: number, group: Group | undefined, undo: (() => void)[] | undefined): void {
    const before = this.#groups.get(groupId)
    const put = (value: Group | undefined): void => {
      if (value === undefined) this.#groups.delete(groupId)
      else this.#groups.set(groupId, value)
    }
    put(group)
    undo?.push(() => put(before))
  }
}

function inserted(present: readonly Bucket[], added: readonly Bucket[], after: number): readonly Bucket[] {
  const at = insertionPoint(present, after)
  const ids = new Set(present.map(({ bucketId }) => bucketId))
  if (added.some(({ bucketId }) => ids.has(bucketId))) throw refusal('BUCKET_EXISTS')
  return present.toSpliced(at, 0, ...added)
}

function insertionPoint(present: readonly Bucket[], after: number): number {
  if (after === GROUP.BUCKET_FIRST) return 0
  if (after === GROUP.BUCKET_LAST) return present.length
  const at = present.findIndex(({ bucketId }) => bucketId === after)
  if (at < 0) throw refusal('UNKNOWN_BUCKET')
  return at + 1
}

function removed(present: readonly Bucket[], which: number): readonly Bucket[] {
  if (which === GROUP.BUCKET_ALL) return []
  if (which === GROUP.BUCKET_FIRST) return present.slice(1)
  if (which === GROUP.BUCKET_LAST) return present.slice(0, -1)
  if (!present.some(({ bucketId }) => bucketId === which)) throw refusal('UNKNOWN_BUCKET')
  return present.filter(({ bucketId }) => bucketId !== which)
}
