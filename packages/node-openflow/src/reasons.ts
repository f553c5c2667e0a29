import { openWords, u8 } from './codec/schema.ts'

/** Why a packet came to the controller (OpenFlow 1.5.1 § 7.4.1); `no_match` is a table miss, `action` an action of apply_actions. */
export const packetInReason = openWords(u8, {
  no_match: 0,
  action: 1,
  invalid_ttl: 2,
  action_set: 3,
  group: 4,
  packet_out: 5,
})
