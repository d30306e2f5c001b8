import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Exchange, encodingsOf, type Reply, reply } from '@millrace/core'
import { fakeExchange, settled, VirtualClock } from '@millrace/testing'
import { adaptive, type CacheRule, cacheOf, memory } from '../../src/index.ts'
import { mapTier } from '../../src/testing/index.ts'
import { counting, type Question, scene, streamed } from '../ask.ts'

type Ask = ReturnType<typeof scene>['ask']

const bodies = async (ask: Ask, questions: readonly (Question | undefined)[]): Promise<readonly string[]> => {
  const all: string[] = []
  for (const question of questions) all.push((await ask(question)).body)
  return all
}

describe('ttl', () => {
  const byKind = { 'application/json': '5m', 'image/*': '1d', '*': '10s', 404: '5s', '41x': '1h' }

  it('may say a time by status, by media type, and for the rest', async () => {
    const rows: readonly [status: number, type: string, seconds: number | undefined][] = [
      [200, 'application/json; charset=utf-8', 300],
      [200, 'image/png', 86_400],
      [200, 'text/html', 10],
      [404, 'application/json', 5],
      // A plain time, and one by type, are for what stands for a resource.
      [403, 'application/json', undefined],
    ]
    const { '41x': _, ...ttl } = byKind
    for (const [status, type, seconds] of rows) {
      const { ask } = scene({ ttl })
      const handler = (): Reply => reply(status, { 'Content-Type': type }, 'x')
      await ask({ handler })
      const { how } = await ask({ handler })
      assert.equal(
        how,
        seconds === undefined
          ? 'Millrace; fwd=uri-miss; detail=no-lifetime'
          : `Millrace; hit; ttl=${seconds}`,
        type,
      )
    }
  })

  it('is refused where it names neither', () => {
    assert.throws(() => scene({ ttl: byKind }), /cache\.ttl/)
  })

  it('may be a function of the reply', async () => {
    const { ask } = scene({ ttl: ({ headers }) => headers.get('x-life') })
    const handler = (): Reply => reply(201, { 'X-Life': '7s' }, 'x')
    await ask({ handler })
    assert.equal((await ask({ handler })).how, 'Millrace; hit; ttl=7')
  })

  it('may follow how often the reply changes', async () => {
    const { ask, clock } = scene({ ttl: adaptive({ min: '10s', max: '1h' }) })
    const handler = (): Reply => reply(200, {}, 'same')
    const lives: number[] = []
    for (let i = 0; i < 4; i++) {
      await ask({ handler })
      const left = Number(/ttl=(\d+)/.exec((await ask({ handler })).how ?? '')?.[1])
      lives.push(left)
      await clock.advance(left * 1000 + 1)
    }
    assert.ok(
      lives.every((life, i) => i === 0 || life > (lives[i - 1] ?? 0)),
      lives.join(),
    )
  })

  it('holds over what the handler says, and the handler’s own word over that', async () => {
    const { ask } = scene('1m')
    await ask({ handler: () => reply(200, { 'Cache-Control': 'max-age=1, no-cache' }, 'x') })
    assert.equal((await ask()).how, 'Millrace; hit; ttl=60')
    const speaking = scene('1m')
    const say = (exchange: Exchange): Reply => {
      cacheOf(exchange.native as object).ttl('5s')
      return reply(200, {}, 'x')
    }
    await speaking.ask({ native: {}, handler: say })
    assert.equal((await speaking.ask()).how, 'Millrace; hit; ttl=5')
    await speaking.ask({
      url: '/b',
      native: {},
      handler: ({ native }) => {
        cacheOf(native as object).skip()
        return reply(200)
      },
    })
    assert.match((await speaking.ask({ url: '/b' })).how ?? '', /fwd=uri-miss/)
  })
})

