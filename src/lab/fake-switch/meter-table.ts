import { type DecodedMessageOf, METER } from 'node-openflow'
import { refusal } from './refusal.ts'

type MeterMod = DecodedMessageOf<'meter_mod'>
type Meter = Pick<MeterMod, 'flags' | 'bands'>

/** The meters of one switch. OpenFlow 1.5.1 § 7.3.4.4. */
export class MeterTable {
  readonly #meters = new Map<number, Meter>()

  get size(): number {
    return this.#meters.size
  }

  has(meterId: number): boolean {
    return this.#meters.has(meterId)
  }

  /** Applies a modification; the meters that went. */
  apply({ command, meterId, flags, bands }: MeterMod): number[] {
    const known = this.#meters.has(meterId)
    switch (command) {
      case 'add':
        if (known) throw refusal('METER_EXISTS')
        this.#meters.set(meterId, { flags, bands })
        return []
      case 'modify':
        if (!known) throw refusal('UNKNOWN_METER')
        this.#meters.set(meterId, { flags, bands })
        return []
      case 'delete': {
        const gone = meterId === METER.ALL ? [...this.#meters.keys()] : known ? [meterId] : []
        for (const id of gone) this.#meters.delete(id)
        return gone
      }
    }
  }

  /** Meters by ascending id: one, or with METER.ALL all. */
  describe(meterId: number): (Meter & { meterId: number })[] {
    return [...this.#meters]
      .filter(([id]) => meterId === METER.ALL || id === meterId)
      .toSorted(([a], [b]) => a - b)
      .map(([id, meter]) => ({ meterId: id, ...meter }))
  }

  clear(): void {
    this.#meters.clear()
  }
}
