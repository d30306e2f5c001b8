import { randomBytes } from 'node:crypto'
import type { Lock, Locker } from '../tier.ts'
import { type Access, type Connected, type Connection, connect, type RedisSource } from './connection.ts'
import { Script } from './script.ts'

/**
 * The fence grows with each holder. It starts from the time, so that it also grows when the server has lost it or dropped
 * it after a day.
 */
const take = new Script(`
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
local time = redis.call('TIME')
local token = math.max(tonumber(redis.call('GET', KEYS[2]) or 0) + 1, time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('SET', KEYS[2], string.format('%.0f', token), 'PX', 86400000)
return token
`)

const giveBack = new Script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], '')
return 1
`)

/** Without a channel one has to look again, but not all the time. In milliseconds. */
const glance = 50
/** After this a lock that could not be given back is tried again. In milliseconds. */
const again = 200

export interface RedisLocker extends Locker, Connected {
  /** Lets go of a connection of its own. Locks that are held expire by themselves. */
  stop(): Promise<void>
}

class Warden implements RedisLocker {
  readonly connection: Connection
  readonly #done: () => Promise<void>

  constructor({ connection, done }: Access) {
    this.connection = connection
    this.#done = done
  }

  async acquire(key: string, ttl: number): Promise<Lock | undefined> {
    const { lock, fence } = this.#names(key)
    const owner = randomBytes(15).toString('base64url')
    const { clock } = this.connection.settings
    const until = clock.elapsed() + ttl
    let late = false
    try {
      const token = await this.connection.run(async (client) => {
        const life = Math.max(1, Math.ceil(ttl))
        const given = Number(await take.run(client, [lock, fence], [owner, life]))
        // Nobody waits for it any more: without this it would keep the others away until it expires.
        if (late && given > 0) await this.#release(key, owner, until).catch(() => undefined)
        return given
      }, lock)
      return token > 0 ? { token, release: () => this.#release(key, owner, until) } : undefined
    } catch (error) {
      late = true
      throw error
    }
  }

  async released(key: string, timeout: number): Promise<void> {
    const { clock } = this.connection.settings
    const { lock, channel } = this.#names(key)
    const woken = Promise.withResolvers<void>()
    let timer = clock.after(timeout, woken.resolve)
    const began = clock.elapsed()
    const wakeWithin = (limit: number): void => {
      timer.cancel()
      timer = clock.after(Math.max(0, Math.min(limit, timeout - (clock.elapsed() - began))), woken.resolve)
    }
    const look = async (): Promise<void> => {
      // It may have been released before the channel was there; and one that expires says nothing.
      const left = await this.connection.run((client) => client.pttl(lock), lock)
      if (left !== -1) wakeWithin(left)
    }
    const { ready, end } = this.connection.subscriber.listen(channel, {
      heard: () => woken.resolve(),
      lost: () => wakeWithin(glance),
      back: () => void look().catch(() => wakeWithin(glance)),
    })
    try {
      if (await ready) await look().catch(() => wakeWithin(glance))
      else if (this.connection.subscriber.state !== 'listening') wakeWithin(glance)
      await woken.promise
    } finally {
      timer.cancel()
      end()
    }
  }

  async stop(): Promise<void> {
    await this.#done()
  }

  /** What cannot be given back now is given back later: until it expires, the others would wait for nobody. */
  async #release(key: string, owner: string, until: number): Promise<void> {
    try {
      await this.#giveBack(key, owner)
    } catch (error) {
      const { clock } = this.connection.settings
      if (clock.elapsed() + again < until)
        clock.after(again, () => void this.#release(key, owner, until).catch(() => undefined))
      throw error
    }
  }

  async #giveBack(key: string, owner: string): Promise<void> {
    const { lock, channel } = this.#names(key)
    await this.connection.run((client) => giveBack.run(client, [lock], [owner, channel]), lock)
  }

  /** The part in braces decides on the node of a cluster; the letter keeps it from being empty. */
  #names(key: string): { lock: string; fence: string; channel: string } {
    const { prefix } = this.connection.settings
    return {
      lock: `${prefix}lock:{k${key}}`,
      fence: `${prefix}fence:{k${key}}`,
      channel: `${prefix}released:${key}`,
    }
  }
}

/**
 * One loader among all processes, by a lock in Redis that expires.
 *
 * @param source a URL, options, an ioredis client, or a tier or backplane whose connection it shares
 * @throws TypeError when the options are wrong
 */
export const redisLocker = (source: RedisSource): RedisLocker => new Warden(connect(source))
