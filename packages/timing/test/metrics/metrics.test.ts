import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  channel,
  counter,
  histogram,
  type Millrace,
  millrace,
  type Plugin,
  type Reply,
  reply,
  trouble,
} from '@millrace/core'
import { fakeExchange, layerPlugin, settled } from '@millrace/testing'
import { type ContextManager, context, type Span, trace } from '@opentelemetry/api'
import { Counter, Histogram, Registry } from 'prom-client'
import { type MetricsOptions, metrics, timing } from '../../src/index.ts'

const textOf = async ({ body }: Reply): Promise<string> => {
  let text = ''
  const decoder = new TextDecoder()
  if (body !== null && !(body instanceof Uint8Array))
    for await (const chunk of body) text += decoder.decode(chunk, { stream: true })
  return text
}

const served = channel<{ readonly who: string; readonly seconds: number }>('millrace:test:counted')

/** A plugin that tells of itself. */
const teller: Plugin<'teller', object> = {
  ...layerPlugin('teller', (exchange, next) => next(exchange)),
  telemetry: {
    metrics: [
      counter(
        served,
        { name: 'served_total', help: 'What was "served"\\\nto whom.', labels: ['who'] },
        ({ who }) => [who],
      ),
      histogram(
        served,
        { name: 'serving_seconds', help: 'How long.', labels: ['who'], buckets: [0.5, 1] },
        ({ who }) => [who],
        ({ seconds }) => seconds,
      ),
      { kind: 'gauge', name: 'servants', help: 'Who serves.', labels: [], read: (record) => record([], 3) },
    ],
  },
}

const open = async (options: MetricsOptions = {}): Promise<Millrace> => {
  const mill = millrace({
    plugins: [timing(), teller, metrics({ process: false, ...options })],
    routes: { '/**': { timing: true, teller: true }, '/metrics': { timing: false, metrics: true } },
  })
  await mill.start()
  return mill
}

const scrape = async (mill: Millrace, request: Parameters<typeof fakeExchange>[0] = {}): Promise<Reply> => {
  const exchange = fakeExchange({ url: '/metrics', ...request })
  const answer = await mill.match('GET', '/metrics').run(exchange)
  exchange.finish()
  return answer
}

