import { request } from 'node:http'
import { type Endpoint, formatEndpoint, parseEndpoint } from '../endpoint.ts'
import { CommandError, EXIT } from './exit-code.ts'

/** Where the API listens unless told otherwise: loopback, the port OpenStack's clients expect of Neutron. */
export const DEFAULT_API = 'tcp:127.0.0.1:9696'

/**
 * Asks the controller.
 *
 * @throws {CommandError} `unreachable` when nobody answers, `failed` with the controller's words when it refuses.
 */
export async function ask<Answer>(api: string, path: string): Promise<Answer> {
  const endpoint = parseEndpoint(api)
  const { status, body } = await get(endpoint, path)
  const answer: unknown = JSON.parse(body)
  if (status === 200) return answer as Answer
  const message = (answer as { message?: unknown } | null)?.message
  throw new CommandError(typeof message === 'string' ? message : `the controller answered ${status}`)
}

function get(endpoint: Endpoint, path: string): Promise<{ status: number; body: string }> {
  const where =
    endpoint.transport === 'unix' ? { socketPath: endpoint.path } : { host: endpoint.host, port: endpoint.port }
  return new Promise((resolve, reject) => {
    const asked = request({ ...where, path, agent: false }, response => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      response.on('error', reject)
    })
    asked.on('error', error => {
      const hint = 'is `weft run` running? (--api or WEFT_API says where)'
      reject(
        new CommandError(
          `no controller answers at ${formatEndpoint(endpoint)}: ${error.message}; ${hint}`,
          EXIT.unreachable,
        ),
      )
    })
    asked.end()
  })
}
