import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { Cache, type RedisOptions, redis, redisBackplane, redisLocker } from '@millrace/cache'
import { eventually } from '@millrace/testing'
import { Traffic } from './traffic.ts'

export interface Fault {
  /** Each is a process's way to the Redis. */
  readonly sources: readonly RedisOptions[]
  readonly harm: () => unknown
  /** How long it lasts, in milliseconds. Default 2000. */
  readonly lasts?: number
  readonly heal?: () => unknown
  /** Whether values may be gone: the Redis lost them, or what was to be written may have been overtaken unheard. */
  readonly lossy?: boolean
}

export const open = async (source: RedisOptions): Promise<Cache> => {
  const tier = redis(source)
  const cache = new Cache({
    tiers: [tier],
    backplane: redisBackplane(tier),
    locker: redisLocker(tier),
    ttl: '10m',
  })
  await cache.start()
  return cache
}

/** How many commands wait for an answer in a cache's connection. */
export const pendingOf = (cache: Cache): number => {
  const { tiers }: { tiers: Record<string, { tier?: { pending: number } }> } = JSON.parse(
    JSON.stringify(cache.inspect()),
  )
  return tiers['redis']?.tier?.pending ?? assert.fail('no tier to inspect')
}

/**
 * Caches with connections of their own, as processes have, under load before, in and after a fault. No call fails, nobody
 * waits for what has failed, little is held back meanwhile, and after it all of them have the last of what was done.
 */
export const survive = async (
  t: TestContext,
  { sources, harm, lasts = 2000, heal, lossy = false }: Fault,
): Promise<void> => {
  const caches = await Promise.all(sources.map(open))
  const traffic = new Traffic(caches)
  try {
    await eventually('works', () => traffic.calls > 1000)
    await harm()
    const before = [...traffic.turns]
    await wait(lasts)
    // Who waits for the end of it does not get on.
    await eventually('all get on', () =>
      traffic.turns.every((turns, worker) => turns > (before[worker] ?? 0) + 10),
    )
    for (const cache of caches) {
      assert.ok(pendingOf(cache) < 500)
      // Two for each of its keys, and a few for tags.
      assert.ok(cache.inspect().recovery.waiting < 100)
    }
    traffic.harmed = false
    await heal?.()
    const healed = performance.now()
    await wait(300)
    const { most, longest, lag } = await traffic.stop()
    let wrong: string | undefined
    const agree = async (): Promise<boolean> => {
      wrong = await traffic.disagreement(lossy)
      return wrong === undefined
    }
    await eventually('all agree', agree).catch((error: unknown) => assert.fail(`${error}: ${wrong}`))
    const agreed = performance.now() - healed
    t.diagnostic(
      `${traffic.calls} calls: 95 % within ${most.toFixed(1)} ms, all within ${longest.toFixed()} (the process itself was late by ${lag.toFixed()}); agreed ${agreed.toFixed()} ms after`,
    )
    assert.deepEqual(traffic.failures, [])
    const paid = (): boolean =>
      caches.every((cache) => cache.inspect().recovery.waiting === 0 && pendingOf(cache) === 0)
    await eventually('nothing is owed', paid)
  } finally {
    await traffic.stop()
    await Promise.all(caches.map((cache) => cache.stop()))
  }
}

/** Three processes on the same line. */
export const three = (source: RedisOptions): RedisOptions[] => [source, source, source]
