import type { Health } from '@millrace/core'
import type { Redis } from 'ioredis'
import type { Tier, TierItem } from '../tier.ts'
import { type RedisBackplane, redisBackplane } from './backplane.ts'
import { type Access, type Connected, type Connection, connect, type RedisSource } from './connection.ts'
import { Gather } from './gather.ts'
import { type RedisLocker, redisLocker } from './locker.ts'
import { type Client, isCluster } from './options.ts'
import { Script } from './script.ts'

/**
 * What is stored is the time of the value, 8 bytes, and the frame; the time of a deletion is negative and nothing follows.
 * Of two times of a key the later one holds. What cannot replace an older value for want of memory removes it at least.
 */
const store = new Script(`
local failure
for i = 1, #KEYS do
  local key, at, px, bytes = KEYS[i], tonumber(ARGV[3 * i - 2]), ARGV[3 * i - 1], ARGV[3 * i]
  local held = redis.pcall('GETRANGE', key, 0, 7)
  if type(held) ~= 'string' or #held < 8 or not (math.abs(struct.unpack('>d', held)) > at) then
    local done
    if px == '' then done = redis.pcall('SET', key, bytes) else done = redis.pcall('SET', key, bytes, 'PX', px) end
    if type(done) == 'table' and done.err then
      redis.call('DEL', key)
      failure = done
    end
  end
end
return failure or 0
`)

const header = 8
/** How long a deletion is remembered, in milliseconds. */
const remembered = 60_000
/** More than 30,000 years are for ever: Redis counts in 64 bits from 1970. */
const longest = 1e15
/** Larger calls would keep the server from others for too long. */
const mostRead = 128
const mostWritten = 64
const page = 500
/** Keys that a walk remembers, as SCAN may name one again. */
const mostSeen = 100_000

interface Write {
  readonly key: string
  readonly at: number
  /** Milliseconds from now; `Infinity` never. */
  readonly life: number
  readonly bytes: Buffer
}

const withTime = (at: number, frame: Uint8Array | undefined): Buffer => {
  const bytes = Buffer.allocUnsafe(header + (frame?.byteLength ?? 0))
  bytes.writeDoubleBE(frame === undefined ? -at : at)
  if (frame !== undefined) bytes.set(frame, header)
  return bytes
}

const frameOf = (bytes: Buffer | null | undefined): Uint8Array | undefined =>
  // A time without a sign is one of a value.
  bytes && bytes.length >= header && (bytes[0] ?? 0) < 0x80 ? bytes.subarray(header) : undefined

/** Redis takes whole milliseconds, at least one. */
const px = (life: number): string => (life > longest ? '' : String(Math.max(1, Math.ceil(life))))

/** So that a key's own characters do not mean something in a pattern. */
const literal = (text: string): string => text.replace(/[\\*?[\]^-]/g, '\\$&')

/** A tier that lends its connection: `redisBackplane(tier)`, `redisLocker(tier)`. */
export interface RedisTier extends Tier, Connected {
  start(): Promise<void>
  stop(): Promise<void>
  health(): Promise<Health>
  inspect(): object
}

class Keeper implements RedisTier {
  readonly name = 'redis'
  readonly connection: Connection
  readonly #reads: Gather<string, Uint8Array | undefined>
  readonly #writes: Gather<Write, undefined>
  readonly #done: () => Promise<void>

