import { pipelineAgrees, tablesAgree } from '../test/e2e/trace-agreement.ts'
import { TraceOracle } from '../test/e2e/trace-oracle.ts'

// Compares the interpreter with ofproto/trace of a real ovs-vswitchd until a packet is treated otherwise or all are done.

const [packets = 20_000, seed = Math.floor(Math.random() * 2 ** 31)] = process.argv.slice(2).map(Number)
const PER_FABRIC = 50
const PER_TABLES = 20

await using oracle = await TraceOracle.start()
process.stdout.write(`seed ${seed}\n`)
const fabrics = await pipelineAgrees(oracle, { runs: Math.ceil(packets / PER_FABRIC), packets: PER_FABRIC, seed })
process.stdout.write(
  `${fabrics.compared} packets in hosts of random fabrics, ${fabrics.left} left: as in ovs-vswitchd\n`,
)
const tables = await tablesAgree(oracle, { runs: Math.ceil(packets / PER_TABLES), packets: PER_TABLES, seed })
process.stdout.write(`${tables.compared} packets in random tables, ${tables.left} left: as in ovs-vswitchd\n`)
