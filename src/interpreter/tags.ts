import { VLAN_PRESENT } from 'node-openflow'
import { EtherType } from '../packet/ethernet.ts'
import { Unsupported } from './unsupported.ts'

/** A VLAN tag as Open vSwitch keeps it. */
export interface Tag {
  /** EtherType; 0 where there never was a tag. */
  readonly tpid: number
  /** Control information with bit 12 saying whether there is a tag: `vlan_tci` of ovs-fields(7). */
  readonly tci: number
  /** Drop eligible, which bit 12 is on the wire: kept as long as nothing is written. */
  readonly dei?: boolean
}

/** The tags that are known of a packet, outermost first; those after one that is not there do not count. */
export type Tags = readonly [Tag, Tag]

const NO_TAG: Tag = { tpid: 0, tci: 0 }
export const NO_TAGS: Tags = [NO_TAG, NO_TAG]

const isThere = ({ tci }: Tag): boolean => (tci & VLAN_PRESENT) !== 0

/** The tags that are there. */
export function presentTags([outer, inner]: Tags): readonly Tag[] {
  if (!isThere(outer)) return []
  return isThere(inner) ? [outer, inner] : [outer]
}

/** A new tag with VLAN id 0 in front. */
export function pushTag(tags: Tags, tpid: number): Tags {
  if (presentTags(tags).length === tags.length) throw new Unsupported('a third VLAN tag')
  return [{ tpid, tci: VLAN_PRESENT }, tags[0]]
}

export function popTag(tags: Tags): Tags {
  const [, inner] = tags
  const count = presentTags(tags).length
  return count === 0 ? tags : count === 1 ? [NO_TAG, inner] : [inner, NO_TAG]
}

/** With another control information of the outermost tag; its presence bit says whether there is one from now on. */
export function writeTag([outer, inner]: Tags, tci: number): Tags {
  if (tci === outer.tci) return [outer, inner]
  return [{ tpid: outer.tpid || EtherType.vlan, tci }, inner]
}