describe('what is kept', () => {
  it('is no failure of a handler that has said a time before', async () => {
    for (const status of [404, 500]) {
      const { ask } = scene(true)
      const handler = ({ native }: Exchange): Reply => {
        cacheOf(native as object).ttl('1m')
        return reply(status, {}, 'x')
      }
      await ask({ native: {}, handler })
      assert.equal((await ask()).ran, status === 500)
    }
  })

  it('is no body that broke off', async () => {
    for (const body of ['12345', streamed('123', '45')]) {
      const { ask } = scene()
      await ask({ handler: () => reply(200, { 'Content-Length': 10 }, body) })
      assert.equal((await ask()).ran, true)
    }
  })

  it('varies by what middleware further out says, too', async () => {
    const { ask } = scene()
    const handler = ({ headers }: Exchange): Reply => reply(200, { Vary: 'X-Kind' }, `${headers['x-kind']}`)
    const of = (kind: string): Question => ({
      headers: { 'x-kind': kind },
      preset: { vary: 'X-Kind' },
      handler,
    })
    assert.deepEqual(await bodies(ask, [of('a'), of('b'), of('a')]), ['a', 'b', 'a'])
  })
})

describe('the key', () => {
  const table: readonly [name: string, rule: CacheRule, questions: readonly Question[], expected: string][] =
    [
      [
        'the query as it was sent',
        {},
        [{ url: '/?a=1&b=2' }, { url: '/?b=2&a=1' }, { url: '/?a=1&b=2' }],
        '1 2 1',
      ],
      [
        'in an order of its own',
        { query: 'sorted' },
        [{ url: '/?a=1&b=2' }, { url: '/?b=2&a=1' }, { url: '/?b=2' }],
        '1 1 2',
      ],
      ['but not of one name', { query: 'sorted' }, [{ url: '/?a=1&a=2' }, { url: '/?a=2&a=1' }], '1 2'],
      [
        'some parameters',
        { query: ['q'] },
        [{ url: '/?q=1&utm=2' }, { url: '/?utm=3&q=1' }, { url: '/?q=2' }, { url: '/' }, { url: '/?x=1' }],
        '1 1 2 3 3',
      ],
      [
        'nested ones with them',
        { query: ['q'] },
        [{ url: '/' }, { url: '/?q[]=1' }, { url: '/?q%5B%5D=2' }],
        '1 2 3',
      ],
      [
        'a field, by what it means',
        { vary: ['Accept-Language'] },
        [
          { headers: { 'accept-language': 'de, en;q=0.5' } },
          { headers: { 'accept-language': 'en;q=0.5,DE' } },
          { headers: { 'accept-language': 'en' } },
          {},
        ],
        '1 1 2 3',
      ],
      [
        'a function',
        { vary: [({ path }) => `${path.length}`], query: [] },
        [{ url: '/a' }, { url: '/b' }],
        '1 2',
      ],
      [
        'a cookie and no other',
        { cookies: ['lang'] },
        [
          { headers: { cookie: 'lang=de; id=1' } },
          { headers: { cookie: 'id=2; lang=de' } },
          { headers: { cookie: 'lang=en' } },
          {},
        ],
        '1 1 2 3',
      ],
      ['no cookie at all', { cookies: 'ignore' }, [{ headers: { cookie: 'id=1' } }, {}], '1 1'],
      [
        'each authorisation by itself',
        { authorization: 'key' },
        [
          { headers: { authorization: 'a' } },
          { headers: { authorization: 'b' } },
          { headers: { authorization: 'a' } },
          {},
        ],
        '1 2 1 3',
      ],
      ['no authorisation', { authorization: 'ignore' }, [{ headers: { authorization: 'a' } }, {}], '1 1'],
      ['scheme', {}, [{ scheme: 'http' }, { scheme: 'https' }, { scheme: 'http' }], '1 2 1'],
      [
        'who the host is said to be',
        {},
        [{ headers: { 'x-forwarded-host': 'a' } }, { headers: { 'x-forwarded-host': 'b' } }, {}],
        '1 2 3',
      ],
    ]
  for (const [name, rule, questions, expected] of table) {
    it(`holds ${name}`, async () => {
      const { ask } = scene({ ttl: '1m', ...rule })
      const { handler } = counting()
      const found = await bodies(
        ask,
        questions.map((question) => ({ ...question, handler })),
      )
      assert.equal(found.map((body) => body.replace('run ', '')).join(' '), expected)
    })
  }

  it('is never shared by requests whose own would be too long', async () => {
    const { ask } = scene()
    const { handler } = counting()
    const long = `/?${'a'.repeat(5000)}`
    assert.deepEqual(
      await bodies(ask, [
        { url: `${long}1`, handler },
        { url: `${long}2`, handler },
      ]),
      ['run 1', 'run 2'],
    )
    assert.equal((await ask({ url: `${long}1`, handler })).how, 'Millrace; fwd=bypass; detail=key')
  })

  it('holds what the handler’s Vary names', async () => {
    const { ask } = scene()
    const handler = (exchange: Exchange): Reply =>
      reply(200, { Vary: 'X-Kind' }, `for ${exchange.headers['x-kind']}`)
    const of = (kind: string): Question => ({ headers: { 'x-kind': kind }, handler })
    assert.deepEqual(await bodies(ask, [of('a'), of('b'), of('a'), of('b')]), [
      'for a',
      'for b',
      'for a',
      'for b',
    ])
    assert.equal((await ask(of('a'))).how, 'Millrace; hit; ttl=60')
    assert.equal((await ask(of('c'))).how, 'Millrace; fwd=vary-miss; stored')
  })

  it('holds the content of a POST or QUERY, where the rule says so', async () => {
    const { ask } = scene({ ttl: '1m', body: '1kb' })
    const { handler, runs } = counting()
    const post = (text: string, method = 'POST'): Question => ({
      method,
      body: new TextEncoder().encode(text),
      handler,
    })
    const found = await bodies(ask, [post('a'), post('b'), post('a'), post('a', 'QUERY'), post('a', 'QUERY')])
    assert.deepEqual(found, ['run 1', 'run 2', 'run 1', 'run 3', 'run 3'])
    await ask(post('x'.repeat(2000)))
    assert.equal((await ask(post('x'.repeat(2000)))).how, 'Millrace; fwd=bypass; detail=content')
    assert.equal(runs(), 5)
  })
})

