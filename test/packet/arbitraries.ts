import fc from 'fast-check'

// Values as the codecs of src/packet have them, any within their fields' widths.

export const bits = (width: number) => fc.nat({ max: 2 ** width - 1 })
export const u8 = bits(8)
export const u16 = bits(16)
export const u32 = fc.nat({ max: 0xffff_ffff })
export const mac = fc.maxSafeNat().map(value => value % 2 ** 48)
export const u128 = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n })
export const payload = fc.uint8Array({ maxLength: 200 })
/** Header options: whole words, at most 40 bytes. */
export const words = fc.nat({ max: 10 }).chain(count => fc.uint8Array({ minLength: 4 * count, maxLength: 4 * count }))
/** Text of a byte a character, without zeros. */
export const text = (maxLength: number) =>
  fc.array(fc.integer({ min: 1, max: 0xff }), { maxLength }).map(codes => String.fromCharCode(...codes))

export const endpoints = fc.oneof(
  fc.record({ source: u32, destination: u32 }),
  fc.record({ source: u128, destination: u128 }),
)

export const dhcpOptionCodes = fc.integer({ min: 1, max: 254 }).filter(code => code !== 52)
export const dhcpMessage = fc.record({
  op: u8,
  hops: u8,
  xid: u32,
  secs: u16,
  broadcast: fc.boolean(),
  ciaddr: u32,
  yiaddr: u32,
  siaddr: u32,
  giaddr: u32,
  chaddr: mac,
  sname: fc.oneof(fc.constant(''), text(64)),
  file: fc.oneof(fc.constant(''), text(128)),
  options: fc
    .array(fc.tuple(dhcpOptionCodes, fc.uint8Array({ maxLength: 600 })), { maxLength: 12 })
    .map(options => new Map(options)),
})
