import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import zlib from 'node:zlib'
import { type Exchange, millrace, type Reply, reply } from '@millrace/core'
import { type FakeExchange, type FakeRequest, fakeExchange, settled, VirtualClock } from '@millrace/testing'
import { type CompressRule, compress, decoded, type RequestsRule, refused } from '../src/index.ts'

const text = 'Call me Ishmael. '.repeat(20)
const gzipped = zlib.gzipSync(text)

const millWith = (requests: boolean | RequestsRule, more: CompressRule = {}) =>
  millrace({ plugins: [compress()], routes: { '/**': { compress: { requests, ...more } } } })

const sending = (coding: string | undefined, body: Uint8Array, request: FakeRequest = {}): FakeExchange =>
  fakeExchange({
    method: 'POST',
    body,
    handler: async (exchange) =>
      reply(200, { 'content-type': 'text/plain' }, (await exchange.content(1e9)) ?? null),
    ...request,
    headers: {
      'content-length': String(body.byteLength),
      ...(coding !== undefined && { 'content-encoding': coding }),
      ...request.headers,
    },
  })

const run = (
  exchange: Exchange,
  requests: boolean | RequestsRule = true,
  more?: CompressRule,
): Promise<Reply> => millWith(requests, more).match('POST', '/').run(exchange)

const textOf = ({ body }: Reply): string => String(body instanceof Uint8Array ? Buffer.from(body) : body)

describe('the body of a request', () => {
  it('is decoded for the handler, which is told nothing of it', async () => {
    const seen: unknown[] = []
    const exchange = sending('gzip', gzipped, {
      headers: { 'content-digest': 'sha-256=:a:', 'x-own': '1' },
      handler: async (inner) => {
        seen.push(JSON.parse(JSON.stringify(inner.headers)))
        return reply(200, {}, (await inner.content(1e6)) ?? null)
      },
    })
    assert.equal(textOf(await run(exchange)), text)
    assert.deepEqual(seen, [{ 'x-own': '1', 'transfer-encoding': 'chunked' }])
    assert.equal(exchange.headers['content-encoding'], 'gzip')
  })

  it('is left as it is where it is not encoded, or not there, or where the rule does not say so', async () => {
    for (const [exchange, requests] of [
      [sending(undefined, Buffer.from(text)), true],
      [sending('identity', Buffer.from(text)), true],
      [sending('gzip', gzipped), false],
      [sending('foo', Buffer.from(text)), false],
      [sending('foo', Buffer.from(text), { headers: { 'content-length': undefined } }), true],
    ] as const) {
      let shown: Exchange | undefined
      const watched = sending(undefined, new Uint8Array(), {
        headers: exchange.headers,
        handler: (inner) => {
          shown = inner
          return reply(204)
        },
      })
      await run(watched, requests)
      assert.equal(shown, watched)
    }
  })

  it('need not say that it comes on HTTP/2', async () => {
    const exchange = sending('gzip', gzipped, {
      httpVersion: '2.0',
      headers: { 'content-length': undefined },
    })
    assert.equal(textOf(await run(exchange)), text)
  })

  it('may come while the reply is encoded', async () => {
    const large = Buffer.from(text.repeat(10))
    const given = await run(
      sending('br', zlib.brotliCompressSync(large), { headers: { 'accept-encoding': 'gzip' } }),
    )
    assert.equal(given.headers.get('content-encoding'), 'gzip')
    assert.ok(given.body instanceof Uint8Array)
    assert.ok(zlib.gunzipSync(given.body).equals(large))
  })

  for (const [name, exchange, requests, status, detail] of [
    ['in a coding that nobody knows', sending('foo', gzipped), true, 415, /coding .* not accepted/],
    [
      'in a coding that is not accepted',
      sending('gzip', gzipped),
      { encodings: ['br'] },
      415,
      /not accepted/,
    ],
    ['in too many codings', sending('gzip,gzip,gzip,gzip', gzipped), true, 415, /not accepted/],
    ['that says that it is too large', sending('gzip', gzipped), { limit: 10 }, 413, /too large/],
  ] as const)
    it(`${name} is refused before the handler runs`, async () => {
      const given = await run(exchange, requests)
      assert.equal(given.status, status)
      assert.equal(given.headers.get('content-type'), 'application/problem+json')
      const { title, ...problem } = JSON.parse(textOf(given))
      assert.equal(problem.status, status)
      assert.match(problem.detail, detail)
      assert.equal(exchange.runs, 0)
      const accepted =
        typeof requests === 'object' && 'encodings' in requests ? 'br' : 'zstd, br, gzip, deflate'
      assert.equal(given.headers.get('accept-encoding'), status === 415 ? accepted : undefined)
    })

  for (const [name, body, requests, status] of [
    ['too large', gzipped, { limit: '300b' }, 413],
    ['too large for what was sent', zlib.gzipSync(Buffer.alloc(100_000)), true, 413],
    ['something else', Buffer.from(text), true, 400],
    ['not whole', gzipped.subarray(0, -1), true, 400],
  ] as const)
    it(`that turns out to be ${name} is answered with ${status}, whatever the handler makes of it`, async () => {
      const never = new Promise<Reply>(() => undefined)
      const errors: unknown[] = []
      const handlers: readonly ((read: Promise<unknown>) => Promise<Reply>)[] = [
        (read) => read.then(() => reply(200)),
        (read) =>
          read.then(
            () => reply(200),
            () => reply(500),
          ),
        (read) =>
          read.then(
            () => never,
            () => never,
          ),
        (read) =>
          read.then(
            () => reply(200),
            (error: unknown) => {
              errors.push(error)
              return never
            },
          ),
      ]
      for (const handler of handlers) {
        const exchange = sending('gzip', body, { handler: (inner) => handler(inner.content(1e9)) })
        const given = await run(exchange, requests)
        assert.equal(given.status, status)
        assert.equal(JSON.parse(textOf(given)).status, status)
      }
      await settled()
      const [error] = errors
      assert.ok(error instanceof Error && 'status' in error && 'statusCode' in error && 'type' in error)
      assert.deepEqual([error.status, error.statusCode], [status, status])
      assert.equal(error.type, status === 413 ? 'entity.too.large' : 'entity.parse.failed')
    })

  it('that is refused when the handler has answered changes nothing', async () => {
    let read: Promise<unknown> | undefined
    const exchange = sending('gzip', Buffer.from(text), {
      handler: (inner) => {
        read = inner.content(1e9).catch((error: unknown) => error)
        return reply(202)
      },
    })
    assert.equal((await run(exchange)).status, 202)
    assert.ok((await read) instanceof Error)
  })
})

