import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { cache } from '@millrace/cache'
import { type AnyPlugin, type Millrace, millrace, UnmountedError } from '@millrace/core'
import { mount as mountExpress } from '@millrace/express'
import { mount as mountKoa } from '@millrace/koa'
import { VirtualClock } from '@millrace/testing'
import { type Handler, type Host, hosts, type Sight, serve } from './hosts.ts'
import { send } from './raw.ts'

const routes = {
  '/**': { cache: { ttl: '10s', swr: '1h' } },
  '/off/**': { cache: false },
  '/locale/**': { cache: { ttl: '10s', vary: ['accept-language'] } },
} as const

const made = async (t: TestContext, host: Host, handler: Handler) => {
  const clock = new VirtualClock()
  const mill = millrace({ plugins: [cache()], routes, clock })
  const { port, close } = await serve(host(mill, handler))
  t.after(async () => {
    await mill.stop()
    await close()
  })
  await mill.start()
  const ask = (target: string, fields: readonly (readonly [string, string])[] = []) =>
    send(port, { target, fields: [['Host', 'a.test'], ...fields] })
  return { clock, mill, ask }
}

const origin = 'http://a.test'

for (const [name, host] of Object.entries(hosts)) {
  describe(`a warm-up on ${name}`, () => {
    it('has pages kept for those who ask from outside, and tells what became of each', async (t) => {
      const seen: string[] = []
      const said: Handler = ({ url }) => {
        seen.push(url)
        if (url === '/cookie') return { text: 'mine', fields: { 'Set-Cookie': 'a=1' } }
        if (url === '/missing') return { status: 404, fields: { 'Cache-Control': 'no-store' }, text: 'none' }
        if (url === '/down') return { status: 503, text: 'down' }
        if (url === '/broken') return { isThrown: true, text: 'broken' }
        if (url === '/stream') return { isStream: true, text: 'in halves' }
        return { text: url }
      }
      const { mill, ask } = await made(t, host, said)
      const paths = ['/a', '/a?b=1', '/cookie', '/missing', '/down', '/broken', '/stream', '/off/a']
      const warmed = await mill.cache.warm(paths, { origin })
      assert.deepEqual(
        warmed.map(({ url, outcome, why }) => [url.slice(origin.length), outcome, why]),
        [
          ['/a', 'stored', undefined],
          ['/a?b=1', 'stored', undefined],
          ['/cookie', 'refused', 'set-cookie'],
          ['/missing', 'refused', 'no-store'],
          ['/down', 'failed', '503'],
          ['/broken', 'failed', warmed[5]?.why],
          ['/stream', 'stored', undefined],
          ['/off/a', 'refused', 'unreached'],
        ],
      )
      seen.length = 0
      for (const path of ['/a', '/a?b=1', '/stream'])
        assert.match((await ask(path)).field('cache-status') ?? '', /^Millrace; hit/)
      assert.deepEqual(seen, [])
    })

    it('leaves alone what is fresh, and brings anew what is over', async (t) => {
      let runs = 0
      const { mill, ask, clock } = await made(t, host, () => ({ text: `run ${++runs}` }))
      await ask('/a')
      assert.deepEqual(await mill.cache.warm(['/a'], { origin }), [{ url: `${origin}/a`, outcome: 'fresh' }])
      await clock.advance(11_000)
      assert.deepEqual(await mill.cache.warm(['/a'], { origin }), [{ url: `${origin}/a`, outcome: 'stored' }])
      assert.equal((await ask('/a')).body, 'run 2')
    })

    it('is of the host, the scheme and the fields that it is told', async (t) => {
      const seen: Sight[] = []
      const { mill, ask } = await made(t, host, (sight) => {
        seen.push(sight)
        return { text: `${sight.headers['accept-language']}` }
      })
      const warmed = await mill.cache.warm(
        [
          '/locale/a',
          { url: '/locale/a', headers: { 'accept-language': 'de' } },
          'https://b.test:8443/locale/a',
        ],
        { origin, headers: { 'accept-language': 'fr' } },
      )
      assert.deepEqual(
        warmed.map(({ outcome }) => outcome),
        ['stored', 'stored', 'stored'],
      )
      assert.deepEqual(
        seen.map(({ headers }) => [headers.host, headers['accept-language']]),
        [
          ['a.test', 'fr'],
          ['a.test', 'de'],
          ['b.test:8443', 'fr'],
        ],
      )
      assert.equal(await mill.cache.purge({ url: 'https://b.test:8443/locale/a' }), 1)
      for (const language of ['fr', 'de'])
        assert.equal((await ask('/locale/a', [['Accept-Language', language]])).body, language)
      assert.equal(seen.length, 3)
    })

    it('asks for so many at a time, once for a page, and waits for who asks already', async (t) => {
      let running = 0
      let most = 0
      let runs = 0
      const gates: (() => void)[] = []
      const { mill, ask } = await made(t, host, async () => {
        runs++
        most = Math.max(most, ++running)
        await new Promise<void>((resolve) => gates.push(resolve))
        running--
        return { text: 'a' }
      })
      const asked = ask('/0')
      while (runs < 1) await new Promise(setImmediate)
      const targets = Array.from({ length: 12 }, (_, i) => `/${i % 6}`)
      const warming = mill.cache.warm(targets, { origin, concurrency: 3 })
      let isOver = false
      void warming.finally(() => {
        isOver = true
      })
      while (!isOver) {
        await new Promise(setImmediate)
        // One that is waited for by others is not let go before they are there.
        if (running >= 3 || runs >= 6) gates.shift()?.()
      }
      const outcomes = (await warming).map(({ outcome }) => outcome)
      assert.ok(outcomes.slice(0, 6).every((outcome) => outcome === 'stored'))
      assert.ok(outcomes.slice(6).every((outcome) => outcome === 'fresh' || outcome === 'stored'))
      assert.equal((await asked).body, 'a')
      assert.equal(runs, 6)
      assert.ok(most <= 4, `${most} at a time`)
    })

    for (const [how, end] of Object.entries({
      'the Millrace stops': (mill: Millrace<readonly AnyPlugin[]>, _: AbortController) => mill.stop(),
      'it is told to': async (_: Millrace<readonly AnyPlugin[]>, control: AbortController) =>
        control.abort(new Error('enough')),
    })) {
      it(`ends when ${how}, however a handler hangs`, async (t) => {
        const seen: string[] = []
        const { mill } = await made(t, host, ({ url }) => {
          seen.push(url)
          return new Promise(() => {})
        })
        const control = new AbortController()
        const warming = mill.cache.warm(['/a', '/b', '/c'], {
          origin,
          concurrency: 2,
          signal: control.signal,
        })
        while (seen.length < 2) await new Promise(setImmediate)
        await end(mill, control)
        assert.deepEqual(
          (await warming).map(({ outcome }) => outcome),
          ['failed', 'failed', 'left'],
        )
        assert.deepEqual(seen, ['/a', '/b'])
      })
    }

    it('gives a request up after a minute', async (t) => {
      let runs = 0
      const { mill, clock } = await made(t, host, () =>
        ++runs === 1 ? new Promise(() => {}) : { text: 'b' },
      )
      const warming = mill.cache.warm(['/a', '/b'], { origin, concurrency: 1 })
      while (runs < 1) await new Promise(setImmediate)
      await clock.advance(60_000)
      assert.deepEqual(
        (await warming).map(({ outcome, why }) => [outcome, why]),
        [
          ['failed', 'it took over 60000 ms'],
          ['stored', undefined],
        ],
      )
    })

    it('works again when the Millrace has been stopped and started', async (t) => {
      const { mill } = await made(t, host, () => ({ text: 'a' }))
      await mill.stop()
      assert.equal((await mill.cache.warm(['/a'], { origin }))[0]?.outcome, 'left')
      await mill.start()
      assert.equal((await mill.cache.warm(['/a'], { origin }))[0]?.outcome, 'stored')
    })
  })
}

describe('a warm-up', () => {
  it('is an error where the app is not known, or the Millrace has not started', async () => {
    const fresh = () => millrace({ plugins: [cache()], routes: { '/**': { cache: '1m' } } })
    await assert.rejects(fresh().cache.warm(['/'], { origin }), /await mill\.start\(\)/)
    for (const mount of [mountExpress, mountKoa]) {
      const mill = fresh()
      mount(mill)
      await mill.start()
      await assert.rejects(mill.cache.warm(['/'], { origin }), UnmountedError)
      await mill.stop()
    }
  })

  it('is an error for what is no URL, and for nothing at a time', async () => {
    const mill = millrace({ plugins: [cache()], routes: { '/**': { cache: '1m' } } })
    await mill.start()
    for (const url of ['/a', 'ftp://a.test/', 'a.test:80'])
      await assert.rejects(mill.cache.warm([url]), /warm: expected a URL/)
    await assert.rejects(mill.cache.warm(['/a'], { origin, concurrency: 0 }), /concurrency/)
    await mill.stop()
  })
})
