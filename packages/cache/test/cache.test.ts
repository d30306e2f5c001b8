import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Reply, reply } from '@millrace/core'
import { fakeExchange, settled } from '@millrace/testing'
import fc from 'fast-check'
import { looked, stored } from '../src/index.ts'
import { counting, scene, streamed } from './ask.ts'

const day = 86_400_000

describe('the response cache', () => {
  it('answers from what the handler said before', async () => {
    const { ask, clock, counts } = scene('1m')
    const { handler, runs } = counting((text) =>
      reply(200, { 'Content-Type': 'text/plain', ETag: '"1"' }, text),
    )
    const first = await ask({ url: '/a?b=1', handler })
    await clock.advance(2500)
    const second = await ask({ url: '/a?b=1', handler })
    assert.deepEqual(
      [first.body, first.how, first.field('age')],
      ['run 1', 'Millrace; fwd=uri-miss; stored', undefined],
    )
    assert.deepEqual([second.body, second.how, second.field('age')], ['run 1', 'Millrace; hit; ttl=58', '2'])
    assert.deepEqual(
      [second.field('content-type'), second.field('etag'), second.field('content-length')],
      ['text/plain', '"1"', '5'],
    )
    assert.equal(runs(), 1)
    assert.match(
      JSON.stringify(counts()),
      /^\{"hit":1,"stale":0,"coalesced":0,"miss":1,"bypass":0,"inFlight":0,.*"memory":\{.*"entries":1,"bytes":\d+,"maxBytes":67108864/,
    )
  })

  it('keeps targets and hosts apart', async () => {
    const { ask } = scene()
    const { handler } = counting()
    const bodies: string[] = []
    for (const [url, host] of [
      ['/a', 'x'],
      ['/A', 'x'],
      ['/a?', 'x'],
      ['/a', 'y'],
      ['/a/', 'x'],
      ['/a', 'X'],
    ]) {
      bodies.push((await ask({ ...(url && { url }), headers: { host }, handler })).body)
    }
    assert.deepEqual(bodies, ['run 1', 'run 2', 'run 3', 'run 4', 'run 5', 'run 6'])
  })

  it('keeps a stream that has passed whole', async () => {
    const { ask } = scene()
    const handler = (): Reply => reply(200, {}, streamed('a', 'b', 'c'))
    assert.deepEqual((await ask({ handler })).body, 'abc')
    const hit = await ask({ handler })
    assert.deepEqual([hit.body, hit.ran, hit.field('content-length')], ['abc', false, '3'])
  })

  it('keeps bytes of its own', async () => {
    const { ask } = scene()
    const shared = new TextEncoder().encode('first')
    await ask({ handler: () => reply(200, {}, shared) })
    shared.fill(0)
    assert.equal((await ask()).body, 'first')
  })

  it('keeps a reply without a body', async () => {
    const { ask } = scene()
    const handler = (): Reply => reply(301, { Location: '/b' })
    await ask({ handler })
    const hit = await ask({ handler })
    assert.deepEqual(
      [hit.status, hit.field('location'), hit.field('content-length'), hit.ran],
      [301, '/b', '0', false],
    )
  })

  it('leaves what was set further out to who set it', async () => {
    const { ask } = scene()
    const handler = (): Reply => reply(200, { 'x-request-id': '1', 'x-own': 'a' }, 'ok')
    await ask({ preset: { 'x-request-id': '1' }, handler })
    const hit = await ask({ preset: { 'x-request-id': '2' } })
    assert.deepEqual([hit.field('x-request-id'), hit.field('x-own')], [undefined, 'a'])
  })

  it('gives each answer fields of its own', async () => {
    const { mill } = scene()
    const run = (): Promise<Reply> => mill.match('GET', '/').run(fakeExchange())
    await run()
    const first = await run()
    first.headers.append('Server-Timing', 'total;dur=1').delete('content-type')
    const second = await run()
    assert.deepEqual(second.headers.raw, [
      'content-type',
      'text/plain',
      'Date',
      'Thu, 01 Jan 2026 00:00:00 GMT',
      'Content-Length',
      '2',
      'Age',
      '0',
      'Cache-Status',
      'Millrace; hit; ttl=60',
    ])
  })

  it('says what it does on its channels', async (t) => {
    const heard: unknown[] = []
    const keys: (string | undefined)[] = []
    t.after(
      looked.subscribe(({ exchange, route, outcome, key, age, linked }) => {
        keys.push(key)
        heard.push({ url: exchange.url, route, outcome, age, linked })
      }),
    )
    t.after(stored.subscribe((event) => heard.push(event)))
    const { ask, clock } = scene('1m')
    await ask({ url: '/a' })
    await clock.advance(1500)
    await ask({ url: '/a' })
    await ask({ url: '/a', headers: { cookie: 'x' } })
    const told = { url: '/a', route: '/a', age: undefined, linked: undefined }
    assert.deepEqual(heard, [
      { ...told, outcome: 'miss' },
      { route: '/a', bytes: 2, ttl: 60_000 },
      { ...told, outcome: 'hit', age: 1.5 },
      { ...told, outcome: 'bypass' },
    ])
    const [missed = '', hit, bypassed] = keys
    assert.match(missed, /\/a/)
    assert.deepEqual([hit, bypassed], [missed, undefined])
  })

  it('says whose run brought what others waited for', async (t) => {
    const heard: string[][] = []
    t.after(
      looked.subscribe(({ exchange, outcome, linked }) =>
        heard.push([exchange.headers['x-name'], outcome, linked?.headers['x-name']].map(String)),
      ),
    )
    const { ask } = scene('1m')
    const { promise, resolve } = Promise.withResolvers<void>()
    const handler = async (): Promise<Reply> => {
      await promise
      return reply(200, {}, 'ok')
    }
    const asked = ['first', 'second', 'third'].map((name) => ask({ handler, headers: { 'x-name': name } }))
    await settled()
    resolve()
    await Promise.all(asked)
    assert.deepEqual(heard, [
      ['first', 'miss', 'undefined'],
      ['second', 'coalesced', 'first'],
      ['third', 'coalesced', 'first'],
    ])
  })
})

describe('freshness', () => {
  it('ends when its time is over', async () => {
    const { ask, clock } = scene('1s')
    const { handler } = counting()
    await ask({ handler })
    await clock.advance(999)
    assert.equal((await ask({ handler })).body, 'run 1')
    await clock.advance(1)
    assert.equal((await ask({ handler })).body, 'run 2')
    await clock.advance(999)
    assert.equal((await ask({ handler })).body, 'run 2')
  })

  it('of nothing keeps nothing', async () => {
    const { ask, counts } = scene(0)
    const { handler, runs } = counting()
    for (let i = 0; i < 3; i++) {
      assert.match((await ask({ handler })).how ?? '', /^Millrace; fwd=uri-miss(; detail=ttl)?$/)
    }
    assert.equal(runs(), 3)
    assert.match(JSON.stringify(counts()), /"hit":0/)
  })

  it('may last longer than a timer of Node, and for ever', async () => {
    for (const ttl of ['60d', Number.POSITIVE_INFINITY]) {
      const { ask, clock } = scene(ttl)
      const { handler } = counting()
      await ask({ handler })
      await clock.advance(59 * day)
      const hit = await ask({ handler })
      assert.equal(hit.body, 'run 1')
      assert.equal(hit.how, ttl === '60d' ? 'Millrace; hit; ttl=86400' : 'Millrace; hit')
      assert.equal(hit.field('age'), String((59 * day) / 1000))
      await clock.advance(10_000 * day)
      assert.equal((await ask({ handler })).body, ttl === '60d' ? 'run 2' : 'run 1')
    }
  })

  it('is the handler’s matter when the rule says nothing', async () => {
    const { ask, clock } = scene(true)
    const { handler } = counting((text) => reply(200, { 'Cache-Control': 'max-age=5' }, text))
    await ask({ handler })
    await clock.advance(4999)
    assert.equal((await ask({ handler })).body, 'run 1')
    await clock.advance(1)
    assert.equal((await ask({ handler })).body, 'run 2')
  })
})

describe('nobody gets what is another’s', () => {
  const personal = fc.constantFrom<Readonly<Record<string, string>>>(
    { authorization: 'Bearer a' },
    { authorization: '' },
    { cookie: 'session=a' },
    { cookie: '' },
    { 'content-length': '5' },
  )
  const unfit = fc.constantFrom<Readonly<Record<string, string | readonly string[]>>>(
    { 'Set-Cookie': 'a=1' },
    { 'set-cookie': ['a=1', 'b=2'] },
    { 'Cache-Control': 'private, max-age=60' },
    { 'Cache-Control': 'no-store' },
    { 'Cache-Control': 'no-store, must-understand, max-age=60', 'set-cookie': 'a=1' },
    { Vary: '*' },
    { Vary: 'Accept, *' },
    { 'Content-Type': 'text/event-stream', 'Cache-Control': 'max-age=60' },
  )

  it('a personal request neither reads, nor writes, nor waits, nor is waited for', async () => {
    await fc.assert(
      fc.asyncProperty(personal, fc.boolean(), fc.boolean(), async (headers, before, together) => {
        const { ask, begin } = scene()
        const { handler } = counting()
        if (before) await ask({ handler: () => reply(200, {}, 'public') })
        const gate = Promise.withResolvers<void>()
        const slow = async (): Promise<Reply> => {
          await gate.promise
          return reply(200, {}, 'slow')
        }
        const other = together && !before ? begin({ handler: slow }) : undefined
        const mine = await ask({ headers, handler })
        assert.deepEqual([mine.body, mine.ran], ['run 1', true])
        assert.match(mine.how ?? '', /^Millrace; fwd=bypass; detail=/)
        gate.resolve()
        await other?.answer
        const next = await ask({ handler })
        assert.equal(next.body, before ? 'public' : together ? 'slow' : 'run 2')
        // Where two personal requests are under way at once, each has its own run.
        const both = [begin({ headers, handler }), begin({ headers, handler })]
        const [one, two] = await Promise.all(both.map(({ answer }) => answer))
        assert.notEqual(one?.body, two?.body)
      }),
      { numRuns: 100 },
    )
  })

  it('a reply that is not for everyone is neither kept nor shared', async () => {
    await fc.assert(
      fc.asyncProperty(
        unfit,
        fc.constantFrom(200, 301, 500),
        fc.constantFrom<'1m' | true>('1m', true),
        async (fields, status, rule) => {
          const { ask, begin, counts } = scene(rule)
          const { handler, runs } = counting((text) => reply(status, { 'X-Max': '1', ...fields }, text))
          const together = await Promise.all([1, 2, 3].map(() => begin({ handler }).answer))
          assert.deepEqual(together.map(({ body }) => body).sort(), ['run 1', 'run 2', 'run 3'])
          assert.equal((await ask({ handler })).body, 'run 4')
          assert.equal(runs(), 4)
          assert.match(JSON.stringify(counts()), /"hit":0,.*"inFlight":0/)
        },
      ),
      { numRuns: 100 },
    )
  })

  it('other methods go to the handler', async () => {
    const { ask } = scene()
    const { handler } = counting()
    await ask({ handler })
    for (const [i, method] of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'].entries()) {
      const answer = await ask({ method, handler })
      assert.deepEqual([answer.body, answer.how], [`run ${i + 2}`, 'Millrace; fwd=method'])
    }
    assert.equal((await ask({ handler })).body, 'run 7')
  })
})

describe('a request for the head alone', () => {
  it('is answered from what GET brought, and brings nothing itself', async () => {
    const { ask } = scene()
    const { handler } = counting((text) => reply(200, { ETag: '"1"' }, text))
    assert.equal((await ask({ method: 'HEAD', handler })).how, 'Millrace; fwd=uri-miss')
    assert.equal((await ask({ handler })).body, 'run 2')
    const head = await ask({ method: 'HEAD', handler })
    assert.deepEqual([head.ran, head.field('content-length'), head.field('etag')], [false, '5', '"1"'])
  })
})

describe('a conditional request', () => {
  const handler = (): Reply => reply(200, { ETag: 'W/"1"', 'Content-Type': 'text/plain' }, 'whole')

  it('is answered with 304 when the client has what is kept', async () => {
    const { ask } = scene()
    await ask({ handler })
    for (const method of ['GET', 'HEAD']) {
      const answer = await ask({ method, headers: { 'if-none-match': '"0", "1"' }, handler })
      assert.deepEqual([answer.status, answer.body, answer.ran], [304, '', false])
      assert.deepEqual([answer.field('etag'), answer.field('content-length')], ['W/"1"', undefined])
    }
  })

  it('is answered whole when it has not', async () => {
    const { ask } = scene()
    await ask({ handler })
    const answer = await ask({ headers: { 'if-none-match': '"2"' }, handler })
    assert.deepEqual([answer.status, answer.body, answer.ran], [200, 'whole', false])
  })

  it('is never compared with a redirect', async () => {
    const { ask } = scene()
    const moved = (): Reply => reply(301, { Location: '/b', ETag: '"1"' })
    await ask({ handler: moved })
    assert.equal((await ask({ headers: { 'if-none-match': '*' } })).status, 301)
  })

  it('goes to the handler when nothing is kept, and its answer is not kept', async () => {
    const { ask } = scene()
    const { handler } = counting(() => reply(304, { ETag: '"1"' }))
    const first = await ask({ headers: { 'if-none-match': '"1"' }, handler })
    assert.deepEqual([first.status, first.how], [304, 'Millrace; fwd=uri-miss; detail=status'])
    assert.equal((await ask({ handler: () => reply(200, {}, 'whole') })).body, 'whole')
  })
})
