/** The upper 16 bits of every cookie of ours: what carries them is Weft's, everything else on a bridge is foreign. */
export const COOKIE_MARK = 0x5745n

const OURS = COOKIE_MARK << 48n

/**
 * The cookie of a flow: the mark and 48 bits of a hash of who owns the flow and why it exists.
 *
 * It depends on nothing else, so a restarted controller writes the cookies that the bridges already hold.
 */
export function cookieOf(owner: string, reason: string): bigint {
  // FNV-1a in two lanes of 32 and 16 bits: BigInt arithmetic a character would cost ten times as much.
  let low = 0x811c9dc5
  let high = 0x9dc5
  for (const text of [owner, reason]) {
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index)
      low = Math.imul(low ^ code, 0x01000193)
      high = Math.imul(high ^ (code + index), 0x0193) & 0xffff
    }
    low = Math.imul(low ^ 0x7c, 0x01000193)
    high = Math.imul(high ^ 0x7c, 0x0193) & 0xffff
  }
  return OURS | (BigInt(high) << 32n) | BigInt(low >>> 0)
}

/** Whether a cookie read from a bridge is one of ours. */
export function isOurs(cookie: bigint): boolean {
  return cookie >> 48n === COOKIE_MARK
}
