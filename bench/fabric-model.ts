import type { TopologyText } from '../topology/document.ts'

/** Where each port of a made-up fabric is: port name -> network and host. */
export interface FabricModel {
  readonly hosts: readonly string[]
  readonly networks: readonly string[]
  readonly ports: ReadonlyMap<string, { readonly network: string; readonly host: string }>
}

/**
 * `ports` ports over `networks` networks and `hosts` hosts.
 *
 * The first network, `probe`, has one port on every host whatever the size, so that one more port in it has the same
 * audience at every size; the others are dealt out evenly, each network over every host as far as its ports go.
 */
export function fabricModel(size: {
  readonly hosts: number
  readonly networks: number
  readonly ports: number
}): FabricModel {
  const hosts = [...Array(size.hosts).keys()].map(n => `h${n}`)
  const networks = ['probe', ...[...Array(size.networks - 1).keys()].map(n => `n${n}`)]
  const ports = new Map<string, { network: string; host: string }>()
  for (const host of hosts) ports.set(`probe-${host}`, { network: 'probe', host })
  const others = networks.length - 1
  for (let n = 0; ports.size < size.ports; n++) {
    const round = Math.floor(n / others)
    ports.set(`p${n}`, { network: networks[1 + (n % others)]!, host: hosts[(round + (n % others)) % hosts.length]! })
  }
  return { hosts, networks, ports }
}

/** The topology of the model, with `spare` more ports in the network `probe` that are plugged nowhere. */
export function modelTopology(
  model: FabricModel,
  ovsdb: (host: string) => string | undefined,
  spare: number,
): TopologyText {
  const lines = ['hosts:']
  model.hosts.forEach((host, index) => {
    const endpoint = ovsdb(host)
    const at = endpoint === undefined ? '' : `ovsdb: "${endpoint}", `
    lines.push(`  ${host}: { ${at}tunnel_ip: 192.0.${2 + Math.floor(index / 200)}.${1 + (index % 200)} }`)
  })
  lines.push('networks:')
  model.networks.forEach((network, index) => {
    lines.push(`  ${network}: { network_type: ${index % 2 === 0 ? 'vxlan' : 'gre'}, segmentation_id: ${1000 + index} }`)
  })
  lines.push('subnets:')
  for (const network of model.networks) lines.push(`  ${network}-v4: { network: ${network}, cidr: 10.0.0.0/16 }`)
  lines.push('ports:')
  for (const [name, { network }] of model.ports) lines.push(`  ${name}: { network: ${network} }`)
  for (let n = 0; n < spare; n++) lines.push(`  spare-${n}: { network: probe }`)
  return { text: `${lines.join('\n')}\n`, file: 'bench.yaml' }
}
