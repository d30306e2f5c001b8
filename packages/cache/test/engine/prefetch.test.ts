import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { settled } from '@millrace/testing'
import { type Key, type PrefetchOptions, prefetched, type Space } from '../../src/index.ts'
import { held, MapTier, type Scene, scene } from './fakes.ts'

/** A space that loads ahead, and what was loaded by whom. */
const site = (
  options: Partial<PrefetchOptions> = {},
  config: Parameters<typeof scene>[0] = {},
): Scene & {
  readonly space: Space
  readonly ahead: Key[]
  readonly asked: string[]
  read(key: string): Promise<unknown>
} => {
  const ahead: Key[] = []
  const asked: string[] = []
  const made = scene(config)
  const load = (key: Key): string => {
    ahead.push(key)
    return `ahead ${String(key)}`
  }
  const space = made.cache.namespace('n', { ttl: '30s', prefetch: { load, budget: 1, ...options } })
  const read = (key: string): Promise<unknown> => {
    const loading = space.getOrSet(key, () => {
      asked.push(key)
      return key
    })
    return loading
  }
  return { ...made, space, ahead, asked, read }
}

/** Reads these, one each second; then all is old. */
const visit = async (
  { read, clock }: Pick<ReturnType<typeof site>, 'read' | 'clock'>,
  keys: string,
): Promise<void> => {
  for (const key of keys) {
    await read(key)
    await clock.advance(1000)
  }
  await clock.advance(40_000)
}

const only = (made: Scene): unknown => made.cache.inspect().prefetch['$1:n']

