import type { HostChangeView } from '../api/host-routes.ts'
import { ask } from './client.ts'
import { CommandError } from './exit-code.ts'

export interface HostChangeArguments {
  readonly api: string
  readonly host: string
  /** Without it nothing is done. */
  readonly yes: boolean
  readonly output: 'text' | 'json'
}

export interface AdoptArguments extends HostChangeArguments {
  readonly 'replace-controller': boolean
  readonly 'carries-no-address': boolean
}

/** Takes a host in, or says what that would do. */
export async function adopt(args: AdoptArguments, print: (text: string) => void): Promise<void> {
  const body = {
    dry_run: !args.yes,
    replace_controller: args['replace-controller'],
    carries_no_address: args['carries-no-address'],
  }
  const { host, steps, refusals } = await change(args, 'adopt', body, print)
  if (refusals.length > 0) throw new CommandError(`host ${host} would not be adopted:\n${refusals.join('\n')}`)
  say(args.yes ? `host ${host} is adopted` : steps.length > 0 ? 'nothing is done yet: --yes does it' : '')
}

/** Lets go of a host, or says what that would do. */
export async function release(args: HostChangeArguments, print: (text: string) => void): Promise<void> {
  const { host, steps, done } = await change(args, 'release', { dry_run: !args.yes }, print)
  if (!args.yes) {
    if (steps.length === 0) say(`nothing of Weft’s is on host ${host}`)
    say(`nothing is done yet: --yes does it, and host ${host} is left alone until \`weft adopt ${host}\``)
  } else {
    say(done ? `host ${host} is released` : `host ${host} is released, but not all of it is gone yet: weft get hosts`)
  }
}

async function change(
  { api, host, output }: HostChangeArguments,
  verb: 'adopt' | 'release',
  body: Readonly<Record<string, boolean>>,
  print: (text: string) => void,
): Promise<HostChangeView> {
  const path = `/v1/hosts/${encodeURIComponent(host)}/${verb}`
  const answer = await ask<HostChangeView>(api, path, { method: 'POST', body })
  if (output === 'json') print(JSON.stringify(answer, undefined, 2))
  else if (answer.steps.length > 0) print(answer.steps.join('\n'))
  return answer
}

function say(text: string): void {
  if (text !== '') process.stderr.write(`${text}\n`)
}
