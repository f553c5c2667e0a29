import { bridgeRules } from './bridges.ts'
import { type Facts, type Finding, LEVELS, type Rule } from './finding.ts'
import { managerRules } from './managers.ts'
import { softwareRules } from './software.ts'
import { underlayRules } from './underlay.ts'

const RULES: readonly Rule[] = [...softwareRules, ...underlayRules, ...bridgeRules, ...managerRules]

/** Everything that there is to say of a host, the worst first. */
export function examine(facts: Facts): Finding[] {
  return RULES.flatMap(rule => rule(facts)).sort((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level))
}
