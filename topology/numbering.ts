import { type AllocationBook, type AllocationKind, lowestFree } from './allocation-book.ts'
import type { TopologyDocument } from './document.ts'
import { contains, type Range } from './ipv4.ts'
import { DEFAULT_NETWORK_TYPE, SEGMENTATION } from './network.ts'
import type { Report } from './problem.ts'
import { resourceId } from './resource-id.ts'

/** The numbers of one network. */
export interface Numbers {
  readonly number: number
  readonly segmentation_id?: number
}

const FABRIC = 'fabric'
/** Above what any number of networks reaches; 24 bits, as a VXLAN network identifier. */
const NETWORK_NUMBERS: Range = { start: 1, end: 0xffffff }

/** The network number and segmentation id of every network, by name. */
export function numberNetworks(document: TopologyDocument, book: AllocationBook, report: Report): Map<string, Numbers> {
  const claims = Array.from(document.networks, ([name, network]) => ({
    name,
    id: resourceId('network', name),
    type: network.network_type ?? DEFAULT_NETWORK_TYPE,
    given: network.segmentation_id,
  }))
  const numberless = claims.map(({ name, id }) => ({ name, id, given: undefined }))
  const numbers = settle('network_number', FABRIC, numberless, NETWORK_NUMBERS, book, report)
  const segments = new Map(claims.flatMap(({ name, given }) => (given === undefined ? [] : [[name, given]])))
  for (const [type, { ids, allocated }] of Object.entries(SEGMENTATION)) {
    if (!ids || !allocated) continue
    const range = { start: ids[0], end: ids[1] }
    const ofType = claims.filter(claim => claim.type === type)
    for (const [name, id] of settle('segmentation_id', type, ofType, range, book, report)) segments.set(name, id)
  }
  return new Map(
    Array.from(numbers, ([name, number]) => {
      const segmentation_id = segments.get(name)
      return [name, { number, ...(segmentation_id === undefined ? {} : { segmentation_id }) }]
    }),
  )
}

/** A network that has or wants a value. */
interface Claim {
  readonly name: string
  readonly id: string
  /** The value in the file. */
  readonly given: number | undefined
}

/** The value of every claim: as given, as recorded, or the lowest free. */
function settle(
  kind: AllocationKind,
  scope: string,
  claims: readonly Claim[],
  range: Range,
  book: AllocationBook,
  report: Report,
): Map<string, number> {
  const holders = new Map<number, Claim | undefined>()
  const values = new Map<string, number>()
  const take = (claim: Claim, value: number) => {
    holders.set(value, claim)
    values.set(claim.name, value)
  }
  for (const claim of claims) if (claim.given !== undefined) take(claim, claim.given)
  for (const claim of claims) {
    if (claim.given !== undefined) continue
    const entry = book
      .recorded(kind, claim.id)
      .find(({ allocation, number }) => allocation.scope === scope && contains(range, number))
    if (!entry) continue
    const holder = holders.get(entry.number)
    if (!holder) {
      take(claim, entry.number)
      book.keep(entry)
    } else if (holder.given !== undefined) {
      report(['networks', holder.name, kind], `${kind} ${entry.number} is already allocated to network ${claim.name}`, {
        hint: () => `choose another one, or give network ${claim.name} one of its own in the file`,
      })
    }
  }
  // What a network loses in this step nobody gets in this step.
  for (const value of book.values(kind, scope)) if (!holders.has(value)) holders.set(value, undefined)
  const free = lowestFree([range], holders)
  for (const claim of claims) {
    if (values.has(claim.name)) continue
    const value = free.next().value
    if (value === undefined) {
      report(['networks', claim.name], `no ${kind} is left for network ${claim.name}`, { part: 'key' })
    } else {
      take(claim, value)
      book.add(kind, scope, claim.id, value)
    }
  }
  return values
}
