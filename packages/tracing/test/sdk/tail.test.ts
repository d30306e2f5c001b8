import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import {
  AlwaysOnSampler,
  InMemorySpanExporter,
  ParentBasedSampler,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import fc from 'fast-check'
import { withKeep } from '../../src/keep.ts'
import { Tail, TailSampler } from '../../src/sdk/index.ts'

interface Bench {
  readonly tail: Tail
  readonly tracer: Tracer
  /** Names of what was exported, in that order. */
  exported(): string[]
  readonly exporter: InMemorySpanExporter
}

const bench = (held = { traces: 100, spans: 1000 }): Bench => {
  const exporter = new InMemorySpanExporter()
  const tail = new Tail(new SimpleSpanProcessor({ exporter }), held)
  const sampler = new TailSampler(new ParentBasedSampler({ root: new AlwaysOnSampler() }))
  const provider = new TracerProvider({ sampler, spanProcessors: [tail] })
  const exported = (): string[] => exporter.getFinishedSpans().map(({ name }) => name)
  return { tail, tracer: provider.getTracer('test'), exporter, exported }
}

/** As the plugin says it. */
const keeping = ({ errors = false, slow }: Asked, around: Context = ROOT_CONTEXT): Context =>
  withKeep(around, { errors, slow })

interface Asked {
  readonly errors?: boolean
  readonly slow?: number
}

const inside = (span: Span, context: Context = ROOT_CONTEXT): Context => trace.setSpan(context, span)

const fails = (span: Span): void => {
  span.setStatus({ code: SpanStatusCode.ERROR })
}

/** A local trace of a root and two spans in it; its root takes 100 ms. */
const run = (tracer: Tracer, context: Context, finish: (root: Span) => void = () => {}): void => {
  const root = tracer.startSpan('root', { startTime: [10, 0] }, context)
  const child = tracer.startSpan('child', {}, inside(root, context))
  // One that nobody told of what is kept.
  tracer.startSpan('grandchild', {}, inside(child)).end()
  child.end()
  finish(root)
  root.end([10, 100_000_000])
}

const whole = ['grandchild', 'child', 'root']

describe('a trace that was not chosen', () => {
  const cases: readonly [title: string, keep: Asked, finish: (root: Span) => void, expected: string[]][] = [
    ['is kept whole when its root failed', { errors: true }, fails, whole],
    ['is left when its root did not', { errors: true }, () => {}, []],
    ['is left when it failed but only slow ones are asked for', { slow: 101 }, fails, []],
    ['is kept when its root took just that long', { slow: 100 }, () => {}, whole],
    ['is left when its root took less', { slow: 100.1 }, () => {}, []],
    ['is kept for either reason', { errors: true, slow: 100 }, () => {}, whole],
    ['is left when nothing is asked for', {}, fails, []],
  ]
  for (const [title, keep, finish, expected] of cases) {
    test(title, () => {
      const { tracer, tail, exported } = bench()
      run(tracer, keeping(keep), finish)
      assert.deepEqual(exported(), expected)
      const kept = expected.length > 0 ? 1 : 0
      assert.deepEqual(tail.inspect(), { traces: 0, spans: 0, kept, left: 1 - kept, evicted: 0 })
    })
  }

  test('tells those it calls that it is not sampled, and is exported as sampled', () => {
    const { tracer, exporter } = bench()
    const root = tracer.startSpan('root', {}, keeping({ errors: true }))
    assert.ok(root.isRecording())
    assert.equal(root.spanContext().traceFlags, TraceFlags.NONE)
    fails(root)
    root.end()
    const [exported] = exporter.getFinishedSpans()
    assert.deepEqual(exported?.spanContext(), { ...root.spanContext(), traceFlags: TraceFlags.SAMPLED })
    assert.deepEqual([exported?.name, exported?.status.code], ['root', SpanStatusCode.ERROR])
  })

  test('is recorded for its end though those who called did not choose it either', () => {
    const { tracer, exported } = bench()
    const remote = trace.setSpanContext(ROOT_CONTEXT, {
      traceId: '1'.repeat(32),
      spanId: '2'.repeat(16),
      traceFlags: TraceFlags.NONE,
      isRemote: true,
    })
    run(tracer, remote)
    assert.deepEqual(exported(), [])
    run(tracer, keeping({ errors: true }, remote), fails)
    assert.deepEqual(exported(), whole)
  })

  test('decides for its spans that end later as well', () => {
    const { tracer, exported } = bench()
    for (const finish of [fails, () => {}]) {
      const context = keeping({ errors: true })
      const root = tracer.startSpan('root', {}, context)
      const streams = tracer.startSpan('streams', {}, inside(root, context))
      finish(root)
      root.end()
      tracer.startSpan('after', {}, inside(streams, context)).end()
      streams.end()
    }
    assert.deepEqual(exported(), ['root', 'after', 'streams'])
  })

  test('is one of several in a trace of this process, each by its own end', () => {
    const { tracer, exported } = bench()
    const remote = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 0, isRemote: true }
    const context = keeping({ errors: true }, trace.setSpanContext(ROOT_CONTEXT, remote))
    const [one, other] = [tracer.startSpan('one', {}, context), tracer.startSpan('other', {}, context)]
    fails(one)
    other.end()
    one.end()
    assert.deepEqual(exported(), ['one'])
  })
})

