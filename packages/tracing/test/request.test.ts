import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClientGoneError, ConfigError, type Millrace, millrace, reply } from '@millrace/core'
import { type FakeExchange, type FakeRequest, fakeExchange, settled } from '@millrace/testing'
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { sensitiveParameters, type TracingOptions, tracing } from '../src/index.ts'
import { ended, record } from './recorded.ts'

record()

const millWith = (options?: TracingOptions): Millrace =>
  millrace({ plugins: [tracing(options)], routes: { '/**': { tracing: true } } })

/** Sends one request through the layers, and lets it end. */
const spansOf = async (
  request: FakeRequest,
  end: (exchange: FakeExchange) => void = (exchange) => exchange.finish(),
  mill: Millrace = millWith(),
): Promise<readonly ReadableSpan[]> => {
  const exchange = fakeExchange(request)
  await mill
    .match('GET', exchange.url)
    .run(exchange)
    .catch(() => undefined)
  end(exchange)
  await settled()
  return ended()
}

/** The server's span alone. */
const spanOf = async (...args: Parameters<typeof spansOf>): Promise<ReadableSpan> => {
  const [span, ...more] = (await spansOf(...args)).filter(({ kind }) => kind === SpanKind.SERVER)
  assert.ok(span && more.length === 0)
  return span
}

