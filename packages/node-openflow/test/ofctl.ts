import { execFile, execFileSync, spawn } from 'node:child_process'
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
    const text = execFileSync('ovs-ofctl', ['ofp-parse', file], { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] })
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
    const child = spawn('ovs-ofctl', ['--no-names', '-O', RELEASE[version], verb!, ...rest.slice(0, -1), `unix:${socket}`, rest.at(-1) ?? '-'])
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

const HELLO = 0
const ECHO = 2
const FEATURES = 5
const BARRIER = 20
const BUNDLE_CONTROL = 33
const BUNDLE_ADD = 34

/** Keeps what matters, and gives the answer that ovs-ofctl waits for. */
const answerTo = (message: Buffer, version: Version, kept: Uint8Array[]): Uint8Array | undefined => {
  const xid = message.readUInt32BE(4)
  switch (message[1]) {
    case HELLO:
      return encoded({ type: 'hello', elements: [] }, version, xid)
    case ECHO:
      return encoded({ type: 'echo_reply', data: message.subarray(8) }, version, xid)
    case FEATURES:
      return encoded({ type: 'features_reply', datapathId: 1n, bufferCount: 0, tableCount: 254, auxiliaryId: 0, capabilities: 0, reserved: 0 }, version, xid)
    case BARRIER:
      return encoded({ type: 'barrier_reply' }, version, xid)
    case BUNDLE_CONTROL: {
      const { message: control } = decodeMessage(message)
      if (control.type !== 'bundle_control' || typeof control.kind === 'number') return undefined
      const kind = control.kind.replace('request', 'reply') as typeof control.kind
      return encoded({ ...control, kind }, version, xid)
    }
    case BUNDLE_ADD:
      kept.push(message.subarray(16, 16 + message.readUInt16BE(18)))
      return undefined
    default:
      kept.push(message)
      return undefined
  }
}

/** The bytes with transaction id 0, as text: for comparing. */
export const hexOf = (message: Uint8Array): string => {
  const copy = message.slice()
  copy.fill(0, 4, 8)
  return Buffer.from(copy).toString('hex')
}
void execFile
