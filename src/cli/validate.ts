import { resolveTopology } from '../../topology/allocation.ts'
import { parseTopologies } from '../../topology/document.ts'
import { formatProblem } from '../../topology/problem.ts'
import { readTopologyTexts } from '../topology-source.ts'
import { CommandError, EXIT } from './exit-code.ts'

/**
 * Checks a topology as `run` would before it starts, with nothing allocated yet.
 *
 * @throws {CommandError} with every problem.
 */
export function validate(path: string): string {
  const { document, problems } = parseTopologies(readTopologyTexts(path))
  const found = document === undefined ? problems : resolveTopology(document, []).problems
  if (document === undefined || found.length > 0) {
    throw new CommandError(found.map(formatProblem).join('\n'), EXIT.usage)
  }
  const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`
  const { hosts, networks, subnets, ports } = document
  return `${path}: ${count(hosts.size, 'host')}, ${count(networks.size, 'network')}, ${count(subnets.size, 'subnet')}, ${count(ports.size, 'port')}: valid`
}