describe('what a handler sees', () => {
  it('is nothing that is not in the key, when it is isolated', async () => {
    const { ask } = scene({
      ttl: '1m',
      isolate: true,
      query: ['q'],
      vary: ['accept-language'],
      cookies: ['lang'],
    })
    const seen: unknown[] = []
    const headers = {
      host: 'a',
      'accept-language': 'de',
      'user-agent': 'x',
      'x-forwarded-scheme': 'evil',
      cookie: 'id=1; lang=de',
      'if-none-match': '"1"',
    }
    await ask({
      url: '/a?q=1&utm=2',
      headers,
      handler: (exchange) => {
        seen.push(exchange.headers, exchange.url)
        return reply(200)
      },
    })
    assert.deepEqual(seen, [{ host: 'a', 'accept-language': 'de', cookie: 'lang=de' }, '/a?q=1'])
  })
})

describe('purge', () => {
  const three = async () => {
    const all = scene(
      { ttl: '1m', staleIfError: '1h', tags: ['city:{id}', ({ path }) => path.slice(1, 3)] },
      {},
      '/cities/:id',
    )
    const { handler, runs } = counting((text) => reply(200, { 'Cache-Tag': 'a, b' }, text))
    for (const id of [1, 2, 3]) await all.ask({ url: `/cities/${id}`, handler })
    /** Which of them have to be brought again. */
    const gone = async (): Promise<number> => {
      const before = runs()
      for (const id of [1, 2, 3]) await all.ask({ url: `/cities/${id}`, handler })
      return runs() - before
    }
    return { ...all, gone }
  }
  const rows: readonly [
    what: Parameters<Awaited<ReturnType<typeof three>>['mill']['cache']['purge']>[0],
    gone: number,
    told: number | undefined,
  ][] = [
    [{ url: '/cities/2' }, 1, 1],
    [{ url: 'http:///cities/2' }, 1, 1],
    [{ url: 'https://a/cities/2' }, 0, 0],
    [{ url: '/cities' }, 0, 0],
    [{ pattern: '/cities/*' }, 3, 3],
    [{ pattern: '/**/3' }, 1, 1],
    [{ pattern: '/*' }, 0, 0],
    [{ tag: 'city:2' }, 1, undefined],
    [{ tag: ['city:1', 'city:3'] }, 2, undefined],
    [{ tag: 'ci' }, 3, undefined],
    [{ tag: 'b' }, 3, undefined],
    [{ tag: 'c' }, 0, undefined],
    ['everything', 3, undefined],
  ]
  for (const [what, expected, told] of rows) {
    it(JSON.stringify(what), async () => {
      const { mill, gone } = await three()
      assert.equal(await mill.cache.purge(what), told)
      assert.equal(await gone(), expected)
    })
  }

  it('softly leaves something for when the handler fails', async () => {
    for (const what of [{ url: '/cities/2' }, { tag: 'city:2' }, 'everything'] as const) {
      const { mill, ask } = await three()
      await mill.cache.purge(what, { soft: true })
      const failing = await ask({ url: '/cities/2', handler: () => reply(503) })
      assert.deepEqual([failing.status, failing.body], [200, 'run 2'], JSON.stringify(what))
      assert.match(failing.how ?? '', /fwd=stale; fwd-status=503.*detail=stale-if-error/)
    }
  })

  const long = `/${'a'.repeat(300)}`
  const behind: Readonly<Record<string, readonly [CacheRule, Question]>> = {
    'has a long URL': [{ ttl: '1m' }, { url: long }],
    'came through a proxy': [{ ttl: '1m' }, { url: '/a', headers: { 'x-forwarded-host': 'b.test' } }],
    'has a field in its key': [
      { ttl: '1m', vary: ['x'], tags: ['http'] },
      { url: '/a', headers: { x: '1' } },
    ],
    'has a long URL and variants': [
      { ttl: '1m' },
      { url: long, headers: { x: '1' }, handler: () => reply(200, { Vary: 'X' }, 'old') },
    ],
  }
  for (const [name, [rule, question]] of Object.entries(behind)) {
    it(`finds what another process has brought to a tier and ${name}`, async () => {
      const clock = new VirtualClock()
      const far = mapTier({ clock })
      const [a, b, c] = [1, 2, 3].map(() => scene(rule, { tiers: [memory({ clock }), far] }))
      assert.ok(a && b && c)
      const old = { handler: () => reply(200, {}, 'old'), ...question }
      await a.ask(old)
      await settled()
      assert.equal(await b.purge({ url: '/other' }), 0)
      for (const { clock: later } of [b, c]) await later.advance(1000)
      assert.notEqual(await b.purge({ url: question.url ?? '' }), 0)
      await settled()
      const news = { ...old, handler: () => reply(200, {}, 'new') }
      assert.equal((await c.ask(news)).body, 'new')
    })
  }

  it('counts once what is in memory and in a tier', async () => {
    const clock = new VirtualClock()
    const { ask, purge } = scene('1m', { tiers: [memory({ clock }), mapTier({ clock })] })
    await ask({ url: long, handler: () => reply(200, {}, 'old') })
    await settled()
    assert.equal(await purge({ pattern: '/a*' }), 1)
  })

  it('reaches every variant, and what is under way', async () => {
    const { ask, begin, mill } = scene()
    const { handler, runs } = counting((text) => reply(200, { Vary: 'X-Kind' }, text))
    for (const kind of ['a', 'b']) await ask({ headers: { 'x-kind': kind }, handler })
    await mill.cache.purge({ url: '/' })
    for (const kind of ['a', 'b']) await ask({ headers: { 'x-kind': kind }, handler })
    assert.equal(runs(), 4)
    const gate = Promise.withResolvers<Reply>()
    const slow = begin({ url: '/slow', handler: () => gate.promise })
    await settled()
    await mill.cache.purge({ url: '/slow' })
    gate.resolve(reply(200, {}, 'old'))
    assert.equal((await slow.answer).body, 'old')
    assert.equal((await ask({ url: '/slow', handler: () => reply(200, {}, 'new') })).body, 'new')
  })

  it('by the method PURGE answers those who may', async () => {
    const open = scene('1m', { authorizePurge: ({ headers }) => headers['x-key'] === 'secret' })
    const { handler, runs } = counting()
    await open.ask({ handler })
    assert.equal((await open.ask({ method: 'PURGE', handler })).status, 403)
    const purged = await open.ask({ method: 'PURGE', headers: { 'x-key': 'secret' }, handler })
    assert.deepEqual([purged.status, purged.ran], [204, false])
    await open.ask({ handler })
    assert.equal(runs(), 2)
    const shut = scene()
    assert.equal((await shut.ask({ method: 'PURGE', handler })).ran, true)
  })
})

