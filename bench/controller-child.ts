import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TopologyText } from '../topology/document.ts'

export interface Vitals {
  /** CPU time of the process since its start. */
  readonly cpuMs: number
  readonly rssMb: number
  /** Longest time the event loop took for one turn since the controller listens. */
  readonly longestStallMs: number
  readonly runs: number
  readonly bindings: number
}

/** A controller in a process of its own. */
export class ControllerChild {
  readonly #child: ChildProcess
  readonly #folder: string
  /** Where its bridges connect. */
  readonly openflow: string
  /** Time from its start until it listened, without the start of Node itself. */
  readonly startMs: number

  private constructor(
    child: ChildProcess,
    folder: string,
    ready: { endpoints: { openflow: string }; startMs: number },
  ) {
    this.#child = child
    this.#folder = folder
    this.openflow = ready.endpoints.openflow
    this.startMs = ready.startMs
  }

  static async start(topology: TopologyText, openflow?: string): Promise<ControllerChild> {
    const folder = mkdtempSync(join(tmpdir(), 'weft-bench-'))
    const file = join(folder, 'topology.yaml')
    writeFileSync(file, topology.text)
    const options = JSON.stringify({ topology: file, ...(openflow === undefined ? {} : { openflow }) })
    const profile = process.execArgv.filter(arg => arg.startsWith('--cpu-prof'))
    const child = fork(join(import.meta.dirname, 'controller-process.ts'), [options], {
      execArgv: ['--conditions=weft-source', ...profile],
    })
    const [ready] = (await once(child, 'message')) as [{ endpoints: { openflow: string }; startMs: number }]
    return new ControllerChild(child, folder, ready)
  }

  /** Its vitals now, or once its fabric has settled. */
  async ask(question: 'cpu' | 'settled'): Promise<Vitals> {
    this.#child.send(question)
    const [answer] = (await once(this.#child, 'message')) as [Vitals]
    return answer
  }

  /** Resolves when so many ports are bound and everything is acknowledged. */
  async bound(count: number): Promise<Vitals> {
    for (;;) {
      const vitals = await this.ask('settled')
      if (vitals.bindings === count) return vitals
    }
  }

  async stop(): Promise<void> {
    this.#child.send('stop')
    await once(this.#child, 'exit')
    rmSync(this.#folder, { recursive: true })
  }
}
