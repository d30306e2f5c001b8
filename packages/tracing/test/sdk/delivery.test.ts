import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { settled, VirtualClock } from '@millrace/testing'
import { type Context, context, createContextKey, type Tracer } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace'
import fc from 'fast-check'
import { Delivery } from '../../src/sdk/delivery.ts'

type Done = Parameters<SpanExporter['export']>[1]

/** Answers when it is told to. */
class Exporter implements SpanExporter {
  /** Names of the spans of each batch. */
  readonly batches: string[][] = []
  readonly #waiting: Done[] = []
  isShut = false

  get underWay(): number {
    return this.#waiting.length
  }

  export(spans: Parameters<SpanExporter['export']>[0], done: Done): void {
    this.batches.push(spans.map(({ name }) => name))
    this.#waiting.push(done)
  }

  async answer(code: 0 | 1): Promise<void> {
    this.#waiting.shift()?.({ code })
    await settled()
  }

  async shutdown(): Promise<void> {
    this.isShut = true
  }
}

const settings = {
  maxQueueSize: 10,
  maxExportBatchSize: 3,
  scheduledDelayMillis: 5000,
  exportTimeoutMillis: 30_000,
}

let clock: VirtualClock
let exporter: Exporter
let delivery: Delivery
let tracer: Tracer
let count: number
beforeEach(() => {
  clock = new VirtualClock()
  exporter = new Exporter()
  delivery = new Delivery(exporter, settings, clock)
  tracer = new TracerProvider({ spanProcessors: [delivery] }).getTracer('test')
  count = 0
})

/** Spans 1, 2, 3, … */
const end = async (spans: number): Promise<void> => {
  for (let i = 0; i < spans; i++) tracer.startSpan(`${++count}`).end()
  await settled()
}