describe('what changes a resource', () => {
  it('makes what is kept of it out of date, when it succeeds', async () => {
    const rows: readonly [
      method: string,
      status: number,
      fields: Readonly<Record<string, string>>,
      gone: readonly string[],
    ][] = [
      ['POST', 201, {}, ['/a']],
      ['PATCH', 303, {}, ['/a']],
      ['M-SEARCH', 200, {}, ['/a']],
      ['PUT', 204, { Location: '/b' }, ['/a', '/b']],
      ['DELETE', 200, { 'Content-Location': 'http://h/b' }, ['/a', '/b']],
      ['POST', 200, { Location: 'http://other/b' }, ['/a']],
      ['POST', 500, { Location: '/b' }, []],
      ['PUT', 404, {}, []],
      ['OPTIONS', 200, {}, []],
    ]
    for (const [method, status, fields, gone] of rows) {
      const { ask } = scene()
      const headers = { host: 'h' }
      for (const url of ['/a', '/b']) await ask({ url, headers })
      await ask({ method, url: '/a', headers, handler: () => reply(status, fields) })
      const ran: string[] = []
      for (const url of ['/a', '/b']) if ((await ask({ url, headers })).ran) ran.push(url)
      assert.deepEqual(ran, gone, `${method} ${status} ${JSON.stringify(fields)}`)
    }
  })
})

