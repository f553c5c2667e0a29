import { runCli } from './cli/cli.ts'

// A reader that has seen enough, as `head` does, is no failure.
process.stdout.on('error', error => {
  if ('code' in error && error.code === 'EPIPE') process.exit()
  throw error
})
process.exitCode = await runCli(process.argv.slice(2))
