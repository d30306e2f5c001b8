import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { settled, VirtualClock } from '@millrace/testing'
import { tierFailed } from '../../src/index.ts'
import { counting, held, Line, MapLocker, MapTier, scene } from './fakes.ts'

/** What others have had to mend: each title names where. */
describe('bugs of the field', () => {
  it('failures are not repeated by those who wait, nor do late comers start more (bentocache r1)', async () => {
    const { cache } = scene()
    const hold = held<string>()
    const waiting = Promise.allSettled(Array.from({ length: 20 }, () => cache.getOrSet('k', hold.factory)))
    await settled()
    const late = Promise.allSettled([cache.getOrSet('k', hold.factory)])
    hold.fail(new Error('down'))
    const outcomes = [...(await waiting), ...(await late)]
    assert.ok(outcomes.every(({ status }) => status === 'rejected'))
    assert.equal(hold.runs, 1)
    assert.equal(await cache.getOrSet('k', () => 'up'), 'up')
  })

  for (const [what, invalidate] of [
    ['delete', (c) => c.delete('k')],
    ['expire', (c) => c.expire('k')],
    ['newer set', (c) => c.set('k', 'newer')],
    ['deleteTag', (c) => c.deleteTag('t')],
    ['expireTag', (c) => c.expireTag('t')],
    ['clear', (c) => c.clear()],
    ['soft clear', (c) => c.clear({ soft: true })],
  ] as [string, (cache: ReturnType<typeof scene>['cache']) => Promise<void>][]) {
    it(`a load that began before a ${what} is not kept (FusionCache #535 #613 #625 #628, r1, r2)`, async () => {
      const far = new MapTier()
      const { cache, near } = scene({ tags: ['t'], tiers: [far] })
      const hold = held<string>()
      const waiting = cache.getOrSet('k', hold.factory)
      await settled()
      await invalidate(cache)
      const late = cache.getOrSet('k', () => 'late')
      await settled()
      hold.bring('old')
      assert.equal(await waiting, 'old')
      await settled()
      const expected = what === 'newer set' ? 'newer' : 'late'
      assert.equal(await late, expected)
      assert.equal(await cache.get('k'), expected)
      near.clear()
      assert.equal(await cache.get('k'), expected)
    })
  }

  it('the error of a factory reaches the caller (cacheable #1554)', async () => {
    const { cache } = scene()
    const failing = (): never => {
      throw new RangeError('of its own')
    }
    await assert.rejects(cache.getOrSet('k', failing), RangeError)
  })

  for (const mood of ['failing', 'hanging'] as const) {
    it(`a ${mood} tier costs its deadline at most, and soon nothing (keyv #1170 #1046, bentocache r4)`, async () => {
      const far = new MapTier()
      far.mood = mood
      const errors: string[] = []
      const end = tierFailed.subscribe(({ operation }) => errors.push(operation))
      const { cache, clock } = scene({ tiers: [far] })
      const factory = counting()
      for (let i = 0; i < 10; i++) {
        const began = clock.now()
        let value: string | undefined
        const asked = cache.getOrSet(`k${i}`, factory).then((brought) => (value = brought))
        for (let ms = 0; ms <= 50 && value === undefined; ms++) await clock.advance(1)
        assert.equal(await asked, `run ${i + 1}`)
        assert.ok(clock.now() - began <= 51)
        await clock.advance(60)
      }
      end()
      // What refuses at once costs nobody time, and is asked again each time.
      const asked = mood === 'hanging' ? 5 : 20
      assert.deepEqual([far.calls.length, errors.length], [asked, asked])
      far.mood = 'well'
      await clock.advance(2000)
      const probe = cache.set('after', 1)
      await clock.advance(2000)
      await probe
      assert.ok(far.items.has('after'))
      assert.equal(cache.inspect().recovery.waiting, 0)
    })
  }

  it('a lock is released whatever becomes of the writes (FusionCache #644 #646)', async () => {
    const clock = new VirtualClock()
    const locker = new MapLocker(clock)
    const far = new MapTier()
    const { cache } = scene({ locker, lock: true, tiers: [far], staleIfError: '1h' }, clock)
    far.mood = 'failing'
    await cache.getOrSet('write fails', () => 1)
    await cache.getOrSet('skipped', (context) => {
      context.skip()
      return 1
    })
    const failing = (): never => {
      throw new Error('down')
    }
    await assert.rejects(cache.getOrSet('fails', failing))
    await cache.getOrSet('cannot be framed', () => () => {}, { tiers: ['far'] })
    await settled()
    assert.equal(locker.held.size, 0)
    const hung = cache.getOrSet('hangs', () => new Promise(() => {}), { hardTimeout: '1s', lock: '10s' })
    const outcome = Promise.allSettled([hung])
    await clock.advance(1000)
    await outcome
    await settled()
    assert.equal(locker.held.size, 0)
  })

  it('one process loads for all, and a holder that is killed is outlived', async () => {
    const clock = new VirtualClock()
    const locker = new MapLocker(clock)
    const far = new MapTier()
    const caches = [1, 2, 3, 4].map(() => scene({ locker, lock: '5s', tiers: [far] }, clock).cache)
    const hold = held<string>()
    const all = caches.map((cache) => cache.getOrSet('k', hold.factory))
    await clock.advance(100)
    hold.bring('once')
    await settled()
    assert.deepEqual(await Promise.all(all), ['once', 'once', 'once', 'once'])
    assert.equal(hold.runs, 1)
    await locker.acquire('killed', 5000)
    const factory = counting()
    const rest = Promise.all(caches.map((cache) => cache.getOrSet('killed', factory)))
    await clock.advance(5000)
    assert.deepEqual(new Set(await rest), new Set(['run 1']))
  })

  it('tags and clears keep their own times wherever they are read (FusionCache #627)', async () => {
    const far = new MapTier()
    const clock = new VirtualClock()
    const a = scene({ tiers: [far] }, clock)
    await a.cache.deleteTag('t')
    await clock.advance(1000)
    await a.cache.set('k', 1, { tags: ['t'] })
    await clock.advance(60_000 - 2000)
    const b = scene({ tiers: [far] }, clock)
    assert.equal(await b.cache.get('k'), 1)
    await b.cache.expireTag('u')
    const c = scene({ tiers: [far] }, clock)
    assert.equal(await c.cache.get('k'), 1)
  })

  for (const [what, invalidate] of [
    ['clear', (c) => c.clear()],
    ['delete', (c) => c.delete('k')],
    ['tag delete', (c) => c.deleteTag('t')],
  ] as [string, (cache: ReturnType<typeof scene>['cache']) => Promise<void>][]) {
    it(`a hard ${what} leaves no fallback anywhere (FusionCache #648 #553 #562)`, async () => {
      const far = new MapTier()
      const clock = new VirtualClock()
      const options = { tiers: [far], staleIfError: '1h' }
      const a = scene(options, clock)
      const b = scene(options, clock)
      await a.cache.set('k', 'old', { tags: ['t'] })
      await invalidate(a.cache)
      for (const { cache } of [a, b]) {
        const failing = (): never => {
          throw new Error('down')
        }
        await assert.rejects(cache.getOrSet('k', failing))
        assert.equal(await cache.has('k'), false)
      }
    })
  }

  for (const [what, invalidate] of [
    ['clear', (c) => c.clear({ soft: true })],
    ['expire', (c) => c.expire('k')],
    ['tag expire', (c) => c.expireTag('t')],
  ] as [string, (cache: ReturnType<typeof scene>['cache']) => Promise<void>][]) {
    it(`a soft ${what} leaves a fallback everywhere`, async () => {
      const far = new MapTier()
      const clock = new VirtualClock()
      const options = { tiers: [far], staleIfError: '1h', swr: '1h' }
      const a = scene(options, clock)
      const b = scene(options, clock)
      await a.cache.set('k', 'old', { tags: ['t'] })
      await invalidate(a.cache)
      for (const { cache } of [a, b]) {
        const failing = (): string => {
          throw new Error('down')
        }
        assert.equal(await cache.has('k'), false)
        assert.equal(await cache.getOrSet('k', failing), 'old')
      }
    })
  }

  it('has() is false after a tag is deleted and after the end (bentocache #64, cacheable #1618)', async () => {
    const { cache, clock } = scene({ ttl: '1m', swr: '1h' })
    await cache.set('a', 1, { tags: ['t'] })
    await cache.set('b', 1)
    await cache.deleteTag('t')
    assert.deepEqual([await cache.has('a'), await cache.has('b')], [false, true])
    await clock.advance(60_000)
    assert.equal(await cache.has('b'), false)
  })

  it('tags that a later release gives count for what was kept before (bentocache #83)', async () => {
    const { cache } = scene()
    await cache.set('k', 'old', { tags: ['before'] })
    await cache.deleteTag('after')
    assert.equal(await cache.getOrSet('k', () => 'new', { tags: ['after'] }), 'new')
  })

  it('clearing a namespace clears that one, in every process (bentocache #32 #37 #38 #68)', async () => {
    const line = new Line()
    const clock = new VirtualClock()
    const caches = [1, 2].map(() => scene({ backplane: line.end() }, clock).cache)
    for (const cache of caches) {
      await cache.start()
      await cache.set('k', 'root')
      await cache.namespace('n').set('k', 'n')
      await cache.namespace('n').namespace('in').set('k', 'in')
      await cache.namespace('nn').set('k', 'nn')
    }
    const [first] = caches
    await first?.namespace('n').clear()
    const [, second] = caches
    assert.deepEqual(
      await Promise.all([
        second?.get('k'),
        second?.namespace('n').get('k'),
        second?.namespace('n').namespace('in').get('k'),
        second?.namespace('nn').get('k'),
      ]),
      ['root', undefined, undefined, 'nn'],
    )
    for (const cache of caches) await cache.stop()
  })

  it('values with many keys come back by key, prototypes or not (cacheable #1613)', async () => {
    const { cache } = scene()
    assert.deepEqual(await cache.getMany(['__proto__', 'toString', 'constructor']), [
      undefined,
      undefined,
      undefined,
    ])
    await cache.set({ a: JSON.parse('{"__proto__":1}') }, 'own')
    assert.equal(await cache.get({ a: {} }), undefined)
  })

  it('forgetting marks forgets no invalidation (async-cache-dedupe #97)', async () => {
    const { cache } = scene()
    await cache.set('k', 1, { tags: ['t'] })
    await cache.deleteTag('t')
    for (let i = 0; i < 10_001; i++) await cache.deleteTag(`other ${i}`)
    assert.equal(await cache.get('k'), undefined)
    assert.equal(cache.inspect().marks.tags, 10_000)
  })
})
