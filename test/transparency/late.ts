import { createServer } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { after } from 'node:test'
import {
  definePlugin,
  type Exchange,
  type Layer,
  type Millrace,
  millrace,
  type Reply,
  reply,
} from '@millrace/core'
import { z } from 'zod'
import { rawClient } from './client.ts'
import { portOf } from './execute.ts'
import { watchFaults } from './faults.ts'
import { type App, type Http2App, isProbe, probe } from './hosts.ts'
import { http2Client } from './http2-client.ts'
import type { Op, Program } from './program.ts'
import { Run } from './run.ts'
import { bare, type Wrapping } from './variants.ts'

type HttpLayer = Layer<Exchange, Reply>

/** One request whose deadline passes before its handler answers. */
class Case {
  readonly run: Run
  readonly early: readonly Op[]
  readonly late: readonly Op[]
  aborted = false
  settled = 0
  readonly expired: Promise<void>
  readonly resumed: Promise<void>
  expire: () => void = () => undefined
  resume: () => void = () => undefined

  constructor(run: Run, early: readonly Op[], late: readonly Op[]) {
    this.run = run
    this.early = early
    this.late = late
    this.expired = new Promise((resolve) => {
      this.expire = resolve
    })
    this.resumed = new Promise((resolve) => {
      this.resume = resolve
    })
  }
}

let current: Case | undefined

const answer = (): Reply => reply(503, { 'Content-Type': 'text/plain' }, 'too late')

/** Answers when the deadline has passed. */
const deadline: HttpLayer = (exchange, next) => {
  const running = current
  if (!running || exchange.headers['x-probe']) return next(exchange)
  exchange.signal.addEventListener('abort', () => {
    running.aborted = true
  })
  void exchange.done.then(() => running.settled++)
  return Promise.race([next(exchange), running.expired.then(answer)])
}

/** Keeps what the handler wrote until it is too late. */
const keep: HttpLayer = async (exchange, next) => {
  const running = current
  const kept = await next(exchange)
  if (running && !exchange.headers['x-probe']) await running.resumed
  return kept
}

/** Reads the body that the handler writes, until it is too late. */
const read: HttpLayer = async (exchange, next) => {
  const running = current
  const kept = await next(exchange)
  if (!running || exchange.headers['x-probe']) return kept
  const { body } = kept
  if (body !== null && !(body instanceof Uint8Array)) for await (const bytes of body) void bytes
  await running.resumed
  return kept
}

const pass: HttpLayer = async (exchange, next) => next(exchange)

const mill = (...layers: readonly HttpLayer[]): Millrace => {
  const plugins = layers.map((layer, i) =>
    definePlugin({ name: `layer${i}`, stage: 'observe', rule: z.object({}), http: () => layer }),
  )
  return millrace({ plugins, routes: { '/**': Object.fromEntries(plugins.map(({ name }) => [name, true])) } })
}

const wrapping = (change: Partial<Wrapping>): Wrapping => ({ outside: [], inside: [], inline: [], ...change })

/** Where the deadline stands, and what is inside of it. */
export const wrappings: Readonly<Record<string, Wrapping>> = {
  inside: wrapping({ inside: [mill(deadline)] }),
  outside: wrapping({ outside: [mill(deadline)] }),
  'around another Millrace': wrapping({ inside: [mill(deadline), mill(pass)] }),
  'outside of another Millrace': wrapping({ outside: [mill(deadline)], inside: [mill(pass)] }),
  'inside of another Millrace': wrapping({ outside: [mill(pass)], inside: [mill(deadline)] }),
}

/** The same, with what the handler wrote in time in somebody's hands when the deadline passes. */
export const keepers: Readonly<Record<string, Wrapping>> = {
  'around a layer that keeps the reply': wrapping({ inside: [mill(deadline, keep)] }),
  'around a layer that reads the body': wrapping({ inside: [mill(deadline, read)] }),
  'around another Millrace that keeps the reply': wrapping({ inside: [mill(deadline), mill(keep)] }),
  'outside of one that reads the body': wrapping({ outside: [mill(deadline)], inside: [mill(read)] }),
}

/** What came of it. */
export interface Aftermath {
  /** What the client received, the answer to the request after it on the same connection included. */
  readonly received: string
  readonly faults: readonly string[]
  /** Callbacks that the handler gave and that were not called. */
  readonly uncalled: readonly string[]
  readonly aborted: boolean
  readonly settled: number
}

type Performance = (program: Program, wrapping: Wrapping, early: readonly Op[]) => Promise<Aftermath>

const perform =
  <A>(
    build: (ops: readonly Op[], run: Run, wrapping: Wrapping) => A,
    set: (app: A, run: Run) => void,
    open: (activity: () => void) => Promise<ReturnType<typeof rawClient>>,
  ): Performance =>
  async (program, wrapping, early) => {
    const run = new Run(bare.view, undefined, true)
    const running = new Case(run, early, program.ops)
    current = running
    const unwatch = watchFaults((fault) => run.fault(fault))
    const ops: readonly Op[] = [...early, { op: 'until', promise: running.resumed }, ...program.ops]
    set(build(ops, run, wrapping), run)
    const client = await open(run.active)
    run.client = client
    try {
      client.send([program.ask])
      await run.calm()
      running.expire()
      await run.calm()
      running.resume()
      await run.finish()
      client.send([probe])
      await run.finish()
      client.leave()
      await run.finish()
    } finally {
      client.leave()
      unwatch()
      current = undefined
    }
    const received = bare.view.received(run.received.at(-1) ?? '')
    return {
      received,
      faults: run.faults,
      uncalled: run.uncalled,
      aborted: running.aborted,
      settled: running.settled,
    }
  }

export const http1Late = (build: (ops: readonly Op[], run: Run, wrapping: Wrapping) => App): Performance => {
  let playing: { app: App; run: Run } | undefined
  const server = createServer((req, res) => {
    if (!isProbe(req)) playing?.run.watch(res)
    playing?.app(req, res)
  })
  after(() => server.close())
  const listening = portOf(server)
  return perform(
    build,
    (app, run) => {
      playing = { app, run }
    },
    async (activity) => rawClient(await listening, activity),
  )
}

export const http2Late = (
  build: (ops: readonly Op[], run: Run, wrapping: Wrapping) => Http2App,
): Performance => {
  let playing: { app: Http2App; run: Run } | undefined
  const server = createHttp2Server((req, res) => {
    if (!isProbe(req)) playing?.run.watch(res)
    playing?.app(req, res)
  })
  after(() => server.close())
  const listening = portOf(server)
  return perform(
    build,
    (app, run) => {
      playing = { app, run }
    },
    async (activity) => http2Client(await listening, activity),
  )
}