describe('what is not fresh any more', () => {
  const changing = (): { handler: () => Reply; fail(): void; runs(): number } => {
    let isDown = false
    const { handler, runs } = counting((text) => (isDown ? reply(503, {}, 'down') : reply(200, {}, text)))
    return {
      handler,
      runs,
      fail: () => {
        isDown = true
      },
    }
  }

  it('is served while it is brought anew, once however many ask', async () => {
    const { ask, begin, clock } = scene({ ttl: '1m', swr: '1m' })
    const { handler, runs } = changing()
    await ask({ handler })
    await clock.advance(61_000)
    const crowd = await Promise.all(Array.from({ length: 20 }, () => begin({ handler }).answer))
    assert.ok(crowd.every(({ body }) => body === 'run 1'))
    assert.match(crowd[0]?.how ?? '', /^Millrace; hit; ttl=-1; detail=stale-while-revalidate$/)
    assert.equal(crowd[0]?.field('age'), '61')
    await settled()
    assert.equal(runs(), 2)
    assert.equal((await ask({ handler })).body, 'run 2')
    await clock.advance(120_001)
    assert.equal((await ask({ handler })).body, 'run 3')
  })

  it('is served when the handler fails, which is left alone for a while', async () => {
    const { ask, clock } = scene({ ttl: '1m', staleIfError: '1h', errorThrottle: '10s' })
    const { handler, fail, runs } = changing()
    await ask({ handler })
    fail()
    await clock.advance(61_000)
    const answer = await ask({ handler })
    assert.deepEqual([answer.status, answer.body, answer.field('age')], [200, 'run 1', '61'])
    assert.match(answer.how ?? '', /fwd=stale; fwd-status=503; ttl=-1; detail=stale-if-error/)
    assert.equal((await ask({ handler })).how, 'Millrace; fwd=stale; ttl=-1; detail=error-throttle')
    assert.equal(runs(), 2)
    await clock.advance(10_001)
    await ask({ handler })
    assert.equal(runs(), 3)
    await clock.advance(3_600_000)
    assert.equal((await ask({ handler })).status, 503)
  })

  it('is served when the handler throws, hangs, or takes long', async () => {
    const { ask, clock, begin } = scene({ ttl: '1m', staleIfError: '1h', softTimeout: '2s' })
    await ask({ handler: () => reply(200, {}, 'old') })
    await clock.advance(61_000)
    const thrown = await ask({ handler: () => Promise.reject(new Error('broken')) })
    assert.deepEqual([thrown.status, thrown.body], [200, 'old'])
    await clock.advance(11_000)
    const gate = Promise.withResolvers<Reply>()
    const slow = begin({ handler: () => gate.promise })
    await settled()
    await clock.advance(2000)
    const stale = await slow.answer
    assert.deepEqual([stale.body, stale.how], ['old', 'Millrace; fwd=stale; ttl=-14; detail=soft-timeout'])
    gate.resolve(reply(200, {}, 'new'))
    await settled()
    assert.deepEqual((await ask()).body, 'new')
  })

  it('is brought anew before it is over, with `eager`', async () => {
    const { ask, clock } = scene({ ttl: '100s', eager: 0.5 })
    const { handler, runs } = counting()
    await ask({ handler })
    await clock.advance(49_000)
    await ask({ handler })
    assert.equal(runs(), 1)
    await clock.advance(2000)
    assert.equal((await ask({ handler })).body, 'run 1')
    await settled()
    assert.equal((await ask({ handler })).body, 'run 2')
  })

  it('is validated, and its fields and life are renewed', async () => {
    const { ask, clock } = scene(true)
    const asked: unknown[] = []
    const handler = ({ headers }: Exchange): Reply => {
      asked.push(headers['if-none-match'])
      return headers['if-none-match'] === '"1"'
        ? reply(304, { ETag: '"1"', 'Cache-Control': 'max-age=20', 'X-News': 'yes' })
        : reply(200, { ETag: '"1"', 'Cache-Control': 'max-age=10' }, 'whole')
    }
    await ask({ handler })
    await clock.advance(11_000)
    const validated = await ask({ handler })
    assert.deepEqual([validated.status, validated.body, validated.field('x-news')], [200, 'whole', 'yes'])
    assert.match(validated.how ?? '', /fwd=stale; fwd-status=304; ttl=20; stored/)
    assert.equal((await ask({ handler })).how, 'Millrace; hit; ttl=20')
    assert.deepEqual(asked, [undefined, '"1"'])
  })
})

