import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { systemClock } from '@millrace/core'
import { eventually } from '@millrace/testing'
import { Redis } from 'ioredis'
import { redisVotes } from '../../src/redis/index.ts'
import { votesContract } from '../../src/testing/index.ts'
import type { Ballot, Votes } from '../../src/votes.ts'
import { serve, skip, urlOf } from './server.ts'

const ballot = (open: Ballot['open'] = [], life = 60_000): Ballot => ({
  names: ['db'],
  open,
  until: Date.now() + life,
})
const vote = (key = '', left = 60_000): Ballot['open'][number] => ({
  name: 'db',
  key,
  until: Date.now() + left,
})

describe('redis', { skip }, () => {
  votesContract({
    name: 'redis',
    open: async () => {
      const server = await serve()
      const joined: Votes[] = []
      return {
        join: () => {
          const votes = redisVotes({ url: urlOf(server), deadline: '5s' })
          joined.push(votes)
          return votes
        },
        now: () => Date.now(),
        pass: async (ms) => {
          await wait(ms)
        },
        cut: () => server.kill(),
        heal: async () => {
          await server.start()
          for (const votes of joined) {
            await eventually('is connected again', () =>
              votes.cast({ names: [], open: [], until: Date.now() }).then(
                () => true,
                () => false,
              ),
            )
          }
        },
        close: async () => {
          for (const votes of joined) await votes.stop?.()
          await server.kill()
        },
      }
    },
  })

  it('forgets everything by itself', async () => {
    await using server = await serve()
    const raw = new Redis(urlOf(server))
    const votes = redisVotes({ url: urlOf(server), prefix: 'shop:', deadline: '5s' })
    await votes.cast(ballot([vote(), vote('k')], 60_000))
    assert.deepEqual((await raw.keys('*')).sort(), ['shop:{breaker}:live:db', 'shop:{breaker}:open:db'])
    for (const key of await raw.keys('*')) {
      const left = await raw.pttl(key)
      assert.ok(left > 0 && left <= 60_000, `${key}: ${left}`)
    }
    await votes.cast(ballot([], 50))
    await eventually('nothing is left', async () => (await raw.dbsize()) === 0)
    await votes.stop?.()
    raw.disconnect()
  })

  it('takes one round trip for any number of names', async () => {
    await using server = await serve()
    const raw = new Redis(urlOf(server))
    const votes = redisVotes({ url: urlOf(server), deadline: '5s' })
    const names = Array.from({ length: 500 }, (_, i) => `name ${i}`)
    const say = (): Promise<unknown> => votes.cast({ names, open: [], until: Date.now() + 60_000 })
    await say()
    const sent = async (): Promise<number> =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await raw.info('commandstats'))?.[1])
    const before = await sent()
    await say()
    assert.equal((await sent()) - before, 1)
    await votes.stop?.()
    raw.disconnect()
  })

  it('does not mind that the clocks of processes differ', async () => {
    await using server = await serve()
    const hour = 3_600_000
    const ahead = { ...systemClock, now: () => Date.now() + hour }
    const [a, b] = [
      redisVotes({ url: urlOf(server), deadline: '5s', clock: ahead }),
      redisVotes({ url: urlOf(server), deadline: '5s' }),
    ]
    const now = ahead.now()
    await a.cast({ names: ['db'], open: [{ name: 'db', key: '', until: now + 30_000 }], until: now + 60_000 })
    const [tally] = await b.cast(ballot())
    assert.equal(tally?.voters, 2)
    const left = (tally?.open[0]?.until ?? 0) - Date.now()
    assert.ok(left > 20_000 && left < 31_000, `${left}`)
    await a.stop?.()
    await b.stop?.()
  })

  it('rejects in time while the server is paused, and goes on after it', async () => {
    await using server = await serve()
    const votes = redisVotes({ url: urlOf(server), deadline: '100ms' })
    await votes.start?.()
    await eventually('is connected', () =>
      votes.cast(ballot()).then(
        () => true,
        () => false,
      ),
    )
    server.pause()
    await assert.rejects(votes.cast(ballot([vote('lost')])), /did not answer within 100 ms/)
    server.resume()
    await eventually('goes on', () =>
      votes.cast(ballot([vote('k')])).then(
        ([tally]) => tally?.open.length === 1 && tally.open[0]?.key === 'k',
        () => false,
      ),
    )
    await votes.stop?.()
  })

  it('leaves a client that was given open', async () => {
    await using server = await serve()
    const client = new Redis(urlOf(server))
    const votes = redisVotes(client)
    await votes.cast(ballot([vote()]))
    await votes.stop?.()
    assert.equal(await client.ping(), 'PONG')
    client.disconnect()
  })
})

it('says what is wrong with its options', () => {
  assert.throws(() => redisVotes(undefined), /expected one of url and client, got none/)
  assert.throws(
    () => redisVotes({ url: 'redis://127.0.0.1', deadline: 'soon' }),
    /deadline \}\): expected a duration such as "5m" or 300 \(seconds\), got soon/,
  )
})
