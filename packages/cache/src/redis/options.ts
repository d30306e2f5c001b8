import { randomInt } from 'node:crypto'
import { type Clock, type Duration, duration, systemClock } from '@millrace/core'
import {
  Cluster,
  type ClusterNode,
  type ClusterOptions,
  Redis,
  type RedisOptions as SingleOptions,
} from 'ioredis'
import { z } from 'zod'

/** Where the Redis is: one of `url`, `node`, `cluster` and `client`. */
export interface RedisOptions {
  /** `redis://user:password@host:6379/0`; `rediss://` for TLS. */
  readonly url?: string
  /** What ioredis takes: a host, or `sentinels` and the `name` of their master. */
  readonly node?: SingleOptions
  readonly cluster?: ClusterOptions & { readonly nodes: readonly ClusterNode[] }
  /** An ioredis client that exists already. It stays its owner's: it is never closed here. */
  readonly client?: Redis | Cluster
  /** What every key and channel starts with. Default `millrace:`. */
  readonly prefix?: string
  /** After this a call rejects, whatever the server does. Default `50ms`. */
  readonly deadline?: Duration
  readonly breaker?: {
    /** How many failures in a row until calls reject at once. Default 5. */
    readonly failures?: number
    /** For how long. Then one call tries. Default `1s`. */
    readonly pause?: Duration
  }
  readonly clock?: Clock
}

export type Client = Redis | Cluster

/** Options with every default filled in. */
export interface Settings {
  readonly prefix: string
  readonly deadline: number
  readonly breaker: { readonly failures: number; readonly pause: number }
  readonly clock: Clock
  /** A given client is used as it is; others are made, and closed again. */
  readonly given: Client | undefined
  /** Whether keys are spread over nodes, so that a command may name only one. */
  readonly clustered: boolean
  make(): Client
  /** A connection for nothing but messages; a client in use tells where a cluster's nodes are now. */
  makeSubscriber(client: Client): Redis
}

const tuning = z.strictObject({
  prefix: z.string().default('millrace:'),
  deadline: duration().default(50),
  breaker: z
    .strictObject({
      failures: z.int().positive().default(5),
      pause: duration().default(1000),
    })
    .prefault({}),
})

/** By what it can do: a user's ioredis may be another copy of the package. */
const isClient = (value: unknown): value is Client =>
  typeof value === 'object' && value !== null && 'sendCommand' in value && 'isCluster' in value

export const isCluster = (client: Client): client is Cluster => client.isCluster

/** @throws TypeError that says what is wrong with the options */
export const parseRedis = (source: string | Client | RedisOptions | undefined): Settings => {
  const options: RedisOptions =
    typeof source === 'string' ? { url: source } : isClient(source) ? { client: source } : (source ?? {})
  const { url, node, cluster, client, clock = systemClock, ...rest } = options
  const given = Object.entries({ url, node, cluster, client }).filter(([, value]) => value !== undefined)
  if (given.length !== 1) {
    const names = given.map(([name]) => name).join(' and ') || 'none'
    throw new TypeError(`redis(options): expected one of url, node, cluster and client, got ${names}`)
  }
  if (client !== undefined && !isClient(client)) {
    throw new TypeError('redis({ client }): expected a Redis or a Cluster of ioredis 6')
  }
  const parsed = tuning.safeParse(rest)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new TypeError(`redis(options): ${issue?.path.join('.')}: ${issue?.message}`)
  }
  return {
    ...parsed.data,
    clock,
    given: client,
    clustered: cluster !== undefined || client?.isCluster === true,
    make: () => {
      if (client !== undefined) return client
      if (cluster !== undefined) return makeCluster(cluster, parsed.data.deadline)
      const lone = { ...loneOptions(parsed.data.deadline), ...node, ...forced }
      return url === undefined ? new Redis(lone) : new Redis(url, lone)
    },
    makeSubscriber: (used) => {
      const own = { ...loneOptions(parsed.data.deadline), ...forced, ...subscriberOptions }
      if (!isCluster(used)) return used.duplicate(own)
      // Any node hears what is published on any other.
      const nodes = used.nodes('all')
      const some = nodes.length === 0 ? undefined : nodes[randomInt(nodes.length)]
      if (some !== undefined) return some.duplicate({ ...own, readOnly: false })
      throw new Error('No node of the Redis Cluster is known')
    },
  }
}

/** What is ours to decide: the guard in `connection.ts` counts on it. */
const forced = {
  lazyConnect: true,
  replyMapping: 'legacy',
  enableOfflineQueue: false,
  // A command whose connection broke rejects: nobody waits for it any more when the next connection is there.
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
} as const

const subscriberOptions = {
  // `subscriber.ts` makes a new connection itself, to another node where there are several.
  retryStrategy: null,
  sentinelRetryStrategy: () => null,
  failoverDetector: false,
  autoResubscribe: false,
} as const

/** Fast at first, as most interruptions are short; spread, so that a restarted server does not meet everybody at once. */
export const backoff = (times: number): number => {
  const step = Math.min(50 * 2 ** Math.min(times, 5), 1000)
  return step / 2 + randomInt(step / 2)
}

/** After a failover the old master may answer for a while, as a replica. */
const reconnectOnError = (error: Error): boolean => error.message.includes('READONLY')

const loneOptions = (deadline: number) => ({
  retryStrategy: backoff,
  sentinelRetryStrategy: backoff,
  failoverDetector: true,
  ...nodeOptions(deadline),
})

const nodeOptions = (deadline: number) => ({
  reconnectOnError,
  connectTimeout: 2000,
  // A connection that has swallowed commands for this long is replaced.
  socketTimeout: Math.max(20 * deadline, 2000),
})

const makeCluster = (
  { nodes, redisOptions, ...rest }: NonNullable<RedisOptions['cluster']>,
  deadline: number,
): Cluster =>
  new Cluster([...nodes], {
    clusterRetryStrategy: backoff,
    retryDelayOnFailover: 25,
    retryDelayOnClusterDown: 25,
    slotsRefreshInterval: 2000,
    maxRedirections: 6,
    ...rest,
    lazyConnect: true,
    enableOfflineQueue: false,
    // A pipeline over several slots reports a moved one to its callers instead of following it.
    enableAutoPipelining: false,
    redisOptions: {
      ...nodeOptions(deadline),
      ...redisOptions,
      replyMapping: 'legacy',
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
    },
  })
