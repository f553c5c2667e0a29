import type { Port } from '../protocol/port.ts'
import { bitNames } from './bits.ts'
import { ethernet, portText } from './values.ts'

const CONFIG = ['PORT_DOWN', undefined, 'NO_RECV', undefined, undefined, 'NO_FWD', 'NO_PACKET_IN']
const STATE = ['LINK_DOWN', 'BLOCKED', 'LIVE']
const FEATURES = [
  '10MB-HD',
  '10MB-FD',
  '100MB-HD',
  '100MB-FD',
  '1GB-HD',
  '1GB-FD',
  '10GB-FD',
  '40GB-FD',
  '100GB-FD',
  '1TB-FD',
  'OTHER',
  'COPPER',
  'FIBER',
  'AUTO_NEG',
  'AUTO_PAUSE',
  'AUTO_PAUSE_ASYM',
]

/** A port as `ovs-ofctl show` writes it. */
export const portLines = (port: Port, _version: number): string => {
  const ethernetProperty = port.properties.find(property => property.type === 'ethernet')
  const features = (label: string, bits: number | undefined) =>
    bits ? `     ${label}${bitNames(bits, FEATURES)}\n` : ''
  const mbps = (kbps: number | undefined) => Math.floor((kbps ?? 0) / 1000)
  return [
    ` ${portText(port.portNo)}(${port.name}): addr:${ethernet.match(port.hwAddr, undefined)}\n`,
    `     config:     ${bitNames(port.config, CONFIG)}\n`,
    `     state:      ${bitNames(port.state, STATE)}\n`,
    features('current:    ', ethernetProperty?.curr),
    features('advertised: ', ethernetProperty?.advertised),
    features('supported:  ', ethernetProperty?.supported),
    features('peer:       ', ethernetProperty?.peer),
    `     speed: ${mbps(ethernetProperty?.currSpeed)} Mbps now, ${mbps(ethernetProperty?.maxSpeed)} Mbps max\n`,
  ].join('')
}
