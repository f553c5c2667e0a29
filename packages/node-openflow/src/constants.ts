/** Reserved numbers and flags of OpenFlow 1.5.1, where 1.3 has the same. */

/** Reserved ports (§ 7.2.1.2). */
export const PORT = {
  /** The largest number of a real port. */
  MAX: 0xffffff00,
  UNSET: 0xfffffff7,
  IN_PORT: 0xfffffff8,
  TABLE: 0xfffffff9,
  NORMAL: 0xfffffffa,
  FLOOD: 0xfffffffb,
  ALL: 0xfffffffc,
  CONTROLLER: 0xfffffffd,
  LOCAL: 0xfffffffe,
  ANY: 0xffffffff,
} as const
/** Flags of a port's config, which is wanted, and of its state, which is so (§ 7.2.1.1). */
export const PORT_CONFIG = { PORT_DOWN: 1, NO_RECV: 4, NO_FWD: 32, NO_PACKET_IN: 64 } as const
export const PORT_STATE = { LINK_DOWN: 1, BLOCKED: 2, LIVE: 4 } as const
/** Reserved groups and buckets (§ 7.3.4.3). */
export const GROUP = {
  MAX: 0xffffff00,
  ALL: 0xfffffffc,
  ANY: 0xffffffff,
  BUCKET_FIRST: 0xfffffffd,
  BUCKET_LAST: 0xfffffffe,
  BUCKET_ALL: 0xffffffff,
} as const
/** Reserved meters (§ 7.3.4.4). */
export const METER = { MAX: 0xffff0000, SLOWPATH: 0xfffffffd, CONTROLLER: 0xfffffffe, ALL: 0xffffffff } as const
/** Reserved tables (§ 7.2.2). */
export const TABLE = { MAX: 0xfe, ALL: 0xff } as const
/** No buffered packet (§ 7.2.1). */
export const NO_BUFFER = 0xffffffff
/** As `maxLen`: the whole packet (§ 7.2.6.1). */
export const NO_TRUNCATION = 0xffff
/** VLAN id present, as bit 12 of vlan_vid (§ 7.2.3.7). */
export const VLAN_PRESENT = 0x1000

/** Flags of flow_mod and of flow entries (§ 7.3.4.2). */
export const FLOW_FLAG = {
  SEND_FLOW_REM: 1,
  CHECK_OVERLAP: 2,
  RESET_COUNTS: 4,
  NO_PKT_COUNTS: 8,
  NO_BYT_COUNTS: 16,
} as const
/** Flags of meters (§ 7.3.4.4). */
export const METER_FLAG = { KBPS: 1, PKTPS: 2, BURST: 4, STATS: 8 } as const
/** Flags of bundles (§ 7.3.9.4). */
export const BUNDLE_FLAG = { ATOMIC: 1, ORDERED: 2 } as const
