import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { settled, VirtualClock } from '@millrace/testing'
import { frames } from '../../src/engine/codec.ts'
import type { Codec } from '../../src/index.ts'
import { counting, held, Line, MapLocker, MapTier, type Scene, SlowTier, scene } from './fakes.ts'

/** Two processes, one tier, one line. */
const pair = async (
  config: Parameters<typeof scene>[0] = {},
): Promise<{
  far: SlowTier
  clock: VirtualClock
  a: Scene
  b: Scene
  line: Line
  lines: readonly [ReturnType<Line['end']>, ReturnType<Line['end']>]
}> => {
  const [far, clock, line] = [new SlowTier(), new VirtualClock(), new Line()]
  const lines = [line.end(), line.end()] as const
  const a = scene({ tiers: [far], backplane: lines[0], ...config }, clock)
  const b = scene({ tiers: [far], backplane: lines[1], ...config }, clock)
  await a.cache.start()
  await b.cache.start()
  // What is kept after the start is trusted.
  await clock.advance(1)
  return { far, clock, a, b, line, lines }
}

describe('tiers', () => {
  it('are read nearest first, and what is found is brought nearer', async () => {
    const [one, two, clock] = [new MapTier('one'), new MapTier('two'), new VirtualClock()]
    await scene({ tiers: [two] }, clock).cache.set('k', 1)
    const { cache } = scene({ tiers: [one, two] }, clock)
    assert.equal(await cache.get('k'), 1)
    await settled()
    assert.ok(one.items.has('k'))
    assert.equal(await cache.get('k'), 1)
    assert.deepEqual(cache.stats.hits, { memory: 1, two: 1 })
  })

  it('have lives of their own', async () => {
    const far = new MapTier()
    const { cache, clock } = scene({ tiers: [far], ttl: '1m', tierTtl: { memory: '10s', far: '1h' } })
    const factory = counting()
    await cache.getOrSet('k', factory)
    await clock.advance(600_000)
    const before = far.calls.length
    assert.equal(await cache.getOrSet('k', factory), 'run 1')
    assert.ok(far.calls.length > before)
    assert.equal(await cache.getOrSet('k', factory), 'run 1')
  })

  it('that are not named are left alone', async () => {
    const [one, two] = [new MapTier('one'), new MapTier('two')]
    const { cache, near } = scene({ tiers: [one, two] })
    await cache.set('k', 1, { tiers: ['two'] })
    assert.deepEqual([near.get('k'), one.calls.length], [undefined, 0])
    assert.equal(await cache.get('k', { tiers: ['two'] }), 1)
  })

  it('with broken, foreign or older frames are a miss', async () => {
    const far = new MapTier()
    const old: Codec = { encode: frames.encode, decode: () => undefined }
    const { cache, near } = scene({ tiers: [far] })
    await cache.set('k', 1)
    near.clear()
    const item = far.items.get('k')
    assert.ok(item)
    for (const frame of [
      new Uint8Array(),
      new Uint8Array([1, 2, 3]),
      (await frames.encode({ value: 1, createdAt: 1, freshUntil: 1, staleUntil: 1 })).subarray(0, 9),
    ]) {
      far.items.set('k', { ...item, frame })
      assert.equal(await cache.get('k'), undefined)
    }
    far.items.set('k', item)
    assert.equal(await scene({ tiers: [far], codec: old }).cache.get('k'), undefined)
    assert.equal(await cache.get('k'), 1)
  })

  it('hold keys of any length and any characters', async () => {
    const far = new MapTier()
    const clock = new VirtualClock()
    const keys = [
      'x'.repeat(300),
      `${'x'.repeat(300)}y`,
      'line\nbreak',
      'line\rbreak',
      'a\ud800',
      'a\ud801',
      'é☃𝄞',
    ]
    await scene({ tiers: [far] }, clock).cache.setMany(keys.map((key, index) => [key, index]))
    const { cache } = scene({ tiers: [far] }, clock)
    assert.deepEqual(await cache.getMany(keys), [...keys.keys()])
    for (const key of far.items.keys())
      assert.ok(key.length <= 300 && key.isWellFormed() && !/\p{Cc}/u.test(key))
  })

  it('show what they hold to operators', async () => {
    const far = new MapTier()
    const clock = new VirtualClock()
    const { cache } = scene({ tiers: [far] }, clock)
    await cache.set('a', 1)
    await cache.set('b', 2, { tags: ['t'] })
    await cache.deleteTag('t')
    await cache.namespace('n').set('c', 3)
    const keysOf = async (space: AsyncIterable<{ key: string }>): Promise<string[]> => {
      const keys: string[] = []
      for await (const { key } of space) keys.push(key)
      return keys.sort()
    }
    const other = scene({ tiers: [far] }, clock)
    await other.cache.get('b')
    assert.deepEqual(await keysOf(cache), ['$1:nc', 'a'])
    assert.deepEqual(await keysOf(other.cache.namespace('n')), ['c'])
  })
})

