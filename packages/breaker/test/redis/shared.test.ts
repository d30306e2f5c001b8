import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { millrace } from '@millrace/core'
import { eventually } from '@millrace/testing'
import { breaker, type VotesReached, voted } from '../../src/index.ts'
import { redisVotes } from '../../src/redis/index.ts'
import { serve, skip, urlOf } from './server.ts'

describe('processes that share their trips through a redis', { skip }, () => {
  it('stop together, decide alone while it is gone, and stop together again', async () => {
    await using server = await serve()
    const told: VotesReached[] = []
    const end = voted.subscribe((event) => void told.push(event))
    const all = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const votes = redisVotes({ url: urlOf(server), deadline: '1s' })
        const mill = millrace({ plugins: [breaker({ shared: { votes, interval: '50ms' } })] })
        const call = mill.wrap(
          'db',
          async (fails: boolean) => {
            if (fails) throw new Error('no')
          },
          { breaker: { trip: { ratio: 0.5, minimum: 2, window: '10s' }, reset: '1h' } },
        )
        await mill.start()
        await call(false)
        return {
          mill,
          state: () => mill.breaker.states()[0]?.state,
          voters: () => /"voters":\{"db":(\d)/.exec(JSON.stringify(mill.inspect()))?.[1],
          async trip() {
            mill.breaker.reset('db')
            for (let time = 0; time < 2; time++) await call(true).catch(() => undefined)
            assert.equal(mill.breaker.states()[0]?.state, 'open')
          },
        }
      }),
    )
    const [a, b, c] = all
    assert.ok(a && b && c)
    const together = async (): Promise<void> => {
      await eventually('all know of each other', () => all.every(({ voters }) => voters() === '3'))
      await a.trip()
      await b.trip()
      await eventually('the third is open', () => c.state() === 'open')
    }
    await together()

    await server.kill()
    await eventually('all have noticed', () => told.filter(({ reachable }) => !reachable).length === 3)
    for (const { mill } of all) mill.breaker.reset('db')
    await a.trip()
    await b.trip()
    assert.equal((await c.mill.health()).status, 'degraded')
    assert.equal(c.state(), 'closed')
    for (const { mill } of all) mill.breaker.reset('db')

    await server.start()
    await eventually('all have noticed', () => told.filter(({ reachable }) => reachable).length === 6)
    await together()
    for (const { mill } of all) await mill.stop()
    end()
  })
})
