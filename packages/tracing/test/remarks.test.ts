import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  channel,
  type Exchange,
  type Millrace,
  millrace,
  type Plugin,
  type Remark,
  remarks,
  reply,
} from '@millrace/core'
import { fakeExchange, layerPlugin, settled, VirtualClock } from '@millrace/testing'
import { diag, SpanStatusCode } from '@opentelemetry/api'
import { hrTimeToMilliseconds } from '@opentelemetry/core'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { tracing } from '../src/index.ts'
import { ended, record } from './recorded.ts'

record()

const said = channel<Remark>('millrace:test:said')

/** Any plugin that tells something. */
const teller: Plugin = {
  ...layerPlugin('teller', (exchange, next) => next(exchange)),
  telemetry: { remarks: [remarks(said, (remark) => remark)] },
}

const started = async (clock = new VirtualClock()): Promise<Millrace> => {
  const mill = millrace({
    clock,
    plugins: [tracing(), teller],
    routes: { '/**': { tracing: true, teller: true } },
    calls: { '**': { tracing: true } },
  })
  await mill.start()
  return mill
}

/** The spans of a request while which something is said. */
const spansWhile = async (
  mill: Millrace,
  say: (exchange: Exchange) => void | Promise<void>,
): Promise<readonly ReadableSpan[]> => {
  const exchange = fakeExchange({
    handler: async (own) => {
      await say(own)
      return reply(200)
    },
  })
  await mill.match('GET', '/').run(exchange)
  exchange.finish()
  await settled()
  return ended()
}

const find = (spans: readonly ReadableSpan[], name: string): ReadableSpan =>
  spans.find((span) => span.name === name) ?? assert.fail(`no span ${name}`)

describe('what a plugin tells', () => {
  it('of an exchange is on its span', async () => {
    const mill = await started()
    const spans = await spansWhile(mill, (exchange) =>
      said.publish({ name: 'shape', outcome: 'done', attributes: { 'shape.size': 3 }, exchange }),
    )
    const { attributes } = find(spans, 'GET /')
    assert.equal(attributes['shape.outcome'], 'done')
    assert.equal(attributes['shape.size'], 3)
    assert.deepEqual(find(spans, 'handler').attributes, {})
    await mill.stop()
  })

  it('of what runs just now is an event there', async () => {
    const mill = await started()
    const error = new RangeError('too many')
    const spans = await spansWhile(mill, () => said.publish({ name: 'gate', outcome: 'shut', error }))
    const [event] = find(spans, 'handler').events
    assert.equal(event?.name, 'gate')
    assert.deepEqual(event?.attributes, { 'gate.outcome': 'shut', 'gate.error': 'RangeError' })
    await mill.stop()
  })

  it('with a duration is a span that has been', async () => {
    const clock = new VirtualClock()
    const mill = await started(clock)
    const spans = await spansWhile(mill, async () => {
      await clock.advance(500)
      said.publish({
        name: 'query',
        duration: 120.5,
        attributes: { table: 'city' },
        error: new RangeError('late'),
      })
    })
    const query = find(spans, 'query')
    assert.equal(query.parentSpanContext?.spanId, find(spans, 'handler').spanContext().spanId)
    assert.equal(hrTimeToMilliseconds(query.endTime), clock.now())
    assert.equal(Math.round(hrTimeToMilliseconds(query.duration) * 10), 1205)
    assert.equal(query.attributes['table'], 'city')
    assert.equal(query.attributes['error.type'], 'RangeError')
    assert.equal(query.status.code, SpanStatusCode.ERROR)
    await mill.stop()
  })

  it('links to the span of another exchange, where there is one', async () => {
    const mill = await started()
    const other = fakeExchange()
    await mill.match('GET', '/').run(other)
    const spans = await spansWhile(mill, (exchange) => {
      said.publish({ name: 'a', exchange, linked: other })
      said.publish({ name: 'b', exchange, linked: fakeExchange() })
      said.publish({ name: 'c', duration: 1, linked: other })
    })
    other.finish()
    await settled()
    const { spanId } = find(ended(), 'GET /').spanContext()
    for (const name of ['GET /', 'c']) {
      assert.deepEqual(
        find(spans, name).links.map((link) => link.context.spanId),
        [spanId],
      )
    }
    await mill.stop()
  })

  it('goes nowhere where nothing is recorded', async () => {
    const mill = await started()
    said.publish({ name: 'alone', outcome: 'x' })
    said.publish({ name: 'alone', duration: 1 })
    said.publish({ name: 'alone', duration: 1, exchange: fakeExchange() })
    assert.deepEqual(ended(), [])
    await mill.stop()
  })

  it('after the span has ended goes nowhere, without a word', async (t) => {
    const mill = await started()
    const warn = t.mock.fn()
    diag.setLogger({ debug: () => undefined, verbose: () => undefined, info: warn, warn, error: warn })
    const later = Promise.withResolvers<void>()
    let told: Promise<void> | undefined
    const spans = await spansWhile(mill, (exchange) => {
      told = later.promise.then(() => {
        said.publish({ name: 'late', outcome: 'x' })
        said.publish({ name: 'late', outcome: 'x', exchange })
      })
    })
    later.resolve()
    await told
    diag.disable()
    assert.equal(warn.mock.callCount(), 0)
    assert.deepEqual(
      spans.map(({ events }) => events),
      [[], []],
    )
    await mill.stop()
  })

  it('is written down by the Millrace in which it happens alone', async () => {
    const [mill, other] = [await started(), await started()]
    const spans = await spansWhile(mill, () => said.publish({ name: 'query', duration: 1 }))
    assert.equal(spans.filter(({ name }) => name === 'query').length, 1)
    await mill.stop()
    await other.stop()
  })

  it('is not heard any more when the plugin has stopped', async () => {
    const mill = await started()
    await mill.stop()
    assert.equal(said.hasSubscribers, false)
  })
})

describe('a call', () => {
  it('that throws has failed', async () => {
    const mill = await started()
    const fail = mill.wrap('db.query', async () => {
      throw new RangeError('gone')
    })
    await assert.rejects(fail(), RangeError)
    const span = find(ended(), 'db.query')
    assert.equal(span.status.code, SpanStatusCode.ERROR)
    assert.equal(span.attributes['error.type'], 'RangeError')
    assert.equal(span.events[0]?.attributes?.['exception.message'], 'gone')
    await mill.stop()
  })

  it('in a handler is a child of its span', async () => {
    const mill = await started()
    const call = mill.wrap('db.query', async () => undefined)
    const spans = await spansWhile(mill, async () => call())
    assert.equal(
      find(spans, 'db.query').parentSpanContext?.spanId,
      find(spans, 'handler').spanContext().spanId,
    )
    await mill.stop()
  })
})
