import { GROUP, METER, type OpenFlowConnection } from 'node-openflow'
import { isOurs } from '../pipeline/cookie.ts'
import { encodeActionList, encodeFlow, flowKey } from '../pipeline/flow-bytes.ts'
import type { Bucket, Flow, Group, Item, Meter } from '../pipeline/item.ts'

/** What a bridge holds. */
export interface Held {
  /** By key, in the form in which Weft would have sent it: what OVS spells differently still compares equal. */
  readonly items: Map<string, Item>
  /** Flows that are not ours; left alone. */
  readonly foreignFlows: number
}

const UNKNOWN = { owner: 'unknown', reason: 'read back from the bridge' } as const

/** Reads flows, groups and meters of a bridge. OpenFlow 1.5.1 § 7.3.5. */
export async function readBack(connection: OpenFlowConnection): Promise<Held> {
  const [flows, groups, meters] = await Promise.all([
    readFlows(connection),
    readGroups(connection),
    readMeters(connection),
  ])
  const items = new Map<string, Item>()
  for (const item of [...flows.ours, ...groups, ...meters]) items.set(item.key, item)
  return { items, foreignFlows: flows.foreign }
}

async function readFlows(connection: OpenFlowConnection): Promise<{ ours: Flow[]; foreign: number }> {
  const entries = await connection.multipart({ type: 'multipart_request', kind: 'flow', body: {} })
  const ours: Flow[] = []
  let foreign = 0
  for (const { tableId, priority, cookie, flags, idleTimeout, match, instructions } of entries) {
    if (!isOurs(cookie)) {
      foreign++
      continue
    }
    const bytes = encodeFlow({ tableId, priority, cookie, flags, idleTimeout, match, instructions })
    ours.push({ kind: 'flow', key: flowKey(bytes), bytes, ...UNKNOWN })
  }
  return { ours, foreign }
}

async function readGroups(connection: OpenFlowConnection): Promise<(Group | Bucket)[]> {
  const entries = await connection.multipart({
    type: 'multipart_request',
    kind: 'group_desc',
    body: { groupId: GROUP.ALL },
  })
  return entries.flatMap(({ groupId, buckets }): (Group | Bucket)[] => [
    { kind: 'group', key: `group ${groupId}`, groupId, ...UNKNOWN },
    ...buckets.map(({ bucketId, actions }): Bucket => {
      return {
        kind: 'bucket',
        key: `bucket ${groupId} ${bucketId}`,
        groupId,
        bucketId,
        actions,
        bytes: encodeActionList(actions),
        ...UNKNOWN,
      }
    }),
  ])
}

async function readMeters(connection: OpenFlowConnection): Promise<Meter[]> {
  const entries = await connection.multipart({
    type: 'multipart_request',
    kind: 'meter_config',
    body: { meterId: METER.ALL },
  })
  return entries.map(({ meterId, bands }) => {
    const [band] = bands
    const drop = band?.type === 'drop' ? band : undefined
    return {
      kind: 'meter',
      key: `meter ${meterId}`,
      meterId,
      rate: drop?.rate ?? 0,
      burst: drop?.burstSize ?? 0,
      ...UNKNOWN,
    }
  })
}
