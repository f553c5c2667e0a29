import { parseEndpoint } from '../endpoint.ts'
import { FakeOvsdb, type PluggedInterface } from './fake-ovsdb.ts'
import { FakeSwitch, type FakeSwitchOptions } from './fake-switch.ts'

/**
 * A host in this process: an OVSDB, and a switch for every bridge that is given a controller. Without a data plane and
 * without root; what a controller says to it is real OVSDB and OpenFlow.
 */
export class FakeHost {
  readonly ovsdb: FakeOvsdb
  readonly #switches = new Map<string, FakeSwitch>()
  readonly #options: Pick<FakeSwitchOptions, 'storeFlows' | 'redialAfter'>

  private constructor(ovsdb: FakeOvsdb, options: Pick<FakeSwitchOptions, 'storeFlows' | 'redialAfter'>) {
    this.ovsdb = ovsdb
    this.#options = options
    ovsdb.onController = (bridge, datapathId, targets) => this.#follow(bridge, datapathId, targets)
  }

  /** Listens for the controller on a free loopback port. */
  static async listen(options: Pick<FakeSwitchOptions, 'storeFlows' | 'redialAfter'> = {}): Promise<FakeHost> {
    return new FakeHost(await FakeOvsdb.listen(), options)
  }

  /** Where its OVSDB listens, as topology files say it. */
  get endpoint(): string {
    const { address } = this.ovsdb
    return address.transport === 'tcp' ? `tcp:${address.host}:${address.port}` : ''
  }

  /** The switches of its bridges, by the bridges' names. */
  get switches(): ReadonlyMap<string, FakeSwitch> {
    return this.#switches
  }

  /** The switch of a bridge. @throws {Error} while it has none. */
  bridge(name: string): FakeSwitch {
    const found = this.#switches.get(name)
    if (found === undefined) throw new Error(`bridge ${name} has no controller`)
    return found
  }

  plug(port: string, name?: string): PluggedInterface {
    return this.ovsdb.plug(port, name === undefined ? {} : { name })
  }

  unplug(name: string): void {
    this.ovsdb.unplug(name)
  }

  async close(): Promise<void> {
    for (const made of this.#switches.values()) made.close()
    await this.ovsdb.close()
  }

  #follow(bridge: string, datapathId: string, targets: readonly string[]): void {
    this.#switches.get(bridge)?.close()
    this.#switches.delete(bridge)
    const [target] = targets
    if (target === undefined) return
    const endpoint = parseEndpoint(target)
    if (endpoint.transport === 'ssl') throw new Error('a fake host has no certificate')
    const made = new FakeSwitch({
      datapathId: BigInt(`0x${datapathId}`),
      connect: endpoint as FakeSwitchOptions['connect'],
      redialAfter: 50,
      ...this.#options,
    })
    this.#switches.set(bridge, made)
    made.connect().catch(() => {
      // Nobody listens yet, or no longer: it dials again.
    })
  }
}
