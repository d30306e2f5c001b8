import {
  ClientGoneError,
  DeadlineError,
  type Duration,
  duration,
  type Exchange,
  failed,
  type Handler,
  HeaderMap,
  type Layer,
  type Plugin,
  type Reply,
  ready,
  type Site,
  type Size,
  size,
  tap,
  within,
} from '@millrace/core'
import { z } from 'zod'
import { type Looked, looked, stored, type TierFailed, tierFailed } from './events.ts'
import { Flights, type Landing } from './flights.ts'
import { memory } from './memory.ts'
import { bypassReason, isConditional, keptFields, keyOf, lifetime, matchesNone } from './policy.ts'
import type { Entry, Store } from './store.ts'

/** What a route may say: `cache: true`, a duration (`cache: '30s'`), or these options. */
export interface CacheRule {
  /** How long a reply is fresh. Without it the handler's `Cache-Control` decides. */
  readonly ttl?: Duration | undefined
  /** Larger bodies are passed on and not kept. Default `1mb`. */
  readonly maxBodySize?: Size | undefined
  /** How long a request waits for another one's reply before it goes to the handler itself. Default `10s`. */
  readonly wait?: Duration | undefined
}

interface Rule {
  readonly ttl?: number | undefined
  readonly maxBodySize: number
  readonly wait: number
}

const schema: z.ZodType<Rule> = z.strictObject({
  ttl: duration().optional(),
  maxBodySize: size().default(1024 * 1024),
  wait: duration().default(10_000),
})

export interface CacheOptions {
  /** Where replies are kept. Default one `memory()`. */
  readonly tiers?: readonly [Store]
}

/** The response cache: GET and HEAD answered from what the handler said before; concurrent misses run it once. */
export const cache = ({
  tiers = [memory()],
}: CacheOptions = {}): Plugin<'cache', CacheRule | Duration, Rule> => {
  const [store] = tiers
  const flights = new Flights<Entry>()
  const counts = { hit: 0, coalesced: 0, miss: 0, bypass: 0 }

  const count = (exchange: Exchange, outcome: Looked['outcome']): void => {
    counts[outcome]++
    if (looked.hasSubscribers) looked.publish({ route: exchange.route, outcome })
  }

  return {
    name: 'cache',
    stage: 'store',
    rule: schema,
    shorthand: (value) =>
      typeof value === 'string' || typeof value === 'number' ? { ttl: value } : undefined,
    http: (rule, site) => responseCache(rule, site, store, flights, count),
    inspect: () => ({ ...counts, inFlight: flights.size, tiers: { [store.name]: store.inspect() } }),
  }
}