describe('prefetch', () => {
  it('loads what has followed before it is asked for', async () => {
    const made = site()
    for (let i = 0; i < 3; i++) await visit(made, 'ab')
    assert.deepEqual([made.ahead, made.asked.length], [[], 6])
    await visit(made, 'ab')
    assert.deepEqual([made.ahead, made.asked.length], [['b'], 7])
    assert.deepEqual(only(made), {
      loads: 1,
      used: 1,
      wasted: 0,
      failed: 0,
      precision: 1,
      isPaused: false,
      keys: 2,
    })
  })

  it('hands over keys as they were given, and what the loader brings', async () => {
    const { space, ahead, clock } = site()
    for (let i = 0; i < 4; i++) {
      await space.getOrSet(['city', 1], () => 'city')
      await settled()
      assert.equal(
        await space.getOrSet({ weather: 1 }, () => 'asked'),
        i < 3 ? 'asked' : 'ahead [object Object]',
      )
      await clock.advance(60_000)
    }
    assert.deepEqual(ahead, [{ weather: 1 }])
  })

  it('is joined by who asks meanwhile', async () => {
    const hold = held<string>()
    const made = site({ load: (_key, context) => hold.factory(context) })
    for (let i = 0; i < 3; i++) await visit(made, 'ab')
    await made.read('a')
    const waiting = made.read('b')
    hold.bring('once')
    assert.equal(await waiting, 'once')
    assert.equal(hold.runs, 1)
  })

  it('does not load what is there', async () => {
    const made = site()
    for (let i = 0; i < 10; i++) for (const key of 'ab') await made.read(key)
    assert.deepEqual([made.ahead, made.asked], [[], ['a', 'b']])
  })

  it('finds what a farther tier has', async () => {
    const far = new MapTier()
    const made = site({}, { tiers: [far] })
    for (let i = 0; i < 3; i++) await visit(made, 'ab')
    await made.space.set('b', 'far', { ttl: '1h' })
    made.near.clear()
    await made.read('a')
    await settled()
    assert.deepEqual(made.ahead, [])
    assert.equal(made.near.get('$1:nb')?.value, 'far')
  })

  it('does not bring back what is deleted while it is loaded', async () => {
    const hold = held<string>()
    const made = site({ load: (_key, context) => hold.factory(context) })
    for (let i = 0; i < 3; i++) await visit(made, 'ab')
    await made.read('a')
    await made.space.delete('b')
    hold.bring('old')
    await settled()
    assert.equal(await made.space.get('b'), undefined)
  })

  it('leaves the counts of reads as they are', async () => {
    const made = site({}, { tiers: [new MapTier()] })
    for (let i = 0; i < 5; i++) await visit(made, 'ab')
    const { hits, misses, stale, coalesced } = made.cache.stats
    assert.deepEqual([hits['memory'], misses, stale, coalesced, made.ahead.length], [2, 8, 0, 0, 2])
  })

  it('keeps to its budget, four at a time', async () => {
    const hold = held<string>()
    const made = site({ load: (_key, context) => hold.factory(context) })
    // Each of the first six is followed by four of its own.
    const sets = ['a0123', 'b4567', 'c89AB', 'dCDEF']
    for (let i = 0; i < 3; i++) for (const set of sets) await visit(made, set)
    for (const set of sets) await made.read(set.slice(0, 1))
    assert.equal(hold.runs, 4)

    const rare = site({ budget: 0.1 })
    for (let i = 0; i < 60; i++) await visit(rare, 'ab')
    assert.ok(rare.ahead.length <= 12 && rare.ahead.length >= 10, `${rare.ahead.length}`)
  })

  it('stops when too little of it is read, and tries again later', async () => {
    const made = site()
    const { clock, read, ahead } = made
    const heard: string[] = []
    const end = prefetched.subscribe(({ outcome }) => heard.push(outcome))
    const firsts = Array.from({ length: 60 }, (_, i) => `first${i}`)
    for (let i = 0; i < 4; i++) {
      for (const first of firsts) {
        await read(first)
        await read(`then ${first}`)
        for (let j = 0; j < 4; j++) await read(`${i} ${j} ${first}`)
        await clock.advance(40_000)
      }
    }
    assert.deepEqual([ahead.length, heard.includes('paused')], [60, false])
    heard.length = 0
    // From here on nobody goes on to what used to follow.
    for (const first of firsts.slice(0, 30)) {
      await read(first)
      await clock.advance(1)
    }
    await clock.advance(61_000)
    for (const first of firsts.slice(30)) {
      await read(first)
      await clock.advance(2000)
    }
    const stopped = ahead.length
    assert.equal(heard.filter((outcome) => outcome === 'paused').length, 1)
    assert.ok(stopped < 60 + 60)
    const before = only(made)
    assert.ok(typeof before === 'object' && before !== null && 'isPaused' in before && before.isPaused)
    await clock.advance(300_000)
    await read('first0')
    end()
    assert.ok(ahead.length > stopped)
  })

  it('counts a failed load as wasted, and lets who asks run their own', async () => {
    const failing = (): never => {
      throw new Error('down')
    }
    const made = site({ load: failing })
    for (let i = 0; i < 3; i++) await visit(made, 'ab')
    await made.read('a')
    await settled()
    assert.equal(await made.read('b'), 'b')
    assert.deepEqual(made.cache.inspect().prefetch['$1:n'], {
      loads: 1,
      used: 0,
      wasted: 0,
      failed: 1,
      precision: 0,
      isPaused: false,
      keys: 2,
    })
  })

  it('is off where nobody asked for it, also in namespaces inside', async () => {
    const made = site()
    const inner = made.space.namespace('inner')
    for (let i = 0; i < 6; i++) {
      for (const key of ['a', 'b']) await inner.getOrSet(key, () => key)
      await made.clock.advance(60_000)
    }
    assert.deepEqual(made.ahead, [])
    assert.deepEqual(Object.keys(made.cache.inspect().prefetch), ['$1:n'])
  })

  it('refuses what it does not know', () => {
    const { cache } = scene()
    const load = (): number => 1
    const mistyped: object = { laod: load }
    for (const [options, message] of [
      [{ load, budget: 0 }, /prefetch.budget/],
      [{ load, precision: 2 }, /prefetch.precision/],
      [{ load, maxKeys: 0.5 }, /prefetch.maxKeys/],
      [{ load, ...mistyped }, /prefetch.laod: no such option/],
    ] as const)
      assert.throws(() => cache.namespace('n', { prefetch: options }), message)
  })
})

describe('what is read', () => {
  it('is counted once, also when a load follows behind', async () => {
    const { cache, clock } = scene({ ttl: '10s', swr: '10s', eager: 0.5 })
    const factory = (): number => 1
    await cache.getOrSet('k', factory)
    await clock.advance(6000)
    await cache.getOrSet('k', factory)
    await clock.advance(15_000)
    await cache.getOrSet('k', factory)
    await settled()
    const { hits, misses, stale, loads } = cache.stats
    assert.deepEqual([hits, misses, stale, loads], [{ memory: 1 }, 1, 1, 3])
  })
})
