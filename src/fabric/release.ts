import { byUuid, type Operation, operations, type Row, vswitch } from 'ovsdb-client'
import { describeFormer, readFormer, restore } from './former.ts'
import { type HostDatabase, MARK, otherConfig } from './host-config.ts'

type BridgeRow = Row<typeof vswitch.tables.Bridge>

/** How a host gets rid of Weft. */
export interface ReleasePlan {
  readonly operations: readonly Operation[]
  /** One sentence each, for the admin; none when nothing of Weft's is there. */
  readonly steps: readonly string[]
  /** The bridges that stay: their flows of ours are removed first, for another controller may keep the rest. */
  readonly staying: readonly string[]
}

const ops = operations(vswitch)

/** What takes everything of Weft's out of a host's OVSDB; no operation when nothing is there. */
export function planRelease(database: HostDatabase, host: string): ReleasePlan {
  const operations: Operation[] = []
  const steps: string[] = []
  const staying: string[] = []
  const deleted: BridgeRow[] = []
  for (const bridge of [...database.Bridge.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const mark = bridge.external_ids.get(MARK)
    const ports = [...bridge.ports].flatMap(id => database.Port.get(id) ?? [])
    const [ours, others] = split(ports, row => row.external_ids.has(MARK))
    const foreign = others.filter(row => row.name !== bridge.name)
    if (mark !== undefined && mark !== 'adopted' && foreign.length === 0) {
      deleted.push(bridge)
      const removed = ours.filter(row => row.name !== bridge.name)
      steps.push(`bridge ${bridge.name} is deleted${removed.length === 0 ? '' : `, with ${list(removed)}`}`)
      // A port that is plugged in at this moment is not deleted with it.
      operations.push(ops.wait('Bridge', byUuid(bridge._uuid), ['ports'], '==', [{ ports: [...bridge.ports] }], 0))
      continue
    }
    const removed = ours.filter(row => row.name !== bridge.name)
    const changes = [
      ...removePorts(bridge, removed),
      ...removeControllers(database, bridge),
      ...(mark === undefined ? [] : unmark(database, bridge, host)),
    ]
    if (changes.length === 0) continue
    staying.push(bridge.name)
    operations.push(...changes)
    steps.push(...stepsOf(bridge, removed, foreign))
  }
  const root = [...database.Open_vSwitch.keys()][0]
  if (deleted.length > 0 && root !== undefined) {
    operations.push(
      ops.mutate('Open_vSwitch', byUuid(root), [['bridges', 'delete', deleted.map(bridge => bridge._uuid)]]),
    )
  }
  return { operations, steps, staying }
}

type PortRow = Row<typeof vswitch.tables.Port>

function removePorts(bridge: BridgeRow, ports: readonly PortRow[]): Operation[] {
  if (ports.length === 0) return []
  return [ops.mutate('Bridge', byUuid(bridge._uuid), [['ports', 'delete', ports.map(row => row._uuid)]])]
}

function removeControllers(database: HostDatabase, bridge: BridgeRow): Operation[] {
  const ours = [...bridge.controller].filter(id => database.Controller.get(id)?.external_ids.has(MARK))
  return ours.length === 0 ? [] : [ops.mutate('Bridge', byUuid(bridge._uuid), [['controller', 'delete', ours]])]
}

/** Takes the marks off a bridge that stays, and gives it back what it had when it was adopted. */
function unmark(database: HostDatabase, bridge: BridgeRow, host: string): Operation[] {
  const here = byUuid(bridge._uuid)
  const former = readFormer(bridge)
  const keys = Object.keys(otherConfig({ name: host }, bridge.name))
  const operations: Operation[] = [
    ops.mutate('Bridge', here, [
      ['external_ids', 'delete', [...bridge.external_ids.keys()].filter(isOurs)],
      ['other_config', 'delete', keys],
      ['other_config', 'insert', former?.otherConfig ?? {}],
      ['flow_tables', 'delete', [...bridge.flow_tables.keys()]],
    ]),
  ]
  if (former === undefined) operations.push(ops.update('Bridge', here, { protocols: [] }))
  else operations.push(...restore(bridge, former))
  for (const id of bridge.ports) {
    const row = database.Port.get(id)
    if (row?.name === bridge.name && row.external_ids.has(MARK)) {
      operations.push(ops.mutate('Port', byUuid(id), [['external_ids', 'delete', [MARK]]]))
    }
  }
  return operations
}

function stepsOf(bridge: BridgeRow, removed: readonly PortRow[], foreign: readonly PortRow[]): string[] {
  const { name } = bridge
  const former = readFormer(bridge)
  const steps: string[] = []
  if (bridge.external_ids.get(MARK) === 'adopted') {
    steps.push(
      former === undefined
        ? `bridge ${name} stays; what it was is not on record: it keeps fail_mode ${bridge.fail_mode ?? '(none)'}`
        : `bridge ${name} is again: ${describeFormer(former)}`,
    )
  } else if (bridge.external_ids.has(MARK)) {
    // Standalone would join the guests of all tenants.
    steps.push(
      `bridge ${name} stays, for ${list(foreign)} ${foreign.length === 1 ? 'is' : 'are'} not Weft’s; it stays secure and forwards nothing until it is given flows`,
    )
  }
  steps.push(
    former !== undefined && former.controllers.length > 0
      ? `bridge ${name} loses Weft’s flows and controller`
      : `bridge ${name} loses its flows and Weft’s controller`,
  )
  if (removed.length > 0) steps.push(`bridge ${name} loses ${list(removed)}`)
  return steps
}

const isOurs = (key: string) => key === MARK || key.startsWith(`${MARK}-`)

function list(ports: readonly PortRow[]): string {
  const names = ports.map(row => row.name).sort()
  return `${names.length === 1 ? 'port' : 'ports'} ${names.join(', ')}`
}

function split<Value>(values: readonly Value[], belongs: (value: Value) => boolean): readonly [Value[], Value[]] {
  return [values.filter(belongs), values.filter(value => !belongs(value))]
}
