import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Cage } from './cage.ts'
import { LabError } from './error.ts'
import { checkPrograms } from './requirements.ts'

export interface CaptureOptions {
  readonly interface: string
  /** As pcap-filter(7) has it; default everything. */
  readonly filter?: string | undefined
  /** Ends by itself after so many packets. */
  readonly countLimit?: number | undefined
}

/** How often tcpdump says that it has read nothing more before that is believed. */
const STILL = 20

/** A running tcpdump. */
export class Capture {
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  readonly #ended: Promise<void>
  #onCount: ((captured: number, received: number) => void) | undefined

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#ended = new Promise(resolve => child.once('close', () => resolve()))
  }

  /** Resolves when the capture sees what comes. */
  static async start(cage: Cage, member: number, options: CaptureOptions): Promise<Capture> {
    checkPrograms(['tcpdump'])
    const { interface: device, filter, countLimit } = options
    const argv = ['tcpdump', '-i', device, '-n', '-e', '-t', '-l', '--immediate-mode']
    if (countLimit !== undefined) argv.push('-c', String(countLimit))
    if (filter !== undefined) argv.push(filter)
    const capture = new Capture(cage.spawn(member, argv, { stdio: ['ignore', 'pipe', 'pipe'] }))
    await capture.#listening()
    return capture
  }

  /** What was captured so far, a packet a line as tcpdump(8) prints it with its link-layer header and without its time. */
  get lines(): readonly string[] {
    return this.#lines
  }

  /** Resolves when `countLimit` packets were captured. */
  async full(): Promise<readonly string[]> {
    await this.#ended
    return this.#lines
  }

  /** Ends the capture, after it has printed every packet that came until now. */
  async stop(): Promise<readonly string[]> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      await this.#caughtUp()
      this.#child.kill('SIGINT')
    }
    return this.full()
  }

  #listening(): Promise<void> {
    return new Promise((resolve, reject) => {
      createInterface(this.#child.stdout!).on('line', line => {
        if (line !== '') this.#lines.push(line)
      })
      let last = ''
      createInterface(this.#child.stderr!).on('line', line => {
        last = line
        if (/listening on /.test(line)) resolve()
        const counts = /(\d+) packets? captured, (\d+) packets? received by filter/.exec(line)
        if (counts) this.#onCount?.(Number(counts[1]), Number(counts[2]))
      })
      this.#ended.then(() => {
        this.#onCount?.(0, 0)
        reject(new LabError(`tcpdump: ${last}`))
      })
    })
  }

  /**
   * The kernel has counted what waits for tcpdump to read it; SIGUSR1 makes it say both numbers. They never meet when something
   * came before the filter was in place: then nothing new is read for a while.
   */
  async #caughtUp(): Promise<void> {
    let before = -1
    for (let still = 0; still < STILL; ) {
      const counts = new Promise<[number, number]>(resolve => {
        this.#onCount = (...pair) => resolve(pair)
      })
      this.#child.kill('SIGUSR1')
      const [captured, received] = await counts
      if (captured >= received) return
      still = captured === before ? still + 1 : 0
      before = captured
    }
  }
}
