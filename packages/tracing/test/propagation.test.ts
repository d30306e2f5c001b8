import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { type Millrace, millrace, reply } from '@millrace/core'
import { fakeExchange } from '@millrace/testing'
import {
  type Context,
  context,
  createContextKey,
  defaultTextMapGetter,
  defaultTextMapSetter,
  propagation,
  ROOT_CONTEXT,
  type TextMapPropagator,
  trace,
} from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import fc from 'fast-check'
import { traceHeaders, tracing, W3CBaggage, W3CTraceContext } from '../src/index.ts'
import { ended, record } from './recorded.ts'

record()

const trace1 = '1'.repeat(32)
const mill: Millrace = millrace({ plugins: [tracing()], routes: { '/**': { tracing: true } } })

/** What a handler sends on that was asked with these fields. */
const sentOn = async (headers: Record<string, string>): Promise<Record<string, string>> => {
  let sent: Record<string, string> = {}
  const exchange = fakeExchange({
    headers,
    handler: () => {
      sent = traceHeaders({ accept: 'text/plain' })
      return reply(200)
    },
  })
  await mill.match('GET', '/').run(exchange)
  exchange.finish()
  return sent
}

describe('what a handler sends on', () => {
  afterEach(() => {
    propagation.disable()
    ended()
  })

  it('is by W3C where the program has set no propagator', async () => {
    const { traceparent, ...others } = await sentOn({
      traceparent: `00-${trace1}-${'2'.repeat(16)}-03`,
      tracestate: 'foo=1, bar=2',
      baggage: 'user=5;p=1, half=%E0%A4%A',
    })
    assert.match(traceparent ?? '', new RegExp(`^00-${trace1}-[0-9a-f]{16}-03$`))
    assert.doesNotMatch(traceparent ?? '', /-2{16}-/)
    assert.deepEqual(others, { accept: 'text/plain', tracestate: 'foo=1,bar=2', baggage: 'user=5;p=1' })
  })

  it('goes by the propagator that the program has set', async () => {
    const key = createContextKey('test.single')
    const single: TextMapPropagator<Record<string, string>> = {
      extract: (from: Context, carrier: Record<string, string>) => {
        const [traceId = '', spanId = '', flag] = (carrier['b3'] ?? '').split('-')
        const traceFlags = Number(flag)
        return trace.setSpanContext(from, { traceId, spanId, traceFlags, isRemote: true }).setValue(key, true)
      },
      inject: (from, carrier) => {
        const { traceId = '', traceFlags } = trace.getSpanContext(from) ?? {}
        carrier['b3'] = `${traceId}-${traceFlags}-${from.getValue(key)}`
      },
      fields: () => ['b3'],
    }
    propagation.setGlobalPropagator(single)
    assert.deepEqual(await sentOn({ b3: `${trace1}-${'2'.repeat(16)}-1`, baggage: 'a=1' }), {
      accept: 'text/plain',
      b3: `${trace1}-1-true`,
    })
  })

  it('is nothing where no trace is', () => {
    assert.deepEqual(traceHeaders(), {})
    assert.deepEqual(traceHeaders({ a: 'b' }), { a: 'b' })
  })

  it('does not claim that an id is random which nobody said of', async () => {
    const { traceparent } = await sentOn({ traceparent: `00-${trace1}-${'2'.repeat(16)}-01` })
    assert.match(traceparent ?? '', /-01$/)
  })
})

describe('the propagators', () => {
  const all = [new W3CTraceContext(), new W3CBaggage()]
  const through = (carrier: object): Record<string, string> => {
    const sent: Record<string, string> = {}
    const read = all.reduce((from, each) => each.extract(from, carrier, defaultTextMapGetter), ROOT_CONTEXT)
    for (const each of all) each.inject(read, sent, defaultTextMapSetter)
    return sent
  }

  it('name their fields', () => {
    assert.deepEqual(
      all.flatMap((each) => each.fields()),
      ['traceparent', 'tracestate', 'baggage'],
    )
  })

  it('take several fields as one list', () => {
    assert.deepEqual(
      through({
        traceparent: [`00-${trace1}-${'2'.repeat(16)}-00`],
        tracestate: ['a=1', '', 'b=2'],
        baggage: ['x=1', 'y=2'],
      }),
      { traceparent: `00-${trace1}-${'2'.repeat(16)}-00`, tracestate: 'a=1,b=2', baggage: 'x=1,y=2' },
    )
    const twice = `00-${trace1}-${'2'.repeat(16)}-00`
    assert.deepEqual(through({ traceparent: [twice, twice] }), {})
  })

  it('say nothing of what is sent by an exporter', () => {
    const carrier: Record<string, string> = {}
    const from = { traceId: trace1, spanId: '2'.repeat(16), traceFlags: 1 }
    const within = suppressTracing(
      propagation.setBaggage(
        trace.setSpanContext(ROOT_CONTEXT, from),
        propagation.createBaggage({ a: { value: '1' } }),
      ),
    )
    for (const each of all) each.inject(within, carrier, defaultTextMapSetter)
    assert.deepEqual(carrier, {})
  })

  it('throw at nothing, and send on what is legal alone', () => {
    const field = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.array(fc.string({ maxLength: 20 }), { maxLength: 4 }),
      fc.stringMatching(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.{0,5})?$/),
      fc.stringMatching(/^([a-z]{1,3}=[ -~]{0,5},?){0,40}$/),
    )
    fc.assert(
      fc.property(fc.record({ traceparent: field, tracestate: field, baggage: field }), (carrier) => {
        const sent = through(carrier)
        for (const value of Object.values(sent)) assert.match(value, /^[\t -~]+$/)
        assert.deepEqual(through(sent), sent)
      }),
      { numRuns: 2000 },
    )
  })
})

it('without a tracer, what comes is handed on', async () => {
  trace.disable()
  const fields = { traceparent: `00-${trace1}-${'2'.repeat(16)}-01`, tracestate: 'a=1' }
  const own = millrace({ plugins: [tracing()], routes: { '/**': { tracing: true } } })
  let sent: unknown
  const exchange = fakeExchange({
    headers: fields,
    handler: () => {
      sent = traceHeaders()
      return reply(200)
    },
  })
  await context.with(ROOT_CONTEXT, () => own.match('GET', '/').run(exchange))
  assert.deepEqual(sent, fields)
  record()
})
