import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { settled, VirtualClock } from '@millrace/testing'
import { Line, type LineEnd, MapTier, scene } from './fakes.ts'

/** Two tiers of which the outer one holds these. */
const filled = async (values: readonly (readonly [string, unknown])[]) => {
  const [one, two, clock] = [new MapTier('one'), new MapTier('two'), new VirtualClock()]
  await scene({ tiers: [two] }, clock).cache.setMany(values)
  two.calls.length = 0
  return { one, two, ...scene({ tiers: [one, two] }, clock) }
}

describe('getMany', () => {
  it('asks each tier once, brings values nearer, and names the tier', async () => {
    const { one, two, cache } = await filled([
      ['a', 1],
      ['b', 2],
    ])
    assert.deepEqual(await cache.getMany(['a', 'b', 'none', 'a']), [1, 2, undefined, 1])
    await settled()
    assert.deepEqual([...one.items.keys()], ['a', 'b'])
    assert.equal(two.calls.length, 1)
    assert.deepEqual(await cache.getMany(['a', 'b']), [1, 2])
    assert.equal(two.calls.length, 1)
    const { hits, misses } = cache.stats
    assert.deepEqual({ hits, misses }, { hits: { memory: 2, two: 2 }, misses: 1 })
  })

  it('asks the outer tier only for what the nearer one lacks', async () => {
    const { one, two, cache, near } = await filled([
      ['a', 1],
      ['b', 2],
    ])
    await cache.get('a')
    await settled()
    near.clear()
    two.calls.length = 0
    assert.deepEqual(await cache.getMany(['a', 'b']), [1, 2])
    assert.deepEqual(
      two.calls.map((call) => call.split(' ').slice(0, 2)),
      [['get', 'b']],
    )
    assert.deepEqual(cache.stats.hits, { memory: 0, one: 1, two: 2 })
    assert.ok(one.items.has('a'))
  })

  it('shares the look of others who ask', async () => {
    const { one, cache } = await filled([['a', 1]])
    assert.deepEqual(await Promise.all([cache.get('a'), cache.getMany(['a']), cache.getMany(['a'])]), [
      1,
      [1],
      [1],
    ])
    assert.equal(one.calls.filter((call) => call.startsWith('get')).length, 1)
  })

  it('brings nothing nearer that was deleted while it was on its way', async () => {
    const gate = Promise.withResolvers<void>()
    const far = new (class extends MapTier {
      override async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
        const frames = await super.getMany(keys)
        await gate.promise
        return frames
      }
    })()
    const clock = new VirtualClock()
    await scene({ tiers: [far] }, clock).cache.set('a', 'old')
    const { cache, near } = scene({ tiers: [far] }, clock)
    const looking = cache.getMany(['a'])
    await settled()
    await cache.delete('a')
    gate.resolve()
    await looking
    assert.equal(near.get('a'), undefined)
  })

  it('does not trust what was on its way during a gap', async () => {
    const gate = Promise.withResolvers<void>()
    const far = new (class extends MapTier {
      override async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
        const frames = await super.getMany(keys)
        if (keys.includes('a')) await gate.promise
        return frames
      }
    })()
    const [clock, end] = [new VirtualClock(), new Line().end()]
    await scene({ tiers: [far] }, clock).cache.set('a', 1)
    const { cache } = scene({ tiers: [far], backplane: end }, clock)
    await cache.start()
    const looking = cache.getMany(['a'])
    await settled()
    end.reconnect()
    gate.resolve()
    assert.deepEqual(await looking, [1])
    far.calls.length = 0
    assert.deepEqual(await cache.getMany(['a']), [1])
    assert.equal(far.calls.length, 1)
  })

  it('serves memory after a gap while no tier answers', async () => {
    const [far, line] = [new MapTier(), new Line()]
    const end: LineEnd = line.end()
    const { cache, clock } = scene({ tiers: [far], backplane: end })
    await cache.start()
    await clock.advance(1)
    await cache.set('a', 1)
    far.mood = 'failing'
    end.reconnect()
    assert.deepEqual(await cache.getMany(['a', 'b']), [1, undefined])
  })

  it('lets one who asks leave alone', async () => {
    const { two, cache } = await filled([['a', 1]])
    two.mood = 'hanging'
    const leaving = cache.getMany(['a'], { signal: AbortSignal.abort(new Error('left')) })
    await assert.rejects(leaving, /left/)
  })
})

it('a tier that gave a value a shorter life does not hide it in an outer one', async () => {
  const [one, two] = [new MapTier('one'), new MapTier('two')]
  const { cache, clock, near } = scene({ tiers: [one, two], ttl: '1h', swr: '1h', tierTtl: { one: '10s' } })
  await cache.set('a', 1)
  near.clear()
  await clock.advance(20_000)
  assert.equal(await cache.get('a'), 1)
  assert.deepEqual(cache.stats.hits, { memory: 0, two: 1 })
})
