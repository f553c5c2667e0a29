import { createLab, type Lab, type LabOptions } from '../../src/lab/lab.ts'

/** Two tenants with the same addresses on two hosts; what the lab needs of a topology. */
export const TOPOLOGY = `
hosts:
  h1: { ovsdb: "tcp:198.18.0.1:6640", tunnel_ip: 192.0.2.1, datapath_type: netdev }
  h2: { ovsdb: "tcp:198.18.0.2:6640", tunnel_ip: 192.0.2.2, datapath_type: netdev }
networks:
  red:  { project: red, network_type: vxlan, segmentation_id: 5001 }
  blue: { project: blue, network_type: vxlan, segmentation_id: 6001 }
subnets:
  red-v4:  { network: red, cidr: 10.0.0.0/24 }
  blue-v4: { network: blue, cidr: 10.0.0.0/24 }
ports:
  red-a:  { network: red, binding:host_id: h1, fixed_ips: [{ ip_address: 10.0.0.11 }] }
  red-b:  { network: red, binding:host_id: h2, fixed_ips: [{ ip_address: 10.0.0.12 }] }
  blue-a: { network: blue, binding:host_id: h1, fixed_ips: [{ ip_address: 10.0.0.11 }] }
  blue-b: { network: blue, binding:host_id: h2, fixed_ips: [{ ip_address: 10.0.0.12 }] }
`

/** A lab that lives without Weft: bridges that learn, a VLAN and a tunnel a tenant; guests have their addresses. */
export async function createPlainLab(options: Partial<LabOptions> = {}): Promise<Lab> {
  const lab = await createLab({ topology: TOPOLOGY, controller: false, ...options })
  const [h1, h2] = lab.layout.hosts
  await Promise.all(
    [
      [h1!, h2!],
      [h2!, h1!],
    ].map(async ([host, peer]) => {
      const guests = lab.layout.guests.filter(guest => guest.host === host!.name)
      const tag = (name: string) => `tag=${name.startsWith('red') ? 1 : 2}`
      await lab.vsctl(host!.name, 'add-br', 'br-int', '--', 'set', 'Bridge', 'br-int', 'datapath_type=netdev')
      for (const [tenant, key] of Object.entries({ red: 5001, blue: 6001 })) {
        const tunnel = ['type=vxlan', `options:remote_ip=${peer!.tunnelIp}`, `options:key=${key}`]
        await lab.vsctl(
          host!.name,
          'add-port',
          'br-int',
          tenant,
          tag(tenant),
          '--',
          'set',
          'Interface',
          tenant,
          ...tunnel,
        )
      }
      for (const { name, tap, interface: device, fixedIps } of guests) {
        await lab.plug(name)
        await lab.vsctl(host!.name, 'set', 'Port', tap, tag(name))
        await lab.exec(name, ['ip', 'address', 'add', `${fixedIps[0]}/24`, 'dev', device])
      }
    }),
  )
  await lab.underlayWarm()
  return lab
}
