import type { Audience, Emission } from './audience.ts'
import { equal } from './equal.ts'
import { type IndexKey, type Readers, Table } from './table.ts'
import type { Membership, Unit, UnitContext, UnitDefinition } from './unit.ts'

/** How one target has to change: for each key what it held and what it is to hold. */
export interface Change<Item> {
  readonly key: string
  readonly before: Item | undefined
  readonly after: Item | undefined
}

/** What a flush changed, for the watched targets only: target -> changes, no key twice, nothing that stayed the same. */
export type Delta<Item> = ReadonlyMap<string, readonly Change<Item>[]>

/** Two units that want different things under one key on one target. The unit with the lower id has its way. */
export interface Conflict<Item> {
  readonly target: string
  readonly key: string
  readonly winner: Item
  readonly winnerUnit: string
  readonly loser: Item
  readonly loserUnit: string
}

export interface EngineOptions<Item> {
  /** What makes two items rivals: on one target a key holds one item. */
  readonly keyOf: (item: Item) => string
  /** Whether a target that holds `a` need not be touched to hold `b`. */
  readonly same: (a: Item, b: Item) => boolean
  /** Called when a delta or `desired` decides between units that want different items in one place: always a defect. */
  readonly onConflict?: (conflict: Conflict<Item>) => void
}

/**
 * Keeps `desired = f(rows)` up to date at the cost of what changed.
 *
 * Rows live in tables. Units read rows and emit items to audiences; every read is recorded, so a changed row re-runs
 * exactly the units that looked at it (there are no change handlers to forget). What a target is to hold is the union of its
 * audiences' items. The result depends on the rows alone, never on the order in which they came: the property tests
 * rebuild from nothing after random histories and compare.
 */
export class Engine<Item> {
  readonly #options: EngineOptions<Item>
  readonly #tables: Table<object>[] = []
  readonly #definitions = new Map<Table<object>, UnitDefinition<Item, object>[]>()
  readonly #units = new Map<string, Unit>()
  readonly #audiences = new Map<string, Audience>()
  readonly #audiencesOf = new Map<string, Map<Audience, number>>()
  readonly #byKey = new Map<string, Emission<Item>[]>()
  /** Keys that more than one emission has: the only ones that can be in conflict. */
  readonly #contested = new Set<string>()
  readonly #dirty = new Set<Unit>()
  readonly #watched = new Set<string>()
  /** While a rehearsal is under way: what undoes its writes, the last one first. */
  #journal: (() => void)[] | undefined
  /** Target -> key -> what it held when the flush first touched that key. */
  #touched = new Map<string, Map<string, Item | undefined>>()
  /** Audiences that lost something while a unit ran; swept when it is done, for its new emissions may be on their way there. */
  readonly #sweepable = new Set<Audience>()
  #runs = 0
  #removed = 0

  constructor(options: EngineOptions<Item>) {
    this.#options = options
  }

  /** Declares a table; `indexes` name the buckets units may read with `where`. */
  table<Row extends object, const Index extends string = never>(
    name: string,
    indexes?: { readonly [index in Index]: IndexKey<Row> },
  ): Table<Row, Index> {
    const table = new Table<Row, Index>(name, indexes ?? ({} as { readonly [index in Index]: IndexKey<Row> }))
    this.#tables.push(table as unknown as Table<object>)
    return table
  }

  /** Declares a unit: `run` once for each row of `each`. */
  unit<Row extends object, Index extends string>(
    name: string,
    each: Table<Row, Index>,
    run: (context: UnitContext<Item>, row: Row, id: string) => void,
  ): void {
    const table = each as unknown as Table<object>
    const definition = { name, each: table, run } as unknown as UnitDefinition<Item, object>
    const list = this.#definitions.get(table) ?? []
    list.push(definition)
    this.#definitions.set(table, list)
    for (const [id] of table.entries()) this.#spawn(definition, id)
  }

