import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Size } from '@millrace/core'
import { settled, VirtualClock } from '@millrace/testing'
import fc from 'fast-check'
import { Cache, type CacheConfig } from '../../src/engine/cache.ts'
import { frames } from '../../src/engine/codec.ts'
import { memory } from '../../src/index.ts'
import { Line, MapTier } from './fakes.ts'

/** A memory of so many entries, before a tier that gets what it lets go of. */
const small = (
  entries: number,
  config: Partial<CacheConfig> = {},
  maxSize: Size = '1mb',
): { readonly far: MapTier; readonly clock: VirtualClock; readonly cache: Cache } => {
  const clock = config.clock instanceof VirtualClock ? config.clock : new VirtualClock()
  const far = new MapTier()
  const near = memory({ maxEntries: entries, maxSize, pressure: false, clock })
  return { far, clock, cache: new Cache({ near, tiers: [far], demote: 'far', clock, ...config }) }
}

const written = (far: MapTier): string[] => far.calls.filter((call) => call.startsWith('set'))

describe('demotion', () => {
  it('writes what leaves memory, and nothing before', async () => {
    const { far, cache } = small(2)
    await cache.set('a', 1)
    await cache.getOrSet('b', () => 2)
    assert.equal(far.items.size, 0)
    await cache.set('c', 3)
    await settled()
    assert.deepEqual([...far.items.keys()], ['a'])
    assert.deepEqual(cache.inspect().demotion, { tier: 'far', written: 1, dropped: 0, waiting: 0 })
    assert.equal(await cache.get('a'), 1)
    assert.deepEqual(cache.stats.hits, { memory: 0, far: 1 })
  })

  it('writes what leaves together in one call', async () => {
    const { far, cache } = small(3)
    await cache.setMany(['a', 'b', 'c', 'd', 'e', 'f'].map((key) => [key, key]))
    await settled()
    assert.deepEqual(written(far), ['set a b c'])
  })

  it('does not write again what the tier gave', async () => {
    const { far, cache } = small(1)
    await cache.set('a', 1)
    for (let i = 0; i < 3; i++) {
      await cache.set(`b${i}`, 1)
      await settled()
      assert.equal(await cache.get('a'), 1)
    }
    assert.equal(written(far).filter((call) => call.split(' ').includes('a')).length, 1)
  })

  it('takes what memory does not let in', async () => {
    const { far, cache } = small(10, {}, '10kb')
    await cache.set('large', 'x'.repeat(20_000))
    await settled()
    assert.ok(far.items.has('large'))
    await cache.get('large')
    await settled()
    assert.equal(written(far).length, 1)
  })

  it('does not write what is over, or not meant for the tier', async () => {
    const { far, clock, cache } = small(2)
    await cache.set('over', 1, { ttl: '1s', staleIfError: '1h' })
    await cache.set('private', 2, { tiers: ['memory'] })
    await clock.advance(1000)
    await cache.setMany([
      ['a', 1],
      ['b', 2],
    ])
    await settled()
    assert.equal(far.items.size, 0)
  })

  it('gives a value no longer life than it had', async () => {
    const { far, clock, cache } = small(1, { ttl: '1m', tierTtl: { far: '1h' } })
    await cache.set('a', 1)
    await cache.set('b', 2)
    await settled()
    assert.ok(far.items.has('a'))
    await clock.advance(60_000)
    assert.equal(await cache.get('a'), undefined)
  })

  it('drops from the tier what a set makes old', async () => {
    const { far, cache } = small(1)
    await cache.set('a', 'old')
    await cache.set('b', 1)
    await settled()
    assert.ok(far.items.has('a'))
    await cache.set('a', 'new')
    assert.ok(!far.items.has('a'))
  })

  for (const [what, invalidate] of [
    ['delete', (cache) => cache.delete('a')],
    ['expire', (cache) => cache.expire('a')],
    ['deleteTag', (cache) => cache.deleteTag('t')],
    ['clear', (cache) => cache.clear()],
  ] as [string, (cache: Cache) => Promise<void>][]) {
    it(`brings nothing back that a ${what} has overtaken`, async () => {
      const gate = Promise.withResolvers<void>()
      const codec = {
        ...frames,
        encode: async (entry: Parameters<typeof frames.encode>[0]) => {
          const frame = await frames.encode(entry)
          if (entry.value === 'old') await gate.promise
          return frame
        },
      }
      const { far, clock, cache } = small(1, { codec })
      await cache.set('a', 'old', { tags: ['t'] })
      await cache.set('b', 1)
      await settled()
      await invalidate(cache)
      // The tier forgets deletions.
      far.deaths.clear()
      await clock.advance(120_000)
      gate.resolve()
      await settled()
      assert.equal(await cache.get('a'), undefined)
      if (what === 'delete' || what === 'expire') assert.ok(!far.items.has('a'))
    })
  }

  it('drops what comes too fast, and says so', async () => {
    const codec = { ...frames, encode: () => new Promise<Uint8Array>(() => {}) }
    const { cache } = small(1, { codec })
    for (let i = 0; i < 60; i++) await cache.set(`k${i}`, Buffer.alloc(500_000))
    const { waiting = 0, dropped = 0 } = cache.inspect().demotion ?? {}
    assert.ok(waiting > 20 && waiting < 34, `${waiting}`)
    assert.equal(waiting + dropped, 59)
  })

  it('is dropped by a tier that refuses', async () => {
    const { far, cache } = small(1)
    await cache.set('k', 1)
    far.mood = 'failing'
    for (let i = 0; i < 20; i++) {
      await cache.set(`k${i}`, 1)
      await settled()
    }
    const { written: done, dropped } = cache.inspect().demotion ?? {}
    assert.deepEqual([done, dropped], [0, 20])
  })

  it('keeps who listened to the near tier already', async () => {
    const near = memory({ maxEntries: 1, pressure: false })
    const left: string[] = []
    const listener = (key: string): void => void left.push(key)
    near.onEvicted = listener
    const far = new MapTier()
    const cache = new Cache({ near, tiers: [far], demote: 'far' })
    await cache.set('a', 1)
    await cache.set('b', 2)
    await settled()
    assert.deepEqual([left, [...far.items.keys()]], [['a'], ['a']])
  })

  it('refuses a tier that is not there', () => {
    assert.throws(() => new Cache({ tiers: [new MapTier()], demote: 'disk' }), RangeError)
  })

  it('never brings back what two processes know to be old', async () => {
    const key = fc.constantFrom('a', 'b', 'c')
    const step = fc.record({
      who: fc.nat(1),
      what: fc.oneof(
        { weight: 4, arbitrary: fc.record({ do: fc.constant('set' as const), key }) },
        { weight: 4, arbitrary: fc.record({ do: fc.constant('get' as const), key }) },
        { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
        {
          weight: 1,
          arbitrary: fc.record({ do: fc.constantFrom('deleteTag' as const, 'clear' as const), key }),
        },
      ),
      settles: fc.boolean(),
      later: fc.constantFrom(0, 1, 61_000),
    })
    const run = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const [far, clock, line] = [new MapTier(), new VirtualClock(), new Line()]
      const caches = [0, 1].map(() => {
        const near = memory({ maxEntries: 1, pressure: false, clock })
        return new Cache({
          near,
          tiers: [far],
          demote: 'far',
          backplane: line.end(),
          clock,
          ttl: '1h',
          tags: ['t'],
        })
      })
      for (const cache of caches) await cache.start()
      await clock.advance(1)
      const model = new Map<string, number>()
      for (const [i, { who, what, settles, later }] of steps.entries()) {
        const cache = caches[who]
        if (what.do === 'set') {
          model.set(what.key, i)
          await cache?.set(what.key, i)
        } else if (what.do === 'delete') {
          model.delete(what.key)
          await cache?.delete(what.key)
        } else if (what.do === 'get') {
          const value = await cache?.get(what.key)
          assert.ok(value === undefined || value === model.get(what.key), `${what.key}: ${value}`)
        } else {
          model.clear()
          await (what.do === 'clear' ? cache?.clear() : cache?.deleteTag('t'))
        }
        if (settles) await settled()
        if (later > 0) await clock.advance(later)
        // The tier remembers deletions for a minute.
        if (later > 60_000) far.deaths.clear()
      }
    })
    await fc.assert(run, { numRuns: 150 })
  })
})
