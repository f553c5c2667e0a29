import { type IncomingMessage, request } from 'node:http'
import { formatEndpoint, parseEndpoint } from '../endpoint.ts'
import { CommandError, EXIT } from './exit-code.ts'

/** Where the API listens unless told otherwise: loopback, the port OpenStack's clients expect of Neutron. */
export const DEFAULT_API = 'tcp:127.0.0.1:9696'

/** The option by which every command that asks the controller is told where. */
export const apiOption = {
  type: 'string',
  get default() {
    return process.env['WEFT_API'] ?? DEFAULT_API
  },
  describe: 'where the controller’s API listens',
} as const

export interface AskOptions {
  readonly method?: 'GET' | 'PUT' | 'POST'
  readonly body?: unknown
  readonly signal?: AbortSignal | undefined
}

/**
 * Asks the controller.
 *
 * @throws {CommandError} `unreachable` when nobody answers; `usage` or `failed` with the controller's words when it refuses.
 */
export async function ask<Answer>(api: string, path: string, options: AskOptions = {}): Promise<Answer> {
  const response = await open(api, path, options)
  response.setEncoding('utf8')
  let text = ''
  try {
    for await (const chunk of response) text += chunk
  } catch (error) {
    throw unreachable(api, error)
  }
  const answer = parse(text)
  if (response.statusCode === 200) return answer as Answer
  const message = (answer as { message?: unknown } | null)?.message
  throw new CommandError(
    typeof message === 'string' ? message : `the controller answered ${response.statusCode}`,
    response.statusCode === 400 ? EXIT.usage : EXIT.failed,
  )
}

/**
 * The data of each server-sent event of a stream that does not end by itself.
 *
 * @throws {CommandError} `unreachable` when there is no stream, or it broke.
 */
export async function* follow<Data>(api: string, path: string, signal: AbortSignal): AsyncGenerator<Data> {
  const response = await open(api, path, { signal })
  if (response.statusCode !== 200) throw new CommandError(`the controller answered ${response.statusCode}`)
  response.setEncoding('utf8')
  let rest = ''
  try {
    for await (const chunk of response) {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line.startsWith('data: ')) yield parse(line.slice('data: '.length)) as Data
    }
  } catch (error) {
    throw unreachable(api, error)
  }
  throw unreachable(api, new Error('the stream ended'))
}

function open(api: string, path: string, { method = 'GET', body, signal }: AskOptions): Promise<IncomingMessage> {
  const endpoint = parseEndpoint(api)
  const where =
    endpoint.transport === 'unix' ? { socketPath: endpoint.path } : { host: endpoint.host, port: endpoint.port }
  const text = body === undefined ? undefined : JSON.stringify(body)
  const headers = text === undefined ? {} : { 'content-type': 'application/json' }
  return new Promise((resolve, reject) => {
    const asked = request({ ...where, path, method, headers, agent: false, signal }, resolve)
    asked.on('error', error => reject(unreachable(api, error)))
    asked.end(text)
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new CommandError(`what answers is no controller: ${text.slice(0, 60).split('\n', 1)[0]}`)
  }
}

function unreachable(api: string, error: unknown): CommandError {
  const reason = error instanceof Error ? error.message : String(error)
  const hint = 'is `weft run` running? (--api or WEFT_API says where)'
  const message = `no controller answers at ${formatEndpoint(parseEndpoint(api))}: ${reason}; ${hint}`
  return new CommandError(message, EXIT.unreachable)
}
