import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Exchange, type Reply, reply, trouble } from '@millrace/core'
import { VirtualClock } from '@millrace/testing'
import { type CacheRule, memory } from '../../src/index.ts'
import { LocalBus, localBackplane, localLocker, mapTier } from '../../src/testing/index.ts'
import { type Question, scene } from '../ask.ts'

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
  it('is given up after a minute, which is said once and counted, and made anew', async (t) => {
    const heard: string[] = []
    t.after(trouble.subscribe(({ code }) => heard.push(code)))
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
    assert.partialDeepStrictEqual(counts(), { inFlight: 0, abandoned: 1 })
    assert.equal(clock.pending, 0)
    await clock.advance(11_000)
    await ask({ handler: gated().handler })
    await clock.advance(60_000)
    assert.partialDeepStrictEqual(counts(), { abandoned: 2 })
    assert.deepEqual(heard, ['MILLRACE_CACHE_REFRESH'])
  })
})

describe('a reply that is brought anew, with a lock', () => {
  const rules: Readonly<Record<string, CacheRule>> = {
    'when it is over': { ttl: '10s', swr: '1h', lock: true },
    'ahead of time': { ttl: '1m', eager: 0.1, lock: true },
    'in the place of one that may be served when it fails': { ttl: '10s', staleIfError: '1h', lock: true },
  }
  for (const [name, rule] of Object.entries(rules)) {
    for (const isTold of [true, false]) {
      it(`${name} is so by one process for all${isTold ? '' : ', though they do not hear of each other'}`, async () => {
        const clock = new VirtualClock()
        const bus = new LocalBus(clock)
        const far = mapTier({ clock })
        const crew = [1, 2, 3].map(() =>
          scene(rule, {
            tiers: [memory({ clock }), far],
            backplane: isTold && localBackplane(bus),
            locker: localLocker(bus),
          }),
        )
        for (const { mill } of crew) await mill.start()
        for (const each of crew) await each.ask({ handler: () => reply(200, {}, 'old') })
        await settle()
        for (const each of crew) await each.clock.advance(11_000)
        await clock.advance(11_000)
        let runs = 0
        const gate = Promise.withResolvers<Reply>()
        const handler = (): Promise<Reply> => {
          runs++
          return gate.promise
        }
        const asked = crew.map((each) => each.begin({ handler }).answer)
        await settle()
        gate.resolve(reply(200, {}, 'new'))
        await settle()
        await clock.advance(100)
        for (const each of crew) await each.clock.advance(100)
        await Promise.all(asked)
        await settle()
        for (const each of crew) {
          assert.equal((await each.ask({ handler })).body, 'new')
          assert.partialDeepStrictEqual(each.counts(), { inFlight: 0 })
        }
        assert.equal(runs, 1)
        for (const { mill } of crew) await mill.stop()
      })
    }
  }
})

describe('a request that wants no body, or a part of one,', () => {
  const kinds: Readonly<Record<string, readonly [Question, number, string]>> = {
    HEAD: [{ method: 'HEAD' }, 200, 'old one'],
    'with a range': [{ headers: { range: 'bytes=4-6' } }, 206, 'one'],
    'with ranges': [{ headers: { range: 'bytes=0-1,4-6' } }, 206, 'one'],
  }
  const old = { handler: () => reply(200, { ETag: '"1"' }, 'old one') }
  for (const [name, [question, status, body]] of Object.entries(kinds)) {
    it(`(${name}) is answered with what is stale while that is brought anew`, async () => {
      const { ask, clock } = scene({ ttl: '10s', swr: '1h' })
      await ask(old)
      await clock.advance(11_000)
      const seen: unknown[] = []
      const handler = ({ method, headers }: Exchange): Reply => {
        seen.push([method, headers['range']])
        return reply(200, {}, 'new one')
      }
      const answer = await ask({ ...question, handler })
      assert.equal(answer.how, 'Millrace; hit; ttl=-1; detail=stale-while-revalidate')
      assert.equal(answer.status, status)
      assert.ok(answer.body.includes(body))
      await settle()
      assert.deepEqual(seen, [['GET', undefined]])
      assert.equal((await ask({ handler })).body, 'new one')
    })

    it(`(${name}) is answered with what is stale when the handler fails`, async () => {
      const { ask, clock } = scene({ ttl: '10s', staleIfError: '1h' })
      await ask(old)
      await clock.advance(11_000)
      for (const detail of ['stale-if-error', 'error-throttle']) {
        const answer = await ask({ ...question, handler: () => reply(503) })
        assert.equal(answer.status, status)
        assert.ok(answer.how?.endsWith(detail), answer.how)
      }
      await clock.advance(11_000)
      const news = await ask({ ...question, handler: () => reply(200, {}, 'new one') })
      assert.equal(news.status, status)
      assert.match(news.how ?? '', /^Millrace; fwd=stale; fwd-status=200; ttl=10; stored$/)
    })
  }
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
