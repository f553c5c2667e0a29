import { PacketError } from './error.ts'
import { decodeLatin1, encodeLatin1 } from './latin1.ts'

// Domain names as length-prefixed labels (RFC 1035 § 3.1), in text with dots and without the one at the end; `.` is the root.

const MAX_LABEL = 63
const MAX_NAME = 255
const POINTER = 0xc0
const MAX_POINTER = 0x3fff

/** One name read at `at`, and where the next thing begins. `complete`: it ends with the root, as all but partial names do. */
interface ReadName {
  name: string
  next: number
  complete: boolean
}

/** Reads the name at `at`; compression pointers (RFC 1035 § 4.1.4) may lead backwards only, so that no chain of them is endless. */
export function readDomainName(bytes: Uint8Array, at: number): ReadName {
  const labels: string[] = []
  let length = 1
  let start = at // of the part being read: a pointer leads to before it
  let next: number | undefined
  let complete = false
  while (at < bytes.length) {
    const size = bytes[at]!
    if (size === 0) {
      complete = true
      next ??= at + 1
      break
    }
    if (size >= POINTER) {
      if (at + 2 > bytes.length) throw new PacketError('domain name', 'ends inside a compression pointer')
      const target = ((size & ~POINTER) << 8) | bytes[at + 1]!
      if (target >= start) throw new PacketError('domain name', 'compression pointer does not lead backwards')
      next ??= at + 2
      start = target
      at = target
      continue
    }
    if (size > MAX_LABEL) throw new PacketError('domain name', `label type 0x${(size & POINTER).toString(16)}`)
    if (at + 1 + size > bytes.length) throw new PacketError('domain name', 'ends inside a label')
    length += 1 + size
    if (length > MAX_NAME) throw new PacketError('domain name', `longer than ${MAX_NAME} bytes`)
    const label = decodeLatin1(bytes.subarray(at + 1, at + 1 + size))
    if (label.includes('.')) throw new PacketError('domain name', `a dot inside label ${JSON.stringify(label)}`)
    labels.push(label)
    at += 1 + size
  }
  return { name: labels.join('.') || '.', next: next ?? at, complete }
}

/** The labels of a name in text; a dot at the end changes nothing. */
export function domainLabels(name: string): string[] {
  const labels = name === '.' ? [] : name.replace(/\.$/, '').split('.')
  for (const label of labels) {
    if (label.length === 0 || label.length > MAX_LABEL) {
      throw new PacketError('domain name', `${JSON.stringify(name)} has a label of ${label.length} characters`)
    }
  }
  if (labels.reduce((length, label) => length + 1 + label.length, 1) > MAX_NAME) {
    throw new PacketError('domain name', `${JSON.stringify(name)} is longer than ${MAX_NAME} bytes`)
  }
  return labels
}

/** Writes names one after another, the tail that one shares with an earlier one as a pointer to it. RFC 3397 § 2 */
export function encodeDomainNames(names: readonly string[]): Uint8Array {
  const bytes: number[] = []
  const known = new Map<string, number>()
  for (const name of names) {
    let labels = domainLabels(name)
    let pointer: number | undefined
    for (; labels.length > 0; labels = labels.slice(1)) {
      const tail = labels.join('.').toLowerCase()
      pointer = known.get(tail)
      if (pointer !== undefined) break
      if (bytes.length <= MAX_POINTER) known.set(tail, bytes.length)
      bytes.push(labels[0]!.length, ...encodeLatin1('domain name', labels[0]!))
    }
    if (pointer === undefined) bytes.push(0)
    else bytes.push(POINTER | (pointer >> 8), pointer & 0xff)
  }
  return Uint8Array.from(bytes)
}
