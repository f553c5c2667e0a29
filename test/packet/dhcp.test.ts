import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BootpOp, type DhcpMessage, encodeDhcp, parseDhcp } from '../../src/packet/dhcp.ts'
import { dhcpMessage } from './arbitraries.ts'
import { complaint } from './complaint.ts'
import { hex, toHex } from './hex.ts'

const head = (sname = '', file = ''): string =>
  '01010600 00001234 0003 8000 0a00000b 00000000 00000000 00000000 fa163e00000a 0000 0000000000000000' +
  `${sname.padEnd(128, '0')} ${file.padEnd(256, '0')} 63825363`

const message: DhcpMessage = {
  op: BootpOp.request,
  hops: 0,
  xid: 0x1234,
  secs: 3,
  broadcast: true,
  ciaddr: 0x0a00_000b,
  yiaddr: 0,
  siaddr: 0,
  giaddr: 0,
  chaddr: 0xfa16_3e00_000a,
  sname: '',
  file: '',
  options: new Map(),
}
const withOptions = (...options: [code: number, length: number][]): DhcpMessage => ({
  ...message,
  options: new Map(options.map(([code, length]) => [code, new Uint8Array(length).fill(code)])),
})
/** The options of a message, as number and hex. */
const optionsOf = ({ options }: DhcpMessage): string[] => [...options].map(([code, value]) => `${code} ${toHex(value)}`)

describe('reading', () => {
  test('fields, pads, an unknown option, nothing behind the end', () => {
    const bytes = hex(`${head('6162', '6364')} 350101 00 00 e0020a0b ff 0304`)
    expect(parseDhcp(bytes)).toEqual({
      ...message,
      sname: 'ab',
      file: 'cd',
      options: new Map([
        [53, hex('01')],
        [224, hex('0a0b')],
      ]),
    })
  })

  test('names that fill their fields', () => {
    const { sname, file } = parseDhcp(hex(`${head('61'.repeat(64), '62'.repeat(128))} ff`))
    expect([sname, file]).toEqual(['a'.repeat(64), 'b'.repeat(128)])
  })

  test('no end mark', () => expect(optionsOf(parseDhcp(hex(`${head()} 350101`)))).toEqual(['53 01']))

  test.each([
    ['file', '340101 0301aa ff', '', '0301bb 0c01cc ff 0301dd', ['3 aabb', '12 cc']],
    ['sname', '340102 0301aa ff', '0301bb ff', '', ['3 aabb']],
    // file before sname, RFC 3396 § 5
    ['both', '340103 0301aa ff', '0301cc ff', '0301bb', ['3 aabbcc']],
    ['an overload inside them counts for nothing', '340101 ff', '0301cc', '340102 0301bb ff', ['3 bb']],
  ])('options in %s', (_where, options, sname, file, expected) => {
    const value = parseDhcp(hex(head(sname.replaceAll(' ', ''), file.replaceAll(' ', '')) + options))
    expect(optionsOf(value)).toEqual(expected)
    expect(value.file).toBe('')
  })

  test('parts of one option are one value, RFC 3397 § 2', () => {
    const parts = '7709 03656e67056170706c 7712 6503636f6d00096d61726b6574696e67c004 ff'
    expect(optionsOf(parseDhcp(hex(head() + parts)))).toEqual([
      '119 03656e67056170706c6503636f6d00096d61726b6574696e67c004',
    ])
  })

  test.each([
    [head().slice(0, -2), 'dhcp: 239 bytes, at least 240 wanted'],
    [head().replace('0101', '0106'), 'dhcp: hardware type 6, address length 6'],
    [head().replace('010106', '010108'), 'dhcp: hardware type 1, address length 8'],
    [head().replace('63825363', '63825364'), 'dhcp: no magic cookie'],
    [`${head()}350201`, "dhcp: option 53 goes past its field's end"],
    [`${head()}35`, "dhcp: option 53 goes past its field's end"],
    [`${head('', `${'00'.repeat(120)}03ff`)}340101`, "dhcp: option 3 goes past its field's end"],
    [`${head()}340104`, 'dhcp: malformed option-overload'],
    [`${head()}340100`, 'dhcp: malformed option-overload'],
    [`${head()}34020101`, 'dhcp: malformed option-overload'],
    [`${head()}340101340102`, 'dhcp: malformed option-overload'],
  ])('refuses row %#', (bytes, what) => expect(complaint(() => parseDhcp(hex(bytes)))).toBe(what))

  test('thousands of parts do not take long', () => {
    const bytes = new Uint8Array(65_000)
    bytes.set(hex(head()))
    for (let at = 240; at + 3 <= bytes.length; at += 3) bytes.set([224, 1, 7], at)
    expect(parseDhcp(bytes).options.get(224)).toHaveLength(21_586)
  })
})

