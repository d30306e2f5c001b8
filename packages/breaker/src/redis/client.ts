import { randomInt } from 'node:crypto'
import { type Clock, type Duration, durationExpected, parseDuration, systemClock } from '@millrace/core'
import { type Cluster, Redis } from 'ioredis'

export type Client = Redis | Cluster

/** Where the Redis is, by one of `url` and `client`. */
export interface RedisVotesOptions {
  /** `redis://user:password@host:6379/0`; `rediss://` for TLS. */
  readonly url?: string
  /** An ioredis client that exists already. It stays its owner's: it is never closed here. */
  readonly client?: Client
  /** What every key starts with. Default `millrace:`. */
  readonly prefix?: string
  /** After this a cast rejects, whatever the server does. Default `500ms`. */
  readonly deadline?: Duration
  readonly clock?: Clock
}

/** Undefined is a mistake that is told at once: `redisVotes(process.env.REDIS_URL)` where nobody set it. */
export type RedisVotesSource = string | Client | RedisVotesOptions | undefined

/** Options with every default filled in. */
export interface Settings {
  readonly prefix: string
  readonly deadline: number
  readonly clock: Clock
  /** Whether the client is closed again. */
  readonly isOwn: boolean
  make(): Client
}

/** By what it can do: a user's ioredis may be another copy of the package. */
const isClient = (value: unknown): value is Client =>
  typeof value === 'object' && value !== null && 'sendCommand' in value && 'isCluster' in value

/** @throws TypeError that says what is wrong with the options */
export const parse = (source: RedisVotesSource): Settings => {
  const options: RedisVotesOptions =
    typeof source === 'string' ? { url: source } : isClient(source) ? { client: source } : (source ?? {})
  const { url, client, prefix = 'millrace:', deadline = '500ms', clock = systemClock } = options
  if ((url === undefined) === (client === undefined))
    throw new TypeError(`redisVotes(options): expected one of url and client, got ${url ? 'both' : 'none'}`)
  if (client !== undefined && !isClient(client))
    throw new TypeError('redisVotes({ client }): expected a Redis or a Cluster of ioredis 6')
  const limit = parseDuration(deadline)
  if (limit === undefined)
    throw new TypeError(`redisVotes({ deadline }): expected ${durationExpected}, got ${deadline}`)
  return {
    prefix,
    deadline: limit,
    clock,
    isOwn: client === undefined,
    make: () => client ?? new Redis(url ?? '', own(limit)),
  }
}

const own = (deadline: number) => ({
  lazyConnect: true,
  replyMapping: 'legacy' as const,
  // What was to be said a moment ago is of no interest when the server is there again.
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  retryStrategy: backoff,
  connectTimeout: 2000,
  // A connection that has swallowed commands for this long is replaced.
  socketTimeout: Math.max(4 * deadline, 2000),
})

/** Spread, so that a restarted server does not meet everybody at once. */
const backoff = (times: number): number => {
  const step = Math.min(50 * 2 ** Math.min(times, 5), 1000)
  return step / 2 + randomInt(step / 2)
}
