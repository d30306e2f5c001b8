import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  AmbiguousPathError,
  ClientGoneError,
  type Exchange,
  millrace,
  type Reply,
  reply,
} from '@millrace/core'
import { fakeExchange, layerPlugin, scriptedHandler, settled, VirtualClock } from '@millrace/testing'
import { cache, memory } from '../../src/index.ts'
import { LocalBus, localBackplane, localLocker, mapTier } from '../../src/testing/index.ts'
import { counting, scene, streamed } from '../ask.ts'

const said =
  (fields: Readonly<Record<string, string | readonly string[]>>): (() => Reply) =>
  () =>
    reply(200, fields, 'text')

/** For parts that are made before their scene. It stands where each scene's own begins. */
const clock = new VirtualClock()

/** What others have had to mend, or have not mended: each title names where. */
describe('bugs of the field', () => {
  it('many who miss at once run the handler once (apicache #33, apicache-plus #23, r7)', async () => {
    const { begin } = scene()
    const script = scriptedHandler<Exchange, Reply>()
    const asked = Array.from({ length: 50 }, () => begin({ handler: script.handler }))
    await settled()
    script.calls[0]?.resolve(reply(200, {}, 'once'))
    const answers = await Promise.all(asked.map(({ answer }) => answer))
    assert.ok(answers.every(({ body }) => body === 'once'))
    assert.equal(script.calls.length, 1)
  })

  it('a POST is neither kept nor answered from a GET (apicache #128 #64 #113 #142, r7)', async () => {
    const { ask } = scene()
    const { handler } = counting()
    for (const method of ['POST', 'post', 'get', 'POST']) await ask({ method, handler })
    assert.equal((await ask({ handler })).body, 'run 5')
    assert.equal((await ask({ method: 'POST', handler })).body, 'run 6')
  })

  it('POSTs are kept by their content, where the rule says so (apicache #128)', async () => {
    const { ask } = scene({ ttl: '1m', body: '1kb' })
    const { handler } = counting()
    const post = async (text: string): Promise<string> =>
      (await ask({ method: 'POST', body: new TextEncoder().encode(text), handler })).body
    assert.deepEqual([await post('a'), await post('b'), await post('a')], ['run 1', 'run 2', 'run 1'])
  })

  it('a cookie is for whom it was made, and for nobody else (apicache #179 #106, nuxt #28527, r7)', async () => {
    const { ask } = scene()
    const { handler } = counting((text) => reply(200, { 'Set-Cookie': text }, text))
    for (let run = 1; run <= 3; run++) {
      const { field, ran } = await ask({ handler })
      assert.deepEqual([field('set-cookie'), ran], [`run ${run}`, true])
    }
  })

  it('nor do those get it who wait for the same (ocache #61, r6, r16, r17)', async () => {
    const { begin } = scene()
    const { handler } = counting((text) => reply(200, { 'Set-Cookie': text }, text))
    const answers = await Promise.all([1, 2, 3].map(() => begin({ handler }).answer))
    assert.deepEqual(answers.map(({ field }) => field('set-cookie')).sort(), ['run 1', 'run 2', 'run 3'])
  })

  it('a session never leaks (express-expeditious #2)', async () => {
    const { ask } = scene()
    const handler = ({ headers }: Exchange): Reply => reply(200, {}, `for ${headers['cookie'] ?? 'anybody'}`)
    for (const cookie of ['sid=1', 'sid=2', undefined, 'sid=1', undefined]) {
      const answer = await ask({ headers: cookie === undefined ? {} : { cookie }, handler })
      assert.equal(answer.body, `for ${cookie ?? 'anybody'}`)
    }
  })

  it('what was for one origin is not told another (apicache #187 #92)', async () => {
    const { ask } = scene()
    const handler = ({ headers: { origin } }: Exchange): Reply =>
      reply(200, { Vary: 'Origin', ...(origin && { 'Access-Control-Allow-Origin': `${origin}` }) }, 'text')
    for (const origin of ['https://a.test', 'https://b.test', undefined, 'https://a.test']) {
      const answer = await ask({ headers: origin === undefined ? {} : { origin }, handler })
      assert.equal(answer.field('access-control-allow-origin'), origin)
    }
    // From a CORS middleware further out, each answer has its own.
    const outside = scene()
    const name = 'Access-Control-Allow-Origin'
    await outside.ask({ preset: { [name]: 'a' }, handler: () => reply(200, { [name]: 'a' }, 'text') })
    assert.equal((await outside.ask({ preset: { [name]: 'b' } })).field(name), undefined)
  })

  it('what is encoded is for those who can read it (apicache #27 #51 #124)', async () => {
    const { ask } = scene()
    const gzip = said({ 'Content-Encoding': 'gzip' })
    await ask({ headers: { 'accept-encoding': 'gzip' }, handler: gzip })
    assert.equal((await ask({ headers: { 'accept-encoding': 'gzip' } })).field('content-encoding'), 'gzip')
    assert.equal((await ask({ handler: said({}) })).field('content-encoding'), undefined)
  })

  it('what is purged is gone in every process (apicache #78 #82)', async () => {
    const bus = new LocalBus(clock)
    const far = mapTier({ clock })
    const processes = [1, 2].map(() =>
      scene('1m', { tiers: [memory({ clock }), far], backplane: localBackplane(bus) }),
    )
    for (const { mill } of processes) await mill.start()
    const [a, b] = processes
    const { handler } = counting()
    await a?.ask({ handler })
    await settled()
    assert.equal((await b?.ask({ handler }))?.body, 'run 1')
    for (const [run, what] of [{ url: '/' }, { pattern: '/**' }, 'everything' as const].entries()) {
      await a?.purge(what)
      await settled()
      assert.equal((await b?.ask({ handler }))?.body, `run ${run + 2}`)
      await settled()
      assert.equal((await a?.ask({ handler }))?.body, `run ${run + 2}`)
    }
    for (const { mill } of processes) await mill.stop()
  })

  it('fields and bytes come back from a tier as they were (apicache #190, og-image #578 #579)', async () => {
    const far = mapTier({ clock })
    const bytes = Uint8Array.from({ length: 512 }, (_, i) => i)
    const fields = { 'Content-Type': 'image/png', Link: ['<a>', '<b>'], 'X-Plain': 'a', ETag: '"1"' }
    const one = scene('1m', { tiers: [memory({ clock }), far] })
    await one.ask({ handler: () => reply(200, fields, bytes) })
    await settled()
    const other = scene('1m', { tiers: [memory({ clock }), far] })
    const exchange = fakeExchange()
    const found = await other.mill.match('GET', '/').run(exchange)
    assert.equal(exchange.runs, 0)
    assert.ok(found.body instanceof Uint8Array)
    assert.deepEqual(Buffer.from(found.body), Buffer.from(bytes))
    assert.deepEqual(found.headers.getAll('link'), ['<a>', '<b>'])
    assert.deepEqual([found.headers.get('x-plain'), found.headers.get('etag')], ['a', '"1"'])
  })

  it('memory has a bound (apicache #221)', async () => {
    const { ask, counts } = scene('1m', { tiers: [memory({ maxSize: '100kb', clock })] })
    for (let i = 0; i < 100; i++) await ask({ url: `/${i}`, handler: () => reply(200, {}, 'x'.repeat(5000)) })
    const bytes = Number(/"bytes":(\d+)/.exec(JSON.stringify(counts()))?.[1])
    assert.ok(bytes > 50_000 && bytes <= 102_400, `${bytes}`)
  })

  it('requests whose key cannot be told share nothing (aspnetcore #67763)', async () => {
    const { begin } = scene({ ttl: '1m', query: ['q'] })
    const { handler } = counting()
    const urls = [
      `/${'a'.repeat(5000)}`,
      `/${'b'.repeat(5000)}`,
      'http://a/?q=1',
      '/#?q=1',
      `/?${'x&'.repeat(2000)}q=1`,
    ]
    const answers = await Promise.all(urls.map((url) => begin({ url, handler }).answer))
    assert.equal(new Set(answers.map(({ body }) => body)).size, urls.length)
  })

  it('it does not matter on which side of it users are told apart (aspnetcore #67268 #45302 #55826)', async () => {
    const { ask } = scene()
    const inside = ({ headers }: Exchange): Reply =>
      headers['authorization'] === undefined
        ? reply(401, {}, 'who?')
        : reply(200, {}, `for ${headers['authorization']}`)
    assert.equal((await ask({ headers: { authorization: 'a' }, handler: inside })).body, 'for a')
    assert.equal((await ask({ handler: inside })).status, 401)
    assert.equal((await ask({ headers: { authorization: 'b' }, handler: inside })).body, 'for b')
  })

  it('what goes around says why, and one word changes it (aspnetcore #48025 #45339, undici #4911)', async () => {
    const headers = { authorization: 'a' }
    const { ask } = scene()
    for (let i = 0; i < 2; i++)
      assert.equal((await ask({ headers })).how, 'Millrace; fwd=bypass; detail=authorization')
    const keyed = scene({ ttl: '1m', authorization: 'key' })
    await keyed.ask({ headers })
    assert.equal((await keyed.ask({ headers })).ran, false)
    assert.equal((await keyed.ask({ headers: { authorization: 'b' } })).ran, true)
  })

  it('layers further out run on a hit, too (aspnetcore #53460 #69386)', async () => {
    let passed = 0
    const counted = layerPlugin('counted', (exchange, next) => {
      passed++
      return next(exchange)
    })
    const plugins = [counted, cache()] as const
    const mill = millrace({ plugins, routes: { '/**': { counted: true, cache: '1m' } }, clock })
    for (let i = 0; i < 3; i++) await mill.match('GET', '/').run(fakeExchange())
    assert.equal(passed, 3)
  })

  it('no field says "undefined", and Cache-Control is the handler’s (nitro #1850, nuxt #23877 #32192)', async () => {
    const { ask } = scene({ ttl: '1m', swr: '1m' })
    for (let i = 0; i < 2; i++) {
      const answer = await ask({ handler: said({ 'Cache-Control': 'max-age=1, stale-while-revalidate=2' }) })
      assert.equal(answer.field('cache-control'), 'max-age=1, stale-while-revalidate=2')
      assert.equal(answer.field('etag'), undefined)
      assert.equal(answer.field('last-modified'), undefined)
    }
  })

  it('events pass as they come, and nobody waits for their end (nitro #1745 #3580)', async () => {
    const { mill } = scene()
    const events = async function* (): AsyncGenerator<Uint8Array> {
      yield new TextEncoder().encode('data: 1\n\n')
      await new Promise(() => {})
    }
    const runs = Array.from({ length: 3 }, async () => {
      const handler = (): Reply => reply(200, { 'Content-Type': 'text/event-stream' }, events())
      const { body } = await mill.match('GET', '/').run(fakeExchange({ handler }))
      assert.ok(body && !(body instanceof Uint8Array))
      const { value } = await body[Symbol.asyncIterator]().next()
      return Buffer.from(value ?? []).toString()
    })
    assert.deepEqual(await Promise.all(runs), Array(3).fill('data: 1\n\n'))
  })

  it('a rule cannot be gone around by another spelling of the path (nitro #4396)', () => {
    const plugins = [cache()] as const
    const mill = millrace({ plugins, routes: { '/**': { cache: '1m' }, '/admin/**': { cache: false } } })
    for (const path of ['/%61dmin/x', '/a/..%2fadmin/x', '/a/%2e%2e/admin/x', '/admin%2fx']) {
      assert.throws(() => mill.match('GET', path), AmbiguousPathError)
    }
    assert.equal(mill.match('GET', '/ADMIN/x').idle, true)
  })

  it('routes can be left out (nest #1050)', () => {
    const plugins = [cache()] as const
    const mill = millrace({ plugins, routes: { '/**': { cache: '1m' }, 'GET /live/:id': { cache: false } } })
    assert.equal(mill.match('GET', '/live/1').idle, true)
    assert.equal(mill.match('GET', '/other/1').idle, false)
  })

  it('all rules share one store, and have its defaults (spring-cloud-gateway #3025 #2948)', async () => {
    const plugin = cache({ tiers: [memory({ maxSize: '1mb', clock })] })
    const routes = { '/a/**': { cache: '1m' }, '/b/**': { cache: '2m' } } as const
    const mill = millrace({ plugins: [plugin], routes, clock })
    for (const url of ['/a/1', '/b/1']) {
      const exchange = fakeExchange({ url })
      await mill.match('GET', url).run(exchange)
      exchange.finish()
      await settled()
    }
    assert.match(JSON.stringify(plugin.inspect?.()), /"entries":2,"bytes":\d+,"maxBytes":1048576/)
  })

  it('a 304 renews what is kept of the fields (undici #4617)', async () => {
    const { ask, clock } = scene(true)
    await ask({ handler: said({ ETag: '"1"', 'Cache-Control': 'max-age=1', 'X-A': 'old' }) })
    await clock.advance(2000)
    const news = { ETag: '"1"', 'Cache-Control': 'max-age=60', 'X-A': 'new' }
    assert.equal((await ask({ handler: () => reply(304, news) })).body, 'text')
    const hit = await ask()
    assert.deepEqual(
      [hit.ran, hit.body, hit.field('x-a'), hit.field('cache-control')],
      [false, 'text', 'new', 'max-age=60'],
    )
  })

  it('nothing is kept of which nothing says that it may be (undici #4335 #4178)', async () => {
    for (const fields of [
      {},
      { 'Cache-Control': 'must-revalidate' },
      { Expires: '0' },
      { Pragma: 'no-cache' },
    ]) {
      const { ask } = scene(true)
      await ask({ handler: said(fields) })
      assert.equal((await ask()).ran, true, JSON.stringify(fields))
    }
  })

  it('names of fields have no case (undici #4131 #4112)', async () => {
    const { ask } = scene(true)
    const handler = said({ 'CACHE-CONTROL': 'Max-Age=60', vary: 'X-a, ACCEPT-language' })
    await ask({ headers: { 'x-a': '1', 'accept-language': 'DE' }, handler })
    assert.equal((await ask({ headers: { 'x-a': '1', 'accept-language': 'de' } })).ran, false)
    assert.equal((await ask({ headers: { 'x-a': '2', 'accept-language': 'de' } })).ran, true)
  })

  it('what varies is told apart in every tier (undici #5095 #5109)', async () => {
    const far = mapTier({ clock })
    const handler = ({ headers }: Exchange): Reply => reply(200, { Vary: 'X-A' }, `for ${headers['x-a']}`)
    for (const turn of [1, 2]) {
      const { ask } = scene('1m', { tiers: [memory({ clock }), far] })
      for (const value of ['1', '2', undefined]) {
        const answer = await ask({ headers: value === undefined ? {} : { 'x-a': value }, handler })
        assert.deepEqual([answer.body, answer.ran], [`for ${value}`, turn === 1])
        await settled()
      }
    }
  })

  it('who waits is answered when the one that went has left (undici #5673 #5593)', async () => {
    const { begin } = scene()
    const script = scriptedHandler<Exchange, Reply>()
    const [first, ...others] = [1, 2, 3].map(() => begin({ handler: script.handler }))
    const gone = assert.rejects(first?.answer ?? Promise.resolve(), ClientGoneError)
    await settled()
    first?.exchange.leave()
    script.calls[0]?.reject(new ClientGoneError())
    await gone
    await settled()
    script.calls[1]?.resolve(reply(200, {}, 'here'))
    assert.deepEqual(await Promise.all(others.map(async ({ answer }) => (await answer).body)), [
      'here',
      'here',
    ])
  })

  it('what was purged while it was made is not kept (ocache, r6)', async () => {
    for (const what of [{ url: '/' }, { tag: 't' }, 'everything'] as const) {
      const { begin, ask, purge } = scene({ ttl: '1m', tags: ['t'] })
      const script = scriptedHandler<Exchange, Reply>()
      const { answer } = begin({ handler: script.handler })
      await settled()
      await purge(what)
      script.calls[0]?.resolve(reply(200, {}, 'old'))
      assert.equal((await answer).body, 'old')
      assert.equal((await ask({ handler: () => reply(200, {}, 'new') })).body, 'new', JSON.stringify(what))
    }
  })

  for (const [what, failing] of [
    ['a throw', () => Promise.reject(new Error('down'))],
    ['a 5xx', () => reply(503, {}, 'down')],
    ['a 5xx with a validator', () => reply(503, { ETag: '"down"' }, 'down')],
    ['a 5xx that is not to be kept', () => reply(503, { 'Cache-Control': 'no-store' }, 'down')],
  ] as const) {
    it(`${what} does not take the place of what is stale (ocache, r16)`, async () => {
      const { ask, clock } = scene({ ttl: '1s', swr: '10s', staleIfError: '1h', errorThrottle: '1s' })
      await ask()
      for (let i = 0; i < 20; i++) {
        await clock.advance(2000)
        assert.equal((await ask({ handler: failing })).body, 'ok', `after ${2 * i} s`)
        await settled()
      }
    })
  }

  it('a lock is held until the reply can be found (bentocache r1)', async () => {
    const bus = new LocalBus(clock)
    const far = mapTier({ clock })
    const gate = Promise.withResolvers<void>()
    const slow = {
      ...far,
      setMany: (items: Parameters<typeof far.setMany>[0]) => gate.promise.then(() => far.setMany(items)),
    }
    const [a, b] = [1, 2].map(() =>
      scene(
        { ttl: '1m', lock: '10s' },
        { tiers: [memory({ clock }), slow], locker: localLocker(bus), backplane: false },
      ),
    )
    const { handler, runs } = counting()
    assert.equal((await a?.ask({ handler }))?.body, 'run 1')
    const waiting = b?.ask({ handler })
    await settled()
    assert.equal(runs(), 1)
    gate.resolve()
    assert.equal((await waiting)?.body, 'run 1')
  })

  it('what is kept behind a proxy can be purged', async () => {
    const { ask, purge } = scene({ ttl: '1m', vary: ['x-a'] })
    const headers = { host: 'internal', 'x-forwarded-host': 'a.test', 'x-forwarded-proto': 'https' }
    const { handler } = counting()
    await ask({ url: '/a', headers, handler })
    await purge({ url: '/a' })
    assert.equal((await ask({ url: '/a', headers, handler })).body, 'run 2')
  })

  it('one who asks for what cannot be kept does not keep others from it', async () => {
    const { ask } = scene()
    const handler = ({ headers }: Exchange): Reply =>
      headers['x-bad'] === undefined ? reply(200, {}, 'text') : reply(400, {}, 'bad')
    for (let i = 0; i < 3; i++) {
      await ask({ url: `/${i}`, headers: { 'x-bad': '1' }, handler })
      await ask({ url: `/${i}`, handler })
      assert.equal((await ask({ url: `/${i}`, handler })).ran, false)
    }
  })

  it('a stream that breaks off is not kept', async () => {
    const { ask, mill } = scene()
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield* streamed('half')
      throw new Error('broken')
    }
    const { body } = await mill
      .match('GET', '/')
      .run(fakeExchange({ handler: () => reply(200, {}, broken()) }))
    assert.ok(body && !(body instanceof Uint8Array))
    const parts = body[Symbol.asyncIterator]()
    await parts.next()
    await assert.rejects(async () => parts.next(), /broken/)
    assert.equal((await ask()).ran, true)
  })
})
