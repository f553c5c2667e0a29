import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeMessage, encodeMessage, type Message, type Version, Writer } from '../src/index.ts'

/** Debian's ovs-ofctl as an oracle: bytes to text, and text to bytes. */

const hasOfctl = (): boolean => {
  try {
    execFileSync('ovs-ofctl', ['--version'])
    return true
  } catch {
    return false
  }
}
/** Why tests with the oracle are left out; undefined where it is there. */
export const withoutOfctl = hasOfctl() ? undefined : 'ovs-ofctl is not installed (apt-get install openvswitch-common)'

const RELEASE: Readonly<Record<Version, string>> = { 4: 'OpenFlow13', 5: 'OpenFlow14', 6: 'OpenFlow15' }
const MARK = 0xfeed0000

export const encoded = (message: Message, version: Version, xid = 0): Uint8Array => {
  const writer = new Writer()
  encodeMessage(writer, message, version, xid)
  return writer.bytes()
}

/** What `ovs-ofctl ofp-print` says of each message, in one run. */
export const printed = (messages: readonly Uint8Array[]): string[] => {
  const dir = mkdtempSync(join(tmpdir(), 'ofctl-'))
  try {
    const file = join(dir, 'messages')
    const mark = (i: number) => encoded({ type: 'echo_request', data: new Uint8Array() }, 4, MARK + i)
    writeFileSync(file, Buffer.concat(messages.flatMap((message, i) => [message, mark(i)])))
    const text = execFileSync('ovs-ofctl', ['ofp-parse', file], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return text.split(/^OFPT_ECHO_REQUEST \(OF1\.3\) \(xid=0xfeed[0-9a-f]{4}\): 0 bytes of payload\n/m).slice(0, -1)
  } finally {
    rmSync(dir, { recursive: true })
  }
}

/**
 * The messages that `ovs-ofctl COMMAND unix:SOCKET -` sends for `input`, to a switch that agrees to everything;
 * the parts of a bundle out of their envelopes. Throws what ovs-ofctl says where it refuses the input.
 */
export const sent = async (version: Version, command: readonly string[], input: string): Promise<Uint8Array[]> => {
  const dir = mkdtempSync(join(tmpdir(), 'ofctl-'))
  const socket = join(dir, 'switch')
  const messages: Uint8Array[] = []
  const server = createServer(peer => {
    let pending = Buffer.alloc(0)
    peer.on('error', () => {})
    peer.on('data', chunk => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 4 && pending.length >= pending.readUInt16BE(2)) {
        const message = pending.subarray(0, pending.readUInt16BE(2))
        pending = pending.subarray(message.length)
        const answer = answerTo(message, version, messages)
        if (answer !== undefined) peer.write(answer)
      }
    })
  }).listen(socket)
  try {
    await once(server, 'listening')
    const [verb, ...rest] = command
    const child = spawn('ovs-ofctl', [
      '--no-names',
      '-O',
      RELEASE[version],
      verb!,
      ...rest.slice(0, -1),
      `unix:${socket}`,
      rest.at(-1) ?? '-',
    ])
    child.stdin.end(input)
    let said = ''
    child.stderr.on('data', chunk => {
      said += chunk
    })
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`ovs-ofctl ${command.join(' ')}: ${said}`)
    return messages
  } finally {
    server.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

const HEADER = 8
/** What a bundle's envelope has before the message in it, from 1.4 on and as an extension of 1.3. */
const ENVELOPE: Readonly<Record<Version, number>> = { 4: HEADER + 16, 5: HEADER + 8, 6: HEADER + 8 }

/** Keeps what matters, and gives the answer that ovs-ofctl waits for. */
const answerTo = (bytes: Buffer, version: Version, kept: Uint8Array[]): Uint8Array | undefined => {
  // Whatever version its hello is of, its words are those of 1.3 on.
  const xid = bytes.readUInt32BE(4)
  if (bytes[1] === 0) return encoded({ type: 'hello', elements: [] }, version, xid)
  const { message } = decodeMessage(bytes)
  switch (message.type) {
    case 'echo_request':
      return encoded({ ...message, type: 'echo_reply' }, version, xid)
    case 'barrier_request':
      return encoded({ type: 'barrier_reply' }, version, xid)
    case 'bundle_control': {
      if (typeof message.kind === 'number') return undefined
      return encoded(
        { ...message, kind: message.kind.replace('request', 'reply') as typeof message.kind },
        version,
        xid,
      )
    }
    case 'bundle_add_message': {
      const inner = bytes.subarray(ENVELOPE[version])
      kept.push(inner.subarray(0, inner.readUInt16BE(2)))
      return undefined
    }
    default:
      kept.push(bytes)
      return undefined
  }
}

/** The bytes with transaction id 0, as text: for comparing. */
export const hexOf = (message: Uint8Array): string => {
  const copy = message.slice()
  copy.fill(0, 4, 8)
  return Buffer.from(copy).toString('hex')
}
