import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { execute, hasWrk, pinned } from '../overhead/machine.ts'
import { Serving } from '../overhead/serving.ts'
import { type Spread, spread } from '../overhead/spread.ts'
import { groups } from './servers.ts'

// Fifty requests in one POST beside fifty requests, in turns: the ratio of what is answered in a second.

const rounds = 5
const seconds = 2

/** Requests in a batch. */
const size = 50

const script = fileURLToPath(new URL('batch.lua', import.meta.url))

/** Requests per second, each of a batch counted. */
type Measure = (origin: string, seconds: number) => Promise<number>

/** 64 connections that ask as fast as they are answered: what the server can do at most. */
const saturated =
  (path: string, each: number, ...rest: readonly string[]): Measure =>
  async (origin, seconds) => {
    const asked = [
      '-t1',
      '-c64',
      '--timeout',
      '10s',
      `-d${seconds}s`,
      ...(each > 1 ? ['-s', script] : []),
      `${origin}${path}`,
      ...rest,
    ]
    const { stdout } = await execute(...asCommand(pinned('client', 'wrk', asked)))
    const [, requests = '0', took = '0'] = /(\d+) requests in ([\d.]+)s/.exec(stdout) ?? []
    if (Number(requests) === 0 || /Socket errors|Non-2xx/.test(stdout)) throw new Error(stdout)
    return (Number(requests) * each) / Number(took)
  }

const asCommand = ([command, args]: readonly [string, readonly string[]]): [string, string[]] => [
  command,
  [...args],
]

const ask = async (agent: Agent, url: string, content?: string): Promise<void> => {
  const headers = content === undefined ? {} : { 'Content-Type': 'application/json' }
  const method = content === undefined ? 'GET' : 'POST'
  const answer = await new Promise<string>((resolve, reject) => {
    const sent = request(url, { agent, method, headers }, (answer) => void text(answer).then(resolve, reject))
    sent.once('error', reject)
    sent.end(content)
  })
  if (!answer.includes('world')) throw new Error(`it answered ${answer}`)
}

/** One client that needs the answers to fifty requests, over so many connections that are kept. */
const oneClient =
  (connections: number, way: (agent: Agent, origin: string) => Promise<unknown>): Measure =>
  async (origin, seconds) => {
    const agent = new Agent({ keepAlive: true, maxSockets: connections })
    const began = performance.now()
    let answered = 0
    while (performance.now() - began < seconds * 1000) {
      await way(agent, origin)
      answered += size
    }
    const took = performance.now() - began
    agent.destroy()
    return (1000 * answered) / took
  }

const batch = JSON.stringify(Array.from({ length: size }, (_, id) => ({ id: `${id}`, path: '/hello' })))

const inOne = (agent: Agent, origin: string): Promise<void> => ask(agent, `${origin}/batch`, batch)

const singly = (agent: Agent, origin: string): Promise<unknown> =>
  Promise.all(Array.from({ length: size }, () => ask(agent, `${origin}/hello`)))

interface Pair {
  readonly title: string
  readonly single: Measure
  readonly batch: Measure
}

const pairs: readonly Pair[] = [
  { title: 'one client, one connection', single: oneClient(1, singly), batch: oneClient(1, inOne) },
  { title: 'one client, six connections', single: oneClient(6, singly), batch: oneClient(6, inOne) },
  ...(hasWrk
    ? [
        {
          title: '64 connections of wrk',
          single: saturated('/hello', 1),
          batch: saturated('/batch', size, '--', String(size)),
        },
      ]
    : []),
]

const shown = ({ median, min, max }: Spread): string =>
  `${median.toFixed(2)} (${min.toFixed(2)}..${max.toFixed(2)})`

const contenders = groups['apps']?.contenders ?? {}
const module = import.meta.resolve('./servers.ts')
console.log(
  `| ${size} requests in one POST, beside ${size} requests over keep-alive | ratio (min..max) | req/s in batches | CPU µs each | singly |`,
)
console.log('|---|---:|---:|---:|---:|')
for (const [name, { label }] of Object.entries(contenders)) {
  const serving = await Serving.start(module, 'apps', name, '')
  try {
    for (const pair of pairs) {
      const laps: {
        readonly ratio: number
        readonly perSecond: number
        readonly batch: number
        readonly single: number
      }[] = []
      await pair.single(serving.url, 1)
      await pair.batch(serving.url, 1)
      for (let round = 0; round < rounds; round++) {
        const start = await serving.cpu()
        const one = await pair.single(serving.url, seconds)
        const middle = await serving.cpu()
        const all = await pair.batch(serving.url, seconds)
        const end = await serving.cpu()
        laps.push({
          ratio: all / one,
          perSecond: all,
          single: (middle - start) / (one * seconds),
          batch: (end - middle) / (all * seconds),
        })
      }
      const of = (figure: (lap: (typeof laps)[number]) => number): Spread => spread(laps.map(figure))
      const perSecond = Math.round(of((lap) => lap.perSecond).median).toLocaleString('en')
      const cpu = [of((lap) => lap.batch), of((lap) => lap.single)].map(({ median }) => median.toFixed(1))
      console.log(
        `| ${label}, ${pair.title} | ${shown(of((lap) => lap.ratio))} | ${perSecond} | ${cpu.join(' | ')} |`,
      )
    }
  } finally {
    serving.stop()
  }
}
