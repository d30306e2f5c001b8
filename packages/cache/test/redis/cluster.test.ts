import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { eventually } from '@millrace/testing'
import { type RedisTier, redis, redisBackplane, redisLocker } from '../../src/redis/index.ts'
import { collect } from './collect.ts'
import { homeOf, slotOf, startCluster } from './nodes.ts'
import { type Server, skip } from './server.ts'

const frame = new TextEncoder().encode('value')
const never = Number.POSITIVE_INFINITY
const keys = Array.from({ length: 60 }, (_, index) => `key ${index}`)

describe('a redis cluster', { skip }, () => {
  let nodes: Server[] = []
  let tier: RedisTier

  before(async () => {
    nodes = await startCluster()
    tier = redis({
      cluster: { nodes: nodes.slice(0, 1).map(({ port }) => ({ host: '127.0.0.1', port })) },
      deadline: '100ms',
    })
    await tier.start()
    await eventually('works', () =>
      setAll(0).then(
        () => true,
        () => false,
      ),
    )
  })
  after(async () => {
    await tier.stop()
    for (const node of nodes) await node.stop()
  })

  const setAll = (at: number): Promise<void> =>
    tier.setMany(keys.map((key) => ({ key, frame, at, expiresAt: never })))

  it('takes many keys in one call, though each has a node of its own', async () => {
    await setAll(1)
    const found = await tier.getMany([...keys, 'absent'])
    assert.deepEqual(
      found.map((one) => one?.byteLength),
      [...keys.map(() => 5), undefined],
    )
    assert.deepEqual(await collect(tier.keys('key ')), [...keys].sort())
    await tier.deleteMany(keys, 2)
    assert.ok((await tier.getMany(keys)).every((one) => one === undefined))
    assert.deepEqual(await collect(tier.keys('')), [])
    await setAll(3)
  })

  it('carries notices and locks', async () => {
    const others = redis({
      cluster: { nodes: nodes.map(({ port }) => ({ host: '127.0.0.1', port })) },
      deadline: '2s',
    })
    await others.start()
    const backplane = redisBackplane(tier)
    const other = redisBackplane(others)
    const heard: string[] = []
    let gaps = 0
    const ends = [
      await other.subscribe(
        ({ names }) => void heard.push(...names),
        () => void gaps++,
      ),
      await backplane.subscribe(
        () => undefined,
        () => undefined,
      ),
    ]
    for (const key of keys) await backplane.publish([{ kind: 'set', names: [key], at: 1 }])
    await eventually('heard', () => heard.length === keys.length)
    assert.deepEqual([heard, gaps], [keys, 0])

    const locker = redisLocker(others)
    const lock = await locker.acquire('k', 100_000)
    assert.ok(lock)
    assert.equal(await redisLocker(tier).acquire('k', 100_000), undefined)
    const waiting = redisLocker(tier).released('k', 100_000)
    await lock.release()
    await waiting
    for (const end of ends) await end()
    await others.stop()
  })

  it('moves a slot: calls follow it', async () => {
    const key = keys.find((one) => homeOf(one) === 0) ?? ''
    const [from, to] = nodes
    const slot = String(slotOf(key))
    assert.ok(from && to)
    const fromId = String(await from.ask('cluster', 'myid'))
    const toId = String(await to.ask('cluster', 'myid'))
    const works = async (): Promise<void> => {
      assert.equal((await tier.getMany([key]))[0]?.byteLength, 5)
      await tier.setMany([{ key, frame, at: Date.now(), expiresAt: never }])
    }
    await works()
    await to.ask('cluster', 'setslot', slot, 'importing', fromId)
    await from.ask('cluster', 'setslot', slot, 'migrating', toId)
    await works()
    await from.ask('migrate', '127.0.0.1', String(to.port), `millrace:v:${key}`, '0', '1000')
    await works()
    for (const node of nodes) await node.ask('cluster', 'setslot', slot, 'node', toId)
    await works()
    await works()
  })

  it('loses a node: the others serve on, nobody waits, and it is found again', async () => {
    const lost = nodes[2]
    assert.ok(lost)
    const there = keys.filter((key) => homeOf(key) !== 2)
    const away = keys.filter((key) => homeOf(key) === 2)
    await setAll(Date.now())
    await lost.kill()
    const works = (key: string): Promise<boolean> =>
      tier.getMany([key]).then(
        () => true,
        () => false,
      )
    for (let round = 0; round < 5; round++) {
      assert.ok(!(await Promise.all(away.map(works))).includes(true))
      await Promise.all(there.map(works))
    }
    assert.ok((await Promise.all(there.map(works))).every((worked) => worked))
    await lost.start()
    await eventually('is found again', async () =>
      (await Promise.all(keys.map(works))).every((worked) => worked),
    )
  })
})
