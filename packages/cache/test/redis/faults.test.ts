import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { eventually } from '@millrace/testing'
import { redis, redisBackplane, redisLocker } from '../../src/redis/index.ts'
import type { Tier } from '../../src/tier.ts'
import { Line, Server, skip } from './server.ts'

const frame = new Uint8Array(100)
const never = Number.POSITIVE_INFINITY

interface Load {
  /** How many calls of late went well. */
  readonly good: () => number
  /** How many calls have settled, by those that call: who waits for a fault to end does not get on. */
  readonly settled: readonly number[]
  /** Ends it, when every call has settled. */
  stop(): Promise<void>
}

/** Reads and writes without pause, as an application does whose Redis fails. */
const load = (tier: Tier, keys: readonly string[] = ['a', 'b', 'c', 'd']): Load => {
  let running = true
  let good = 0
  const settled = keys.map(() => 0)
  const workers = keys.map(async (key, worker) => {
    const call = async (made: Promise<unknown>): Promise<void> => {
      await made.then(
        () => good++,
        () => (good = 0),
      )
      settled[worker] = (settled[worker] ?? 0) + 1
      await wait(1)
    }
    while (running) {
      await call(tier.getMany([key]))
      await call(tier.setMany([{ key, frame, at: Date.now(), expiresAt: never }]))
      await call(tier.deleteMany([key], Date.now()))
    }
  })
  return {
    good: () => good,
    settled,
    stop: async () => {
      running = false
      await Promise.all(workers)
    },
  }
}

const state = (tier: Tier): { pending: number; breakers: Record<string, string> } =>
  JSON.parse(JSON.stringify(tier.inspect?.()))

/** Under load: well, then ill, then well again by itself; while it is ill everybody gets on. */
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
  const before = [...running.settled]
  await eventually('all get on', () =>
    running.settled.every((count, worker) => count > (before[worker] ?? 0) + 20),
  )
  await heal()
  await eventually('works again', () => running.good() > 50)
  await running.stop()
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
    await running.stop()
    await tier.stop()
  })

  it('is not there at first', async () => {
    await using server = await Server.start()
    await server.kill()
    const tier = redis(server.url)
    await tier.start()
    await assert.rejects(tier.getMany(['k']))
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
    for (let call = 0; call < 20; call++) {
      await assert.rejects(tier.getMany(['k']))
      await assert.rejects(locker.acquire('k', 1000))
      await locker.released('k', 100_000)
    }
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
