import { formatIpv4, type Range, readIpv4 } from './ipv4.ts'
import { formatMac, readMac } from './mac.ts'

/** A value that the document left out and that was given to a resource, for as long as it has it. */
export interface Allocation {
  readonly kind: AllocationKind
  /** Within what the value is unique: `fabric`, a network type, the id of a network or of a subnet. */
  readonly scope: string
  /** The id of the resource that has it. */
  readonly owner: string
  readonly value: string | number
}

export type AllocationKind =
  | 'network_number'
  | 'segmentation_id'
  | 'mac_address'
  | 'ip_address'
  | 'dhcp_address'
  | 'dhcp_mac'

/** How the values of each kind are counted, and how they are written. */
const VALUES: Readonly<
  Record<AllocationKind, { read(value: string | number): number | undefined; write(value: number): string | number }>
> = {
  network_number: { read: whole, write: Number },
  segmentation_id: { read: whole, write: Number },
  mac_address: { read: value => readMac(String(value)), write: formatMac },
  ip_address: { read: value => readIpv4(String(value)), write: formatIpv4 },
  dhcp_address: { read: value => readIpv4(String(value)), write: formatIpv4 },
  dhcp_mac: { read: value => readMac(String(value)), write: formatMac },
}

function whole(value: string | number): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined
}

/** A recorded allocation, and its value as a number. */
export interface Entry {
  readonly allocation: Allocation
  readonly number: number
}

/** What was allocated before, and what of it still holds: the difference is what must be recorded next. */
export class AllocationBook {
  readonly #recorded: readonly Allocation[]
  readonly #byOwner: Map<string, Allocation[]>
  readonly #kept = new Set<Allocation>()
  readonly #added: Allocation[] = []

  constructor(recorded: readonly Allocation[]) {
    this.#recorded = recorded
    this.#byOwner = Map.groupBy(recorded, ({ owner }) => owner)
  }

  /** What an owner has of a kind and was not kept yet, lowest first. */
  recorded(kind: AllocationKind, owner: string): Entry[] {
    const entries: Entry[] = []
    for (const allocation of this.#byOwner.get(owner) ?? []) {
      if (allocation.kind !== kind || this.#kept.has(allocation)) continue
      const number = VALUES[kind].read(allocation.value)
      if (number !== undefined) entries.push({ allocation, number })
    }
    return entries.sort((a, b) => a.number - b.number)
  }

  /** Every recorded value of a kind in a scope, whoever has it. */
  values(kind: AllocationKind, scope: string): number[] {
    return this.#recorded.flatMap(allocation =>
      allocation.kind === kind && allocation.scope === scope ? (VALUES[kind].read(allocation.value) ?? []) : [],
    )
  }

  keep({ allocation }: Entry): void {
    this.#kept.add(allocation)
  }

  drop({ allocation }: Entry): void {
    this.#kept.delete(allocation)
  }

  add(kind: AllocationKind, scope: string, owner: string, number: number): void {
    this.#added.push({ kind, scope, owner, value: VALUES[kind].write(number) })
  }

  /** What was allocated since, and what was recorded but holds no longer. */
  difference(): { added: Allocation[]; released: Allocation[] } {
    return { added: this.#added, released: this.#recorded.filter(allocation => !this.#kept.has(allocation)) }
  }
}

/** The numbers of the ranges that are not in `taken` when their turn comes: range by range, lowest first. */
export function* lowestFree(
  ranges: readonly Range[],
  taken: ReadonlyMap<number, unknown>,
): Generator<number, undefined> {
  for (const { start, end } of ranges) for (let value = start; value <= end; value++) if (!taken.has(value)) yield value
}

/** The highest number of the ranges that is not in `taken`. */
export function highestFree(ranges: readonly Range[], taken: ReadonlyMap<number, unknown>): number | undefined {
  for (const { start, end } of ranges.toSorted((a, b) => b.end - a.end))
    for (let value = end; value >= start; value--) if (!taken.has(value)) return value
  return undefined
}
