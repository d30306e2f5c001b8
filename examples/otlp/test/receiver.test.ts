import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Protocol, startSdk } from '@millrace/tracing/sdk'
import { metrics, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { Receiver, type Span, tree } from '../src/index.ts'

const types: readonly [Protocol, string][] = [
  ['http/protobuf', 'application/x-protobuf'],
  ['http/json', 'application/json'],
  ['grpc', 'grpc'],
]

for (const [protocol, type] of types) {
  describe(`what the SDK sends as ${protocol}`, () => {
    const receiver = new Receiver()
    before(async () => {
      await receiver.listen()
      const endpoint = protocol === 'grpc' ? receiver.grpcOrigin : receiver.origin
      const sdk = await startSdk({ service: 'mill', endpoint, protocol })
      const tracer = trace.getTracer('test')
      const linked = tracer.startSpan('linked')
      linked.end()
      tracer.startActiveSpan(
        'root',
        {
          kind: SpanKind.SERVER,
          startTime: [1000, 5_000_000],
          attributes: { text: 'ü', yes: true, whole: 42, half: 0.5, list: ['a', 'b'] },
          links: [{ context: linked.spanContext() }],
        },
        (root) => {
          tracer.startSpan('child').end()
          root.addEvent('happened', { at: 'once' })
          root.setStatus({ code: SpanStatusCode.ERROR, message: 'broken' })
          root.end([1000, 17_000_000])
        },
      )
      const meter = metrics.getMeter('test')
      meter.createCounter('count', { unit: 's' }).add(3, { route: '/a' })
      meter
        .createHistogram('sizes', { advice: { explicitBucketBoundaries: [1, 10] } })
        .record(5, { route: '/a' })
      await sdk.stop()
      assert.deepEqual(sdk.inspect().spans, { waiting: 0, sending: 0, exported: 3, dropped: 0 })
    })
    after(() => receiver.close())

    test('is of that type', () => {
      assert.deepEqual([...receiver.types], [type])
    })

    test('has every part of a span', () => {
      const { spans } = receiver
      assert.deepEqual(spans.map(({ name }) => name).toSorted(), ['child', 'linked', 'root'])
      const [child, linked, root] = spans.toSorted((a, b) => (a.name < b.name ? -1 : 1))
      assert.ok(child && linked && root)
      assert.match(root.traceId, /^[0-9a-f]{32}$/)
      assert.match(root.spanId, /^[0-9a-f]{16}$/)
      assert.deepEqual([child.traceId, child.parentSpanId], [root.traceId, root.spanId])
      assert.deepEqual(
        { ...root, traceId: '', spanId: '', flags: root.flags & 0xff },
        {
          traceId: '',
          spanId: '',
          parentSpanId: '',
          traceState: '',
          name: 'root',
          kind: 2,
          startTimeUnixNano: 1_000_005_000_000n,
          endTimeUnixNano: 1_000_017_000_000n,
          attributes: { text: 'ü', yes: true, whole: 42, half: 0.5, list: ['a', 'b'] },
          events: [{ name: 'happened', attributes: { at: 'once' } }],
          links: [{ traceId: linked.traceId, spanId: linked.spanId }],
          status: { code: 2, message: 'broken' },
          flags: 1,
          service: 'mill',
        },
      )
    })

    test('has the metrics, and those of the process', () => {
      const named = new Map(receiver.metrics.map((metric) => [metric.name, metric]))
      assert.deepEqual(named.get('count')?.sum?.dataPoints, [{ attributes: { route: '/a' }, value: 3 }])
      assert.equal(named.get('count')?.unit, 's')
      assert.deepEqual(named.get('sizes')?.histogram?.dataPoints, [
        {
          attributes: { route: '/a' },
          count: 1,
          sum: 5,
          bucketCounts: [0, 1, 0],
          explicitBounds: [1, 10],
        },
      ])
      const [resident] = named.get('process.memory.usage')?.sum?.dataPoints ?? []
      assert.ok(resident !== undefined && resident.value > 1e6)
      for (const name of ['process.cpu.time', 'v8js.memory.heap.used', 'nodejs.eventloop.utilization'])
        assert.ok(named.has(name), name)
    })
  })
}

test('what is no OTLP is refused', async () => {
  const receiver = new Receiver()
  await receiver.listen()
  const send = async (
    path: string,
    type: string,
    body: string | Uint8Array<ArrayBuffer>,
  ): Promise<number> => {
    const headers = { 'Content-Type': type }
    return (await fetch(`${receiver.origin}${path}`, { method: 'POST', headers, body })).status
  }
  assert.equal(await send('/v1/traces', 'application/x-protobuf', new Uint8Array([255, 255])), 400)
  assert.equal(await send('/v1/traces', 'application/json', '{'), 400)
  assert.equal(await send('/v1/other', 'application/json', '{}'), 404)
  receiver.close()
})

const span = (spanId: string, parentSpanId: string, startTimeUnixNano: bigint): Span => ({
  traceId: '0'.repeat(31).concat('1'),
  spanId,
  parentSpanId,
  traceState: '',
  name: spanId,
  kind: 1,
  startTimeUnixNano,
  endTimeUnixNano: startTimeUnixNano + 1_500_000n,
  attributes: {},
  events: [],
  links: [],
  status: { code: 0, message: '' },
  flags: 1,
  service: 'mill',
})

test('a tree has what came before above what came after, and orphans as roots', () => {
  const printed = tree([
    span('b', 'root', 30n),
    span('a', 'root', 20n),
    { ...span('root', '', 10n), attributes: { 'http.response.status_code': 200, 'url.path': '/a' } },
    { ...span('inner', 'a', 25n), links: [{ traceId: '', spanId: 'b' }] },
    { ...span('orphan', 'unknown', 40n), events: [{ name: 'exception', attributes: {} }] },
  ])
  assert.equal(
    printed,
    [
      'root 1.5 ms {http.response.status_code: 200}',
      '├─ a 1.5 ms',
      '│  └─ inner 1.5 ms → b',
      '└─ b 1.5 ms',
      'orphan 1.5 ms [exception]',
    ].join('\n'),
  )
})
