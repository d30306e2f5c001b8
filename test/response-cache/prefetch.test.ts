import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cache } from '@millrace/cache'
import { millrace } from '@millrace/core'
import { VirtualClock } from '@millrace/testing'
import { hosts, type Sight, serve } from './hosts.ts'
import { send } from './raw.ts'

describe('prefetch of pages', () => {
  for (const [name, host] of Object.entries(hosts)) {
    it(`has those brought on ${name} that are asked for next, by nobody's credentials`, async (t) => {
      const clock = new VirtualClock()
      const plugin = cache()
      const mill = millrace({
        plugins: [plugin],
        routes: { '/**': { cache: { ttl: '10s', prefetch: true, cookies: 'ignore' } } },
        clock,
      })
      const seen: Sight[] = []
      const said = (sight: Sight) => {
        seen.push(sight)
        return { text: `${sight.headers['accept-language']}`, fields: { Vary: 'Accept-Language' } }
      }
      const { port, close } = await serve(host(mill, said))
      t.after(async () => {
        await mill.stop()
        await close()
      })
      const fields = [
        ['Host', 'a.test'],
        ['Accept-Language', 'de'],
        ['Cookie', 'user=1'],
      ] as const
      const used = (): number => Number(/"used":(\d+)/.exec(JSON.stringify(plugin.inspect?.()))?.[1])
      const isBusy = (): boolean => /"inFlight":[1-9]/.test(JSON.stringify(plugin.inspect?.()))
      for (let round = 0; round < 30 && used() < 2; round++) {
        for (const target of ['/a', '/b']) {
          assert.equal((await send(port, { target, fields })).body, 'de')
          // What is brought ahead begins a turn later.
          for (let turns = 0; turns < 20 || isBusy(); turns++) await new Promise(setImmediate)
        }
        await clock.advance(11_000)
      }
      assert.equal(used(), 2)
      const ahead = seen.filter(({ headers }) => headers.cookie === undefined)
      assert.deepEqual(
        ahead.map(({ url, headers }) => [url, headers.host, headers['accept-language']]),
        Array.from({ length: 2 }, () => ['/b', 'a.test', 'de']),
      )
    })
  }
})
