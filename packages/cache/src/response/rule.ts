import {
  callback,
  type Duration,
  duration,
  durationExpected,
  type Exchange,
  parseDuration,
  type Reply,
  type Size,
  size,
} from '@millrace/core'
import { z } from 'zod'
import { type Adaptive, isAdaptive } from '../engine/adaptive.ts'
import { baseName, type KeyTerms, type Selector } from './key.ts'

/** How long replies are fresh: one time for all, by what they are, or as a function says. */
export type Ttl =
  | Duration
  | Adaptive
  /** By status (`404`, `'5xx'`), or else by media type (`'application/json'`, `'image/*'`), or else `'*'`. */
  | Readonly<Record<string, Duration>>
  /** Undefined: the reply's own fields decide. */
  | ((reply: Reply, exchange: Exchange) => Duration | undefined)

/** A tag, with `{name}` for a param of the route's; or what gives some for a reply. */
export type TagTerm = string | ((exchange: Exchange, reply: Reply) => string | readonly string[] | undefined)

/** What browsers, and caches between them and here, are told. */
export interface BrowserTerms {
  readonly ttl: Duration
  /** It never changes under its URL: browsers need not ask again, not even on reload (RFC 8246). Default false. */
  readonly immutable?: boolean | undefined
  /** Only the user's own browser may keep it. Default false. */
  readonly private?: boolean | undefined
}

/** What a route may say: `cache: true`, a duration (`cache: '30s'`), or these options. */
export interface CacheRule {
  /** How long a reply is fresh, whatever it says itself. Without it the handler's fields decide (RFC 9111). */
  readonly ttl?: Ttl | undefined
  /** For how long after that it is still served at once, while it is brought anew. Default: what the reply says, or 0. */
  readonly swr?: Duration | undefined
  /** For how long after that it is served when the handler fails. Default: what the reply says, or 0. */
  readonly staleIfError?: Duration | undefined
  /** How long the handler is left alone after it failed, while there is something stale. Default `10s`. */
  readonly errorThrottle?: Duration | undefined
  /** After this something stale is served, where there is some that may be, and the handler goes on. Default `10s`. */
  readonly softTimeout?: Duration | undefined
  /** The share of its life (0 to 1) after which a reply is brought anew in the background. Default none. */
  readonly eager?: number | undefined
  /** The share (0 to 1) by which a life is shortened at random, so that replies do not end together. Default 0. */
  readonly jitter?: number | undefined
  /** What `purge({ tag })` finds a reply by, beside what its `Cache-Tag` or `Surrogate-Key` says. */
  readonly tags?: readonly TagTerm[] | undefined
  /** What of the query is in the key: `'sent'`, in an order of its own (`'sorted'`), or these parameters. Default `'sent'`. */
  readonly query?: 'sent' | 'sorted' | readonly string[] | undefined
  /** What else is in the key: names of fields, functions. What the handler's `Vary` names is anyway. */
  readonly vary?: readonly (string | ((exchange: Exchange) => string))[] | undefined
  /** `POST` and `QUERY` with a body of at most this size are kept too, by the body's digest. Default none. */
  readonly body?: Size | undefined
  /** Of requests with `Authorization`: it does not count, or each has replies of its own. Default they go around. */
  readonly authorization?: 'ignore' | 'key' | undefined
  /** Of requests with cookies: they do not count, or these do and no others. Default they go around. */
  readonly cookies?: 'ignore' | readonly string[] | undefined
  /** The handler sees of the request what is in the key, and nothing else. Default false. */
  readonly isolate?: boolean | undefined
  /** Whether `Cache-Control` and `Pragma` of the request count (RFC 9111 section 5.2.1). Default false. */
  readonly clientControl?: boolean | undefined
  /** Larger bodies are passed on and not kept. Default `1mb`. */
  readonly maxBodySize?: Size | undefined
  /** How long a request waits for another one's reply before it goes to the handler itself. Default `10s`. */
  readonly wait?: Duration | undefined
  /** Whether one process runs the handler for all of them, and for how long at most. `true` is `10s`. Default false. */
  readonly lock?: boolean | Duration | undefined
  /**
   * Whether it is learnt which page is asked for after which, and what is likely to come next is brought ahead, as long as
   * that pays. Pages with a cookie or `Authorization` in their key are left out. Default false.
   */
  readonly prefetch?: boolean | undefined
  /** What the client is told about keeping it, instead of what the handler says. */
  readonly browser?: Duration | BrowserTerms | undefined
}

export interface ClientTerms {
  readonly ttl: number
  readonly immutable: boolean
  readonly private: boolean
}

/** A rule with every default filled in, in milliseconds and bytes. */
export interface Rule extends KeyTerms {
  readonly ttl?: number | Adaptive | ReadonlyMap<string, number> | ReplyTtl | undefined
  readonly swr?: number | undefined
  readonly staleIfError?: number | undefined
  readonly errorThrottle: number
  readonly softTimeout: number
  readonly eager?: number | undefined
  readonly jitter?: number | undefined
  readonly tags: readonly TagTerm[]
  readonly body: number
  readonly cookies?: 'ignore' | readonly string[] | undefined
  readonly isolate: boolean
  readonly clientControl: boolean
  readonly maxBodySize: number
  readonly wait: number
  readonly lock: boolean | Duration
  readonly prefetch: boolean
  readonly browser?: ClientTerms | undefined
}

