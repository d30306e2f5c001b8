import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { settled, VirtualClock } from '@millrace/testing'
import { adaptive, type Key } from '../../src/index.ts'
import { counting, held, MapTier, scene } from './fakes.ts'

const day = 86_400_000

describe('getOrSet', () => {
  it('keeps a value for its ttl', async () => {
    const { cache, clock } = scene({ ttl: '1m' })
    const factory = counting()
    assert.equal(await cache.getOrSet('k', factory), 'run 1')
    await clock.advance(59_999)
    assert.equal(await cache.getOrSet('k', factory), 'run 1')
    await clock.advance(1)
    assert.equal(await cache.getOrSet('k', factory), 'run 2')
  })

  it('runs one factory for a thousand at once', async () => {
    const { cache } = scene()
    const hold = held<number>()
    const all = Array.from({ length: 1000 }, () => cache.getOrSet('k', hold.factory))
    hold.bring(7)
    assert.deepEqual(new Set(await Promise.all(all)), new Set([7]))
    assert.equal(hold.runs, 1)
    assert.equal(cache.stats.coalesced, 999)
  })

  it('knows durations of no time, of years and without an end', async () => {
    const { cache, clock } = scene()
    const factory = counting()
    assert.equal(await cache.getOrSet('zero', factory, { ttl: 0 }), 'run 1')
    assert.equal(await cache.getOrSet('zero', factory, { ttl: 0 }), 'run 2')
    await cache.getOrSet('year', factory, { ttl: '365d' })
    await cache.getOrSet('ever', factory, { ttl: Number.POSITIVE_INFINITY, jitter: 0.5, eager: 0.5 })
    await clock.advance(364 * day)
    assert.deepEqual([await cache.get('year'), await cache.get('ever')], ['run 3', 'run 4'])
    await clock.advance(1000 * day)
    assert.deepEqual([await cache.get('year'), await cache.get('ever')], [undefined, 'run 4'])
  })

  it('serves stale at once and refreshes once in the background', async () => {
    const { cache, clock } = scene({ ttl: '1m', swr: '1m' })
    const factory = counting()
    await cache.getOrSet('k', factory)
    await clock.advance(60_000)
    const stale = await Promise.all([1, 2, 3].map(() => cache.getOrSet('k', factory)))
    assert.deepEqual(stale, ['run 1', 'run 1', 'run 1'])
    await settled()
    assert.equal(await cache.getOrSet('k', factory), 'run 2')
    await clock.advance(120_000)
    assert.equal(await cache.getOrSet('k', factory), 'run 3')
  })

  it('falls back on a stale value when the load fails, and does not try again at once', async () => {
    const { cache, clock } = scene({ ttl: '1m', staleIfError: '1h', errorThrottle: '10s' })
    await cache.getOrSet('k', () => 'old')
    await clock.advance(60_000)
    let runs = 0
    const failing = (): string => {
      runs++
      throw new Error('down')
    }
    for (let i = 0; i < 5; i++) assert.equal(await cache.getOrSet('k', failing), 'old')
    assert.equal(runs, 1)
    await clock.advance(10_000)
    assert.equal(await cache.getOrSet('k', failing), 'old')
    assert.equal(runs, 2)
    await clock.advance(3_600_000)
    await assert.rejects(cache.getOrSet('k', failing), /down/)
  })

  it('serves stale after the soft timeout and keeps what the load brings later', async () => {
    const { cache, clock } = scene({ ttl: '1m', staleIfError: '1h', softTimeout: '100ms' })
    await cache.getOrSet('k', () => 'old')
    await clock.advance(60_000)
    const hold = held<string>()
    const waiting = cache.getOrSet('k', hold.factory)
    await clock.advance(100)
    assert.equal(await waiting, 'old')
    hold.bring('new')
    await settled()
    assert.equal(await cache.get('k'), 'new')
  })

  it('gives up a hung factory, for those who wait and those who come', async () => {
    const { cache, clock } = scene({ hardTimeout: '1s' })
    const hold = held<string>()
    const waiting = [cache.getOrSet('k', hold.factory), cache.getOrSet('k', hold.factory)]
    const outcomes = Promise.allSettled(waiting)
    await clock.advance(1000)
    assert.deepEqual(
      (await outcomes).map(({ status }) => status),
      ['rejected', 'rejected'],
    )
    assert.equal(hold.signal?.aborted, true)
    hold.bring('late')
    await settled()
    assert.equal(await cache.getOrSet('k', () => 'next'), 'next')
    assert.equal(clock.pending, 0)
  })

  it('completes what has timed out where that is asked for', async () => {
    const { cache, clock } = scene({ hardTimeout: '1s', background: true })
    const hold = held<string>()
    const outcome = cache.getOrSet('k', hold.factory).catch(() => 'gave up')
    await clock.advance(1000)
    assert.equal(await outcome, 'gave up')
    hold.bring('late')
    await settled()
    assert.equal(await cache.get('k'), 'late')
  })

  it('lets callers leave alone, and ends the load with the last of them', async () => {
    const { cache } = scene()
    const hold = held<string>()
    const [first, second] = [new AbortController(), new AbortController()]
    const one = cache.getOrSet('k', hold.factory, { signal: first.signal })
    const two = cache.getOrSet('k', hold.factory, { signal: second.signal })
    await settled()
    first.abort(new Error('left'))
    await assert.rejects(one, /left/)
    assert.equal(hold.signal?.aborted, false)
    second.abort(new Error('left too'))
    await assert.rejects(two, /left too/)
    assert.equal(hold.signal?.aborted, true)
    assert.equal(await cache.getOrSet('k', () => 'again'), 'again')
  })

  it('refreshes ahead of time once a share of the life has gone by', async () => {
    const { cache, clock } = scene({ ttl: '100s', eager: 0.8 })
    const factory = counting()
    await cache.getOrSet('k', factory)
    await clock.advance(79_000)
    assert.equal(await cache.getOrSet('k', factory), 'run 1')
    assert.equal(factory.runs, 1)
    await clock.advance(1000)
    assert.equal(await cache.getOrSet('k', factory), 'run 1')
    await settled()
    assert.equal(await cache.getOrSet('k', factory), 'run 2')
    assert.equal(factory.runs, 2)
  })

  it('looks at the tiers before it refreshes ahead of time', async () => {
    const far = new MapTier()
    const clock = new VirtualClock()
    const a = scene({ tiers: [far], ttl: '100s', eager: 0.5 }, clock)
    const b = scene({ tiers: [far], ttl: '100s', eager: 0.5 }, clock)
    await a.cache.set('k', 'old')
    assert.equal(await b.cache.get('k'), 'old')
    await clock.advance(60_000)
    await a.cache.set('k', 'new')
    const factory = counting()
    assert.equal(await b.cache.getOrSet('k', factory), 'old')
    await settled()
    assert.equal(await b.cache.getOrSet('k', factory), 'new')
    assert.equal(factory.runs, 0)
  })

  it('keeps what is used, up to the longest time', async () => {
    const { cache, clock } = scene({ ttl: '1m', sliding: true, maxTtl: '3m' })
    await cache.set('k', 1)
    for (let i = 0; i < 4; i++) {
      await clock.advance(40_000)
      assert.equal(await cache.get('k'), 1)
    }
    await clock.advance(20_000)
    assert.equal(await cache.get('k'), undefined)
  })

  it('remembers that there is none for a time of its own', async () => {
    const { cache, clock } = scene({ ttl: '1h', negative: '1s' })
    let runs = 0
    const none = (): undefined => void runs++
    await cache.getOrSet('k', none)
    await cache.getOrSet('k', none)
    assert.equal(runs, 1)
    await clock.advance(1000)
    await cache.getOrSet('k', none)
    assert.equal(runs, 2)
  })

  it('shortens lives by chance', async () => {
    const { cache, clock } = scene({ ttl: '100s', jitter: 0.2 })
    await cache.set('k', 1)
    await clock.advance(89_999)
    assert.equal(await cache.get('k'), 1)
    await clock.advance(1)
    assert.equal(await cache.get('k'), undefined)
  })

  it('lets the factory say how long, by which tags, and whether at all', async () => {
    const { cache, clock } = scene({ ttl: '1h' })
    await cache.getOrSet('short', (context) => {
      context.setTtl('1s')
      return 1
    })
    await cache.getOrSet('tagged', (context) => {
      context.setTags(['t'])
      return 1
    })
    await cache.getOrSet('skipped', (context) => {
      context.skip()
      return 1
    })
    assert.deepEqual(await cache.getMany(['short', 'tagged', 'skipped']), [1, 1, undefined])
    await cache.deleteTag('t')
    await clock.advance(1000)
    assert.deepEqual(await cache.getMany(['short', 'tagged', 'skipped']), [undefined, undefined, undefined])
  })

  it('refreshes by a validator', async () => {
    const { cache, clock } = scene({ ttl: '1m', staleIfError: '1h' })
    await cache.getOrSet('k', (context) => {
      context.setValidator('"1"')
      return 'body'
    })
    await clock.advance(60_000)
    const again = await cache.getOrSet<string>('k', (context) => {
      assert.deepEqual([context.stale?.validator, context.stale?.value], ['"1"', 'body'])
      return context.notModified()
    })
    assert.equal(again, 'body')
    assert.equal(await cache.get('k'), 'body')
    await clock.advance(60_000)
    await cache.getOrSet('k', (context) => {
      assert.equal(context.stale?.validator, '"1"')
      return 'x'
    })
  })

  it('gives longer lives to what does not change', async () => {
    const { cache, clock } = scene({ ttl: adaptive({ min: '10s', max: '60s' }) })
    const lives: number[] = []
    let value = 1
    let runs = 0
    const factory = (): number => {
      runs++
      return value
    }
    for (let i = 0; i < 7; i++) {
      await cache.getOrSet('k', factory)
      const before = runs
      let life = 0
      while (runs === before) {
        await clock.advance(1000)
        life++
        await cache.getOrSet('k', factory)
      }
      lives.push(life)
      if (i === 4) value++
    }
    assert.deepEqual(lives, [10, 15, 23, 34, 51, 60, 30])
  })

  it('hands out nothing that one caller could change for another', async () => {
    const { cache } = scene()
    const list = await cache.getOrSet('list', () => ({ deep: [1, 2] }))
    assert.throws(() => list.deep.push(3), TypeError)
    const map = new Map([['a', 1]])
    await cache.set('map', map)
    map.set('b', 2)
    const one = await cache.get<Map<string, number>>('map')
    one?.set('c', 3)
    assert.deepEqual([...((await cache.get<Map<string, number>>('map')) ?? [])], [['a', 1]])
    const shared = { n: 1 }
    await cache.set('shared', shared, { values: 'shared' })
    shared.n = 2
    assert.deepEqual(await cache.get('shared'), { n: 2 })
  })

  it('tells what it has saved', async () => {
    const { cache, clock } = scene({ unitPrice: 3 })
    const slow = async (): Promise<number> => {
      await clock.advance(200)
      return 1
    }
    await cache.getOrSet('k', slow)
    await cache.getOrSet('k', slow)
    await cache.getOrSet('k', slow)
    const { hits, misses, loads, loadTime, hitRate, saved } = cache.stats
    assert.deepEqual(
      { hits, misses, loads, loadTime, hitRate, saved },
      {
        hits: { memory: 2 },
        misses: 1,
        loads: 1,
        loadTime: 200,
        hitRate: 2 / 3,
        saved: { time: 400, units: 6 },
      },
    )
  })

  it('refuses options that it does not know', () => {
    const { cache } = scene()
    assert.throws(() => cache.namespace('n', { ttl: '5 lightyears' }), /ttl: expected a duration/)
    assert.throws(() => cache.namespace('n', { eager: 2 }), /eager: expected a share/)
    const mistyped: object = { tll: 1 }
    assert.throws(() => cache.namespace('n', mistyped), /tll: no such option/)
  })

  it('keeps keys apart that look alike', async () => {
    const { cache } = scene()
    const keys: Key[] = [
      'a:b',
      ['a', 'b'],
      ['a:b'],
      'a',
      ['a'],
      1,
      '1',
      true,
      'true',
      null,
      'null',
      1n,
      '',
      [],
      {},
    ]
    keys.push(
      { __proto__: null, a: 1 },
      { a: '1' },
      '__proto__',
      'constructor',
      '$1:ab',
      '!n1;',
      new Date(1),
      [1],
      [[1]],
    )
    for (const [index, key] of keys.entries()) await cache.set(key, index)
    assert.deepEqual(await cache.getMany(keys), [...keys.keys()])
    await cache.set({ a: 1, b: [2, { c: 3 }] }, 'x')
    assert.equal(await cache.get({ b: [2, { c: 3 }], a: 1 }), 'x')
    await cache.namespace('a').set('b', 'in the namespace')
    assert.equal(await cache.get('$1:ab'), keys.indexOf('$1:ab'))
  })
})
