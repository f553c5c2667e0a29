import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeMatch, EncodeError, encodeMatch, formatMatch, type MatchObject, matchOf, Writer } from '../src/index.ts'
import { matches } from './arbitrary.ts'

const text = (object: MatchObject): string => formatMatch(matchOf(object))
const refusal = (object: object): string => {
  try {
    matchOf(object as MatchObject)
  } catch (error) {
    if (error instanceof EncodeError) return error.message
    throw error
  }
  return 'accepted'
}

describe('matchOf', () => {
  test.each<[string, MatchObject, string]>([
    ['nothing', {}, ''],
    ['a prefix', { eth_type: 0x0800, ipv4_dst: [0x0a000000, 0xff000000] }, 'ip,nw_dst=10.0.0.0/8'],
    [
      'a mask that is no prefix',
      { eth_type: 0x0800, ipv4_dst: [0x0a000001, 0xff0000ff] },
      'ip,nw_dst=10.0.0.1/255.0.0.255',
    ],
    ['bits outside the mask', { reg0: [0xff, 0x0f] }, 'reg0=0xf/0xf'],
    ['a mask of all ones', { eth_dst: [0xfa163e000001, 0xffffffffffff] }, 'dl_dst=fa:16:3e:00:00:01'],
    ['a mask of zero', { reg0: [5, 0], in_port: 1 }, 'in_port=1'],
    ['the Ethernet type of IPv4', { ipv4_src: 0x0a000001 }, 'ip,nw_src=10.0.0.1'],
    ['the Ethernet type of ARP', { arp_tpa: 0x0a000001 }, 'arp,arp_tpa=10.0.0.1'],
    ['the protocol of a port', { eth_type: 0x86dd, udp_dst: 547 }, 'udp6,tp_dst=547'],
    ['all of neighbour discovery', { nd_sll: 1 }, 'icmp6,icmp_type=135,nd_sll=00:00:00:00:00:01'],
    ['VLAN presence for a priority', { vlan_pcp: 3 }, 'dl_vlan_pcp=3'],
    ['untagged', { vlan_vid: 0 }, 'vlan_tci=0x0000/0x1fff'],
    ['a whole TCI', { vlan_tci: 0xb005 }, 'dl_vlan=5,dl_vlan_pcp=5'],
    [
      'wide registers as narrow ones',
      { xxreg0: 5n, xreg2: [0x1_0000_0000n, 0xffff_ffff_0000_0000n] },
      'reg0=0,reg1=0,reg2=0,reg3=0x5,reg4=0x1',
    ],
    ['an IPv6 address', { ipv6_dst: 0xfe80n << 112n }, 'ipv6,ipv6_dst=fe80::'],
    ['conntrack state', { ct_state: [0x22, 0x23] }, 'ct_state=-new+est+trk'],
    ['undefined members', { in_port: undefined, reg1: 1 } as unknown as MatchObject, 'reg1=0x1'],
  ])('%s', (_, object, expected) => {
    expect(text(object)).toBe(expected)
  })

  test.each<[string, object, string]>([
    ['an unknown field', { nosuch: 1 }, 'nosuch: no such field'],
    ['a value too large', { tcp_dst: 65536, eth_type: 0x800 }, 'tcp_dst: 65536 is no number of 16 bits'],
    ['a negative value', { reg0: -1 }, 'reg0: -1 is no number of 32 bits'],
    ['a fraction', { reg0: 0.5 }, 'reg0: 0.5 is no number of 32 bits'],
    ['a number for a bigint', { tunnel_id: 5 }, 'tunnel_id: 5 is no bigint of 64 bits'],
    ['a mask where none is allowed', { in_port: [1, 1] }, 'in_port: takes no mask'],
    ['an ambiguous prerequisite', { tcp_dst: 80 }, 'tcp_dst: needs eth_type=0x800 or 0x86dd'],
    ['a contradicted prerequisite', { eth_type: 0x0800, arp_op: 1 }, 'arp_op: needs eth_type=0x806 or 0x8035'],
    ['a contradicted protocol', { eth_type: 0x0800, ip_proto: 6, udp_dst: 53 }, 'udp_dst: needs ip_proto=0x11'],
    ['a priority without a tag', { vlan_vid: 0, vlan_pcp: 1 }, 'vlan_pcp: needs vlan_vid=0x1000'],
    ['a register named twice', { reg0: 1, xreg0: 0x2_0000_0000n }, 'reg0: is matched twice'],
    ['part of a priority', { vlan_tci: [0x3000, 0x3000] }, 'vlan_tci: OXM has no part of a VLAN priority'],
  ])('refuses %s', (_, object, message) => {
    expect(refusal(object)).toBe(message)
  })

  test('gives terms in an order that does not depend on the object', () => {
    expect(matchOf({ reg1: 1, udp_dst: 53, eth_type: 0x0800, in_port: 2 })).toEqual(
      matchOf({ in_port: 2, eth_type: 0x0800, udp_dst: 53, reg1: 1 }),
    )
  })
})

test.each([4, 5, 6] as const)('a match of version %i comes back as it was', version => {
  fc.assert(
    fc.property(matches, match => {
      const writer = new Writer()
      encodeMatch(writer, match, version)
      expect(decodeMatch(writer.view(), version)).toEqual(match)
      expect(writer.offset % 8).toBe(0)
    }),
  )
})

test('an unknown field is kept and comes back as it was', () => {
  // Class 0x8000 number 99 of three bytes, and an experimenter's of two with a mask.
  const bytes = Uint8Array.from(
    Buffer.from('0001001b8000c603010203ffff030800abcdef12340fff000000000000000000'.slice(0, 64), 'hex'),
  )
  bytes[3] = 4 + 7 + 12
  const match = decodeMatch(bytes.subarray(0, 24), 6)
  expect(formatMatch(match)).toBe('oxm_8000_99_0_3=0x10203,oxm_ffff_1_abcdef_2=0x234/0xfff')
  const writer = new Writer()
  encodeMatch(writer, match, 6)
  expect(writer.bytes()).toEqual(bytes.map((byte, i) => (i === 19 ? 0x02 : byte)).subarray(0, 24))
})