  constructor({ connection, done }: Access) {
    this.connection = connection
    this.#done = done
    this.#reads = new Gather(mostRead, async (keys) => {
      const replies = await connection.run((client) => client.mgetBuffer([...keys]))
      const frames = replies.map(frameOf)
      // The command that brought them may outlive its use: see `Search`.
      replies.length = 0
      return frames
    })
    this.#writes = new Gather<Write, undefined>(mostWritten, async (writes) => {
      await connection.run((client) => put(client, writes))
      return []
    })
  }

  getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    const names = keys.map((key) => this.#nameOf(key))
    if (this.connection.settings.clustered) return Promise.all(names.map((name) => this.#get(name)))
    if (names.length <= mostRead) return this.#reads.add(names)
    return Promise.all(inParts(names, mostRead).map((part) => this.#reads.add(part))).then((parts) =>
      parts.flat(),
    )
  }

  async setMany(items: readonly TierItem[]): Promise<void> {
    const now = this.connection.settings.clock.now()
    await this.#put(
      items.map(({ key, frame, at, expiresAt }) => ({
        key: this.#nameOf(key),
        at,
        life: expiresAt - now,
        bytes: withTime(at, frame),
      })),
    )
  }

  backplane(): RedisBackplane {
    return redisBackplane(this)
  }

  locker(): RedisLocker {
    return redisLocker(this)
  }

  async deleteMany(keys: readonly string[], at: number): Promise<void> {
    await this.#put(
      keys.map((key) => ({ key: this.#nameOf(key), at, life: remembered, bytes: withTime(at, undefined) })),
    )
  }

  async *keys(prefix: string): AsyncIterable<string> {
    const client = await this.connection.run(async (ready) => ready)
    // An ioredis client of the user's may put a prefix of its own in front, but not in front of a pattern.
    const own = client.options.keyPrefix ?? ''
    const start = `${own}${this.#nameOf('')}`
    const seen = new Set<string>()
    for (const node of isCluster(client) ? client.nodes('master') : [client]) {
      let cursor = '0'
      do {
        const [next, names] = await this.connection.run(() =>
          node.scan(cursor, 'MATCH', `${literal(start + prefix)}*`, 'COUNT', page),
        )
        cursor = next
        const values = await this.connection.run(() => valuesAmong(node, names, own))
        for (const name of values) {
          if (seen.has(name)) continue
          if (seen.size < mostSeen) seen.add(name)
          yield name.slice(start.length)
        }
      } while (cursor !== '0')
    }
  }

  async start(): Promise<void> {
    await this.connection.opened()
  }

  async stop(): Promise<void> {
    await this.#done()
  }

  health(): Promise<Health> {
    return this.connection.health()
  }

  inspect(): object {
    return this.connection.inspect()
  }

  async #get(name: string): Promise<Uint8Array | undefined> {
    return frameOf(await this.connection.run((client) => client.getBuffer(name), name))
  }

  async #put(writes: readonly Write[]): Promise<void> {
    // In a cluster every key has a node of its own: CROSSSLOT otherwise.
    await (this.connection.settings.clustered
      ? Promise.all(writes.map((write) => this.connection.run((client) => put(client, [write]), write.key)))
      : Promise.all(inParts(writes, mostWritten).map((part) => this.#writes.add(part))))
  }

  #nameOf(key: string): string {
    return `${this.connection.settings.prefix}v:${key}`
  }
}

const put = (client: Client, writes: readonly Write[]): Promise<unknown> =>
  store.run(
    client,
    writes.map(({ key }) => key),
    writes.flatMap(({ at, life, bytes }) => [String(at), px(life), bytes]),
  )

/** The names of a page that hold a value and not the memory of a deletion. */
const valuesAmong = async (node: Redis, names: readonly string[], own: string): Promise<string[]> => {
  const pipeline = node.pipeline()
  for (const name of names) pipeline.getrangeBuffer(name.slice(own.length), 0, header - 1)
  const heads = (await pipeline.exec()) ?? []
  return names.filter((_, index) => {
    const [error, head] = heads[index] ?? []
    return !error && head instanceof Buffer && frameOf(head) !== undefined
  })
}

const inParts = <T>(items: readonly T[], most: number): (readonly T[])[] => {
  if (items.length <= most) return items.length === 0 ? [] : [items]
  return Array.from({ length: Math.ceil(items.length / most) }, (_, part) =>
    items.slice(part * most, (part + 1) * most),
  )
}

/**
 * A tier in Redis: one server, what Sentinels watch over, or a Cluster.
 *
 * @param source a URL, options, an ioredis client, or a locker or backplane whose connection it shares
 * @throws TypeError when the options are wrong
 */
export const redis = (source: RedisSource): RedisTier => new Keeper(connect(source))