test('what was chosen passes at once', () => {
  const { tracer, tail, exported } = bench()
  const root = tracer.startSpan('root')
  tracer.startSpan('child', {}, inside(root)).end()
  assert.deepEqual(exported(), ['child'])
  root.end()
  assert.deepEqual(exported(), ['child', 'root'])
  assert.deepEqual(tail.inspect(), { traces: 0, spans: 0, kept: 0, left: 0, evicted: 0 })
})

describe('where too much is held back, the oldest trace is let go', () => {
  const context = keeping({ errors: true })
  const end = (span: Span): void => {
    fails(span)
    span.end()
  }

  test('of too many traces', () => {
    const { tracer, tail, exported } = bench({ traces: 2, spans: 1000 })
    const [first, second, third] = ['first', 'second', 'third'].map((name) =>
      tracer.startSpan(name, {}, context),
    )
    assert.ok(first && second && third)
    assert.deepEqual(tail.inspect(), { traces: 2, spans: 0, kept: 0, left: 0, evicted: 1 })
    for (const span of [first, second, third]) end(span)
    assert.deepEqual(exported(), ['second', 'third'])
    assert.deepEqual(tail.inspect(), { traces: 0, spans: 0, kept: 2, left: 0, evicted: 1 })
  })

  test('of too many spans', () => {
    const { tracer, tail, exported } = bench({ traces: 100, spans: 3 })
    const first = tracer.startSpan('first', {}, context)
    const second = tracer.startSpan('second', {}, context)
    for (const root of [first, first, second]) tracer.startSpan('child', {}, inside(root, context)).end()
    assert.deepEqual(tail.inspect(), { traces: 2, spans: 3, kept: 0, left: 0, evicted: 0 })
    tracer.startSpan('child', {}, inside(second, context)).end()
    assert.deepEqual(tail.inspect(), { traces: 1, spans: 2, kept: 0, left: 0, evicted: 1 })
    end(first)
    end(second)
    assert.deepEqual(exported(), ['child', 'child', 'second'])
  })
})

test('whatever ends in whatever order: all or nothing of a trace, within the bounds', () => {
  const step = fc.record({
    what: fc.constantFrom('start', 'end'),
    where: fc.nat(),
    fails: fc.boolean(),
  })
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200 }),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 60 }),
      (steps, traces, spans) => {
        const { tracer, tail, exported } = bench({ traces, spans })
        const open: { span: Span; root: Span; name: string }[] = []
        const failed = new Set<string>()
        const ended: string[] = []
        const context = keeping({ errors: true })
        for (const [index, { what, where, fails: isFailing }] of steps.entries()) {
          const at = open[where % (open.length + 1)]
          if (what === 'start') {
            const name = at?.name ?? `trace ${index}`
            const span = tracer.startSpan(name, {}, at ? inside(at.span, context) : context)
            open.push({ span, root: at?.root ?? span, name })
          } else if (at !== undefined) {
            open.splice(open.indexOf(at), 1)
            if (isFailing) fails(at.span)
            if (isFailing && at.span === at.root) failed.add(at.name)
            at.span.end()
            ended.push(at.name)
          }
          const inspected = tail.inspect()
          assert.ok(inspected.traces <= traces && inspected.spans <= spans)
        }
        const expected = ended.filter((name) => failed.has(name))
        if (tail.inspect().evicted === 0) assert.deepEqual(exported().toSorted(), expected.toSorted())
        else for (const name of exported()) assert.ok(failed.has(name))
      },
    ),
  )
})
