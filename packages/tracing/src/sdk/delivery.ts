import { type Clock, type Timer, warn, within } from '@millrace/core'
import { context, createContextKey, ROOT_CONTEXT, TraceFlags } from '@opentelemetry/api'
import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace'
import type { Settings } from './settings.ts'

type Result = Parameters<Parameters<SpanExporter['export']>[1]>[0]

/** `ExportResultCode` of `@opentelemetry/core`. */
const succeeded = 0
const failed = 1

/** Nobody reads the same warning more often. */
const silence = 10 * 60_000

/** Instrumentations leave alone what runs in this: `suppressTracing` of `@opentelemetry/core`. */
const untraced = ROOT_CONTEXT.setValue(
  createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING'),
  true,
)

/** What became of the spans that were to be exported. */
export interface Delivered {
  /** In the queue. */
  readonly waiting: number
  /** On the way to the collector. */
  readonly sending: number
  readonly exported: number
  /** Too many were waiting, or the collector did not take them. */
  readonly dropped: number
}

/**
 * Hands ended spans to an exporter, one batch at a time, and counts what becomes of them. Where a batch did not get
 * through it is dropped, and the next one waits for its turn; where too many wait, those that come are dropped.
 *
 * The SDK's own `BatchSpanProcessor` (3.1) begins one more batch beside those on the way each time that one fails, so
 * that a collector that hangs gets dozens at a time.
 */
export class Delivery implements SpanProcessor {
  readonly #exporter: SpanExporter
  readonly #settings: Settings['queue']
  readonly #clock: Clock
  #queue: ReadableSpan[] = []
  #sending = 0
  #exported = 0
  #dropped = 0
  /** When what waits will be sent, full batch or not. */
  #turn: Timer | undefined
  #sends: Promise<void> | undefined
  /** How many of those that wait somebody wants to be gone. */
  #wanted = 0
  /** Whether the latest batch got through; if not, not even a full one is sent before its turn. */
  #isThrough = true
  #isOver = false
  #warned = Number.NEGATIVE_INFINITY

  constructor(exporter: SpanExporter, settings: Settings['queue'], clock: Clock) {
    this.#exporter = exporter
    this.#settings = settings
    this.#clock = clock
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    const { maxQueueSize, maxExportBatchSize } = this.#settings
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return
    if (this.#isOver) {
      this.#dropped++
      return
    }
    if (this.#queue.length >= maxQueueSize) {
      this.#drop(1, `${maxQueueSize} are waiting already`)
      return
    }
    this.#queue.push(span)
    if (this.#queue.length >= maxExportBatchSize && this.#isThrough) void this.#send()
    else this.#schedule()
  }

  /** Resolves when all that waits by now was sent or dropped. */
  forceFlush(): Promise<void> {
    this.#wanted = this.#queue.length
    return this.#send()
  }

  async shutdown(): Promise<void> {
    await this.forceFlush()
    await this.#exporter.shutdown()
  }

  /** What has not got through by now never will. */
  giveUp(): void {
    const left = this.#queue.length + this.#sending
    this.#isOver = true
    this.#queue = []
    this.#wanted = 0
    this.#sending = 0
    this.#turn?.cancel()
    if (left > 0) this.#drop(left, 'the collector did not take them in time')
  }

  inspect(): Delivered {
    return {
      waiting: this.#queue.length,
      sending: this.#sending,
      exported: this.#exported,
      dropped: this.#dropped,
    }
  }

  #schedule(): void {
    if (this.#turn !== undefined || this.#sends !== undefined || this.#queue.length === 0) return
    this.#turn = this.#clock.after(this.#settings.scheduledDelayMillis, () => void this.#send())
  }

  #send(): Promise<void> {
    this.#sends ??= this.#sendAll()
    return this.#sends
  }

  /** One batch, and more as long as somebody wants it, or they are full and get through. */
  async #sendAll(): Promise<void> {
    const size = this.#settings.maxExportBatchSize
    this.#turn?.cancel()
    this.#turn = undefined
    do {
      const spans = this.#queue.splice(0, size)
      this.#wanted = Math.max(0, this.#wanted - spans.length)
      await this.#sendBatch(spans)
    } while (this.#wanted > 0 || (this.#isThrough && this.#queue.length >= size))
    this.#sends = undefined
    this.#schedule()
  }

  async #sendBatch(spans: ReadableSpan[]): Promise<void> {
    this.#sending = spans.length
    const result = await this.#export(spans).catch(
      (error: unknown): Result => ({ code: failed, error: asError(error) }),
    )
    // Counted when they were given up.
    if (this.#isOver) return
    this.#sending = 0
    this.#isThrough = result.code === succeeded
    if (this.#isThrough) this.#exported += spans.length
    else this.#drop(spans.length, result.error?.message || 'the collector did not take them')
  }

  async #export(spans: ReadableSpan[]): Promise<Result> {
    const [first] = spans
    if (first === undefined) return { code: succeeded }
    if (first.resource.asyncAttributesPending) await first.resource.waitForAsyncAttributes?.()
    const exported = new Promise<Result>((resolve) => {
      context.with(untraced, () => this.#exporter.export(spans, resolve))
    })
    return within(this.#clock, this.#settings.exportTimeoutMillis, exported, 'the exporter did not end')
  }

  #drop(count: number, why: string): void {
    this.#dropped += count
    const now = this.#clock.elapsed()
    if (now - this.#warned < silence) return
    this.#warned = now
    warn({ code: 'MILLRACE_SPANS_DROPPED', message: `Spans are dropped: ${why}` })
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))
