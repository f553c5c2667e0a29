import { describe, expect, test } from 'vitest'
import { encodeHello, negotiate } from '../src/hello.ts'

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

describe('version negotiation', () => {
  /** What the peer's HELLO says, what we offer, what comes of it. */
  const cases: [name: string, hello: string, ours: number[], agreed: number | undefined][] = [
    ['no element, the version we have', '04 00 0008 00000001', [4, 6], 4],
    ['no element, a version above ours', '06 00 0008 00000001', [4], 4],
    ['no element, a version above ours that skips some', '06 00 0008 00000001', [4, 5], 5],
    ['no element, the lower one not ours', '05 00 0008 00000001', [4, 6], undefined],
    ['no element, OpenFlow 1.0', '01 00 0008 00000001', [4, 6], undefined],
    ['bitmap of all versions up to 1.5', '06 00 0010 00000001 0001 0008 0000007e', [4, 6], 6],
    ['bitmap of 1.0 and 1.3', '04 00 0010 00000001 0001 0008 00000012', [4, 6], 4],
    ['bitmap decides, not the header', '06 00 0010 00000001 0001 0008 00000012', [4, 6], 4],
    ['bitmap without a common version', '05 00 0010 00000001 0001 0008 00000022', [4, 6], undefined],
    ['bitmap of two words', '06 00 0018 00000001 0001 000c 00000050 00000000 00000000', [4, 6], 6],
    ['element of length 0', '06 00 0010 00000001 0001 0000 00000050', [4, 6], 6],
    ['unknown element of length 0', '06 00 0010 00000001 ffff 0000 00000000', [4, 6], 6],
    ['element longer than the message', '04 00 0010 00000001 0001 0100 00000050', [4, 6], 4],
    ['element of its header only', '04 00 0010 00000001 0001 0004 00000000', [4, 6], 4],
    ['half an element header', '04 00 000a 00000001 0001', [4, 6], 4],
    [
      'unknown element, padded, before the bitmap',
      '06 00 0018 00000001 0007 0005 01 000000 0001 0008 00000010',
      [4, 6],
      4,
    ],
    ['unknown element at the end', '06 00 0018 00000001 0001 0008 00000050 ffff 0008 00000000', [4, 6], 6],
  ]
  test.each(cases)('%s', (_, hello, ours, agreed) => {
    const bytes = hex(hello)
    expect(negotiate(ours, bytes, 0, bytes.length)).toBe(agreed)
  })

  test('reads within the message only', () => {
    const bytes = hex('ffffffff 04 00 0008 00000001 0001 0008 00000040')
    expect(negotiate([4, 6], bytes, 4, 12)).toBe(4)
  })

  test('what we offer is what ovs-ofctl encode-hello gives', () => {
    // ovs-ofctl encode-hello 0x50
    expect(encodeHello([6, 4], 1)).toEqual(hex('06 00 0010 00000001 0001 0008 00000050'))
  })
})
