import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { ConfigError } from '@millrace/core'
import { context, metrics, propagation, ROOT_CONTEXT, type Span, TraceFlags, trace } from '@opentelemetry/api'
import { type Sdk, type SdkOptions, startSdk } from '../../src/sdk/index.ts'
import { Collector } from './collector.ts'

let collector: Collector
let environment: NodeJS.ProcessEnv
let sdk: Sdk | undefined
beforeEach(async () => {
  environment = { ...process.env }
  process.env.OTEL_METRICS_EXPORTER = 'none'
  collector = new Collector()
  await collector.open()
})
afterEach(async () => {
  await sdk?.stop()
  sdk = undefined
  process.env = environment
  collector.close()
})

const start = async (options: SdkOptions = {}): Promise<Sdk> => {
  sdk = await startSdk({ endpoint: collector.origin, protocol: 'http/json', ...options })
  return sdk
}

const from = (traceFlags: number) =>
  trace.setSpanContext(ROOT_CONTEXT, {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags,
    isRemote: true,
  })

const startSpan = (name: string, around = ROOT_CONTEXT): Span =>
  trace.getTracer('test').startSpan(name, {}, around)

test('the share that begins here is sampled, and what others have chosen', async () => {
  const { stop } = await start({ sample: 0 })
  startSpan('root').end()
  startSpan('left out', from(TraceFlags.NONE)).end()
  startSpan('chosen', from(TraceFlags.SAMPLED)).end()
  await stop()
  assert.deepEqual(collector.taken, ['chosen'])
})

test('the sampler of the environment counts where no share is given', async () => {
  process.env.OTEL_TRACES_SAMPLER = 'always_off'
  const { stop } = await start()
  startSpan('chosen', from(TraceFlags.SAMPLED)).end()
  await stop()
  assert.deepEqual(collector.taken, [])
})

test('context is active across what is awaited, and travels by the W3C propagators', async () => {
  await start()
  const fields: Record<string, string> = {}
  await context.with(trace.setSpan(ROOT_CONTEXT, startSpan('root')), async () => {
    await new Promise((resolve) => setImmediate(resolve))
    propagation.inject(
      propagation.setBaggage(context.active(), propagation.createBaggage({ a: { value: '1' } })),
      fields,
    )
  })
  assert.match(fields.traceparent ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  assert.equal(fields.baggage, 'a=1')
  const read = propagation.extract(ROOT_CONTEXT, fields)
  assert.equal(trace.getSpanContext(read)?.traceId, fields.traceparent?.split('-')[1])
  assert.equal(propagation.getBaggage(read)?.getEntry('a')?.value, '1')
})

test('it travels as the environment says', async () => {
  process.env.OTEL_PROPAGATORS = 'b3'
  await start()
  const fields: Record<string, string> = {}
  propagation.inject(from(TraceFlags.SAMPLED), fields)
  assert.deepEqual(fields, { b3: '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1' })
})

test('a second one is refused', async () => {
  await start()
  await assert.rejects(startSdk(), ConfigError)
})

test('a wrong option is refused, and nothing is started', async () => {
  await assert.rejects(start({ sample: 2 }), ConfigError)
  await start()
})

test('where the environment disables it, nothing is made and nothing waits', async () => {
  process.env.OTEL_SDK_DISABLED = 'true'
  process.env.OTEL_METRICS_EXPORTER = 'otlp'
  const { flush, stop, inspect } = await start()
  startSpan('root').end()
  metrics.getMeter('test').createCounter('count').add(1)
  await flush()
  await stop()
  assert.deepEqual(inspect().spans, { waiting: 0, sending: 0, exported: 0, dropped: 0 })
  assert.equal(collector.requests, 0)
})

test('without traces there are none to inspect', async () => {
  process.env.OTEL_TRACES_EXPORTER = 'none'
  const { flush, inspect } = await start()
  startSpan('root').end()
  await flush()
  assert.deepEqual(inspect(), { spans: undefined, metrics: undefined, held: undefined })
  assert.equal(collector.requests, 0)
})
