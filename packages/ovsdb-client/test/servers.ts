import {
  type Address,
  declaredSchema,
  describeAddress,
  type Json,
  type JsonObject,
  type Tables,
  vswitch,
} from '../src/index.ts'
import { decodeValue } from '../src/notation.ts'
import { OvsdbServer } from '../src/server/index.ts'
import { hasOvs, RealServer, run } from './real-server.ts'

/** A server under test with an empty Open_vSwitch database. */
export interface TestServer {
  readonly address: Address
  stop(): Promise<void>
}

const loopback: Address = { transport: 'tcp', host: '127.0.0.1', port: 0 }

const startMemory = async (): Promise<TestServer> => {
  const server = new OvsdbServer(declaredSchema(vswitch, '8.3.1'))
  const { address } = await server.listen(loopback)
  return { address, stop: () => server.close() }
}

const startReal = async (): Promise<TestServer> => {
  const server = await RealServer.start()
  return { address: server.tcp, stop: () => server.stop() }
}

/** The servers that tests of a session run against: ours, and the real one where it is installed. */
export const servers: readonly (readonly [string, () => Promise<TestServer>])[] = [
  ['the server in memory', startMemory],
  ...(hasOvs ? [['ovsdb-server', startReal] as const] : []),
]

/** What `ovsdb-client dump` prints, restricted to the declared columns: rows by table and id. */
export const dump = async (address: Address): Promise<Record<string, Map<string, unknown>>> => {
  const text = await run('ovsdb-client', '--format=json', 'dump', describeAddress(address), vswitch.name)
  const dumped = text
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as JsonObject)
  const tables: Tables = vswitch.tables
  return Object.fromEntries(
    Object.entries(tables).map(([name, { columns }]) => {
      const found = dumped.find(({ caption }) => caption === `${name} table`)
      const headings = (found?.['headings'] ?? []) as readonly string[]
      const rows = ((found?.['data'] ?? []) as readonly (readonly Json[])[]).map(cells => {
        const cell = (heading: string): Json | undefined => cells[headings.indexOf(heading)]
        const values = Object.entries(columns).map(([column, { type }]) => [column, decodeValue(type, cell(column))])
        const uuid = (cell('_uuid') as readonly string[])[1] as string
        return [uuid, { ...Object.fromEntries(values), _uuid: uuid }] as const
      })
      return [name, new Map(rows)]
    }),
  )
}