const responseCache = (
  rule: Rule,
  { clock }: Site,
  store: Store,
  flights: Flights<Entry>,
  count: (exchange: Exchange, outcome: Looked['outcome']) => void,
): Layer<Exchange, Reply> => {
  return function cache(exchange, next) {
    const { headers } = exchange
    const around = bypassReason(exchange.method, headers)
    if (around !== undefined) return goAround(exchange, next, around)
    const key = keyOf(exchange.url, headers)
    const entry = store.near?.(key)
    const now = clock.now()
    if (!entry || entry.expiresAt <= now) return find(exchange, next, key)
    count(exchange, 'hit')
    return ready(answer(entry, exchange, hitFields(entry, now)))
  }

  async function goAround(
    exchange: Exchange,
    next: Handler<Exchange, Reply>,
    reason: string,
  ): Promise<Reply> {
    count(exchange, 'bypass')
    return forwarded(await next(exchange), reason === 'method' ? 'method' : 'bypass', reason)
  }

  async function find(exchange: Exchange, next: Handler<Exchange, Reply>, key: string): Promise<Reply> {
    const { headers } = exchange
    let until: number | undefined
    for (;;) {
      const entry = await fromStore(key)
      const now = clock.now()
      if (entry && entry.expiresAt > now) {
        count(exchange, 'hit')
        return answer(entry, exchange, hitFields(entry, now))
      }
      if (exchange.method !== 'GET' || isConditional(headers)) break
      const flight = flights.join(key)
      if (!flight) return lead(exchange, next, key)
      // One deadline however many flights it waits for.
      until ??= clock.elapsed() + rule.wait
      const landing = await patiently(flight, until - clock.elapsed())
      if (landing === 'again') continue
      if (landing === 'alone') break
      count(exchange, 'coalesced')
      if ('error' in landing) throw landing.error
      return answer(landing.value, exchange, fieldsOf(landing.value, clock.now(), 'fwd=miss; collapsed'))
    }
    count(exchange, 'miss')
    return forwarded(await next(exchange), 'miss')
  }

  /** Goes to the handler for all who wait, and keeps what it says if it may. */
  async function lead(exchange: Exchange, next: Handler<Exchange, Reply>, key: string): Promise<Reply> {
    const land = flights.start(key)
    const { preset } = exchange
    let reply: Reply
    try {
      count(exchange, 'miss')
      reply = await next(exchange)
    } catch (error) {
      // The leader's own client leaving is no answer to the others; the next of them goes.
      if (error instanceof ClientGoneError) land('again')
      else land(isRefusal(error) ? 'alone' : { error })
      throw error
    }
    const fields = keptFields(reply.headers, preset)
    const ttl = isLarger(reply, rule.maxBodySize)
      ? 0
      : lifetime(reply.status, reply.headers, fields, rule.ttl)
    // A failure is not kept, but those who wait get it too, instead of asking a handler that is down one after another.
    const shared = ttl > 0 || (failed(reply) && lifetime(200, reply.headers, fields, 1) > 0)
    if (!shared) land('alone')
    else {
      // Whatever becomes of the body, the flight ends with the exchange.
      void exchange.done.then(() => land('again'))
      void keep(reply, tap(reply, rule.maxBodySize), fields, ttl).then(async (entry) => {
        if (entry) land({ value: entry })
        else land(exchange.signal.aborted ? 'again' : 'alone')
        if (!entry || ttl === 0) return
        if (stored.hasSubscribers)
          stored.publish({ route: exchange.route, bytes: entry.body.byteLength, ttl })
        try {
          await store.set(key, entry)
        } catch (error) {
          failure('set', error)
        }
      })
    }
    return forwarded(reply, 'miss', ttl > 0 ? 'stored' : undefined)
  }

  async function keep(
    reply: Reply,
    bytes: Promise<Uint8Array | undefined>,
    fields: string[],
    ttl: number,
  ): Promise<Entry | undefined> {
    const { status } = reply
    const passed = await bytes
    if (!passed) return undefined
    // A copy of its own: the handler may reuse its buffer, and a small one would hold on to Node's whole pool slab.
    const body = Buffer.from(new Uint8Array(passed).buffer)
    fields.push('Content-Length', String(body.byteLength))
    const storedAt = clock.now()
    return { status, fields, body, storedAt, expiresAt: storedAt + ttl }
  }

  async function fromStore(key: string): Promise<Entry | undefined> {
    try {
      return await store.get(key)
    } catch (error) {
      failure('get', error)
      return undefined
    }
  }

  function failure(operation: TierFailed['operation'], error: unknown): void {
    if (tierFailed.hasSubscribers) tierFailed.publish({ tier: store.name, operation, error })
  }

  async function patiently(flight: Promise<Landing<Entry>>, wait: number): Promise<Landing<Entry>> {
    try {
      return await within(clock, Math.max(0, wait), flight, 'the request in flight took too long')
    } catch (error) {
      if (error instanceof DeadlineError) return 'alone'
      throw error
    }
  }
}

/** The fields of a hit, which stay the same for a second. */
interface HitHead {
  readonly age: number
  readonly fields: readonly string[]
}

const hitHeads = new WeakMap<Entry, HitHead>()

const hitFields = (entry: Entry, now: number): readonly string[] => {
  const age = ageOf(entry, now)
  const known = hitHeads.get(entry)
  if (known?.age === age) return known.fields
  const fields = fieldsOf(entry, now, 'hit')
  hitHeads.set(entry, { age, fields })
  return fields
}

/** With `Age` (RFC 9111 section 5.1) and `Cache-Status` (RFC 9211). */
const fieldsOf = (entry: Entry, now: number, how: string): readonly string[] => {
  const left = (entry.expiresAt - now) / 1000
  const ttl = left === Number.POSITIVE_INFINITY ? '' : `; ttl=${Math.ceil(left)}`
  return [...entry.fields, 'Age', String(ageOf(entry, now)), 'Cache-Status', `Millrace; ${how}${ttl}`]
}

const ageOf = (entry: Entry, now: number): number => Math.max(0, Math.floor((now - entry.storedAt) / 1000))

const answer = (entry: Entry, exchange: Exchange, fields: readonly string[]): Reply => {
  const headers = new HeaderMap(fields)
  const none = exchange.headers['if-none-match']
  // Only what would be a success is compared (RFC 9110 section 13.2.1).
  if (typeof none === 'string' && entry.status < 300 && matchesNone(none, headers.get('etag'))) {
    headers.delete('content-length')
    return { status: 304, headers, body: null }
  }
  return { status: entry.status, headers, body: entry.body }
}

/** Whether it is known already that the body is larger; of a stream of no told length it is not. */
const isLarger = ({ body, headers }: Reply, limit: number): boolean =>
  body instanceof Uint8Array ? body.byteLength > limit : Number(headers.get('content-length') ?? 0) > limit

/** Whether a thrown error refuses this one request (`ctx.throw(404)`), rather than failing at the work. */
const isRefusal = (error: unknown): boolean =>
  error instanceof Error && 'status' in error && typeof error.status === 'number' && error.status < 500

/** Says in `Cache-Status` (RFC 9211) why the handler was asked. */
const forwarded = (reply: Reply, why: 'miss' | 'bypass' | 'method', detail?: string): Reply => {
  reply.headers.append(
    'Cache-Status',
    `Millrace; fwd=${why}${detail === 'stored' ? '; stored' : detail && detail !== why ? `; detail=${detail}` : ''}`,
  )
  return reply
}
