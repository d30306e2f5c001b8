import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { breaker } from '@millrace/breaker'
import { cache } from '@millrace/cache'
import { millrace } from '@millrace/core'
import { VirtualClock } from '@millrace/testing'
import { hosts, type Said, serve } from './hosts.ts'
import { send } from './raw.ts'

for (const name of ['Express', 'Koa'] as const) {
  describe(`a breaker inside a cache, on ${name}`, () => {
    it('needs no fallback of its own: what is kept is served while the circuit is open', async () => {
      const clock = new VirtualClock()
      const mill = millrace({
        clock,
        plugins: [cache(), breaker({ random: () => 0 })],
        routes: {
          '/**': {
            cache: { ttl: '1m', staleIfError: '1h', errorThrottle: 0 },
            breaker: { name: 'app', trip: { consecutive: 2 }, reset: '10s' },
          },
        },
      })
      let said: Said = { text: 'well' }
      let runs = 0
      const { port, close } = await serve(
        hosts[name](mill, () => {
          runs++
          return said
        }),
      )
      const tell = async (target: string): Promise<string> => {
        const answer = await send(port, { target, fields: [['Host', 'a.test']] })
        return [answer.status, answer.body, answer.field('age') ?? ''].join(' | ')
      }
      const circuit = (): unknown => mill.breaker.states()[0]?.state
      try {
        assert.equal(await tell('/a'), '200 | well | ')
        await clock.advance(120_000)
        said = { text: 'broken', isThrown: true }
        assert.equal(await tell('/a'), '200 | well | 120')
        assert.equal(await tell('/a'), '200 | well | 120')
        assert.equal(runs, 3)
        assert.equal(circuit(), 'open')

        // Nobody runs the handler any more.
        for (let i = 0; i < 5; i++) assert.equal(await tell('/a'), '200 | well | 120')
        assert.equal(runs, 3)
        const other = await send(port, { target: '/b', fields: [['Host', 'a.test']] })
        assert.equal(other.status, 503)
        assert.equal(other.field('content-type'), 'application/problem+json')
        assert.equal(other.field('retry-after'), '10')

        said = { text: 'well again' }
        await clock.advance(10_000)
        assert.equal(await tell('/a'), '200 | well again | 0')
        assert.equal(circuit(), 'closed')
        assert.equal(await tell('/b'), '200 | well again | ')
      } finally {
        await mill.stop()
        await close()
      }
    })
  })
}