describe('the span of a request', () => {
  it('says what the conventions want, and is named by the route', async () => {
    const span = await spanOf({
      url: '/cities/5?lang=de&page=2',
      route: '/cities/:id',
      scheme: 'https',
      address: '192.0.2.7',
      headers: { host: 'example.org:8443', 'user-agent': 'curl/8' },
    })
    assert.equal(span.name, 'GET /cities/:id')
    assert.equal(span.kind, SpanKind.SERVER)
    assert.equal(span.status.code, SpanStatusCode.UNSET)
    assert.deepEqual(span.attributes, {
      'http.request.method': 'GET',
      'url.path': '/cities/5',
      'url.query': 'lang=de&page=2',
      'url.scheme': 'https',
      'server.address': 'example.org',
      'server.port': 8443,
      'client.address': '192.0.2.7',
      'network.protocol.version': '1.1',
      'user_agent.original': 'curl/8',
      'http.route': '/cities/:id',
      'http.response.status_code': 200,
    })
  })

  for (const [what, request, told] of [
    [
      'an unknown method',
      { method: 'BREW' },
      { 'http.request.method': '_OTHER', 'http.request.method_original': 'BREW' },
    ],
    [
      'a known method',
      { method: 'QUERY' },
      { 'http.request.method': 'QUERY', 'http.request.method_original': undefined },
    ],
    [
      'HTTP/2',
      { httpVersion: '2.0', headers: { ':authority': 'a.org' } },
      { 'network.protocol.version': '2', 'server.address': 'a.org', 'server.port': undefined },
    ],
    ['HTTP/1.0', { httpVersion: '1.0' }, { 'network.protocol.version': '1.0', 'server.address': undefined }],
    [
      'an IPv6 host',
      { headers: { host: '[2001:db8::1]:80' } },
      { 'server.address': '2001:db8::1', 'server.port': 80 },
    ],
    [
      'an IPv6 host without a port',
      { headers: { host: '[2001:db8::1]' } },
      { 'server.address': '2001:db8::1', 'server.port': undefined },
    ],
    [
      'a host that is none',
      { headers: { host: 'a:b' } },
      { 'server.address': 'a', 'server.port': undefined },
    ],
    ['an empty host', { headers: { host: '' } }, { 'server.address': undefined }],
    ['an empty query', { url: '/?' }, { 'url.query': undefined }],
    ['an address that nobody knows', { address: '' }, { 'client.address': undefined }],
  ] as const) {
    it(`tells of ${what}`, async () => {
      const { attributes } = await spanOf(request)
      const seen = Object.fromEntries(Object.keys(told).map((name) => [name, attributes[name]]))
      assert.deepEqual(seen, told)
    })
  }

  it('is named HTTP where the method is unknown', async () => {
    assert.equal((await spanOf({ method: 'BREW', route: '/pot' })).name, 'HTTP /pot')
  })

  it('knows the methods that it is told', async () => {
    const mill = millWith({ methods: ['BREW'] })
    assert.equal((await spanOf({ method: 'BREW', route: '/pot' }, undefined, mill)).name, 'BREW /pot')
    const { attributes } = await spanOf({}, undefined, mill)
    assert.equal(attributes['http.request.method_original'], 'GET')
  })

  for (const [query, told] of [
    ['q=1&sig=abc&Signature=x=y', 'q=1&sig=REDACTED&Signature=REDACTED'],
    ['X-Amz-Signature=a&X-Amz-Date=b', 'X-Amz-Signature=REDACTED&X-Amz-Date=b'],
    ['%73ig=abc', '%73ig=REDACTED'],
    // As the conventions say, they are told apart by case.
    ['SIG=abc&design=x&sig', 'SIG=abc&design=x&sig'],
    ['%zz=1&a=%zz', '%zz=1&a=%zz'],
  ]) {
    it(`tells no secret: ${query}`, async () => {
      assert.equal((await spanOf({ url: `/?${query}` })).attributes['url.query'], told)
    })
  }

  it('tells none of those that it is told about, either', async () => {
    const mill = millWith({ redact: [...sensitiveParameters, 'token'] })
    const { attributes } = await spanOf({ url: '/?token=1&sig=2&a=3' }, undefined, mill)
    assert.equal(attributes['url.query'], 'token=REDACTED&sig=REDACTED&a=3')
  })

  for (const [status, code] of [
    [200, SpanStatusCode.UNSET],
    [304, SpanStatusCode.UNSET],
    [404, SpanStatusCode.UNSET],
    [499, SpanStatusCode.UNSET],
    [500, SpanStatusCode.ERROR],
    [503, SpanStatusCode.ERROR],
  ] as const) {
    it(`has the status ${SpanStatusCode[code]} where the reply's is ${status}`, async () => {
      const span = await spanOf({ handler: () => reply(status) })
      assert.equal(span.status.code, code)
      assert.equal(span.attributes['http.response.status_code'], status)
      assert.equal(span.attributes['error.type'], status < 500 ? undefined : String(status))
      assert.equal(span.status.message, undefined)
    })
  }

  it('tells of what was thrown, and which status the host made of it', async () => {
    const handler = (): never => {
      throw new RangeError('too far')
    }
    const span = await spanOf({ handler, route: '/a' }, (exchange) => exchange.finish(0, 500))
    assert.equal(span.name, 'GET /a')
    assert.equal(span.status.code, SpanStatusCode.ERROR)
    assert.equal(span.attributes['error.type'], 'RangeError')
    assert.equal(span.attributes['http.response.status_code'], 500)
    assert.deepEqual(
      span.events.map(({ name, attributes }) => [name, attributes?.['exception.message']]),
      [['exception', 'too far']],
    )
  })

  it('is no error where the host made a 404 of it', async () => {
    const handler = (): never => {
      throw Object.assign(new Error('no such city'), { status: 404 })
    }
    const spans = await spansOf({ handler }, (exchange) => exchange.finish(0, 404))
    assert.deepEqual(
      spans.map(({ name, status, events }) => [name, status.code, events.length]),
      [
        ['handler', SpanStatusCode.UNSET, 0],
        ['GET /', SpanStatusCode.UNSET, 0],
      ],
    )
  })

  it('tells of a client that left, which is no error', async () => {
    const handler = (): never => {
      throw new ClientGoneError()
    }
    for (const request of [{ handler }, {}]) {
      const span = await spanOf(request, (exchange) => exchange.leave())
      assert.equal(span.status.code, SpanStatusCode.UNSET)
      assert.equal(span.attributes['millrace.outcome'], 'aborted')
      assert.equal(span.attributes['error.type'], undefined)
    }
  })

  it('ends with the last byte', async () => {
    const exchange = fakeExchange()
    await millWith().match('GET', '/').run(exchange)
    await settled()
    assert.deepEqual(
      ended().map(({ name }) => name),
      ['handler'],
    )
    exchange.finish()
    await settled()
    assert.deepEqual(
      ended().map(({ name }) => name),
      ['GET /'],
    )
  })

  it('is named where the client leaves before the handler has said anything', async () => {
    const exchange = fakeExchange({ route: '/slow', handler: () => new Promise(() => undefined) })
    void millWith().match('GET', '/').run(exchange)
    exchange.leave()
    await settled()
    const [span] = ended()
    assert.equal(span?.name, 'GET /slow')
    assert.equal(span?.attributes['http.response.status_code'], undefined)
  })

  it('has a child for the handler, which runs in its context', async () => {
    let inside: string | undefined
    const handler = async () => {
      await settled()
      inside = trace.getActiveSpan()?.spanContext().spanId
      return reply(200)
    }
    const [child, parent] = await spansOf({ handler })
    assert.equal(child?.name, 'handler')
    assert.equal(child?.spanContext().spanId, inside)
    assert.equal(child?.parentSpanContext?.spanId, parent?.spanContext().spanId)
    assert.equal(child?.spanContext().traceId, parent?.spanContext().traceId)
  })

  it('has nothing to do with a span that was left active when the server was started', async () => {
    const boot = trace.getTracer('test').startSpan('boot')
    boot.end()
    ended()
    const span = await context.with(trace.setSpan(context.active(), boot), () => spanOf({}))
    assert.equal(span.parentSpanContext, undefined)
    assert.notEqual(span.spanContext().traceId, boot.spanContext().traceId)
  })

  it('is the one that is there already, where that is of a server', async () => {
    const outer = trace.getTracer('http').startSpan('GET', { kind: SpanKind.SERVER })
    const spans = await context.with(trace.setSpan(context.active(), outer), () =>
      spansOf({
        route: '/cities/:id',
        headers: { traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` },
      }),
    )
    assert.deepEqual(
      spans.map(({ name }) => name),
      ['handler'],
    )
    assert.equal(spans[0]?.parentSpanContext?.spanId, outer.spanContext().spanId)
    outer.end()
    const [span] = ended()
    assert.equal(span?.name, 'GET /cities/:id')
    assert.deepEqual(span?.attributes, { 'http.route': '/cities/:id' })
  })

  it('is none where somebody further out has decided against it', async () => {
    const left = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 0 }
    const around = trace.setSpanContext(context.active(), left)
    assert.deepEqual(await context.with(around, () => spansOf({})), [])
  })
})

it('a rule is checked', () => {
  for (const [rule, message] of [
    [{ sample: 2 }, /tracing\.sample/],
    [{ keep: { slow: 'soon' } }, /tracing\.keep\.slow: expected a duration/],
    [{ sampel: 1 }, /tracing\.sampel: unknown option/],
  ] as const) {
    const table: unknown = { '/**': { tracing: rule } }
    assert.throws(
      () => millrace({ plugins: [tracing()], routes: Object(table) }),
      (error) => error instanceof ConfigError && message.test(error.message),
    )
  }
})