  /** Writes a row, or deletes it with `undefined`. An equal row changes nothing and re-runs nothing. */
  set<Row extends object, Index extends string>(table: Table<Row, Index>, id: string, row: Row | undefined): void {
    const before = table.get(id)
    if (equal(before, row)) return
    this.#journal?.push(() => this.set(table, id, before))
    table.write(id, row, readers => {
      for (const unit of readers) this.#dirty.add(unit)
    })
    if (before === undefined || row === undefined) {
      for (const definition of this.#definitions.get(table as unknown as Table<object>) ?? []) {
        if (row !== undefined) this.#spawn(definition, id)
        else this.#retire(definition, id)
      }
    }
  }

  /** Whether rows changed that no flush has followed yet. */
  get pending(): boolean {
    return this.#dirty.size > 0 || this.#touched.size > 0
  }

  /** How many units have run since the engine was made. Tests assert differences of it. */
  get runs(): number {
    return this.#runs
  }

  get unitCount(): number {
    return this.#units.size
  }

  get emissionCount(): number {
    let count = 0
    for (const audience of this.#audiences.values()) count += audience.emissions.size
    return count
  }

  /** From now on changes of this target appear in deltas. */
  watch(target: string): void {
    this.#watched.add(target)
  }

  unwatch(target: string): void {
    this.#watched.delete(target)
    this.#touched.delete(target)
  }

  /** Runs at most `limit` of the units whose reads changed; `true` when none is left. */
  run(limit = Number.POSITIVE_INFINITY): boolean {
    let left = limit
    for (const unit of this.#dirty) {
      if (left-- <= 0) return false
      this.#dirty.delete(unit)
      this.#runUnit(unit)
    }
    return true
  }

  /** Runs every unit whose reads changed and returns what the watched targets have to change. */
  flush(): Delta<Item> {
    this.run()
    const delta = new Map<string, Change<Item>[]>()
    for (const [target, keys] of this.#touched) {
      const changes: Change<Item>[] = []
      for (const [key, before] of keys) {
        const after = this.#decide(key, target)?.item
        if (before === after) continue
        if (before !== undefined && after !== undefined && this.#options.same(before, after)) continue
        changes.push({ key, before, after })
      }
      if (changes.length > 0) delta.set(target, changes)
    }
    this.#touched = new Map()
    // Empty reader sets cost memory only: forgetting them may wait until it is cheap for each removed unit.
    if (this.#removed > 1000 && this.#removed > this.#units.size / 2) {
      for (const table of this.#tables) table.prune()
      this.#removed = 0
    }
    return delta
  }

  /**
   * What every target, watched or not, would have to change if `change` wrote its rows; afterwards everything is as it was.
   *
   * It costs what the change costs, twice. Whatever was pending has to be flushed before.
   *
   * @throws {Error} when changes are pending, and whatever `change` throws.
   */
  rehearse(change: () => void): Delta<Item> {
    if (this.pending || this.#journal !== undefined) throw new Error('a rehearsal needs an engine at rest')
    const journal: (() => void)[] = []
    this.#journal = journal
    try {
      change()
      return this.flush()
    } finally {
      this.#journal = undefined
      for (const undo of journal.toReversed()) undo()
      this.run()
      this.#touched = new Map()
    }
  }

  /** Everything one target is to hold, by key. Complete after a flush. */
  desired(target: string): Map<string, Item> {
    const winners = new Map<string, Emission<Item>>()
    for (const audience of this.#audiencesOf.get(target)?.keys() ?? []) {
      for (const emission of audience.emissions as Set<Emission<Item>>) {
        if (emission.except === target) continue
        const rival = winners.get(emission.key)
        winners.set(emission.key, rival === undefined ? emission : this.#between(rival, emission, target))
      }
    }
    const result = new Map<string, Item>()
    for (const [key, { item }] of winners) result.set(key, item)
    return result
  }

  /** The item a target is to hold under a key, with the unit that made it. */
  find(target: string, key: string): { readonly item: Item; readonly unit: string } | undefined {
    const winner = this.#winner(key, target)
    return winner && { item: winner.item, unit: winner.unit.id }
  }

  /** All targets that are a member of some audience. */
  targets(): IterableIterator<string> {
    return this.#audiencesOf.keys()
  }

  /** Every place for which units want different items, looked for everywhere: for tests. */
  conflicts(): Conflict<Item>[] {
    const conflicts: Conflict<Item>[] = []
    for (const key of this.#contested) {
      const emissions = this.#byKey.get(key)!
      const targets = new Set(emissions.flatMap(emission => [...emission.audience.members.keys()]))
      for (const target of targets) {
        const winner = this.#winner(key, target)
        for (const rival of emissions) {
          if (winner === undefined || rival === winner || !reaches(rival, target)) continue
          if (!this.#options.same(winner.item, rival.item)) conflicts.push(conflictOf(target, winner, rival))
        }
      }
    }
    return conflicts
  }

  #spawn(definition: UnitDefinition<Item, object>, row: string): void {
    const id = `${definition.name}/${row}`
    const existing = this.#units.get(id)
    if (existing !== undefined) {
      existing.gone = false
      this.#dirty.add(existing)
      return
    }
    const unit: Unit = {
      id,
      definition: definition as unknown as UnitDefinition<never, never>,
      row,
      reads: [],
      emissions: [],
      joins: [],
      gone: false,
    }
    this.#units.set(id, unit)
    this.#dirty.add(unit)
  }

  #retire(definition: UnitDefinition<Item, object>, row: string): void {
    const unit = this.#units.get(`${definition.name}/${row}`)
    if (unit === undefined) return
    unit.gone = true
    this.#dirty.add(unit)
  }

  #runUnit(unit: Unit): void {
    for (const readers of unit.reads) readers.delete(unit)
    const definition = unit.definition as unknown as UnitDefinition<Item, object>
    const reads: Readers[] = []
    const emissions: Emission<Item>[] = []
    const joins: Membership[] = []
    const record = (readers: Readers) => {
      readers.add(unit)
      reads.push(readers)
    }
    const row = unit.gone ? undefined : definition.each.get(unit.row)
    if (row === undefined) {
      this.#units.delete(unit.id)
      this.#removed++
    } else {
      this.#runs++
      record(definition.each.readersOfRow(unit.row))
      const context: UnitContext<Item> = {
        get: (table, id) => {
          record(table.readersOfRow(id))
          return table.get(id)
        },
        where: (table, index, value) => {
          const bucket = table.bucket(index, value)
          record(bucket.readers)
          return bucket.rows.values()
        },
        emit: (audience, item, except) => {
          emissions.push({
            unit,
            audience: this.#audience(audience),
            key: this.#options.keyOf(item),
            item,
            except,
          })
        },
        join: (audience, target) => joins.push({ audience, target }),
      }
      definition.run(context, row, unit.row)
    }
    unit.reads = reads
    this.#replaceEmissions(unit, emissions)
    this.#replaceJoins(unit, joins)
    for (const audience of this.#sweepable) {
      if (audience.members.size === 0 && audience.emissions.size === 0) this.#audiences.delete(audience.name)
    }
    this.#sweepable.clear()
  }

  #replaceEmissions(unit: Unit, next: Emission<Item>[]): void {
    const old = unit.emissions as Emission<Item>[]
    if (old.length === 0) {
      for (const emission of next) this.#add(emission)
      unit.emissions = next
      return
    }
    const kept: Emission<Item>[] = []
    const previous = new Map<string, Emission<Item>>()
    for (const emission of old) previous.set(placeOf(emission), emission)
    for (const emission of next) {
      const place = placeOf(emission)
      const before = previous.get(place)
      if (before !== undefined) {
        previous.delete(place)
        if (this.#options.same(before.item, emission.item)) {
          kept.push(before)
          continue
        }
        this.#remove(before)
      }
      this.#add(emission)
      kept.push(emission)
    }
    for (const emission of previous.values()) this.#remove(emission)
    unit.emissions = kept
  }

  #replaceJoins(unit: Unit, next: Membership[]): void {
    // Members first come, then go: a target that stays through a rerun is never touched.
    for (const membership of next) this.#enter(membership)
    for (const membership of unit.joins) this.#leave(membership)
    unit.joins = next
  }

  #add(emission: Emission<Item>): void {
    this.#touchAll(emission)
    emission.audience.emissions.add(emission)
    const list = this.#byKey.get(emission.key)
    if (list === undefined) this.#byKey.set(emission.key, [emission])
    else if (list.push(emission) === 2) this.#contested.add(emission.key)
  }

