import { fileURLToPath } from 'node:url'
import type { RequestFields } from './group.ts'
import { execute, hasWrk, pinned } from './machine.ts'

export interface Load {
  readonly requests: number
  readonly seconds: number
}

/** What is asked for, and how. */
export interface Asking {
  readonly url: string
  readonly headers: RequestFields
  /** How many addresses below `url`, all equally often; 1 for itself. More take wrk. */
  readonly keys: number
  /** How many ask at a time. */
  readonly connections: number
}

/**
 * Asks on some connections for some seconds.
 *
 * @throws Error when any answer was neither 2xx nor 3xx or any connection broke
 */
export const load = async (asking: Asking, seconds: number): Promise<Load> => {
  const { url } = asking
  if (asking.keys > 1 && !hasWrk) throw new Error('many addresses take wrk')
  const answer = hasWrk ? await wrk(asking, seconds) : await autocannon(asking, seconds)
  if (answer.requests === 0 || answer.broken)
    throw new Error(`${url} did not answer every request:\n${answer.output}`)
  return answer
}

interface Answer extends Load {
  readonly broken: boolean
  readonly output: string
}

const script = fileURLToPath(new URL('keys.lua', import.meta.url))

const wrk = async ({ url, headers, keys, connections }: Asking, seconds: number): Promise<Answer> => {
  const [command, args] = pinned('client', 'wrk', [
    ...['-t1', `-c${connections}`, `-d${seconds}s`],
    ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
    ...(keys > 1 ? ['-s', script, url, '--', String(keys)] : [url]),
  ])
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
  readonly '2xx': number
  readonly '3xx': number
  readonly requests: { readonly total: number }
}

const autocannon = async ({ url, headers, connections }: Asking, seconds: number): Promise<Answer> => {
  const options = [
    fileURLToPath(import.meta.resolve('autocannon')),
    ...['--json', '-c', String(connections), '-d', String(seconds)],
    ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}=${value}`]),
    url,
  ]
  const [command, args] = pinned('client', process.execPath, options)
  const { stdout } = await execute(command, args)
  const said: Autocannon = JSON.parse(stdout)
  return {
    requests: said.requests.total,
    seconds: said.duration,
    broken: said.errors > 0 || said.requests.total > said['2xx'] + said['3xx'],
    output: stdout,
  }
}
