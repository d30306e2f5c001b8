import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Reply, reply } from '@millrace/core'
import { VirtualClock } from '@millrace/testing'
import { type CacheRule, memory } from '../../src/index.ts'
import { LocalBus, localBackplane, mapTier } from '../../src/testing/index.ts'
import { scene } from '../ask.ts'

/** What has been asked for gets as far as it can. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise(setImmediate)
}

const gated = () => {
  const gate = Promise.withResolvers<Reply>()
  return { handler: (): Promise<Reply> => gate.promise, open: gate.resolve, fail: gate.reject }
}

describe('what is purged while it is brought anew', () => {
  const rules: Readonly<Record<string, CacheRule>> = {
    'when it is over': { ttl: '10s', swr: '1h' },
    'ahead of time': { ttl: '1m', eager: 0.01 },
  }
  const failures: Readonly<Record<string, (run: ReturnType<typeof gated>) => void>> = {
    throws: (run) => run.fail(new Error('down')),
    'answers 503': (run) => run.open(reply(503)),
    'answers what is not kept': (run) => run.open(reply(200, { 'Set-Cookie': 'a=1' })),
  }
  for (const [when, rule] of Object.entries(rules)) {
    for (const [what, end] of Object.entries(failures)) {
      it(`${when} stays away when the handler ${what}`, async () => {
        const { ask, purge, clock } = scene(rule)
        await ask({ handler: () => reply(200, {}, 'old') })
        await clock.advance(11_000)
        const run = gated()
        assert.equal((await ask({ handler: run.handler })).body, 'old')
        await purge({ url: '/' })
        end(run)
        await settle()
        assert.equal((await ask({ handler: () => reply(200, {}, 'new') })).body, 'new')
      })
    }
  }
})

describe('who asks after a purge', () => {
  const rules: Readonly<Record<string, CacheRule>> = {
    'of a page': { ttl: '1m' },
    'of one with more in its key': { ttl: '1m', vary: ['x'] },
  }
  for (const [name, rule] of Object.entries(rules)) {
    for (const what of [{ url: '/' }, { tag: 't' }]) {
      it(`${name} by ${Object.keys(what)} does not get what was on its way before`, async () => {
        const { begin, ask, purge } = scene({ ...rule, tags: ['t'] })
        const run = gated()
        const first = begin({ handler: run.handler }).answer
        await settle()
        await purge(what)
        const second = begin({ handler: () => reply(200, {}, 'new') }).answer
        await settle()
        run.open(reply(200, {}, 'old'))
        assert.equal((await first).body, 'old')
        assert.equal((await second).body, 'new')
        assert.equal((await ask({ handler: () => reply(200, {}, 'later') })).body, 'new')
      })
    }
  }
})

describe('what was purged while a process heard nothing', () => {
  for (const rule of [{ ttl: '1h' }, { ttl: '1h', vary: ['x'] }] satisfies CacheRule[]) {
    it(`is gone there, too, by ${JSON.stringify(rule)}`, async () => {
      const clock = new VirtualClock()
      const bus = new LocalBus(clock)
      const far = mapTier({ clock })
      const [a, b] = [1, 2].map(() =>
        scene(rule, { tiers: [memory({ clock }), far], backplane: localBackplane(bus) }),
      )
      assert.ok(a && b)
      for (const { mill } of [a, b]) await mill.start()
      await a.ask({ handler: () => reply(200, {}, 'old') })
      await settle()
      assert.equal((await b.ask()).body, 'old')
      bus.cut()
      await a.purge({ url: '/' })
      assert.equal((await b.ask()).body, 'old')
      bus.heal()
      assert.equal((await b.ask({ handler: () => reply(200, {}, 'new') })).body, 'new')
      for (const { mill } of [a, b]) await mill.stop()
    })
  }
})

describe('a refresh whose handler hangs', () => {
  it('is given up after a minute, and made anew', async () => {
    const { ask, clock, counts } = scene({ ttl: '10s', swr: '1h', errorThrottle: '5s' })
    await ask({ handler: () => reply(200, {}, 'old') })
    await clock.advance(11_000)
    const run = gated()
    assert.equal((await ask({ handler: run.handler })).body, 'old')
    assert.equal((await ask({ handler: () => reply(200, {}, 'too early') })).body, 'old')
    await clock.advance(60_000)
    await clock.advance(5_000)
    assert.equal((await ask({ handler: () => reply(200, {}, 'new') })).body, 'old')
    await settle()
    run.open(reply(200, {}, 'late'))
    await settle()
    assert.equal((await ask()).body, 'new')
    assert.partialDeepStrictEqual(counts(), { inFlight: 0 })
    assert.equal(clock.pending, 0)
  })
})

it('a refresh by a cache further out is not answered with what is stale further in', async () => {
  const { begin, ask, clock } = scene({ ttl: '10s', swr: '1h', staleIfError: '1h' })
  await ask({ handler: () => reply(200, {}, 'old') })
  await clock.advance(11_000)
  assert.equal((await begin({ synthetic: {}, handler: () => reply(200, {}, 'new') }).answer).body, 'new')
  assert.equal((await ask()).body, 'new')
})

it('an index of what never ends never ends', async () => {
  const clock = new VirtualClock()
  const far = mapTier({ clock })
  const [a, b] = [1, 2].map(() =>
    scene({ ttl: Number.POSITIVE_INFINITY }, { tiers: [memory({ clock }), far] }),
  )
  const headers = { x: '1' }
  await a?.ask({ headers, handler: () => reply(200, { Vary: 'X' }, 'kept') })
  await settle()
  await clock.advance(86_400_000)
  assert.equal((await b?.ask({ headers }))?.body, 'kept')
})
