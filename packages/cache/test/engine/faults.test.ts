import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '@millrace/testing'
import { Line, Server, skip } from '../redis/server.ts'
import { open, pendingOf, survive, three } from './survive.ts'

describe('three caches under load, and a Redis that', { skip }, () => {
  it('is well', async (t) => {
    await using server = await Server.start()
    await survive(t, { sources: three({ url: server.url }), harm: () => undefined })
  })

  it('is killed, and comes back empty', async (t) => {
    await using server = await Server.start()
    await survive(t, {
      sources: three({ url: server.url }),
      harm: () => server.kill(),
      heal: () => server.start(),
      lossy: true,
    })
  })

  it('is restarted, and empty', async (t) => {
    await using server = await Server.start()
    const restart = async (): Promise<void> => {
      await server.kill()
      await server.start()
    }
    await survive(t, { sources: three({ url: server.url }), harm: restart, lasts: 0, lossy: true })
  })

  it('is paused', async (t) => {
    await using server = await Server.start()
    await survive(t, {
      sources: three({ url: server.url }),
      harm: () => server.pause(),
      // Longer than a connection that says nothing is kept.
      lasts: 3000,
      heal: () => server.resume(),
      lossy: true,
    })
  })

  it('is 500 ms away', async (t) => {
    await using server = await Server.start()
    await using line = await Line.to(server)
    await survive(t, {
      sources: three({ url: line.url }),
      harm: () => (line.latency = 500),
      heal: () => (line.latency = 0),
      lossy: true,
    })
  })

  it('drops connections, of one of them and of the others', async (t) => {
    await using server = await Server.start()
    await using own = await Line.to(server)
    await using shared = await Line.to(server)
    let drops = 0
    let dropping: NodeJS.Timeout | undefined
    const drop = (): void => {
      own.drop()
      if (drops++ % 3 === 0) shared.drop()
    }
    await survive(t, {
      sources: [{ url: own.url }, { url: shared.url }, { url: shared.url }],
      harm: () => {
        dropping = setInterval(drop, 100)
      },
      heal: () => clearInterval(dropping),
      lossy: true,
    })
  })

  it('cannot be reached by one of them', async (t) => {
    await using server = await Server.start()
    await using line = await Line.to(server)
    await survive(t, {
      sources: [{ url: line.url }, { url: server.url }, { url: server.url }],
      harm: () => line.cut(),
      heal: () => line.mend(),
      lossy: true,
    })
  })

  it('is gone while ever more is written: what waits for it is bounded, and done in time', async (t) => {
    await using server = await Server.start()
    const cache = await open({ url: server.url })
    server.pause()
    for (let from = 0; from < 12_000; from += 500) {
      await cache.setMany(Array.from({ length: 500 }, (_, index) => [`k${from + index}`, index]))
      assert.ok(pendingOf(cache) < 1000)
    }
    const { waiting, dropped } = cache.inspect().recovery
    // The keys, and notices of them.
    assert.deepEqual([waiting, dropped > 2000], [10_000, true])
    server.resume()
    const began = performance.now()
    await eventually('all is done', () => cache.inspect().recovery.waiting === 0)
    t.diagnostic(`done ${(performance.now() - began).toFixed()} ms after`)
    await cache.stop()
  })
})