type ReplyTtl = (reply: Reply, exchange: Exchange) => Duration | undefined

const statusOrType = /^(?:[1-5]\d\d|[1-5]xx|\*|[\w!#$&^.+-]+\/(?:\*|[\w!#$&^.+-]+))$/i

const table = z
  .record(
    z.string().regex(statusOrType, 'expected a status ("404", "5xx"), a media type ("image/*"), or "*"'),
    duration(),
  )
  .transform((entries) => new Map(Object.entries(entries).map(([key, ttl]) => [key.toLowerCase(), ttl])))

const ttl: z.ZodType<Rule['ttl'], Ttl> = z.union(
  [duration(), z.custom<Adaptive>(isAdaptive), callback<ReplyTtl>(), table],
  {
    error: ({ input }) =>
      typeof input === 'object'
        ? 'expected durations by status ("404", "5xx"), media type ("image/*"), or "*"'
        : `expected ${durationExpected}`,
  },
)

const share = z.number().min(0).max(1)

const selector: z.ZodType<Selector, string | ((exchange: Exchange) => string)> = z.union([
  z
    .string()
    .regex(/^[!#$%&'*+.^_`|~\w-]+$/, 'expected a field name; cookies are named by `cookies`')
    .transform((field): Selector => ({ by: 'field', name: field.toLowerCase() })),
  callback<(exchange: Exchange) => string>().transform((read): Selector => ({ by: 'function', read })),
])

const browser = z.union([
  duration().transform((time) => ({ ttl: time, immutable: false, private: false })),
  z.strictObject({
    ttl: duration(),
    immutable: z.boolean().default(false),
    private: z.boolean().default(false),
  }),
])

const tag = z.union([z.string().min(1), callback<Exclude<TagTerm, string>>()])

const options = {
  ttl: ttl.optional(),
  swr: duration().optional(),
  staleIfError: duration().optional(),
  errorThrottle: duration().default(10_000),
  softTimeout: duration().default(10_000),
  eager: share.optional(),
  jitter: share.optional(),
  tags: z.array(tag).readonly().default([]),
  lock: z.union([z.boolean(), duration().transform((time) => time / 1000)]).default(false),
  query: z
    .union([z.enum(['sent', 'sorted']), z.array(z.string().transform(baseName)).readonly()])
    .default('sent'),
  vary: z.array(selector).readonly().default([]),
  body: size().default(0),
  authorization: z.enum(['ignore', 'key']).optional(),
  cookies: z.union([z.literal('ignore'), z.array(z.string()).readonly()]).optional(),
  isolate: z.boolean().default(false),
  clientControl: z.boolean().default(false),
  maxBodySize: size().default(1024 * 1024),
  wait: duration().default(10_000),
  prefetch: z.boolean().default(false),
  browser: browser.optional(),
}

const cookieSelectors = (cookies: Rule['cookies']): Selector[] =>
  cookies === undefined || cookies === 'ignore'
    ? []
    : cookies.map((cookie) => ({ by: 'cookie', name: cookie }))

/**
 * The operator's time for a reply, in milliseconds; undefined where the reply itself is to say.
 *
 * @throws RangeError when a function of the rule's gives no duration
 */
export const wordOf = (
  { ttl: word }: Pick<Rule, 'ttl'>,
  reply: Reply,
  exchange: Exchange,
): number | Adaptive | undefined => {
  if (word === undefined || typeof word === 'number') return word
  if (typeof word === 'function') return told(word(reply, exchange))
  if (isAdaptive(word)) return word
  const { status, headers } = reply
  const type = (headers.get('content-type') ?? '').split(';', 1).join().trim().toLowerCase()
  return (
    byStatus(word, status) ?? word.get(type) ?? word.get(`${type.split('/', 1).join()}/*`) ?? word.get('*')
  )
}

const byStatus = (table: ReadonlyMap<string, number>, status: number): number | undefined =>
  table.get(`${status}`) ?? table.get(`${Math.floor(status / 100)}xx`)

const told = (answer: Duration | undefined): number | undefined => {
  if (answer === undefined) return undefined
  const time = parseDuration(answer)
  if (time !== undefined) return time
  throw new RangeError(
    `ttl: expected a duration such as "5m" or 300 (seconds), got ${JSON.stringify(answer)}`,
  )
}

/** Whether the key has a part that only a function of the rule's can tell. */
export const hasFunction = ({ selectors }: Pick<Rule, 'selectors'>): boolean =>
  selectors.some(({ by }) => by === 'function')

/** Whether the rule's `ttl` speaks of this status: a plain time speaks of what stands for a resource by itself. */
export const names = ({ ttl: word }: Pick<Rule, 'ttl'>, status: number): boolean =>
  typeof word === 'function' || (word instanceof Map && byStatus(word, status) !== undefined)

export const schema: z.ZodType<Rule, CacheRule> = z
  .strictObject(options)
  .refine(({ prefetch, vary }) => !prefetch || vary.every(({ by }) => by === 'field'), {
    error: 'expected no function in `vary` beside `prefetch`: what it would give is not known ahead',
  })
  .transform(({ vary, ...rest }) => ({ ...rest, selectors: [...vary, ...cookieSelectors(rest.cookies)] }))
