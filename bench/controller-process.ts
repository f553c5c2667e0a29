import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createController } from '../src/main.ts'

// A controller in a process of its own, so that its CPU time is its own; asked and stopped over IPC.

const { topology, openflow } = JSON.parse(process.argv[2] ?? '{}') as { topology: string; openflow?: string }
const delay = monitorEventLoopDelay({ resolution: 1 })
const started = performance.now()
const controller = await createController({ topology, ...(openflow === undefined ? {} : { openflow }) })
delay.enable()
process.send?.({ endpoints: controller.endpoints, startMs: performance.now() - started })

process.on('message', async (question: 'cpu' | 'settled' | 'stop') => {
  if (question === 'stop') {
    await controller.close()
    process.disconnect()
    return
  }
  if (question === 'settled') await controller.settled(120_000)
  const { user, system } = process.cpuUsage()
  process.send?.({
    cpuMs: (user + system) / 1000,
    rssMb: process.memoryUsage.rss() / 2 ** 20,
    longestStallMs: delay.max / 1e6,
    runs: controller.inputs.engine.runs,
    bindings: controller.inputs.bindings.size,
  })
})
