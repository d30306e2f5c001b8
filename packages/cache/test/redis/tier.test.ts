import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { type RedisTier, redis } from '../../src/redis/index.ts'
import { collect } from './collect.ts'
import { Server, skip } from './server.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (frame: Uint8Array | undefined): string | undefined => frame && new TextDecoder().decode(frame)
const never = Number.POSITIVE_INFINITY
const listed = (tier: RedisTier, prefix: string): Promise<string[]> => collect(tier.keys(prefix))

/** Everything on one machine, which may be busy: what is tested here is not how long it takes. */
const patient = { deadline: '5s' }

describe('redis', { skip }, () => {
  let server: Server
  let tier: RedisTier
  let raw: Redis

  before(async () => {
    server = await Server.start()
    tier = redis({ url: server.url, ...patient })
    raw = new Redis(server.url)
    await tier.start()
  })
  after(async () => {
    await tier.stop()
    raw.disconnect()
    await server.stop()
  })

  const set = (key: string, value: string, at: number, expiresAt = never): Promise<void> =>
    tier.setMany([{ key, frame: bytes(value), at, expiresAt }])
  const get = async (key: string): Promise<string | undefined> => text((await tier.getMany([key]))[0])

  it('gives back what was put, byte by byte, in the order of the keys', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.string(), { maxLength: 8 }),
        fc.uint8Array(),
        async (keys, frame) => {
          await raw.flushall()
          await tier.setMany(keys.map((key) => ({ key, frame, at: 5, expiresAt: never })))
          const found = await tier.getMany(['absent', ...keys, 'absent'])
          const expected = [undefined, ...keys.map(() => frame), undefined]
          if (keys.includes('absent')) return
          assert.deepEqual(
            found.map((one) => one && Uint8Array.from(one)),
            expected,
          )
          assert.deepEqual((await listed(tier, '')).sort(), [...keys].sort())
        },
      ),
      { numRuns: 60 },
    )
  })

  it('is for every key the latest of what was set and deleted, in whatever order it comes', async () => {
    const change = fc.record({
      key: fc.constantFrom('a', 'b'),
      at: fc.integer({ min: 0, max: 9 }).map((n) => n * 1e12 + 0.5),
      value: fc.option(fc.string()),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 12 }), async (changes) => {
        await raw.flushall()
        const model = new Map<string, { at: number; value: string | undefined }>()
        for (const { key, at, value } of changes) {
          await (value === null ? tier.deleteMany([key], at) : set(key, value, at))
          if (at >= (model.get(key)?.at ?? 0)) model.set(key, { at, value: value ?? undefined })
        }
        for (const key of ['a', 'b']) assert.equal(await get(key), model.get(key)?.value)
        const held = [...model].filter(([, { value }]) => value !== undefined).map(([key]) => key)
        assert.deepEqual(await listed(tier, ''), held.sort())
      }),
      { numRuns: 60 },
    )
  })

  it('keeps each as long as it says: months and for ever too', async () => {
    const now = Date.now()
    const year = 365 * 86_400_000
    await set('year', 'v', now, now + year)
    await set('ever', 'v', now)
    await set('almost ever', 'v', now, 1e300)
    await set('gone', 'v', now, now - 1)
    const left = await raw.pttl('millrace:v:year')
    assert.ok(left > year - 60_000 && left <= year)
    assert.equal(await raw.pttl('millrace:v:ever'), -1)
    assert.equal(await raw.pttl('millrace:v:almost ever'), -1)
    assert.ok((await raw.pttl('millrace:v:gone')) <= 1)
  })

  it('forgets a deletion after a minute', async () => {
    await tier.deleteMany(['deleted'], Date.now())
    const left = await raw.pttl('millrace:v:deleted')
    assert.ok(left > 50_000 && left <= 60_000)
  })

  it('takes patterns in keys and prefixes by the letter', async () => {
    const keys = ['a*b', 'a?b', 'a[x]b', 'a\\b', 'axb', 'a^b', 'a-b', 'A*b', '日本']
    await raw.flushall()
    await tier.setMany(keys.map((key) => ({ key, frame: bytes('v'), at: 1, expiresAt: never })))
    for (const key of keys) assert.deepEqual(await listed(tier, key), [key])
  })

  it('walks any number of keys without KEYS, none twice', async () => {
    await raw.flushall()
    await raw.config('RESETSTAT')
    const keys = Array.from({ length: 3000 }, (_, index) => `k${index}`)
    await tier.setMany(keys.map((key) => ({ key, frame: bytes('v'), at: 1, expiresAt: never })))
    assert.deepEqual(await listed(tier, 'k'), [...keys].sort())
    assert.doesNotMatch(await raw.info('commandstats'), /cmdstat_keys:/)
  })

  it('reads in one command what is asked for together', async () => {
    await set('together', 'v', 1)
    await raw.config('RESETSTAT')
    const found = await Promise.all(Array.from({ length: 64 }, () => get('together')))
    assert.ok(found.every((value) => value === 'v'))
    assert.match(await raw.info('commandstats'), /cmdstat_mget:calls=1,/)
  })

  it('teaches its script to a server that has lost it', async () => {
    await raw.script('FLUSH')
    await set('script', 'v', 1)
    assert.equal(await get('script'), 'v')
  })

  it('takes what somebody else has put under its name for nothing', async () => {
    await raw.hset('millrace:v:hash', 'a', 'b')
    await raw.set('millrace:v:short', 'abc')
    assert.deepEqual(await tier.getMany(['hash', 'short']), [undefined, undefined])
    await tier.setMany(['hash', 'short'].map((key) => ({ key, frame: bytes('v'), at: 1, expiresAt: never })))
    assert.deepEqual((await tier.getMany(['hash', 'short'])).map(text), ['v', 'v'])
  })

  it('loses a value rather than keep an old one when the server is full', async () => {
    await set('full', 'old', 1)
    await raw.config('SET', 'maxmemory', '1')
    try {
      await assert.rejects(set('full', 'new', 2), /OOM/)
      assert.equal(await get('full'), undefined)
      const { state } = JSON.parse(JSON.stringify(tier.inspect()))
      assert.equal(state, 'ready')
    } finally {
      await raw.config('SET', 'maxmemory', '0')
    }
  })

  it('uses a client that exists, with its prefix, and leaves it open', async () => {
    const client = new Redis(server.url, { keyPrefix: 'mine:' })
    const other = redis({ client, prefix: 'app:', ...patient })
    await other.start()
    await other.setMany([{ key: 'k', frame: bytes('v'), at: 1, expiresAt: never }])
    assert.equal(text((await other.getMany(['k']))[0]), 'v')
    assert.deepEqual(await listed(other, ''), ['k'])
    assert.equal(await raw.exists('mine:app:v:k'), 1)
    await other.stop()
    assert.equal(await client.ping(), 'PONG')
    assert.equal(client.listenerCount('error'), 0)
    client.disconnect()
  })

  it('says how it is', async () => {
    assert.deepEqual(await tier.health(), { status: 'ok' })
    const shown = JSON.parse(JSON.stringify(tier.inspect()))
    assert.equal(shown.state, 'ready')
    assert.equal(typeof shown.latency, 'number')
    assert.equal(shown.pending, 0)
  })

  it('can be stopped and started again, and starts when it is used', async () => {
    const other = redis({ url: server.url, ...patient })
    assert.deepEqual(await other.getMany(['nothing']), [undefined])
    await other.stop()
    await other.start()
    assert.deepEqual(await other.getMany(['nothing']), [undefined])
    await other.stop()
    await other.stop()
  })

  it('refuses options that are wrong', () => {
    const text = process.env.NOT_SET
    assert.throws(() => redis(text), /expected one of url, node, cluster and client, got none/)
    assert.throws(() => redis({ url: 'redis://a', node: {} }), /got url and node/)
    assert.throws(() => redis({ url: 'redis://a', deadline: 'soon' }), /deadline: expected a duration/)
    const typo: object = { url: 'redis://a', deadlin: '1s' }
    assert.throws(() => redis(typo), /deadlin/)
  })
})
