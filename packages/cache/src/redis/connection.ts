import { DeadlineError, type Health, within } from '@millrace/core'
import { Command } from 'ioredis'
import { Breaker } from '../breaker.ts'
import { type Client, isCluster, parseRedis, type RedisOptions, type Settings } from './options.ts'
import { Subscriber } from './subscriber.ts'

/** The Redis cannot be asked now; nothing was sent. */
export class RedisUnavailableError extends Error {
  override readonly name = 'RedisUnavailableError'
  readonly code = 'ERR_MILLRACE_REDIS_UNAVAILABLE'
}

/** Calls that were sent and not answered, their deadlines past or not. More are not sent: their bytes would pile up. */
const mostPending = 10_000

const ignore = (): void => undefined

/** What a tier, a backplane and a locker share: a client, its deadline, its breakers, and a subscriber. */
export class Connection {
  readonly settings: Settings
  readonly subscriber: Subscriber
  readonly #breakers = new Map<string, Breaker>()
  #client: Client | undefined
  /** What is late must not open it again: it would keep the process alive. */
  #closed = false
  /** Until the client has been ready once, calls wait for it; later they reject at once while it is not. */
  #first = Promise.withResolvers<void>()
  #wasReady = false
  #tried = Promise.withResolvers<void>()
  #pending = 0
  #calls = 0
  #failures = 0
  #latency = 0
  #lastError: string | undefined

  constructor(settings: Settings) {
    this.settings = settings
    this.subscriber = new Subscriber(settings, () => this.#use())
  }

  /** Opens it, also when it has been closed. It opens by itself when it is first used. */
  open(): void {
    this.#closed = false
    this.#use()
  }

  /** When the client is ready, or its first attempt to be has failed. */
  async opened(): Promise<void> {
    this.open()
    await within(this.settings.clock, 2000, this.#tried.promise, 'Redis does not answer').catch(ignore)
  }

  /**
   * Does one thing with the client, within the deadline.
   *
   * @param key the key it is about: a node of a cluster that is lost takes none of the others with it
   */
  async run<T>(send: (client: Client) => Promise<T>, key = ''): Promise<T> {
    const { clock, deadline } = this.settings
    const client = this.#use()
    if (this.#wasReady && client.status !== 'ready') throw this.#unavailable(`is ${client.status}`)
    if (this.#pending >= mostPending) throw this.#unavailable('has too many calls to answer')
    const breaker = this.#breakerFor(client, key)
    if (!breaker.admits()) throw this.#unavailable('has failed again and again')

    const began = clock.elapsed()
    this.#calls++
    this.#pending++
    const work = this.#wasReady ? attempt(send, client) : this.#first.promise.then(() => send(client))
    const settle = (): void => void this.#pending--
    work.then(settle, settle)
    try {
      const result = await within(clock, deadline, work, `Redis did not answer within ${deadline} ms`)
      this.#latency += (clock.elapsed() - began - this.#latency) / 16
      breaker.succeeded()
      return result
    } catch (error) {
      this.#failures++
      this.#lastError = messageOf(error)
      // A server that refuses a command is alive, and has answered.
      if (error instanceof Error && error.name === 'ReplyError') breaker.succeeded()
      else breaker.failed()
      throw error
    }
  }

  async health(): Promise<Health> {
    try {
      await this.run((client) => client.ping())
    } catch (error) {
      return { status: 'down', detail: messageOf(error) }
    }
    const shut = [...this.#breakers].filter(([, { state }]) => state !== 'closed').map(([node]) => node)
    return shut.length === 0
      ? { status: 'ok' }
      : { status: 'degraded', detail: `failing: ${shut.join(', ')}` }
  }

  async close(): Promise<void> {
    const client = this.#client
    this.#closed = true
    if (client === undefined) return
    this.#client = undefined
    this.#wasReady = false
    this.#breakers.clear()
    this.subscriber.close()
    this.#first.reject(new RedisUnavailableError('The connection to Redis was closed'))
    this.#first.promise.catch(ignore)
    this.#first = Promise.withResolvers()
    this.#tried = Promise.withResolvers()
    client.off('ready', this.#onReady)
    if (this.settings.given !== undefined) {
      client.off('error', this.#onError)
      return
    }
    const { clock, deadline } = this.settings
    const quit =
      client.status === 'ready'
        ? attempt(() => client.quit(), client)
        : Promise.reject(new RedisUnavailableError('Redis is not connected'))
    await within(clock, deadline, quit, 'Redis did not let go in time').catch(ignore)
    // Also after it has quit: what watches the Sentinels ends only by this.
    client.disconnect()
  }

  inspect(): object {
    return {
      state: this.#client?.status ?? 'closed',
      subscriber: this.subscriber.state,
      breakers: Object.fromEntries([...this.#breakers].map(([node, { state }]) => [node, state])),
      /** Of late, in milliseconds. */
      latency: Math.round(this.#latency * 100) / 100,
      pending: this.#pending,
      calls: this.#calls,
      failures: this.#failures,
      lastError: this.#lastError,
    }
  }

  #use(): Client {
    if (this.#client !== undefined) return this.#client
    if (this.#closed) throw this.#unavailable('was let go')
    const client = this.settings.make()
    this.#client = client
    client.on('error', this.#onError)
    client.on('ready', this.#onReady)
    if (client.status === 'ready') this.#onReady()
    else if (client.status === 'wait') client.connect().catch(this.#onError)
    return client
  }

  readonly #onError = (error: unknown): void => {
    this.#lastError = messageOf(error)
    this.#tried.resolve()
  }

  readonly #onReady = (): void => {
    this.#wasReady = true
    this.#first.resolve()
    this.#tried.resolve()
    for (const breaker of this.#breakers.values()) breaker.retry()
  }

  #breakerFor(client: Client, key: string): Breaker {
    const node = isCluster(client) ? nodeOf(client, key) : 'node'
    const known = this.#breakers.get(node)
    if (known !== undefined) return known
    // Nodes come and go; what is known of those that went is of no use.
    if (this.#breakers.size >= 1000) this.#breakers.clear()
    const breaker = new Breaker(this.settings.clock, this.settings.breaker)
    this.#breakers.set(node, breaker)
    return breaker
  }

  #unavailable(why: string): Error {
    this.#failures++
    return new RedisUnavailableError(`Redis ${why}`)
  }
}

const nodeOf = ({ slots }: { readonly slots: readonly (readonly string[])[] }, key: string): string =>
  key === '' ? 'any' : (slots[new Command('get', [key]).getSlot()]?.[0] ?? 'any')

/** A client that throws rejects. */
const attempt = async <T>(send: (client: Client) => Promise<T>, client: Client): Promise<T> => send(client)

const messageOf = (error: unknown): string => {
  if (error instanceof DeadlineError) return error.message
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}

/** A tier, backplane or locker of this package that lends its connection to others. */
export interface Connected {
  readonly connection: Connection
}

/** Undefined is a mistake that is told at once: `redis(process.env.REDIS_URL)` where nobody set it. */
export type RedisSource = string | Client | RedisOptions | Connected | undefined

/** A connection, and what its user calls when it is done: nothing happens to one that was lent. */
export interface Access {
  readonly connection: Connection
  readonly done: () => Promise<void>
}

export const connect = (source: RedisSource): Access => {
  if (typeof source === 'object' && 'connection' in source) {
    return { connection: source.connection, done: async () => undefined }
  }
  const connection = new Connection(parseRedis(source))
  return { connection, done: () => connection.close() }
}
