import { createHash } from 'node:crypto'
import { resolveTopology } from '../../topology/allocation.ts'
import { parseTopologies, type TopologyText } from '../../topology/document.ts'
import { TopologyError } from '../../topology/problem.ts'
import type { Topology } from '../../topology/topology.ts'
import type { Revision, Store } from './store.ts'

/** A topology that was read and resolved, and not yet taken. */
export interface Candidate {
  readonly texts: readonly TopologyText[]
  readonly topology: Topology
  /** Records its allocations and itself; on disk when it returns. */
  readonly take: (origin: Revision['origin'], confirmBy?: number) => Revision
}

/**
 * Which topology counts, and which ones did before.
 *
 * The file that `run` is given counts, until something else is applied; an edit of the file after that makes the file count again.
 */
export class TopologyHistory {
  readonly #store: Store
  readonly #now: () => number
  #fileHash: string

  /** @param file the texts of the file that `run` was given. */
  constructor(store: Store, now: () => number, file: readonly TopologyText[]) {
    this.#store = store
    this.#now = now
    this.#fileHash = hashOf(file)
  }

  /** The file was read again. */
  set file(texts: readonly TopologyText[]) {
    this.#fileHash = hashOf(texts)
  }

  /** The revision that counts; `undefined` before the first one. */
  get current(): Revision | undefined {
    return this.#store.revisions(1)[0]
  }

  /** The newest first. */
  revisions(): Revision[] {
    return this.#store.revisions()
  }

  /** What a controller starts with: the file, or what was applied since the file was last edited. */
  atStart(file: readonly TopologyText[]): {
    readonly texts: readonly TopologyText[]
    readonly origin: Revision['origin']
  } {
    const [latest, before] = this.#store.revisions(2)
    if (latest === undefined || latest.fileHash !== this.#fileHash) return { texts: file, origin: 'file' }
    // A controller that ended before the confirmation came: it did not come.
    if (latest.confirmBy !== undefined) {
      return before === undefined ? { texts: file, origin: 'file' } : { texts: before.texts, origin: 'rollback' }
    }
    return { texts: latest.texts, origin: latest.origin }
  }

  /** Parses and resolves. @throws {TopologyError} */
  consider(texts: readonly TopologyText[]): Candidate {
    const { document, problems } = parseTopologies(texts)
    if (document === undefined) throw new TopologyError(problems)
    const resolved = resolveTopology(document, this.#store.allocations())
    const { topology } = resolved
    if (topology === undefined) throw new TopologyError(resolved.problems)
    return {
      texts,
      topology,
      take: (origin, confirmBy) => {
        this.#store.record(resolved)
        const latest = this.current
        const same =
          latest !== undefined &&
          latest.confirmBy === undefined &&
          confirmBy === undefined &&
          latest.fileHash === this.#fileHash &&
          hashOf(latest.texts) === hashOf(texts)
        if (same) return latest
        const revision: Revision = {
          number: (latest?.number ?? 0) + 1,
          time: this.#now(),
          origin,
          texts,
          fileHash: this.#fileHash,
          confirmBy,
        }
        this.#store.addRevision(revision)
        return revision
      },
    }
  }

  confirm(number: number): void {
    this.#store.confirmRevision(number)
  }
}

function hashOf(texts: readonly TopologyText[]): string {
  const hash = createHash('sha256')
  for (const { text } of texts) hash.update(`${text.length}\n`).update(text)
  return hash.digest('hex')
}
