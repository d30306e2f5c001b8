import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { trouble } from '@millrace/core'
import { trace } from '@opentelemetry/api'
import { type Sdk, type SdkOptions, startSdk } from '../../src/sdk/index.ts'
import { accepts, answers, Collector, type Conduct, hangs, resets } from './collector.ts'

const variables = {
  OTEL_METRICS_EXPORTER: 'none',
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  OTEL_NODE_RESOURCE_DETECTORS: 'none',
}

let collector: Collector
let warnings: string[]
let messages: string[]
let unwatch: () => void
let environment: NodeJS.ProcessEnv
beforeEach(async () => {
  environment = { ...process.env }
  Object.assign(process.env, variables)
  warnings = []
  messages = []
  unwatch = trouble.subscribe(({ code, message }) => {
    warnings.push(code)
    messages.push(message)
  })
  collector = new Collector()
  await collector.open()
})
afterEach(() => {
  process.env = environment
  unwatch()
  collector.close()
})

/** @param patience milliseconds that the exporter gives a request, with all its further attempts */
const start = (patience: number, options: SdkOptions = {}): Promise<Sdk> => {
  process.env.OTEL_EXPORTER_OTLP_TIMEOUT = `${patience}`
  return startSdk({ endpoint: collector.origin, ...options })
}

const makeSpans = (count: number, name = 'span'): void => {
  const tracer = trace.getTracer('test')
  for (let i = 0; i < count; i++) tracer.startSpan(name).end()
}

const delivered = (exported: number, dropped: number): unknown => ({
  waiting: 0,
  sending: 0,
  exported,
  dropped,
})

describe('spans that do not get through are dropped and counted, with one warning, by a collector that', () => {
  const faults: Readonly<Record<string, Conduct | 'refuses'>> = {
    refuses: 'refuses',
    hangs,
    'resets connections': resets,
    'answers 400': answers(400),
    'answers 503': answers(503),
    'asks for more patience than there is': answers(503, { 'Retry-After': '60' }),
  }
  for (const [name, fault] of Object.entries(faults)) {
    test(`${name}, and get through when it is well again`, async () => {
      const sdk = await start(300)
      if (fault === 'refuses') collector.close()
      else collector.conduct = fault
      for (let i = 0; i < 3; i++) {
        makeSpans(10)
        await sdk.flush()
      }
      assert.deepEqual(sdk.inspect().spans, delivered(0, 30))
      assert.deepEqual(warnings, ['MILLRACE_SPANS_DROPPED'])

      collector.conduct = accepts
      if (fault === 'refuses') await collector.open()
      makeSpans(10, 'later')
      await sdk.flush()
      assert.deepEqual(sdk.inspect().spans, delivered(10, 30))
      assert.deepEqual(new Set(collector.taken), new Set(['later']))
      await sdk.stop()
    })
  }
})

test('a collector that asks for a second of patience loses nothing', async () => {
  const sdk = await start(10_000)
  collector.conduct = (res) => {
    collector.conduct = accepts
    answers(503, { 'Retry-After': '1' })(res)
  }
  makeSpans(10)
  await sdk.stop()
  assert.deepEqual(sdk.inspect().spans, delivered(10, 0))
  assert.equal(collector.requests, 2)
  assert.deepEqual(warnings, [])
})

test('no more are kept than the queue holds and what is on its way, and all are counted', async () => {
  process.env.OTEL_BSP_MAX_QUEUE_SIZE = '100'
  process.env.OTEL_BSP_MAX_EXPORT_BATCH_SIZE = '20'
  collector.conduct = hangs
  const sdk = await start(2000, { deadline: 0.1 })
  for (let i = 0; i < 50; i++) {
    makeSpans(100)
    await new Promise((resolve) => setImmediate(resolve))
    const { waiting = 0, sending = 0, dropped } = sdk.inspect().spans ?? {}
    assert.ok(waiting <= 100)
    assert.ok(sending <= 20)
    assert.equal(waiting + sending + (dropped ?? 0), (i + 1) * 100)
  }
  await sdk.stop()
  assert.deepEqual(sdk.inspect().spans, delivered(0, 5000))
  assert.deepEqual(warnings, ['MILLRACE_SPANS_DROPPED'])
})

test('exports of metrics that fail are counted, and made good by the next', async () => {
  process.env.OTEL_METRICS_EXPORTER = 'otlp'
  const sdk = await start(300)
  collector.conduct = answers(400)
  await sdk.flush()
  assert.deepEqual(sdk.inspect().metrics, { exported: 0, failed: 1 })
  collector.conduct = accepts
  await sdk.flush()
  assert.deepEqual(sdk.inspect().metrics, { exported: 1, failed: 1 })
  await sdk.stop()
})

test('stopping waits no longer than its deadline, and what comes later is dropped', async () => {
  collector.conduct = hangs
  const sdk = await start(2000, { deadline: 0.1 })
  const tracer = trace.getTracer('test')
  makeSpans(10)
  await sdk.stop()
  assert.deepEqual(sdk.inspect().spans, delivered(0, 10))
  tracer.startSpan('late').end()
  assert.deepEqual(sdk.inspect().spans, delivered(0, 11))
  assert.deepEqual(messages, ['Spans are dropped: the collector did not take them in time'])
})

test('stopping sends what is waiting; a second time it has nothing to do', async () => {
  const sdk = await start(10_000)
  makeSpans(1500)
  await Promise.all([sdk.stop(), sdk.stop()])
  assert.deepEqual(sdk.inspect().spans, delivered(1500, 0))
  assert.equal(collector.taken.length, 1500)
})

test('it can be started again, and is none of the business of the one before', async () => {
  let before: Sdk | undefined
  for (let i = 1; i <= 3; i++) {
    const sdk = await start(10_000)
    await before?.stop()
    before = sdk
    makeSpans(1, `span ${i}`)
    await sdk.stop()
    assert.equal(collector.taken.at(-1), `span ${i}`)
  }
})

for (const protocol of ['http/protobuf', 'grpc']) {
  test(`a program without a collector gives one warning and ends by itself (${protocol})`, async () => {
    const program = fileURLToPath(new URL('without-collector.ts', import.meta.url))
    const env = {
      ...environment,
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_EXPORTER_OTLP_TIMEOUT: '200',
      OTEL_METRIC_EXPORT_INTERVAL: '50',
    }
    const child = spawn(process.execPath, ['--conditions=@millrace/source', program], { env })
    const [said, complained, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ])
    assert.equal(code, 0)
    assert.deepEqual(JSON.parse(said), delivered(0, 5000))
    assert.match(complained, /^\(node:\d+\) \[MILLRACE_SPANS_DROPPED\] [^\n]+\n\(Use [^\n]+\n$/)
  })
}
