import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { settled, VirtualClock } from '@millrace/testing'
import { tierFailed } from '../../src/index.ts'
import { Line, LineEnd, MapLocker, MapNear, MapTier, scene } from './fakes.ts'

const never = (): Promise<never> => new Promise(() => {})

/** Whether it ends within so many milliseconds of the clock. */
const endsWithin = async (clock: VirtualClock, ms: number, work: Promise<unknown>): Promise<boolean> => {
  let ended = false
  const end = work.then(() => {
    ended = true
  })
  await clock.advance(ms)
  await settled()
  if (ended) await end
  return ended
}

class HangingTier extends MapTier {
  start = never
  stop = never
}

class HangingNear extends MapNear {
  start = never
  stop = never
}

class HangingEnd extends LineEnd {
  override async subscribe(): Promise<() => Promise<void>> {
    return never
  }
}

describe('a part that hangs', () => {
  for (const [what, parts, tier] of [
    ['tier', () => ({ tiers: [new HangingTier()] }), 'far'],
    ['near tier', () => ({ near: new HangingNear() }), 'memory'],
  ] as const) {
    it(`holds up neither start nor stop: a ${what}`, async () => {
      const failed: string[] = []
      const end = tierFailed.subscribe((event) => failed.push(`${event.tier} ${event.operation}`))
      const { cache, clock } = scene(parts())
      assert.equal(await endsWithin(clock, 4999, cache.start()), false)
      await clock.advance(1)
      assert.equal(await cache.getOrSet('k', () => 1), 1)
      assert.equal(await endsWithin(clock, 5000, cache.stop()), true)
      end()
      assert.deepEqual(failed, [`${tier} start`, `${tier} stop`])
      assert.equal(clock.pending, 0)
    })
  }

  for (const [what, parts] of [
    ['backplane', () => ({ backplane: new HangingEnd(new Line()) })],
    ['locker', (clock: VirtualClock) => ({ locker: Object.assign(new MapLocker(clock), { stop: never }) })],
  ] as const) {
    it(`does not hold up stop: a ${what}`, async () => {
      const clock = new VirtualClock()
      const { cache } = scene(parts(clock), clock)
      await cache.start()
      assert.equal(await endsWithin(clock, 5000, cache.stop()), true)
    })
  }
})

describe('start', () => {
  it('ends a subscription that came too late', async () => {
    const [first, line] = [Promise.withResolvers<void>(), new Line()]
    let subscribed = 0
    let ended = 0
    const backplane = new (class extends LineEnd {
      override async subscribe(): Promise<() => Promise<void>> {
        if (++subscribed === 1) await first.promise
        return async () => void ended++
      }
    })(line)
    const { cache, clock } = scene({ backplane })
    assert.equal(await endsWithin(clock, 2000, cache.start()), true)
    await clock.advance(2000)
    assert.deepEqual([subscribed, ended, cache.inspect().backplane.connected], [2, 0, true])
    first.resolve()
    await settled()
    assert.equal(ended, 1)
  })
})

describe('stop', () => {
  it('writes and tells what is owed, and then closes', async () => {
    const [far, line] = [new MapTier(), new Line()]
    const end = line.end()
    const { cache } = scene({ tiers: [far], backplane: end })
    await cache.start()
    far.mood = 'failing'
    end.cut = true
    await cache.set('k', 1)
    await settled()
    assert.equal(cache.inspect().recovery.waiting, 2)
    far.mood = 'well'
    end.cut = false
    await cache.stop()
    assert.ok(far.items.has('k'))
    // What was told, and told again when the tier had it.
    assert.ok(line.heard.length > 0)
    assert.ok(line.heard.every(({ kind, names }) => kind === 'set' && names.join() === 'k'))
    assert.equal(cache.inspect().recovery.waiting, 0)
  })

  it('gives what is owed two seconds, and goes on with it after the next start', async () => {
    const far = new MapTier()
    const { cache, clock } = scene({ tiers: [far], tierTimeout: '10s' })
    await cache.start()
    far.mood = 'failing'
    await cache.set('k', 1)
    far.mood = 'hanging'
    assert.equal(await endsWithin(clock, 1999, cache.stop()), false)
    await clock.advance(1)
    await clock.advance(60_000)
    assert.equal(clock.pending, 0)
    assert.equal(cache.inspect().recovery.waiting, 1)
    far.mood = 'well'
    await cache.start()
    await clock.advance(4000)
    assert.ok(far.items.has('k'))
    assert.equal(cache.inspect().recovery.waiting, 0)
  })

  it('stops the locker', async () => {
    const clock = new VirtualClock()
    let stopped = 0
    const locker = Object.assign(new MapLocker(clock), { stop: async () => void stopped++ })
    await scene({ locker }, clock).cache.stop()
    assert.equal(stopped, 1)
  })
})
