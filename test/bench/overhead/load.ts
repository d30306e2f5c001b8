import { fileURLToPath } from 'node:url'
import { execute, hasWrk, pinned } from './machine.ts'

const connections = 64

export interface Load {
  readonly requests: number
  readonly seconds: number
}

/**
 * Asks for one address on 64 connections for some seconds.
 *
 * @throws Error when any answer was not a 2xx or any connection broke
 */
export const load = async (url: string, seconds: number): Promise<Load> => {
  const answer = hasWrk ? await wrk(url, seconds) : await autocannon(url, seconds)
  if (answer.requests === 0 || answer.broken)
    throw new Error(`${url} did not answer every request:\n${answer.output}`)
  return answer
}

interface Answer extends Load {
  readonly broken: boolean
  readonly output: string
}

const wrk = async (url: string, seconds: number): Promise<Answer> => {
  const [command, args] = pinned('client', 'wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, url])
  const { stdout } = await execute(command, args)
  const [, requests = '0', took = '0'] = /(\d+) requests in ([\d.]+)s/.exec(stdout) ?? []
  return {
    requests: Number(requests),
    seconds: Number(took),
    broken: /Socket errors|Non-2xx/.test(stdout),
    output: stdout,
  }
}

/** What of its `--json` we read. */
interface Autocannon {
  readonly duration: number
  readonly errors: number
  readonly non2xx: number
  readonly requests: { readonly total: number }
}

const autocannon = async (url: string, seconds: number): Promise<Answer> => {
  const script = fileURLToPath(import.meta.resolve('autocannon'))
  const options = [script, '--json', '-c', String(connections), '-d', String(seconds), url]
  const [command, args] = pinned('client', process.execPath, options)
  const { stdout } = await execute(command, args)
  const said: Autocannon = JSON.parse(stdout)
  return {
    requests: said.requests.total,
    seconds: said.duration,
    broken: said.errors > 0 || said.non2xx > 0,
    output: stdout,
  }
}
