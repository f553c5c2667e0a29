import { dhcpFlow } from './dhcp.ts'
import { brIntFlows, brTunFlows, vtepFlow } from './host.ts'
import { brIntOf, bridgeOf, brTunOf, type Inputs, presenceId } from './inputs.ts'
import {
  knownElsewhereFlow,
  learnedMacFlows,
  learningPortItems,
  unknownUnicastItems,
  unknownUnicastOverTunnels,
} from './learning.ts'
import { brIntNetworkItems, brTunNetworkItems, isOverlay, portElsewhere, remoteHostBucket } from './network.ts'
import { portMeter } from './packet-in.ts'
import { arpAnswer, localPortItems, portArpAnswers, portSecurityFlows, remotePortFlow } from './port.ts'
import { brExFlows, brExNetworkFlows } from './provider.ts'

/** The audience of every br-tun of the fabric. */
const FABRIC = 'fabric/br-tun'

/** The audiences of the hosts that have a network. */
const networkOnBrInt = (network: string) => `network/${network}/br-int`
const networkOnBrTun = (network: string) => `network/${network}/br-tun`

/**
 * Declares which resource owns which flows, and what each reads.
 *
 * One more port re-runs two units: `port` for its own host and `port elsewhere` for all others, whatever their number. One more
 * learned MAC re-runs one.
 */
export function declareUnits(inputs: Inputs): void {
  const { engine, hosts, networks, subnets, ports, learned, bindings, presences } = inputs

  engine.unit('host', hosts, (cx, host) => {
    const brInt = brIntOf(host.name)
    const brTun = brTunOf(host.name)
    cx.join(brInt, brInt)
    cx.join(brTun, brTun)
    cx.join(FABRIC, brTun)
    for (const flow of brIntFlows(host)) cx.emit(brInt, flow)
    for (const flow of brTunFlows(host)) cx.emit(brTun, flow)
    if (host.tunnelIp !== undefined) cx.emit(FABRIC, vtepFlow(host, host.tunnelIp), brTun)
    for (const provider of Object.values(host.providers)) {
      const bridge = bridgeOf(host.name, provider.bridge)
      cx.join(bridge, bridge)
      for (const flow of brExFlows(host, provider)) cx.emit(bridge, flow)
    }
  })

  engine.unit('network on host', presences, (cx, presence) => {
    const host = cx.get(hosts, presence.host)
    const network = cx.get(networks, presence.network)
    if (host === undefined || network === undefined) return
    const brInt = brIntOf(host.name)
    const brTun = brTunOf(host.name)
    cx.join(networkOnBrInt(presence.network), brInt)
    for (const item of brIntNetworkItems(network, host, presence)) cx.emit(brInt, item)
    if (network.learning) {
      const goesOn = portElsewhere(network, host) !== undefined
      for (const item of unknownUnicastItems(network, host, goesOn)) cx.emit(brInt, item)
    }
    const provider = network.physicalNetwork === undefined ? undefined : host.providers[network.physicalNetwork]
    if (provider !== undefined) {
      const bridge = bridgeOf(host.name, provider.bridge)
      for (const flow of brExNetworkFlows(network, host, provider, presence)) cx.emit(bridge, flow)
    }
    const items = brTunNetworkItems(network, host, presence)
    if (items.length === 0) return
    cx.join(networkOnBrTun(presence.network), brTun)
    for (const item of items) cx.emit(brTun, item)
    if (network.learning) cx.emit(brTun, unknownUnicastOverTunnels(network, host))
    if (host.tunnelIp !== undefined) {
      cx.emit(networkOnBrTun(presence.network), remoteHostBucket(network, host, host.tunnelIp), brTun)
    }
  })

  engine.unit('dhcp server', subnets, (cx, subnet) => {
    const network = cx.get(networks, subnet.network)
    if (network === undefined || subnet.dhcp === undefined) return
    cx.emit(networkOnBrInt(subnet.network), arpAnswer(network, subnet.dhcp, `subnet ${subnet.name}`))
  })

  engine.unit('port', bindings, (cx, binding) => {
    const port = cx.get(ports, binding.port)
    const network = cx.get(networks, binding.network)
    if (port === undefined || network === undefined) return
    // Without its presence the group its bucket belongs to is not there.
    if (cx.get(presences, presenceId(binding.host, binding.network)) === undefined) return
    const brInt = brIntOf(binding.host)
    for (const item of localPortItems(port, network, binding)) cx.emit(brInt, item)
    const items = port.learning
      ? learningPortItems(binding.port, port, network, binding)
      : portSecurityFlows(port, binding)
    for (const item of items) cx.emit(brInt, item)
    const dhcp = port.addresses.some(address => cx.get(subnets, address.subnet)?.dhcp !== undefined)
    if (dhcp) cx.emit(brInt, dhcpFlow(binding.port, port, binding))
    if (dhcp || port.learning) cx.emit(brInt, portMeter(port, binding))
  })

  engine.unit('port elsewhere', bindings, (cx, binding) => {
    const port = cx.get(ports, binding.port)
    const network = cx.get(networks, binding.network)
    const host = cx.get(hosts, binding.host)
    if (port === undefined || network === undefined || host === undefined) return
    // A local network is another one on each host: what is on one is nobody's on the others.
    const everywhere = network.type === 'local' ? brIntOf(host.name) : networkOnBrInt(binding.network)
    for (const flow of portArpAnswers(port, network)) cx.emit(everywhere, flow)
    if (network.learning && network.type !== 'local') {
      const flow = knownElsewhereFlow(port.mac, port, network, host)
      cx.emit(networkOnBrInt(binding.network), flow, brIntOf(host.name))
    }
    if (!isOverlay(network) || host.tunnelIp === undefined) return
    cx.emit(networkOnBrTun(binding.network), remotePortFlow(port, network, host, host.tunnelIp), brTunOf(host.name))
  })

  engine.unit('learned mac', learned, (cx, { network: networkId, mac, port: portId }) => {
    const port = cx.get(ports, portId)
    const network = cx.get(networks, networkId)
    const binding = cx.get(bindings, portId)
    if (port?.network !== networkId || !port.learning || network === undefined || binding === undefined) return
    const host = cx.get(hosts, binding.host)
    if (host === undefined || cx.get(presences, presenceId(binding.host, networkId)) === undefined) return
    const brInt = brIntOf(host.name)
    for (const flow of learnedMacFlows(mac, port, network, binding)) cx.emit(brInt, flow)
    if (network.type === 'local') return
    cx.emit(networkOnBrInt(networkId), knownElsewhereFlow(mac, port, network, host), brInt)
    if (!isOverlay(network) || host.tunnelIp === undefined) return
    cx.emit(networkOnBrTun(networkId), remotePortFlow(port, network, host, host.tunnelIp, mac), brTunOf(host.name))
  })
}