describe('what is told', () => {
  it('of a body that was decoded, and of one that was not', async () => {
    const clock = new VirtualClock()
    const mill = millrace({
      plugins: [compress()],
      routes: { '/**': { compress: { requests: true } } },
      clock,
    })
    const events: unknown[] = []
    const stops = [
      decoded.subscribe(({ exchange, ...event }) => events.push(event)),
      refused.subscribe(({ exchange, ...event }) => events.push(event)),
    ]
    const pipeline = mill.match('POST', '/')
    const twice = zlib.brotliCompressSync(gzipped)
    await pipeline.run(sending('gzip, br', twice, { route: '/a' }))
    await pipeline.run(sending('gzip', Buffer.from(text), { route: '/b' }))
    await pipeline.run(sending('foo', gzipped, { route: '/c' }))
    for (const stop of stops) stop()
    const [bytesIn, bytesOut] = [twice.byteLength, text.length]
    assert.deepEqual(events, [
      { route: '/a', coding: 'gzip, br', bytesIn, bytesOut, duration: 0 },
      { route: '/b', why: 'malformed' },
      { route: '/c', why: 'coding' },
    ])
    const { requests } = Object(mill.inspect().plugins.compress)
    assert.deepEqual(requests, { decoded: 1, bytesIn, bytesOut, refused: { malformed: 1, coding: 1 } })
  })

  it('before a request comes', () => {
    const mill = millWith(true)
    const explained = (coding: string): string =>
      JSON.stringify(mill.explain('POST', '/', { 'content-encoding': coding }))
    assert.match(explained('gzip, br'), /decoded from gzip, br/)
    assert.match(explained('foo'), /415: /)
    assert.doesNotMatch(explained('identity'), /decoded|415/)
  })
})

describe('a rule', () => {
  for (const [requests, message] of [
    [
      { limit: '5 lightyears' },
      '.limit: expected a size such as "64mb" or 1048576 (bytes), got "5 lightyears"',
    ],
    [{ ratio: 0 }, '.ratio: expected number to be >=1, got 0'],
    [{ encodings: [] }, '.encodings: expected array to have >=1 items, got []'],
    [{ encodings: ['lzma'] }, '.encodings[0]: expected one of "zstd"|"br"|"gzip"|"deflate", got "lzma"'],
    [{ encodings: ['br', 'br'] }, '.encodings: expected each once, got ["br","br"]'],
    [{ limits: 5 }, '.limits: unknown option; did you mean "limit"? (options: encodings, limit, ratio)'],
    ['yes', ': expected boolean or object, got "yes"'],
  ] as const)
    it(`that says ${JSON.stringify(requests)} is an error`, () => {
      const routes = JSON.parse(JSON.stringify({ '/**': { compress: { requests } } }))
      assert.throws(() => millrace({ plugins: [compress()], routes }), {
        name: 'ConfigError',
        message: `routes["/**"].compress.requests${message}`,
      })
    })
})