describe('spans are sent', () => {
  test('when a batch is full, and the others after a while', async () => {
    await end(2)
    assert.deepEqual(exporter.batches, [])
    await end(2)
    assert.deepEqual(exporter.batches, [['1', '2', '3']])
    await exporter.answer(0)
    await clock.advance(4999)
    assert.equal(exporter.batches.length, 1)
    await clock.advance(1)
    assert.deepEqual(exporter.batches[1], ['4'])
    await exporter.answer(0)
    assert.deepEqual(delivery.inspect(), { waiting: 0, sending: 0, exported: 4, dropped: 0 })
    await clock.advance(100_000)
    assert.equal(exporter.batches.length, 2)
  })

  test('one batch at a time, however many are full', async () => {
    await end(9)
    assert.deepEqual(delivery.inspect(), { waiting: 6, sending: 3, exported: 0, dropped: 0 })
    for (let sent = 1; sent <= 3; sent++) {
      assert.equal(exporter.batches.length, sent)
      await exporter.answer(0)
    }
    assert.deepEqual(exporter.batches.flat().map(Number), [1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('where a batch did not get through, not before their turn', async () => {
    await end(9)
    await exporter.answer(1)
    await end(2)
    assert.deepEqual(delivery.inspect(), { waiting: 8, sending: 0, exported: 0, dropped: 3 })
    await clock.advance(5000)
    assert.deepEqual(exporter.batches[1], ['4', '5', '6'])
    await exporter.answer(0)
    assert.deepEqual(exporter.batches[2], ['7', '8', '9'])
  })

  test('where the exporter never says how it went, after a time', async () => {
    await end(3)
    await clock.advance(30_000)
    assert.deepEqual(delivery.inspect(), { waiting: 0, sending: 0, exported: 0, dropped: 3 })
    await exporter.answer(0)
    assert.deepEqual(delivery.inspect(), { waiting: 0, sending: 0, exported: 0, dropped: 3 })
    await end(1)
    await clock.advance(5000)
    assert.deepEqual(exporter.batches[1], ['4'])
  })

  test('though the exporter throws', async () => {
    const exported = exporter.export
    exporter.export = () => {
      throw new Error('cannot')
    }
    await end(3)
    assert.deepEqual(delivery.inspect(), { waiting: 0, sending: 0, exported: 0, dropped: 3 })
    exporter.export = exported
    await end(1)
    await clock.advance(5000)
    assert.deepEqual(exporter.batches, [['4']])
  })

  test('when it is known what the resource is', async () => {
    let tell = (_: string): void => {}
    const known = new Promise<string>((resolve) => {
      tell = resolve
    })
    const resource = resourceFromAttributes({ 'host.id': known })
    tracer = new TracerProvider({ resource, spanProcessors: [delivery] }).getTracer('test')
    await end(3)
    assert.deepEqual(exporter.batches, [])
    tell('this')
    await settled()
    assert.deepEqual(exporter.batches, [['1', '2', '3']])
  })

  test('where instrumentations do not see it', async (t) => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager())
    t.after(() => context.disable())
    const seen: Context[] = []
    exporter.export = () => {
      seen.push(context.active())
    }
    await end(3)
    const key = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING')
    assert.deepEqual(
      seen.map((each) => each.getValue(key)),
      [true],
    )
  })
})

describe('a flush', () => {
  test('ends when all that waited was answered, got through or not', async () => {
    await end(8)
    let isOver = false
    void delivery.forceFlush().then(() => {
      isOver = true
    })
    await exporter.answer(0)
    await exporter.answer(1)
    assert.equal(isOver, false)
    assert.deepEqual(exporter.batches[2], ['7', '8'])
    await exporter.answer(0)
    assert.equal(isOver, true)
  })

  test('of nothing ends at once', async () => {
    await delivery.forceFlush()
    assert.deepEqual(exporter.batches, [])
  })

  test('comes before the exporter is shut', async () => {
    await end(1)
    const shut = delivery.shutdown()
    await settled()
    assert.equal(exporter.isShut, false)
    await exporter.answer(0)
    await shut
    assert.equal(exporter.isShut, true)
  })
})

test('what was given up is counted once, and nothing is taken any more', async () => {
  await end(8)
  delivery.giveUp()
  const given = { waiting: 0, sending: 0, exported: 0, dropped: 8 }
  assert.deepEqual(delivery.inspect(), given)
  await exporter.answer(0)
  assert.deepEqual(delivery.inspect(), given)
  await end(4)
  await clock.advance(100_000)
  assert.deepEqual(delivery.inspect(), { ...given, dropped: 12 })
  assert.equal(exporter.batches.length, 1)
})

test('whatever happens: one batch at a time, bounded, in order, each span counted once', async () => {
  const step = fc.oneof(
    fc.record({ end: fc.integer({ min: 1, max: 12 }) }),
    fc.record({ answer: fc.constantFrom<0 | 1>(0, 1) }),
    fc.record({ pass: fc.integer({ min: 1, max: 40_000 }) }),
    fc.constant({ flush: true }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      clock = new VirtualClock()
      exporter = new Exporter()
      delivery = new Delivery(exporter, settings, clock)
      tracer = new TracerProvider({ spanProcessors: [delivery] }).getTracer('test')
      count = 0
      for (const each of steps) {
        if ('end' in each) await end(each.end)
        else if ('answer' in each) await exporter.answer(each.answer)
        else if ('pass' in each) await clock.advance(each.pass)
        else void delivery.forceFlush()
        await settled()
        const { waiting, sending, exported, dropped } = delivery.inspect()
        assert.ok(waiting <= settings.maxQueueSize && sending <= settings.maxExportBatchSize)
        assert.equal(waiting + sending + exported + dropped, count)
      }
      for (const batch of exporter.batches) assert.ok(batch.length <= settings.maxExportBatchSize)
      const sent = exporter.batches.flat().map(Number)
      assert.deepEqual(
        sent,
        [...new Set(sent)].toSorted((a, b) => a - b),
      )
      delivery.giveUp()
    }),
  )
})
