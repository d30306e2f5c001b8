import { Agent, createServer, get } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { mount } from '@millrace/express'
import compression from 'compression'
import koaCompress from 'koa-compress'
import type { Course } from '../overhead/contest.ts'
import type { Contender, Group, Groups } from '../overhead/group.ts'
import { load } from '../overhead/load.ts'
import { Serving } from '../overhead/serving.ts'
import { spread } from '../overhead/spread.ts'
import { compressing, onExpress, onFastify, onKoa, onMillraceKoa, path, pingPath, pong } from './apps.ts'
import { type Content, huge, streamed } from './content.ts'

/** A few bytes, asked for while megabytes are compressed beside. */
const beside = (title: string, content: Content): Group => {
  const contender = (label: string, server: Contender['server']): Contender => ({
    label,
    server,
    answer: { status: 200, body: pong, fields: { 'content-encoding': /^undefined$/ } },
  })
  return {
    title,
    path: pingPath,
    headers: { 'Accept-Encoding': 'gzip' },
    base: 'plain',
    contenders: {
      plain: contender('Express, plain', () => createServer(onExpress(content))),
      express: contender('Express + Millrace, `compress`', () =>
        createServer(onExpress(content, mount(compressing())())),
      ),
      compression: contender('Express + `compression`', () =>
        createServer(onExpress(content, compression())),
      ),
      koa: contender('Koa + Millrace, `compress`', () => createServer(onMillraceKoa(content))),
      'koa-compress': contender('Koa + koa-compress', () =>
        createServer(onKoa(content, (app) => app.use(koaCompress()))),
      ),
      fastify: contender('Fastify + @fastify/compress', () => onFastify(content)),
    },
    bars: [],
  }
}

export const groups: Groups = {
  'beside-whole': beside('beside 1 MB of JSON as a whole, one after the other', huge),
  'beside-stream': beside('beside 1 MB of JSON as a stream, one after the other', streamed),
}

/** Of these the small route may get slower by so much, at the 99th percentile. */
const own = ['express', 'koa']
const atMost = 1.5

/** Milliseconds between two requests: what is measured is how long one waits, not how many there can be. */
const pause = 1

interface Lap {
  /** Milliseconds, of 99 in 100 requests at most. */
  readonly idle: number
  readonly loaded: number
  /** Megabytes of which each is an answer, in a second. */
  readonly perSecond: number
}

const ask = (url: string, agent: Agent): Promise<void> =>
  new Promise((resolve, reject) => {
    get(url, { agent, headers: { 'Accept-Encoding': 'gzip' } }, (answer) => {
      answer.resume().once('end', resolve).once('error', reject)
    }).once('error', reject)
  })

/** The 99th percentile of how long a request takes, in milliseconds. */
const ninetyNinth = async (url: string, agent: Agent, seconds: number): Promise<number> => {
  const times: number[] = []
  const end = performance.now() + seconds * 1000
  for (let began = performance.now(); began < end; began = performance.now()) {
    await ask(url, agent)
    times.push(performance.now() - began)
    await wait(pause)
  }
  times.sort((a, b) => a - b)
  return times[Math.floor(times.length * 0.99)] ?? Number.NaN
}

const timed = async ({ url }: Serving, agent: Agent, seconds: number): Promise<Lap> => {
  const idle = await ninetyNinth(url, agent, seconds)
  const bulk = {
    url: new URL(path, url).href,
    headers: { 'Accept-Encoding': 'gzip' },
    keys: 1,
    connections: 1,
  }
  // Longer than is looked at, so that it is there all the time.
  const loading = load(bulk, seconds + 1)
  await wait(500)
  const loaded = await ninetyNinth(url, agent, seconds)
  const { requests, seconds: took } = await loading
  return { idle, loaded, perSecond: requests / took }
}

const table = ({ title, contenders }: Group, laps: ReadonlyMap<string, readonly Lap[]>): string => {
  const rows: string[] = []
  const bars: string[] = []
  for (const [name, each] of laps) {
    const median = (figure: (lap: Lap) => number): number => spread(each.map(figure)).median
    const ratio = spread(each.map(({ idle, loaded }) => loaded / idle))
    const shown = `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}..${ratio.max.toFixed(2)})`
    const figures = [median(({ idle }) => idle), median(({ loaded }) => loaded)].map((ms) => ms.toFixed(2))
    const perSecond = median((lap) => lap.perSecond).toFixed(0)
    rows.push(`| ${[contenders[name]?.label, ...figures, shown, perSecond].join(' | ')} |`)
    if (own.includes(name))
      bars.push(`- ${ratio.median <= atMost ? 'reached' : 'missed'}: \`${name}\` <= ${atMost}: ${shown}`)
  }
  const head = `| a few bytes, ${title} | p99 idle, ms | p99 beside, ms | ratio (min..max) | MB/s |`
  return [head, '|---|---:|---:|---:|---:|', ...rows, '', ...bars, ''].join('\n')
}

/** Each contender's small route, without and with the megabytes, on all cores. */
export const measure = async (name: string, { rounds, seconds }: Course): Promise<string> => {
  const group = groups[name]
  if (group === undefined) throw new RangeError(`no group ${name}`)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const running = new Map<string, Serving>()
  const laps = new Map<string, Lap[]>()
  try {
    for (const [each, { answer }] of Object.entries(group.contenders)) {
      const serving = await Serving.start(import.meta.url, name, each, group.path, { everywhere: true })
      running.set(each, serving)
      laps.set(each, [])
      await serving.verify(answer, group.headers ?? {})
      await timed(serving, agent, 1)
    }
    for (let round = 0; round < rounds; round++) {
      for (const [each, serving] of running) {
        const lap = await timed(serving, agent, seconds)
        laps.get(each)?.push(lap)
        process.stderr.write(`${name} ${round + 1}/${rounds} ${each}: ${JSON.stringify(lap)}\n`)
      }
    }
  } finally {
    agent.destroy()
    for (const serving of running.values()) serving.stop()
  }
  return table(group, laps)
}