const openMetrics = { headers: { accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' } }

/** The lines about metrics of some names. */
const linesOf = (text: string, ...names: readonly string[]): readonly string[] =>
  text.split('\n').filter((line) => names.some((name) => new RegExp(`(^|# \\w+ )${name}`).test(line)))

describe('the page of metrics', () => {
  it('tells what plugins tell, in the classic format', async () => {
    const mill = await open()
    served.publish({ who: 'a', seconds: 0.7 })
    served.publish({ who: 'a', seconds: 2 })
    served.publish({ who: 'b"\\\n', seconds: 0.1 })
    const answer = await scrape(mill)
    assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
    assert.deepEqual(linesOf(await textOf(answer), 'served', 'serving', 'servants'), [
      '# HELP served_total What was "served"\\\\\\nto whom.',
      '# TYPE served_total counter',
      'served_total{who="a"} 2',
      'served_total{who="b\\"\\\\\\n"} 1',
      '# HELP serving_seconds How long.',
      '# TYPE serving_seconds histogram',
      'serving_seconds_bucket{who="a",le="0.5"} 0',
      'serving_seconds_bucket{who="a",le="1"} 1',
      'serving_seconds_bucket{who="a",le="+Inf"} 2',
      'serving_seconds_sum{who="a"} 2.7',
      'serving_seconds_count{who="a"} 2',
      'serving_seconds_bucket{who="b\\"\\\\\\n",le="0.5"} 1',
      'serving_seconds_bucket{who="b\\"\\\\\\n",le="1"} 1',
      'serving_seconds_bucket{who="b\\"\\\\\\n",le="+Inf"} 1',
      'serving_seconds_sum{who="b\\"\\\\\\n"} 0.1',
      'serving_seconds_count{who="b\\"\\\\\\n"} 1',
      '# HELP servants Who serves.',
      '# TYPE servants gauge',
      'servants 3',
    ])
    await mill.stop()
  })

  it('is OpenMetrics for who asks for it', async () => {
    const mill = await open()
    served.publish({ who: 'a', seconds: 0.7 })
    const answer = await scrape(mill, openMetrics)
    assert.equal(
      answer.headers.get('content-type'),
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
    )
    const text = await textOf(answer)
    assert.deepEqual(linesOf(text, 'served', 'serving_seconds_bucket'), [
      '# HELP served What was \\"served\\"\\\\\\nto whom.',
      '# TYPE served counter',
      'served_total{who="a"} 1',
      'serving_seconds_bucket{who="a",le="0.5"} 0',
      'serving_seconds_bucket{who="a",le="1.0"} 1',
      'serving_seconds_bucket{who="a",le="+Inf"} 1',
    ])
    assert.ok(text.endsWith('\n# EOF\n'))
    await mill.stop()
  })

  const accepts: readonly (readonly [accept: string | undefined, isOpen: boolean])[] = [
    [undefined, false],
    ['*/*', false],
    ['text/plain', false],
    ['application/openmetrics-text', true],
    ['application/openmetrics-text;q=0.4, text/plain;q=0.5', false],
    ['application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1', true],
    ['application/openmetrics-text;q=0', false],
    ['a,b;;;=', false],
  ]
  for (const [accept, isOpen] of accepts) {
    it(`is ${isOpen ? 'OpenMetrics' : 'classic'} for ${accept}`, async () => {
      const mill = await open()
      const answer = await scrape(mill, { headers: { accept } })
      assert.equal(answer.headers.get('content-type')?.startsWith('application/openmetrics-text'), isOpen)
      await mill.stop()
    })
  }

  const strangers: readonly (readonly [request: Parameters<typeof fakeExchange>[0], status: number])[] = [
    [{ address: '127.0.0.1' }, 200],
    [{ address: '::1' }, 200],
    [{ address: '::ffff:127.0.0.1' }, 200],
    [{ address: '10.0.0.1' }, 403],
    [{ address: '127.0.0.1', headers: { 'x-forwarded-for': '10.0.0.1' } }, 403],
    [{ address: '127.0.0.1', headers: { forwarded: 'for=10.0.0.1' } }, 403],
    [{ method: 'POST' }, 405],
    [{ method: 'HEAD' }, 200],
  ]
  for (const [request, status] of strangers) {
    it(`answers ${status} to ${JSON.stringify(request)}`, async () => {
      const mill = await open()
      assert.equal((await scrape(mill, request)).status, status)
      await mill.stop()
    })
  }

  it('is for whom `authorize` lets in', async () => {
    const mill = await open({ authorize: async ({ headers }) => headers['authorization'] === 'Bearer x' })
    assert.equal((await scrape(mill)).status, 403)
    const headers = { authorization: 'Bearer x' }
    assert.equal((await scrape(mill, { address: '10.0.0.1', headers })).status, 200)
    await mill.stop()
  })

  it('tells of requests, without their paths, hosts and made-up methods', async () => {
    const mill = await open()
    for (const method of ['GET', 'MAKE-UP', 'GET']) {
      const exchange = fakeExchange({
        method,
        url: `/cities/${method}`,
        route: '/cities/:id',
        handler: () => reply(201),
      })
      await mill.match(method, exchange.url).run(exchange)
      exchange.finish(5)
    }
    await settled()
    const text = await textOf(await scrape(mill))
    assert.deepEqual(linesOf(text, 'http_server_request_duration_seconds_count', 'http_server_active'), [
      'http_server_request_duration_seconds_count{http_request_method="GET",http_route="/cities/:id",http_response_status_code="201",outcome="ok"} 2',
      'http_server_request_duration_seconds_count{http_request_method="_OTHER",http_route="/cities/:id",http_response_status_code="201",outcome="ok"} 1',
      '# HELP http_server_active_requests Requests on their way.',
      '# TYPE http_server_active_requests gauge',
      'http_server_active_requests{http_request_method="GET"} 0',
      'http_server_active_requests{http_request_method="_OTHER"} 0',
    ])
    await mill.stop()
  })

  it('has the buckets that a route wants', async () => {
    const mill = millrace({
      plugins: [timing(), metrics({ process: false })],
      routes: {
        '/**': { timing: true },
        '/slow': { timing: { buckets: [60] } },
        '/metrics': { timing: false, metrics: true },
      },
    })
    await mill.start()
    const exchange = fakeExchange({ url: '/slow' })
    await mill.match('GET', '/slow').run(exchange)
    exchange.finish()
    await settled()
    const text = await textOf(await scrape(mill))
    assert.equal(linesOf(text, 'http_server_request_duration_seconds_bucket').length, 2)
    await mill.stop()
  })

  it('goes on with others when a metric has too many series, and says so once', async (t) => {
    const told: string[] = []
    t.after(trouble.subscribe(({ code }) => told.push(code)))
    const mill = await open({ maxSeries: 2 })
    for (const who of ['a', 'b', 'c', 'd']) served.publish({ who, seconds: 1 })
    const text = await textOf(await scrape(mill))
    assert.deepEqual(linesOf(text, 'served_total\\{'), [
      'served_total{who="a"} 1',
      'served_total{who="other"} 3',
    ])
    // One for each of the two metrics.
    assert.deepEqual(told, ['MILLRACE_METRICS_OVERFLOW', 'MILLRACE_METRICS_OVERFLOW'])
    await mill.stop()
  })

  it('stops to count when the Millrace stops, and counts again after a start', async () => {
    const mill = await open()
    await mill.stop()
    assert.equal(served.hasSubscribers, false)
    await mill.start()
    served.publish({ who: 'a', seconds: 1 })
    assert.ok((await textOf(await scrape(mill))).includes('served_total{who="a"} 1'))
    await mill.stop()
  })

  it('tells of the process', async () => {
    const mill = await open({ process: true })
    const text = await textOf(await scrape(mill))
    for (const name of [
      'process_cpu_seconds_total{mode="user"}',
      'process_resident_memory_bytes',
      'nodejs_heap_size_used_bytes',
      'nodejs_heap_space_used_bytes{space="old"}',
      'nodejs_eventloop_utilization',
      'nodejs_active_resources',
      `nodejs_version_info{version="${process.version}"}`,
    ])
      assert.ok(text.includes(`\n${name}`), name)
    assert.ok(!text.includes('NaN'))
    await mill.stop()
  })

  it('wants a bound that makes sense', () => {
    for (const maxSeries of [0, 1, 1.5, Number.NaN])
      assert.throws(
        () => metrics({ maxSeries }),
        /metrics\(\{ maxSeries \}\): expected a whole number above 1/,
      )
  })
})

describe('a registry of prom-client', () => {
  it('is shown, with its common labels, and shows what plugins tell', async () => {
    const registry = new Registry()
    registry.setDefaultLabels({ app: 'shop' })
    const orders = new Counter({
      name: 'orders',
      help: 'Orders.',
      labelNames: ['kind'],
      registers: [registry],
    })
    orders.inc({ kind: 'gift' }, 2)
    const mill = await open({ registry })
    served.publish({ who: 'a', seconds: 0.7 })
    assert.deepEqual(linesOf(await textOf(await scrape(mill)), 'orders'), [
      '# HELP orders Orders.',
      '# TYPE orders counter',
      'orders{app="shop",kind="gift"} 2',
    ])
    assert.deepEqual(linesOf(await textOf(await scrape(mill, openMetrics)), 'orders'), [
      '# HELP orders Orders.',
      '# TYPE orders counter',
      'orders_total{app="shop",kind="gift"} 2',
    ])
    const theirs = await registry.metrics()
    assert.ok(theirs.includes('served_total{who="a",app="shop"} 1'), theirs)
    assert.ok(theirs.includes('serving_seconds_bucket{who="a",le="1",app="shop"} 1'), theirs)
    assert.ok(theirs.includes('servants{app="shop"} 3'), theirs)
    const told = (await registry.getMetricsAsJSON()).find(({ name }) => name === 'serving_seconds')
    assert.equal(told?.values.length, 5)
    await mill.stop()
  })

  it('has its histograms shown as they are', async () => {
    const registry = new Registry()
    new Histogram({ name: 'waits', help: 'Waits.', buckets: [1], registers: [registry] }).observe(3)
    const mill = await open({ registry })
    for (const [request, bound] of [
      [{}, '1'],
      [openMetrics, '1.0'],
    ] as const)
      assert.deepEqual(linesOf(await textOf(await scrape(mill, request)), 'waits_bucket'), [
        `waits_bucket{le="${bound}"} 0`,
        'waits_bucket{le="+Inf"} 1',
      ])
    await mill.stop()
  })

  it('is given back what is in it by a Millrace that stops', async () => {
    const registry = new Registry()
    const first = await open({ registry })
    await first.stop()
    const second = await open({ registry })
    served.publish({ who: 'a', seconds: 0.7 })
    assert.ok((await registry.metrics()).includes('served_total{who="a"} 1'))
    await second.stop()
    assert.deepEqual(registry.getMetricsAsArray(), [])
  })

  it('keeps a metric that it has already', async () => {
    const registry = new Registry()
    new Counter({ name: 'served_total', help: 'Theirs.', registers: [registry] }).inc(41)
    const mill = await open({ registry })
    assert.ok((await registry.metrics()).includes('served_total 41'))
    await mill.stop()
  })
})

describe('exemplars', () => {
  /** A context manager that knows one context. */
  const within = <T>(span: Pick<Span, 'spanContext'>, task: () => T): T => {
    const holding = trace.setSpan(context.active(), trace.wrapSpanContext(span.spanContext()))
    const manager: ContextManager = {
      active: () => holding,
      with: (_, fn, self, ...args) => fn.apply(self, args),
      bind: (_, target) => target,
      enable: () => manager,
      disable: () => manager,
    }
    context.setGlobalContextManager(manager)
    try {
      return task()
    } finally {
      context.disable()
    }
  }
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const spanId = 'b7ad6b7169203331'

  it('carry the trace that is active and recorded', async () => {
    const mill = await open()
    const publish = (traceFlags: number): void =>
      within({ spanContext: () => ({ traceId, spanId, traceFlags }) }, () =>
        served.publish({ who: 'a', seconds: 0.7 }),
      )
    publish(0)
    assert.ok(!(await textOf(await scrape(mill, openMetrics))).includes('trace_id'))
    publish(1)
    assert.match(
      await textOf(await scrape(mill, openMetrics)),
      /serving_seconds_bucket\{who="a",le="1\.0"\} 2 # \{trace_id="0af7651916cd43dd8448eb211c80319c",span_id="b7ad6b7169203331"\} 0\.7 \d+\.?\d*\n/,
    )
    assert.ok(!(await textOf(await scrape(mill))).includes('trace_id'))
    await mill.stop()
  })
})
