import {
  type DecodedMessageOf,
  encodeMessage,
  GROUP,
  METER,
  type MessageOf,
  PORT,
  type Version,
  Writer,
} from 'node-openflow'
import type { Datapath } from './datapath.ts'
import { refusal } from './refusal.ts'

type Request = DecodedMessageOf<'multipart_request'>
type Reply = MessageOf<'multipart_reply'>
/** What the switch says of itself: manufacturer, hardware, software, ... */
export type Description = Extract<Reply, { kind: 'desc' }>['body']
/** A port, as port_desc and port_status give it. */
export type SwitchPort = Extract<Reply, { kind: 'port_desc' }>['body'][number]

/** What a switch answers to multipart requests from. */
export interface Described {
  readonly version: Version
  readonly datapath: Datapath
  readonly description: Description
  readonly ports: ReadonlyMap<number, SwitchPort>
}

/** Bytes of one part at most, of the 65,535 that fit a message. */
const PART = 60_000
const NO_STATS = { durationSec: 0, durationNsec: 0, packetCount: 0n, byteCount: 0n } as const
const writer = new Writer()

/** The messages that answer a multipart request, in parts. Throws Refusal for a kind that is not known. */
export function* answer(request: Request, { version, datapath, description, ports }: Described): Generator<Reply> {
  switch (request.kind) {
    case 'desc':
      yield { type: 'multipart_reply', kind: 'desc', body: description }
      break
    case 'flow':
      yield* parts(version, flows(datapath, request.body), body => ({ type: 'multipart_reply', kind: 'flow', body }))
      break
    case 'aggregate': {
      let flowCount = 0
      for (const _ of datapath.flows.select(request.body)) flowCount++
      const body = { packetCount: 0n, byteCount: 0n, flowCount }
      yield { type: 'multipart_reply', kind: 'aggregate', body }
      break
    }
    case 'group_desc': {
      const groups = datapath.groups.describe(version >= 6 ? request.body.groupId : GROUP.ALL)
      yield* parts(version, groups, body => ({ type: 'multipart_reply', kind: 'group_desc', body }))
      break
    }
    case 'meter_config': {
      const meters = datapath.meters.describe(request.body.meterId ?? METER.ALL)
      yield* parts(version, meters, body => ({ type: 'multipart_reply', kind: 'meter_config', body }))
      break
    }
    case 'port_desc': {
      const wanted = request.body.portNo
      const described = [...ports.values()].filter(({ portNo }) => wanted === PORT.ANY || portNo === wanted)
      yield* parts(version, described, body => ({ type: 'multipart_reply', kind: 'port_desc', body }))
      break
    }
    default:
      throw refusal('BAD_MULTIPART')
  }
}

function* flows({ flows }: Datapath, filter: Parameters<typeof flows.select>[0]) {
  for (const {
    tableId,
    priority,
    cookie,
    idleTimeout,
    hardTimeout,
    flags,
    importance,
    match,
    instructions,
  } of flows.select(filter)) {
    yield { tableId, priority, cookie, idleTimeout, hardTimeout, flags, importance, match, instructions, ...NO_STATS }
  }
}

/** Packs entries into as few messages as they fit; `more` is set on all but the last. */
function* parts<Entry>(
  version: Version,
  entries: Iterable<Entry>,
  message: (body: Entry[]) => Reply,
): Generator<Reply> {
  const size = (body: Entry[]): number => {
    writer.reset()
    encodeMessage(writer, message(body), version, 0)
    return writer.offset
  }
  const empty = size([])
  let body: Entry[] = []
  let bytes = empty
  for (const entry of entries) {
    const more = size([entry]) - empty
    if (bytes + more > PART && body.length > 0) {
      yield { ...message(body), more: true }
      body = []
      bytes = empty
    }
    body.push(entry)
    bytes += more
  }
  yield message(body)
}
