import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { redis, redisBackplane, redisLocker } from '../../src/redis/index.ts'
import type { Tier } from '../../src/tier.ts'
import { eventually, Line, Server, skip } from './server.ts'

const deadline = 50
/** A busy machine may be late, but not by this much: what waits for the fault to end does. */
const bound = 20 * deadline
const frame = new Uint8Array(100)
const never = Number.POSITIVE_INFINITY

interface Load {
  /** How many calls of late went well. */
  readonly good: () => number
  /** Ends it, when every call has settled. */
  stop(): Promise<{ calls: number; longest: number }>
}

/** Reads and writes without pause, as an application does whose Redis fails, and measures what a call waits at most. */
const load = (tier: Tier, keys: readonly string[] = ['a', 'b', 'c', 'd']): Load => {
  let running = true
  let calls = 0
  let longest = 0
  let good = 0
  const timed = async (call: () => Promise<unknown>): Promise<void> => {
    const began = performance.now()
    calls++
    try {
      await call()
      good++
    } catch {
      good = 0
    }
    longest = Math.max(longest, performance.now() - began)
    await wait(1)
  }
  const workers = keys.map(async (key) => {
    while (running) {
      await timed(() => tier.getMany([key]))
      await timed(() => tier.setMany([{ key, frame, at: Date.now(), expiresAt: never }]))
      await timed(() => tier.deleteMany([key], Date.now()))
    }
  })
  return {
    good: () => good,
    stop: async () => {
      running = false
      await Promise.all(workers)
      return { calls, longest }
    },
  }
}

const state = (tier: Tier): { pending: number; breakers: Record<string, string> } =>
  JSON.parse(JSON.stringify(tier.inspect?.()))

/** Under load: well, then ill, then well again by itself, and nobody ever waited longer than the deadline. */
const survives = async (
  tier: Tier,
  harm: () => unknown,
  heal: () => unknown,
  failing: () => Promise<boolean> = async () => (await tier.health?.())?.status === 'down',
): Promise<void> => {
  await tier.start?.()
  const running = load(tier)
  await eventually('works', () => running.good() > 20)
  await harm()
  await eventually('fails', failing)
  await wait(300)
  await heal()
  await eventually('works again', () => running.good() > 50, 5000)
  const { calls, longest } = await running.stop()
  assert.ok(calls > 100)
  assert.ok(longest < bound, `a call took ${Math.round(longest)} ms`)
  assert.equal((await tier.health?.())?.status, 'ok')
  await eventually('nothing is left open', () => state(tier).pending === 0)
  await tier.stop?.()
}

describe('a redis that fails', { skip, concurrency: false }, () => {
  it('is killed, and comes back empty', async () => {
    await using server = await Server.start()
    const tier = redis(server.url)
    await survives(
      tier,
      () => server.kill(),
      () => server.start(),
    )
  })

  it('is paused', async () => {
    await using server = await Server.start()
    const tier = redis(server.url)
    await survives(
      tier,
      () => server.pause(),
      () => server.resume(),
    )
  })

  it('is slow', async () => {
    await using server = await Server.start()
    await using line = await Line.to(server)
    const tier = redis(line.url)
    await survives(
      tier,
      () => (line.latency = 500),
      () => (line.latency = 0),
    )
  })

  it('drops connections again and again', async () => {
    await using server = await Server.start()
    await using line = await Line.to(server)
    const tier = redis(line.url)
    await tier.start()
    const running = load(tier)
    for (let round = 0; round < 10; round++) {
      await eventually('works', () => running.good() > 10)
      line.drop()
      await wait(5)
    }
    await eventually('works', () => running.good() > 10)
    assert.ok((await running.stop()).longest < bound)
    await tier.stop()
  })

  it('is not there at first', async () => {
    await using server = await Server.start()
    await server.kill()
    const tier = redis(server.url)
    const began = performance.now()
    await tier.start()
    await assert.rejects(tier.getMany(['k']))
    assert.ok(performance.now() - began < bound)
    assert.equal((await tier.health?.())?.status, 'down')
    await server.start()
    await eventually('is found', async () => (await tier.health?.())?.status === 'ok')
    await tier.stop()
  })

  it('never is: calls that nobody started reject in time, and stop ends it', async () => {
    await using server = await Server.start()
    await server.kill()
    const tier = redis(server.url)
    const locker = redisLocker(tier)
    const began = performance.now()
    for (let call = 0; call < 20; call++) {
      await assert.rejects(tier.getMany(['k']))
      await assert.rejects(locker.acquire('k', 1000))
      await locker.released('k', 100_000)
    }
    assert.ok(performance.now() - began < 10_000)
    await locker.stop()
    await tier.stop()
  })

  it('keeps nothing from those who wait for a lock', async () => {
    await using server = await Server.start()
    const tier = redis(server.url)
    await tier.start()
    const locker = redisLocker(tier)
    assert.ok(await locker.acquire('k', 100_000))
    const waiting = locker.released('k', 100_000)
    await eventually('waits', () => JSON.stringify(tier.inspect?.()).includes('"listening"'))
    await server.kill()
    await waiting
    await locker.stop()
    await tier.stop()
  })

  it('gets a lock back that could not be given back in time', async () => {
    await using server = await Server.start()
    await using line = await Line.to(server)
    const [tier, other] = [redis(line.url), redis(server.url)]
    await tier.start()
    await other.start()
    const lock = await redisLocker(tier).acquire('k', 100_000)
    assert.ok(lock)
    line.drop()
    await assert.rejects(lock.release())
    const next = (): Promise<boolean> =>
      redisLocker(other)
        .acquire('k', 100_000)
        .then(
          (given) => given !== undefined,
          () => false,
        )
    await eventually('the next one has it', next)
    await other.stop()
    await tier.stop()
  })

  it('tells a backplane of a gap, also when the line is dead without a word', async () => {
    await using server = await Server.start()
    await using line = await Line.to(server)
    const listener = redisBackplane(line.url)
    const sender = redisBackplane(server.url)
    let gaps = 0
    let heard = 0
    const end = await listener.subscribe(
      () => void heard++,
      () => void gaps++,
    )
    const other = await sender.subscribe(
      () => undefined,
      () => undefined,
    )
    const tell = (): Promise<void> => sender.publish([{ kind: 'delete', names: ['k'], at: 1 }])
    await tell()
    await eventually('hears', () => heard === 1)
    line.latency = 3000
    await eventually('has noticed', () =>
      JSON.stringify(listener.connection.inspect()).includes('"connecting"'),
    )
    await tell()
    line.latency = 0
    await eventually('is told of the gap', () => gaps > 0)
    await tell()
    await eventually('hears again', () => heard > 1)
    await server.kill()
    await assert.rejects(tell())
    await server.start()
    const before = gaps
    await eventually('is told again', () => gaps > before)
    await end()
    await other()
  })
})