describe('what clients are told', () => {
  it('is what `browser` says, apart from what is kept here', async () => {
    const { ask, clock } = scene({ ttl: '1h', browser: { ttl: '1m', immutable: true } })
    const handler = (): Reply => reply(200, { 'Cache-Control': 'no-cache' }, 'x')
    const first = await ask({ handler })
    await clock.advance(5000)
    const hit = await ask({ handler })
    for (const answer of [first, hit]) {
      assert.equal(answer.field('cache-control'), 'public, max-age=60, immutable')
      assert.equal(answer.field('age'), undefined)
    }
    assert.equal(hit.field('expires'), 'Thu, 01 Jan 2026 00:01:05 GMT')
    assert.match(hit.field('etag') ?? '', /^"[\w-]+"$/)
    assert.equal(first.field('etag'), hit.field('etag'))
    const again = await ask({ handler, headers: { 'if-none-match': hit.field('etag') ?? '' } })
    assert.equal(again.status, 304)
  })

  it('is not `Cache-Status` when that is switched off, and under another name when it has one', async () => {
    const silent = scene('1m', { status: false })
    assert.equal((await silent.ask()).how, undefined)
    const named = scene('1m', { status: 'edge 1' })
    assert.equal((await named.ask()).how, '"edge 1"; fwd=uri-miss; stored')
  })

  it('is not what was for this cache, when that is consumed', async () => {
    const handler = (): Reply => reply(200, { 'CDN-Cache-Control': 'max-age=60' }, 'x')
    for (const [consumeTargets, expected] of [
      [true, undefined],
      [false, 'max-age=60'],
    ] as const) {
      const { ask } = scene(true, { consumeTargets })
      assert.equal((await ask({ handler })).field('cdn-cache-control'), expected)
      const hit = await ask({ handler })
      assert.deepEqual([hit.how, hit.field('cdn-cache-control')], ['Millrace; hit; ttl=60', expected])
    }
  })
})

