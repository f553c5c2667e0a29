import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Finding } from '../../src/doctor/doctor.ts'
import { createLab, type Lab } from '../../src/lab/lab.ts'
import { TOPOLOGY } from './plain-lab.ts'

let lab: Lab
beforeAll(async () => {
  // The guests are left unplugged: the first test looks at hosts that nobody has taken in.
  lab = await createLab({ topology: TOPOLOGY, controller: false, plug: false })
})
afterAll(() => lab?.down())

const command = ['--conditions=weft-source', join(import.meta.dirname, '../../src/bin.ts'), 'doctor', '-o', 'json']

async function doctor(
  place: string,
  ...argv: string[]
): Promise<{ readonly code: number; readonly findings: Finding[] }> {
  const { code, stdout, stderr } = await lab.exec(place, [process.execPath, ...command, ...argv])
  if (stdout === '') throw new Error(stderr)
  return { code: code ?? -1, findings: JSON.parse(stdout) as Finding[] }
}

const ON_H1 = ['--datapath', 'netdev', '--tunnel-ip', '192.0.2.1']
const whats = (findings: readonly Finding[], level: Finding['level']) =>
  findings.filter(finding => finding.level === level).map(finding => finding.what)

describe('real Open vSwitch', () => {
  test('on the host itself: version by OpenFlow, where the tunnel address is, its MTU', async () => {
    const { code, findings } = await doctor('h1', ...ON_H1)
    expect({ code, errors: whats(findings, 'error') }).toEqual({ code: 0, errors: [] })
    expect(findings.map(finding => finding.what)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^Open vSwitch \d+\.\d+\.\d+, as its bridges say$/),
        'ovs-vswitchd has carried out what its database asks of it',
        'it has the netdev datapath',
        'it can make vxlan and gre ports',
        'tunnels can leave by the netdev bridge br-underlay',
        'the MTU of br-underlay is 1500: enough for tunnelled packets of 1500 bytes',
        'nothing is in the way of Weft’s bridges and ports',
      ]),
    )
  })

  test('from afar: what cannot be told is said', async () => {
    const { code, findings } = await doctor('controller', '--ovsdb', 'tcp:198.18.0.1:6640', ...ON_H1)
    expect(code).toBe(0)
    expect(whats(findings, 'unknown')).toEqual(['the version of Open vSwitch cannot be told from here'])
    expect(whats(findings, 'ok')).toContain('the MTU of underlay0 is 1500: enough for tunnelled packets of 1500 bytes')
  })

  test('each cure cures', async () => {
    const ill = [
      'ovs-vsctl set Open_vSwitch . other_config:flow-restore-wait=true',
      'ip link set br-underlay mtu 1400',
      'ovs-vsctl add-br br-int -- set Bridge br-int datapath_type=netdev',
      'ovs-vsctl add-port br-underlay patch-tun -- set Interface patch-tun type=patch options:peer=nobody',
      'ovs-vsctl set-manager ptcp:6640:198.18.0.1 tcp:198.18.0.77:6640',
    ]
    for (const line of ill) expect(await lab.exec('h1', ['sh', '-c', line])).toMatchObject({ code: 0 })
    const { code, findings } = await doctor('h1', ...ON_H1)
    expect({ code, errors: whats(findings, 'error').sort(), warnings: whats(findings, 'warning') }).toEqual({
      code: 1,
      errors: [
        'bridge br-int is there and not Weft’s: 0 guests',
        'flow-restore-wait is stuck: somebody set it and did not take it back',
        'port patch-tun is there and not Weft’s, on bridge br-underlay',
        'the MTU of br-underlay is 1400, and tunnelled packets have up to 1500 bytes',
      ],
      warnings: expect.arrayContaining([expect.stringMatching(/^its OVSDB does not reach tcp:198\.18\.0\.77:6640/)]),
    })
    for (const { level, what, cure = '' } of findings) {
      if (level !== 'error' && !what.includes('198.18.0.77')) continue
      expect(await lab.exec('h1', ['sh', '-c', cure]), cure).toMatchObject({ code: 0 })
    }
    const after = await doctor('h1', ...ON_H1)
    expect({ code: after.code, errors: whats(after.findings, 'error') }).toEqual({ code: 0, errors: [] })
    expect(after.findings.map(finding => finding.what).join()).not.toContain('198.18.0.77')
  })

  test('once Weft has taken the host in', async () => {
    const topology = join(import.meta.dirname, '../../topology/examples/two-tenants.yaml')
    await using served = await createLab({ topology })
    await served.settled()
    const [host] = served.hosts
    // ovs-vswitchd writes what became of its connections into the database every five seconds.
    for (const uuid of (await served.vsctl(host!, '--bare', '--columns=_uuid', 'list', 'Controller')).split(/\s+/)) {
      if (uuid !== '') await served.vsctl(host!, '--timeout=20', 'wait-until', 'Controller', uuid, 'is_connected=true')
    }
    const { stdout, stderr } = await served.exec(host!, [process.execPath, ...command, '--datapath', 'netdev'])
    if (stdout === '') throw new Error(stderr)
    const findings = JSON.parse(stdout) as Finding[]
    expect(whats(findings, 'error')).toEqual([])
    expect(whats(findings, 'ok')).toEqual(
      expect.arrayContaining([
        'bridge br-int is Weft’s and as it should be',
        'bridge br-tun is Weft’s and as it should be',
      ]),
    )
    expect(whats(findings, 'unknown').join()).toMatch(/guests on veth \(tap.*cannot be told from here/)
  })
})
