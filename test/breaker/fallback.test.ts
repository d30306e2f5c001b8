import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { describe, it, type TestContext } from 'node:test'
import { type BreakerRule, breaker } from '@millrace/breaker'
import { millrace } from '@millrace/core'
import { settled, VirtualClock } from '@millrace/testing'
import { hosts, type Scene, serve } from '../compress/hosts.ts'

/** What goes wrong. */
const failures: Readonly<Record<string, Scene>> = {
  'answers 500': {
    status: 500,
    fields: { 'x-own': 'yes', 'content-length': '3' },
    chunks: [Buffer.from('bad')],
    how: 'whole',
  },
  'answers 503 in a stream that never ends': (res) => {
    res.writeHead(503)
    res.write('bad')
  },
  hangs: () => undefined,
}

for (const [name, host] of Object.entries(hosts)) {
  describe(`a fallback on ${name}`, () => {
    const start = async (t: TestContext, rule: BreakerRule, fail: Scene) => {
      const clock = new VirtualClock()
      const mill = millrace({
        plugins: [breaker()],
        clock,
        routes: { '/full': { breaker: { ...rule, timeout: '1s' } } },
      })
      const seen: string[] = []
      const hanging: ServerResponse[] = []
      const served = await serve(
        host(mill, (url) => {
          seen.push(url)
          if (!url.startsWith('/full')) return { fields: {}, chunks: [Buffer.from('lite')], how: 'whole' }
          if (typeof fail !== 'function') return fail
          return (res) => {
            hanging.push(res)
            fail(res)
          }
        }),
      )
      t.after(async () => {
        await served.close()
        await mill.stop()
      })
      const ask = async (path: string) => {
        const answer = served.ask(path)
        while (!seen.includes(path)) await settled()
        await clock.advance(1000)
        return answer
      }
      return { ask, seen, hanging }
    }

    for (const [what, fail] of Object.entries(failures)) {
      it(`stands in for a handler that ${what}`, async (t) => {
        const { ask, hanging } = await start(t, { fallback: { status: 200, body: { rows: [] } } }, fail)
        const { status, fields, body } = await ask('/full')
        assert.deepEqual([status, body.toString()], [200, '{"rows":[]}'])
        assert.equal(fields['x-own'], undefined)
        assert.equal(fields['content-type'], 'application/json')
        assert.equal(fields['content-length'], '11')
        assert.equal(fields['cache-control'], 'no-store')
        // Too late to harm.
        for (const res of hanging) res.end('at last')
      })

      it(`asks another route where a handler ${what}`, async (t) => {
        const { ask, seen } = await start(t, { fallback: { route: '/lite' } }, fail)
        const { status, fields, body } = await ask('/full?a=1')
        assert.deepEqual([status, body.toString()], [200, 'lite'])
        assert.equal(fields['x-own'], undefined)
        assert.deepEqual(seen, ['/full?a=1', '/lite?a=1'])
      })
    }

    it('does not go round in circles', async (t) => {
      const { ask, seen } = await start(
        t,
        { fallback: { route: '/full' } },
        failures['answers 500'] ?? (() => undefined),
      )
      const { status, body } = await ask('/full')
      assert.deepEqual([status, body.toString()], [500, 'bad'])
      assert.deepEqual(seen, ['/full', '/full'])
    })
  })
}