describe('a part of what is kept', () => {
  const handler = (): Reply => reply(200, { ETag: '"1"', 'Content-Type': 'text/plain' }, '0123456789')
  const rows: readonly [range: string, status: number, body: string, told: string | undefined][] = [
    ['bytes=0-1', 206, '01', 'bytes 0-1/10'],
    ['bytes=8-', 206, '89', 'bytes 8-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=5-4', 200, '0123456789', undefined],
    ['lines=1-2', 200, '0123456789', undefined],
  ]
  for (const [range, status, body, told] of rows) {
    it(range, async () => {
      const { ask } = scene()
      await ask({ handler })
      const answer = await ask({ headers: { range } })
      assert.deepEqual([answer.status, answer.body, answer.field('content-range')], [status, body, told])
      if (status !== 200) assert.equal(answer.field('content-length'), String(body.length))
    })
  }

  it('may be several', async () => {
    const { ask } = scene()
    await ask({ handler })
    const answer = await ask({ headers: { range: 'bytes=0-0, -1' } })
    assert.equal(answer.status, 206)
    assert.match(answer.field('content-type') ?? '', /^multipart\/byteranges; boundary=\w+$/)
    assert.equal(answer.body.match(/Content-Range: bytes /g)?.length, 2)
  })

  it('is all of it when the client has another version', async () => {
    const { ask } = scene()
    await ask({ handler })
    for (const [ifRange, status] of [
      ['"1"', 206],
      ['"2"', 200],
      ['W/"1"', 200],
    ] as const) {
      assert.equal((await ask({ headers: { range: 'bytes=0-1', 'if-range': ifRange } })).status, status)
    }
  })

  it('is the handler’s when nothing is kept, and is not kept', async () => {
    const { ask } = scene()
    const partial = (): Reply => reply(206, { 'Content-Range': 'bytes 0-1/10' }, '01')
    assert.equal((await ask({ headers: { range: 'bytes=0-1' }, handler: partial })).status, 206)
    assert.equal((await ask({ handler })).body, '0123456789')
  })
})

describe('the wishes of clients', () => {
  const wishes: readonly Readonly<Record<string, string>>[] = [
    { 'cache-control': 'no-cache' },
    { 'cache-control': 'max-age=5' },
    { 'cache-control': 'min-fresh=55' },
    { pragma: 'no-cache' },
    { 'cache-control': 'no-store' },
  ]
  it('count where the rule lets them, and nowhere else', async () => {
    for (const clientControl of [true, false]) {
      for (const headers of wishes) {
        const { ask, clock } = scene({ ttl: '1m', clientControl })
        await ask()
        await clock.advance(10_000)
        assert.equal((await ask({ headers })).ran, clientControl, JSON.stringify(headers))
      }
    }
  })

  it('count for what would be served while it is brought anew, and by all of its age', async () => {
    const headers = { 'cache-control': 'max-age=20' }
    const stale = scene({ ttl: '10s', swr: '1h', clientControl: true })
    await stale.ask()
    await stale.clock.advance(21_000)
    assert.equal((await stale.ask({ headers })).ran, true)
    const old = scene({ ttl: '1m', clientControl: true })
    await old.ask({ handler: () => reply(200, { Age: '30' }, 'x') })
    assert.equal((await old.ask({ headers })).ran, true)
  })
})