describe('writing', () => {
  test('at least 300 bytes, the rest pads', () => {
    const bytes = encodeDhcp({ ...message, options: new Map([[53, hex('01')]]) })
    expect(toHex(bytes)).toBe(hexOf(`${head()} 350101 ff`).padEnd(600, '0'))
  })

  // `code:length` of the options of a message, its room, and which field each comes to lie in; 240 bytes are fixed, an end mark is 1
  test.each([
    ['they just fit', '1:100 2:203', 548, 'options 1:100 2:203'],
    ['by one byte not', '1:100 2:204', 548, 'options 1:100'],
    ['into file', '1:200 2:100 3:50', 548, 'options 1:200 2:100 52:1 | file 3:50'],
    ['into file and sname', '1:255 2:125 3:50 4:9', 548, 'options 1:255 4:9 52:1 | file 2:125 | sname 3:50'],
    ['what does not fit is left out, what follows is not', '1:255 2:126 3:50', 548, 'options 1:255 52:1 | file 3:50'],
    ['a long one in parts', '1:600', 1472, 'options 1:255 1:255 1:90'],
    ['one without a value', '80:0', 548, 'options 80:0'],
  ])('%s', (_what, options, maxLength, fields) => {
    const value = withOptions(...options.split(' ').map(option => option.split(':').map(Number) as [number, number]))
    expect(layout(encodeDhcp(value, { maxLength, overflow: 'omit' }))).toBe(fields)
  })
})

/** The options as they lie in the message: their field, number and length. */
function layout(bytes: Uint8Array): string {
  const read = (from: number, to: number): string[] => {
    const found: string[] = []
    for (let at = from; at < to && bytes[at] !== 255 && bytes[at] !== 0; at += 2 + bytes[at + 1]!)
      found.push(`${bytes[at]}:${bytes[at + 1]}`)
    return found
  }
  const fields = { options: read(240, bytes.length), file: read(108, 236), sname: read(44, 108) }
  return Object.entries(fields)
    .filter(([, found]) => found.length > 0)
    .map(([field, found]) => [field, ...found].join(' '))
    .join(' | ')
}

const hexOf = (text: string): string => text.replaceAll(/\s+/g, '')

test('messages come back from their bytes', () => {
  fc.assert(
    fc.property(dhcpMessage, value => {
      const back = parseDhcp(encodeDhcp(value, { maxLength: 65_507 }))
      expect(back).toEqual(value)
      expect([...back.options.keys()]).toEqual([...value.options.keys()])
    }),
  )
})

test('whatever room there is, it is not exceeded, and what is in is whole', () => {
  fc.assert(
    fc.property(dhcpMessage, fc.integer({ min: 300, max: 1472 }), (value, maxLength) => {
      const bytes = encodeDhcp(value, { maxLength, overflow: 'omit' })
      expect(bytes.length).toBeLessThanOrEqual(maxLength)
      const { options } = parseDhcp(bytes)
      for (const [code, content] of options) expect(content).toEqual(value.options.get(code))
      const lacking = [...value.options.keys()].filter(code => !options.has(code))
      const what = complaint(() => encodeDhcp(value, { maxLength }))
      if (lacking.length === 0) expect(what).toBeUndefined()
      else expect(what).toContain(`no room for option ${lacking[0]} `)
    }),
  )
})

test.each([
  [{ sname: 'x'.repeat(65) }, 'dhcp: sname of 65 characters, at most 64'],
  [{ file: 'x'.repeat(129) }, 'dhcp: file of 129 characters, at most 128'],
  [{ options: new Map([[0, hex('')]]) }, 'dhcp: option 0 is not for messages'],
  [{ options: new Map([[255, hex('')]]) }, 'dhcp: option 255 is not for messages'],
  [{ options: new Map([[52, hex('01')]]) }, 'dhcp: option 52 is not for messages'],
])('refuses to write %j', (fields, what) => expect(complaint(() => encodeDhcp({ ...message, ...fields }))).toBe(what))

test('whatever the bytes, reading ends with a message or a PacketError', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 120 }),
      fc.uint8Array({ maxLength: 64 }),
      fc.uint8Array({ maxLength: 128 }),
      (options, sname, file) => {
        void complaint(() => parseDhcp(hex(head(toHex(sname), toHex(file)) + toHex(options))))
      },
    ),
  )
})
