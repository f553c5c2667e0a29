import { type Field, fields } from '../fields.ts'
import type { Match } from '../match.ts'
import type { MatchTerm } from '../oxm.ts'
import { portName, type TextNames } from './names.ts'

/** Ethernet types that ovs-ofctl names by a word; with a protocol of theirs that has one, by that word instead. */
const WORDS: Readonly<Record<number, { readonly word: string; readonly protocols: Readonly<Record<number, string>> }>> =
  {
    2048: { word: 'ip', protocols: { 1: 'icmp', 6: 'tcp', 17: 'udp', 132: 'sctp' } },
    34525: { word: 'ipv6', protocols: { 58: 'icmp6', 6: 'tcp6', 17: 'udp6', 132: 'sctp6' } },
    2054: { word: 'arp', protocols: {} },
    32821: { word: 'rarp', protocols: {} },
    34887: { word: 'mpls', protocols: {} },
    34888: { word: 'mplsm', protocols: {} },
  }
/** Where that word stands among the ranks of the fields. */
const WORD_RANK = 5

const PRESENT = 0x1000
const WHOLE_VID = 0x1fff

/** A match in ovs-ofctl's syntax, comma-separated; empty for one that matches all. */
export const formatMatch = (match: Match, names?: TextNames): string => {
  const parts: { readonly rank: number; readonly text: string }[] = []
  const spoken = new Set<Field>()
  const type = match.find(({ field }) => field === fields.eth_type)
  const word = type === undefined ? undefined : WORDS[Number(type.value)]
  if (word !== undefined) {
    spoken.add(fields.eth_type)
    const protocol = word.protocols[Number(match.find(({ field }) => field === fields.ip_proto)?.value)]
    if (protocol !== undefined) spoken.add(fields.ip_proto)
    parts.push({ rank: WORD_RANK, text: protocol ?? word.word })
  }
  const vlan = vlanText(match)
  if (vlan !== undefined) {
    spoken.add(fields.vlan_vid).add(fields.vlan_pcp)
    parts.push({ rank: fields.vlan_vid.text.rank, text: vlan })
  }
  for (const term of match)
    if (!spoken.has(term.field)) parts.push({ rank: term.field.text.rank, text: termText(term, names) })
  return parts
    .sort((a, b) => a.rank - b.rank)
    .map(({ text }) => text)
    .join(',')
}

const termText = ({ field, value, mask }: MatchTerm, names: TextNames | undefined): string => {
  const name = names?.fields?.(field.name) ?? field.text.match
  if (mask === undefined && (field === fields.in_port || field === fields.actset_output))
    return `${name}=${portName(Number(value), names)}`
  return `${name}=${field.text.format.match(value, mask)}`
}

/** VLAN id and priority as `dl_vlan=5,dl_vlan_pcp=3` where ovs-ofctl says so, else as the TCI that they are part of. */
const vlanText = (match: Match): string | undefined => {
  const vid = match.find(({ field }) => field === fields.vlan_vid)
  const pcp = match.find(({ field }) => field === fields.vlan_pcp)
  if (vid === undefined && pcp === undefined) return undefined
  const value = Number(vid?.value ?? 0)
  const mask = vid === undefined ? 0 : Number(vid.mask ?? WHOLE_VID)
  const id = mask & 0xfff
  if ((mask & value & PRESENT) !== 0 && (id === 0 || id === 0xfff) && (id !== 0 || pcp !== undefined))
    return [id === 0 ? [] : [`dl_vlan=${value & 0xfff}`], pcp === undefined ? [] : [`dl_vlan_pcp=${pcp.value}`]]
      .flat()
      .join(',')
  const hex = (tci: number) => `0x${tci.toString(16).padStart(4, '0')}`
  const tci = value | (Number(pcp?.value ?? 0) << 13)
  const tciMask = mask | (pcp === undefined ? 0 : 0xe000)
  return tciMask === 0xffff ? `vlan_tci=${hex(tci)}` : `vlan_tci=${hex(tci)}/${hex(tciMask)}`
}
