import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './real-server.ts'

/** A private key with the certificate that a CA signed for it, as files and as text. */
export interface Certified {
  readonly keyFile: string
  readonly certFile: string
  readonly key: Buffer
  readonly cert: Buffer
}

/** A certificate authority of its own in a directory, made by openssl. */
export class Authority {
  readonly directory: string
  readonly caFile: string

  private constructor(directory: string) {
    this.directory = directory
    this.caFile = join(directory, 'ca.pem')
  }

  /** Makes one. */
  static async create(directory: string): Promise<Authority> {
    const authority = new Authority(directory)
    await run(
      'openssl',
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=test authority',
      '-keyout',
      join(directory, 'ca.key'),
      '-out',
      authority.caFile,
    )
    return authority
  }

  /** The authority's certificate. */
  get ca(): Buffer {
    return readFileSync(this.caFile)
  }

  /** Makes a key and signs its certificate for a name that is no host name, as ovs-pki does. */
  async certify(name: string): Promise<Certified> {
    const file = (suffix: string) => join(this.directory, `${name}.${suffix}`)
    await run(
      'openssl',
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      file('key'),
      '-out',
      file('csr'),
    )
    writeFileSync(file('ext'), 'basicConstraints=CA:FALSE\n')
    await run(
      'openssl',
      'x509',
      '-req',
      '-in',
      file('csr'),
      '-CA',
      this.caFile,
      '-CAkey',
      join(this.directory, 'ca.key'),
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      file('ext'),
      '-out',
      file('pem'),
    )
    return {
      keyFile: file('key'),
      certFile: file('pem'),
      key: readFileSync(file('key')),
      cert: readFileSync(file('pem')),
    }
  }
}