  #remove(emission: Emission<Item>): void {
    this.#touchAll(emission)
    emission.audience.emissions.delete(emission)
    const list = this.#byKey.get(emission.key)!
    if (list.length === 1) this.#byKey.delete(emission.key)
    else {
      list.splice(list.indexOf(emission), 1)
      if (list.length === 1) this.#contested.delete(emission.key)
    }
    this.#sweepable.add(emission.audience)
  }

  #enter({ audience: name, target }: Membership): void {
    const audience = this.#audience(name)
    const count = audience.members.get(target) ?? 0
    if (count === 0) {
      this.#touchMember(audience, target)
      const audiences = this.#audiencesOf.get(target) ?? new Map<Audience, number>()
      audiences.set(audience, 1)
      this.#audiencesOf.set(target, audiences)
    }
    audience.members.set(target, count + 1)
  }

  #leave({ audience: name, target }: Membership): void {
    const audience = this.#audience(name)
    const count = audience.members.get(target) ?? 0
    if (count > 1) {
      audience.members.set(target, count - 1)
      return
    }
    this.#touchMember(audience, target)
    audience.members.delete(target)
    const audiences = this.#audiencesOf.get(target)
    audiences?.delete(audience)
    if (audiences?.size === 0) this.#audiencesOf.delete(target)
    this.#sweepable.add(audience)
  }

  #audience(name: string): Audience {
    let audience = this.#audiences.get(name)
    if (audience === undefined) {
      audience = { name, emissions: new Set(), members: new Map() }
      this.#audiences.set(name, audience)
    }
    return audience
  }

  #touchAll(emission: Emission<Item>): void {
    if (this.#watched.size === 0 && this.#journal === undefined) return
    for (const target of emission.audience.members.keys()) {
      if (target !== emission.except) this.#touch(target, emission.key)
    }
  }

  #touchMember(audience: Audience, target: string): void {
    if (!this.#sees(target)) return
    for (const emission of audience.emissions) {
      if (emission.except !== target) this.#touch(target, emission.key)
    }
  }

  #sees(target: string): boolean {
    return this.#watched.has(target) || this.#journal !== undefined
  }

  #touch(target: string, key: string): void {
    if (!this.#sees(target)) return
    let keys = this.#touched.get(target)
    if (keys === undefined) {
      keys = new Map()
      this.#touched.set(target, keys)
    }
    if (!keys.has(key)) keys.set(key, this.#winner(key, target)?.item)
  }

  /** The emission that decides a key on a target: of several the one whose unit has the lowest id. */
  #winner(key: string, target: string): Emission<Item> | undefined {
    let winner: Emission<Item> | undefined
    for (const emission of this.#byKey.get(key) ?? []) {
      if (reaches(emission, target) && (winner === undefined || emission.unit.id < winner.unit.id)) winner = emission
    }
    return winner
  }

  /** The same, and every conflict is reported. */
  #decide(key: string, target: string): Emission<Item> | undefined {
    let winner: Emission<Item> | undefined
    for (const emission of this.#byKey.get(key) ?? []) {
      if (reaches(emission, target)) winner = winner === undefined ? emission : this.#between(winner, emission, target)
    }
    return winner
  }

  #between(one: Emission<Item>, other: Emission<Item>, target: string): Emission<Item> {
    const [winner, loser] = one.unit.id < other.unit.id ? [one, other] : [other, one]
    if (!this.#options.same(one.item, other.item)) this.#options.onConflict?.(conflictOf(target, winner, loser))
    return winner
  }
}

function conflictOf<Item>(target: string, winner: Emission<Item>, loser: Emission<Item>): Conflict<Item> {
  return {
    target,
    key: winner.key,
    winner: winner.item,
    winnerUnit: winner.unit.id,
    loser: loser.item,
    loserUnit: loser.unit.id,
  }
}

function reaches(emission: Emission, target: string): boolean {
  return emission.except !== target && emission.audience.members.has(target)
}

/** Where an emission goes: unit outputs are compared place by place. */
function placeOf(emission: Emission): string {
  return `${emission.audience.name}\n${emission.except ?? ''}\n${emission.key}`
}