describe('encodings of a kept body', () => {
  it('are kept beside it and go with it', async () => {
    const { mill, ask, counts } = scene()
    const body = async (): Promise<Uint8Array> => {
      const { body: bytes } = await mill.match('GET', '/').run(fakeExchange())
      assert.ok(bytes instanceof Uint8Array)
      return bytes
    }
    await ask({ handler: () => reply(200, {}, 'x'.repeat(1000)) })
    const size = (): number => Number(/"bytes":(\d+)/.exec(JSON.stringify(counts()))?.[1])
    const before = size()
    encodingsOf(await body())?.set('br', new Uint8Array(500))
    assert.equal(encodingsOf(await body())?.get('br')?.byteLength, 500)
    assert.equal(encodingsOf(await body())?.get('gzip'), undefined)
    assert.ok(size() - before >= 500)
    const old = await body()
    await mill.cache.purge('everything')
    encodingsOf(old)?.set('gzip', new Uint8Array(5))
    assert.match(JSON.stringify(counts()), /"entries":0/)
  })
})

describe('what an operator is told', () => {
  it('is the decision for a URL, and what is kept', async () => {
    const { mill, ask } = scene(
      { ttl: '5m', swr: '1m', query: ['q'], tags: ['city:{id}'] },
      {},
      '/cities/:id',
    )
    const says = (method: string, target: string, headers = {}): readonly string[] =>
      mill.explain(method, target, headers).layers[0]?.says ?? []
    await ask({ url: '/cities/5?q=1&x=2' })
    assert.deepEqual(says('GET', '/cities/5?q=1'), [
      'looked up by scheme, host and path, of the query q, what the reply says in Vary',
      'fresh for 300 s, whatever the reply says',
      'then served for 60 s while it is brought anew',
      'found by the tags city:{id}',
      'kept here: 200, 2 bytes, fresh for 300 s',
    ])
    assert.equal(says('GET', '/cities/6').at(-1), 'nothing is kept here')
    assert.deepEqual(says('GET', '/cities/5', { cookie: 'a=1' }), ['goes around: cookie'])
    assert.match(says('POST', '/cities/5').join(), /goes around \(method\)/)
  })
})

describe('variants of a page', () => {
  it('are each brought anew by themselves', async () => {
    const { ask, clock, mill } = scene({ ttl: '1m', swr: '1m' })
    const seen: unknown[] = []
    let runs = 0
    const handler = ({ headers }: Exchange): Reply => {
      seen.push({ ...headers })
      return reply(200, { Vary: 'X-Kind' }, `${headers['x-kind']} ${++runs}`)
    }
    const of = (kind: string): Question => ({ headers: { 'x-kind': kind, 'x-other': 'x' }, handler })
    assert.deepEqual(await bodies(ask, [of('a'), of('b')]), ['a 1', 'b 2'])
    for (let round = 0; round < 3; round++) {
      await clock.advance(61_000)
      const old = await bodies(ask, [of('a'), of('b')])
      await settled()
      assert.deepEqual(old, [`a ${2 * round + 1}`, `b ${2 * round + 2}`])
    }
    // Asked for by the cache itself, with what the page varies by and nothing else.
    assert.deepEqual(seen.at(-1), { 'x-kind': 'b' })
    assert.deepEqual(await bodies(ask, [of('a'), of('b')]), ['a 7', 'b 8'])
    await mill.cache.purge({ url: '/' })
    assert.deepEqual(await bodies(ask, [of('a'), of('b')]), ['a 9', 'b 10'])
  })
})

describe('s-maxage', () => {
  it('is strict, but for what is said beside it', async () => {
    const rows: readonly [says: string, rule: CacheRule, isServed: boolean][] = [
      ['s-maxage=10, stale-while-revalidate=60', {}, true],
      ['s-maxage=10', { swr: '1m' }, false],
      ['max-age=10', { swr: '1m' }, true],
      ['s-maxage=10, must-revalidate, stale-while-revalidate=60', {}, false],
    ]
    for (const [says, rule, isServed] of rows) {
      const { ask, clock } = scene(rule)
      const handler = (): Reply => reply(200, { 'Cache-Control': says }, 'x')
      await ask({ handler })
      await clock.advance(11_000)
      assert.equal(/stale-while-revalidate/.test((await ask({ handler })).how ?? ''), isServed, says)
      await settled()
    }
  })
})