describe('processes', () => {
  it('hear of what others do', async () => {
    const { a, b } = await pair({ staleIfError: '1h' })
    const failing = (): never => {
      throw new Error('down')
    }
    const fill = async (): Promise<void> => {
      await a.cache.set('k', 'old', { tags: ['t'] })
      assert.equal(await b.cache.get('k'), 'old')
    }
    await fill()
    await a.cache.set('k', 'new')
    assert.equal(await b.cache.get('k'), 'new')
    for (const hard of [() => a.cache.delete('k'), () => a.cache.deleteTag('t'), () => a.cache.clear()]) {
      await fill()
      await hard()
      assert.equal(await b.cache.get('k'), undefined)
      await assert.rejects(b.cache.getOrSet('k', failing))
    }
    for (const soft of [
      () => a.cache.expire('k'),
      () => a.cache.expireTag('t'),
      () => a.cache.clear({ soft: true }),
    ]) {
      await fill()
      await soft()
      assert.equal(await b.cache.get('k'), undefined)
      assert.equal(await b.cache.getOrSet('k', failing, { errorThrottle: 0 }), 'old')
    }
  })

  it('that share no tier do not chase each other with what they load', async () => {
    const { a, b } = await pair({ tiers: [] })
    const factory = counting()
    for (let i = 0; i < 5; i++) {
      await a.cache.getOrSet('k', factory)
      await b.cache.getOrSet('k', factory)
      await settled()
    }
    assert.equal(factory.runs, 2)
  })

  it('look again after a gap, once for each key, before they trust their memory', async () => {
    const { a, b, far, lines } = await pair()
    await a.cache.setMany([
      ['same', 1],
      ['changed', 1],
      ['deleted', 1],
    ])
    await a.cache.set('tagged', 1, { tags: ['t'] })
    await b.cache.getMany(['same', 'changed', 'deleted', 'tagged'])
    for (const key of ['same', 'changed', 'deleted', 'tagged']) assert.equal(await b.cache.get(key), 1)
    lines[1].cut = true
    await a.cache.set('changed', 2)
    await a.cache.delete('deleted')
    await a.cache.deleteTag('t')
    assert.equal(await b.cache.get('changed'), 1)
    lines[1].reconnect()
    const read = (): Promise<unknown[]> =>
      Promise.all(['same', 'changed', 'deleted', 'tagged'].map((key) => b.cache.get(key)))
    assert.deepEqual(await read(), [1, 2, undefined, undefined])
    const before = far.calls.length
    assert.deepEqual([await b.cache.get('same'), await b.cache.get('changed')], [1, 2])
    assert.equal(far.calls.length, before)
  })

  it('serve from memory while nobody can tell them better', async () => {
    const { a, far, lines } = await pair()
    await a.cache.set('k', 1)
    far.mood = 'failing'
    lines[0].reconnect()
    assert.equal(await a.cache.get('k'), 1)
    assert.equal(await a.cache.getOrSet('k', () => 2), 1)
    far.mood = 'well'
    far.items.clear()
    assert.equal(await a.cache.getOrSet('k', () => 2), 2)
  })

  it('make up for writes and notices that were lost, the last of each', async () => {
    const { a, b, far, clock, lines } = await pair()
    for (const key of ['set', 'deleted', 'both']) {
      await a.cache.set(key, 'old', { tags: ['t'] })
      await b.cache.get(key)
    }
    await a.cache.set('tagged', 'old', { tags: ['u'] })
    await b.cache.get('tagged')
    far.mood = 'failing'
    lines[0].cut = true
    await a.cache.set('set', 'new')
    await a.cache.delete('deleted')
    await a.cache.delete('both')
    await a.cache.set('both', 'new')
    await a.cache.deleteTag('u')
    assert.equal(await b.cache.get('set'), 'old')
    far.mood = 'well'
    lines[0].cut = false
    // Its own deletion is not undone by what the tier still holds.
    assert.equal(await a.cache.get('deleted'), undefined)
    await clock.advance(5000)
    const keys = ['set', 'deleted', 'both', 'tagged']
    for (const { cache } of [a, b]) {
      const values: unknown[] = []
      for (const key of keys) values.push(await cache.get(key))
      assert.deepEqual(values, ['new', undefined, 'new', undefined])
    }
    assert.equal(a.cache.inspect().recovery.waiting, 0)
    // The timer of deadlines that were kept rings once.
    await clock.advance(5000)
    assert.equal(clock.pending, 0)
  })

  it('have the same one of two values of the same time', async () => {
    const { a, b, lines } = await pair()
    lines[1].cut = true
    await a.cache.set('k', 'of a')
    lines[1].cut = false
    await b.cache.set('k', 'of b')
    assert.deepEqual([await a.cache.get('k'), await b.cache.get('k')], ['of b', 'of b'])
  })

  it('do not keep what they read before another one wrote, and heard of first', async () => {
    for (const read of [
      (cache: Scene['cache']): Promise<unknown> => cache.get('k'),
      (cache: Scene['cache']): Promise<unknown> => cache.getOrSet('k', () => 'loaded'),
    ]) {
      const { a, b, far, clock } = await pair()
      await a.cache.set('k', 'old')
      const [reading, writing] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      far.reading = reading.promise
      far.writing = writing.promise
      const written = a.cache.set('k', 'new')
      await clock.advance(1)
      const early = read(b.cache)
      await settled()
      writing.resolve()
      await written
      reading.resolve()
      assert.notEqual(await early, 'old')
      assert.notEqual(await b.cache.get('k'), 'old')
    }
  })

  it('do not trust what they began to read or to load before a gap', async () => {
    const { a, b, far, clock, lines } = await pair()
    await a.cache.set('read', 'old')
    const reading = Promise.withResolvers<void>()
    const { factory, bring } = held<string>()
    far.reading = reading.promise
    const read = b.cache.get('read')
    far.reading = Promise.resolve()
    const loaded = b.cache.getOrSet('loaded', factory)
    await settled()
    await clock.advance(1)
    lines[1].cut = true
    await a.cache.set('read', 'new')
    await a.cache.set('loaded', 'new')
    lines[1].reconnect()
    reading.resolve()
    bring('old')
    assert.deepEqual([await read, await loaded], ['old', 'old'])
    assert.deepEqual([await b.cache.get('read'), await b.cache.get('loaded')], ['new', 'new'])
  })

  it('keep what has come since a clear that they hear of late', async () => {
    const { a, b, far, clock, line, lines } = await pair()
    lines[1].cut = true
    await a.cache.clear()
    lines[1].cut = false
    const late = [...line.heard]
    await clock.advance(1)
    far.mood = 'failing'
    await b.cache.set('k', 1)
    for (const notice of late) lines[1].receive(notice)
    far.mood = 'well'
    await clock.advance(5000)
    assert.deepEqual([await a.cache.get('k'), await b.cache.get('k')], [1, 1])
  })

  it('do not write again what may have been overtaken while they heard nothing', async () => {
    const { a, b, far, clock, lines } = await pair()
    far.mood = 'failing'
    lines[0].cut = true
    await a.cache.set('k', 'old')
    far.mood = 'well'
    await clock.advance(1)
    await b.cache.set('k', 'new', { ttl: '1s' })
    await clock.advance(1500)
    far.items.clear()
    lines[0].reconnect()
    await clock.advance(2000)
    assert.equal(a.cache.inspect().recovery.waiting, 0)
    assert.deepEqual([await a.cache.get('k'), await b.cache.get('k')], [undefined, undefined])
  })

  it('are told again when a tier has what they looked for in vain', async () => {
    const { a, b, far, clock, line } = await pair()
    await a.cache.set('set', 'old')
    await a.cache.set('deleted', 'old')
    await a.cache.set('tagged', 'old', { tags: ['t'] })
    far.mood = 'failing'
    await a.cache.set('set', 'new')
    await a.cache.delete('deleted')
    await a.cache.deleteTag('t')
    far.mood = 'well'
    const late = scene({ tiers: [far], backplane: line.end() }, clock)
    await late.cache.start()
    const read = (): Promise<unknown[]> =>
      Promise.all([b.cache.get('set'), b.cache.get('deleted'), late.cache.get('tagged')])
    assert.deepEqual(await read(), ['old', 'old', 'old'])
    await clock.advance(5000)
    assert.deepEqual(await read(), ['new', undefined, undefined])
  })

  it('make up for all that is owed as soon as it can be done', async () => {
    const { a, far, clock } = await pair()
    far.mood = 'hanging'
    const deleted = Promise.all(Array.from({ length: 500 }, (_, index) => a.cache.delete(`k${index}`)))
    await clock.advance(100)
    await deleted
    assert.equal(a.cache.inspect().recovery.waiting, 500)
    far.mood = 'well'
    await clock.advance(2500)
    assert.equal(a.cache.inspect().recovery.waiting, 0)
    assert.equal(far.deaths.size, 500)
  })

  it('wait for a write no longer than a tier may take, where the backplane hangs too', async () => {
    const far = new MapTier()
    far.mood = 'hanging'
    const backplane = {
      publish: () => new Promise<never>(() => {}),
      subscribe: async () => async () => {},
    }
    const { cache, clock } = scene({ tiers: [far], backplane })
    for (const write of [
      () => cache.set('k', 1),
      () => cache.delete('k'),
      () => cache.expire('k'),
      () => cache.deleteTag('t'),
    ]) {
      let done = false
      void write().then(() => (done = true))
      await clock.advance(51)
      assert.ok(done)
    }
    // What is owed is tried once more, for two seconds at most.
    const stopped = cache.stop()
    await clock.advance(2000)
    await stopped
  })

  it('that wait for one who loads find its value, also when nobody says that it has come', async () => {
    const [clock, far] = [new VirtualClock(), new MapTier()]
    const locker = new MapLocker(clock)
    const silent = { acquire: locker.acquire.bind(locker), released: locker.released.bind(locker) }
    const mute = {
      ...silent,
      acquire: async (key: string, ttl: number) => {
        const lock = await locker.acquire(key, ttl)
        return lock && { ...lock, release: () => Promise.reject(new Error('the line is cut')) }
      },
    }
    const a = scene({ tiers: [far], locker: mute, lock: '10s' }, clock)
    const b = scene({ tiers: [far], locker: silent, lock: '10s' }, clock)
    const { factory, bring } = held<string>()
    const loaded = a.cache.getOrSet('k', factory)
    let found: unknown
    void b.cache.getOrSet('k', () => 'again').then((value) => (found = value))
    await clock.advance(1000)
    bring('once')
    assert.equal(await loaded, 'once')
    await clock.advance(1000)
    assert.equal(found, 'once')
  })

  it('never remember more than they may of what they owe', async () => {
    const { a, far } = await pair()
    far.mood = 'failing'
    for (let i = 0; i < 10_100; i++) await a.cache.delete(`k${i}`)
    const { waiting, dropped } = a.cache.inspect().recovery
    assert.deepEqual([waiting, dropped], [10_000, 100])
    await a.cache.stop()
  })

  it('believe a clock that is ahead, so that what follows a deletion is kept', async () => {
    const far = new MapTier()
    const line = new Line()
    const behind = new VirtualClock()
    const ahead = new VirtualClock(behind.now() + 10_000)
    const a = scene({ tiers: [far], backplane: line.end() }, ahead)
    const b = scene({ tiers: [far], backplane: line.end() }, behind)
    await a.cache.start()
    await b.cache.start()
    await a.cache.set('k', 1)
    await a.cache.delete('k')
    await b.cache.set('k', 2)
    assert.deepEqual([await b.cache.get('k'), await a.cache.get('k')], [2, 2])
  })

  it('begin to listen as soon as that can be done', async () => {
    const line = new Line()
    const [mine, other] = [line.end(), line.end()]
    mine.cut = true
    const clock = new VirtualClock()
    const { cache } = scene({ backplane: mine }, clock)
    const { cache: elsewhere } = scene({ backplane: other }, clock)
    await elsewhere.start()
    await cache.start()
    assert.equal(cache.inspect().backplane.connected, false)
    mine.cut = false
    await clock.advance(2000)
    await cache.set('k', 1)
    await elsewhere.delete('k')
    assert.equal(await cache.get('k'), undefined)
    await cache.stop()
    assert.equal(clock.pending, 0)
  })
})
