import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '@millrace/testing'
import { Redis } from 'ioredis'
import { pack } from 'msgpackr'
import { redis, redisBackplane, redisLocker } from '../../src/redis/index.ts'
import {
  backplaneContract,
  LocalBus,
  localBackplane,
  localLocker,
  lockerContract,
} from '../../src/testing/index.ts'
import type { Notice } from '../../src/tier.ts'
import { Line, Server, skip } from './server.ts'

const patient = { deadline: '5s' }

backplaneContract({
  name: 'in one process',
  open: async () => {
    const bus = new LocalBus()
    return {
      join: () => localBackplane(bus),
      interrupt: async () => {
        bus.cut()
        bus.heal()
      },
      close: async () => assert.equal(bus.listeners.size, 0),
    }
  },
})

lockerContract({
  name: 'in one process',
  open: async () => {
    const bus = new LocalBus()
    return { lockers: [localLocker(bus), localLocker(bus)], close: async () => undefined }
  },
})

describe('redis', { skip }, () => {
  backplaneContract({
    name: 'redis',
    open: async () => {
      const server = await Server.start()
      const line = await Line.to(server)
      return {
        join: () => redisBackplane({ url: line.url, ...patient }),
        interrupt: async () => line.drop(),
        close: async () => {
          await line.stop()
          await server.stop()
        },
      }
    },
  })

  lockerContract({
    name: 'redis',
    open: async () => {
      const server = await Server.start()
      const lockers = [
        redisLocker({ url: server.url, ...patient }),
        redisLocker({ url: server.url, ...patient }),
      ] as const
      return {
        lockers,
        close: async () => {
          for (const locker of lockers) await locker.stop()
          await server.stop()
        },
      }
    },
  })

  it('shares one connection between tier, locker and backplane, and one more that listens', async () => {
    await using server = await Server.start()
    const raw = new Redis(server.url)
    const tier = redis({ url: server.url, ...patient })
    const locker = redisLocker(tier)
    const backplane = redisBackplane(tier)
    await tier.start()
    const end = await backplane.subscribe(
      () => undefined,
      () => undefined,
    )
    const lock = await locker.acquire('k', 1000)
    await tier.getMany(['k'])
    const clients = async (): Promise<number> =>
      String(await raw.client('LIST'))
        .trim()
        .split('\n').length
    assert.equal(await clients(), 3)
    await lock?.release()
    await locker.stop()
    await end()
    assert.deepEqual(await tier.getMany(['k']), [undefined])
    await tier.stop()
    await eventually('only the test is connected', async () => (await clients()) === 1)
    await assert.rejects(locker.acquire('k', 1000), /was let go/)
    await tier.start()
    assert.ok(await locker.acquire('k', 1000))
    await tier.stop()
    raw.disconnect()
  })

  it('no channel and no listener is left of those who waited', async () => {
    await using server = await Server.start()
    const raw = new Redis(server.url)
    const locker = redisLocker({ url: server.url, ...patient })
    const lock = await locker.acquire('k', 100_000)
    await Promise.all(Array.from({ length: 100 }, () => locker.released('k', 20)))
    await Promise.all(Array.from({ length: 100 }, (_, i) => locker.released(`other ${i}`, 20)))
    await eventually('no channel', async () => (await raw.pubsub('CHANNELS')).length === 0)
    await lock?.release()
    await locker.stop()
    raw.disconnect()
  })

  it('takes a message that it cannot read, or that is missing, for a gap', async () => {
    await using server = await Server.start()
    const raw = new Redis(server.url)
    const backplane = redisBackplane({ url: server.url, ...patient })
    const heard: Notice[] = []
    let gaps = 0
    const end = await backplane.subscribe(
      (notice) => void heard.push(notice),
      () => void gaps++,
    )
    const send = (message: unknown): Promise<number> => raw.publish('millrace:notices', pack(message))
    const notice = [[0, 7, ['k']]]
    await send([1, 'a', 5, notice])
    await send([1, 'a', 6, notice])
    await send([1, 'b', 90, notice])
    await eventually('three', () => heard.length === 3)
    assert.equal(gaps, 0)
    await send([1, 'a', 8, notice])
    await eventually('a number is missing', () => gaps === 1)
    await raw.publish('millrace:notices', Buffer.from([0xc1, 0xff]))
    await send([2, 'a', 9, notice])
    await send([1, 'a', 9, [[99, 7, ['k']]]])
    await send([1, 'a', 9, [[0, 'x', ['k']]]])
    await send([1, 'a', 9, [[0, 7, [1]]]])
    await send({ a: 1 })
    await eventually('unreadable', () => gaps === 7)
    assert.deepEqual(
      heard.map(({ names }) => names[0]),
      ['k', 'k', 'k', 'k'],
    )
    await end()
    raw.disconnect()
  })
})
