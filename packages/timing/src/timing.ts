import {
  type Clock,
  type Exchange,
  type Outcome,
  type Plugin,
  type Remark,
  type Reply,
  readyReply,
} from '@millrace/core'
import { timedCalls } from './calls.ts'
import { callTimed, type Ended, exchangeTimed } from './events.ts'
import { Operations } from './operations.ts'
import { exchangeEnded } from './outcome.ts'
import { type CallRule, callSchema, type Rule, schema, type TimingRules } from './rule.ts'
import { entryOf, mostEntries, timingField } from './server-timing.ts'
import { methodLabel, telemetryOf } from './telemetry.ts'

/** What is shown of an exchange in its reply. */
interface Shown {
  readonly remarks: Remark[]
  /** Milliseconds that the handler took. */
  handler: number | undefined
}

/** Requests on their way that some Millrace times. */
const timed = new Set<Exchange>()

/** How long things take: a `Server-Timing` field and an event for each exchange, an event for each wrapped call. */
export const timing = (): Plugin<'timing', TimingRules, Rule, CallRule> => {
  const active = new Map<string, number>()
  const outcomes: Record<Ended, number> = { ok: 0, error: 0, aborted: 0, timeout: 0, rejected: 0 }
  const operations = new Operations()
  /** Those whose remarks somebody will see. */
  const shown = new Map<Exchange, Shown>()
  let sources: readonly (() => () => void)[] = []
  let ends: readonly (() => void)[] = []

  const listen = (): void => {
    if (ends.length === 0) ends = sources.map((watch) => watch())
  }

  const change = (method: string, by: number): void => {
    const label = methodLabel(method)
    active.set(label, (active.get(label) ?? 0) + by)
  }

  const finish = (timer: Timer, outcome: Outcome): void => {
    const { exchange, origin, head, buckets } = timer
    change(exchange.method, -1)
    shown.delete(origin)
    timed.delete(origin)
    const ended = exchangeEnded(outcome)
    outcomes[ended]++
    if (!exchangeTimed.hasSubscribers) return
    exchangeTimed.publish({
      exchange,
      method: exchange.method,
      route: exchange.route,
      // What a layer has said is not what was sent where that could not be.
      status: outcome.status,
      outcome: ended,
      head,
      total: timer.elapsed,
      bytes: outcome.bytes,
      requestBytes: requestBytesOf(exchange),
      buckets,
    })
  }

  const show = (rule: Rule, timer: Timer, reply: Reply, told: Shown): void => {
    const { exchange, head = 0 } = timer
    shown.delete(timer.origin)
    reply.headers.append('Server-Timing', timingField(rule.metric, head, told.handler, told.remarks))
    if (rule.allowOrigin !== undefined) reply.headers.append('Timing-Allow-Origin', rule.allowOrigin)
    if (rule.responseTime) reply.headers.set('X-Response-Time', `${head.toFixed(3)}ms`)
    // To look at the body costs, so only for who could get the trailer.
    if (exchange.headers['te'] === undefined || reply.headers.has('content-length') || !isStream(reply))
      return
    exchange.trailer('Server-Timing', () => entryOf('end', timer.elapsed))
  }

  return {
    name: 'timing',
    stage: 'observe',
    rule: schema,
    callRule: callSchema,
    telemetry: telemetryOf(active),
    joined(plugins) {
      const remarks = plugins.flatMap(({ telemetry }) => telemetry?.remarks ?? [])
      sources = [
        () => callTimed.subscribe((event) => operations.record(event)),
        ...remarks.map((each) => () => each.watch((remark) => note(remark))),
      ]
      listen()
    },
    http(rule, { clock }) {
      const { isExposed, buckets } = rule
      return function timing(exchange, next) {
        // Nobody has sent it.
        if (exchange.synthetic !== undefined) return next(exchange)
        // A Millrace around this one tells of it.
        const { origin } = exchange
        if (timed.has(origin)) return next(exchange)
        timed.add(origin)
        const timer = new Timer(exchange, origin, clock, buckets)
        change(exchange.method, 1)
        void exchange.done.then((outcome) => finish(timer, outcome))
        let told: Shown | undefined
        if (isExposed === true || (isExposed !== false && isSeenBy(isExposed, exchange))) {
          told = { remarks: [], handler: undefined }
          shown.set(origin, told)
        }
        const running = next(exchange)
        const reply = readyReply(running)
        if (reply === undefined) return later(running, timer, told)
        timer.headKnown()
        if (told !== undefined) show(rule, timer, reply, told)
        return running
      }

      async function later(running: Promise<Reply>, timer: Timer, told: Shown | undefined): Promise<Reply> {
        const reply = await running
        timer.headKnown()
        if (told !== undefined) show(rule, timer, reply, told)
        return reply
      }
    },
    handler(rule, { clock }) {
      if (rule.isExposed === false) return undefined
      return async function timing(exchange, next) {
        const told = shown.get(exchange.origin)
        if (told === undefined) return next(exchange)
        const began = clock.elapsed()
        try {
          return await next(exchange)
        } finally {
          told.handler = clock.elapsed() - began
        }
      }
    },
    call(rule, { name, clock }) {
      operations.use(clock)
      return timedCalls(name, rule, clock)
    },
    async start() {
      listen()
    },
    async stop() {
      for (const end of ends) end()
      ends = []
    },
    inspect: () => ({
      inFlight: [...active.values()].reduce((all, each) => all + each, 0),
      finished: Object.values(outcomes).reduce((all, each) => all + each, 0),
      ...outcomes,
      calls: operations.inspect(),
    }),
  }

  function note(remark: Remark): void {
    const told = remark.exchange && shown.get(remark.exchange.origin)
    if (told !== undefined && told.remarks.length < mostEntries) told.remarks.push(remark)
  }
}

/** What is known of one exchange so far. */
class Timer {
  readonly exchange: Exchange
  /** Of the request, however many exchanges it has. */
  readonly origin: Exchange
  readonly clock: Clock
  readonly buckets: readonly number[] | undefined
  readonly began: number
  head: number | undefined

  constructor(exchange: Exchange, origin: Exchange, clock: Clock, buckets: readonly number[] | undefined) {
    this.exchange = exchange
    this.origin = origin
    this.clock = clock
    this.buckets = buckets
    this.began = clock.elapsed()
    this.head = undefined
  }

  get elapsed(): number {
    return this.clock.elapsed() - this.began
  }

  headKnown(): void {
    this.head = this.elapsed
  }
}

/** What cannot tell is no reason to fail the request. */
const isSeenBy = (isExposed: (exchange: Exchange) => boolean, exchange: Exchange): boolean => {
  try {
    return isExposed(exchange)
  } catch {
    return false
  }
}

const isStream = ({ body }: Reply): boolean => body !== null && !(body instanceof Uint8Array)

const requestBytesOf = ({ headers, httpVersion, method }: Exchange): number | undefined => {
  const length = headers['content-length']
  if (typeof length === 'string') return /^\d+$/.test(length) ? Number(length) : undefined
  // HTTP/2 says nowhere whether there is one.
  const mayHaveBody = httpVersion.startsWith('2') && method !== 'GET' && method !== 'HEAD'
  return headers['transfer-encoding'] !== undefined || mayHaveBody ? undefined : 0
}
