import { type Context, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api'
import {
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  type SamplingResult,
  type Span,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace'
import { type Keep, keepOf } from '../keep.ts'
import type { Settings } from './settings.ts'

const isSampled = (span: { readonly traceFlags: number }): boolean =>
  (span.traceFlags & TraceFlags.SAMPLED) !== 0

/**
 * Lets be recorded, unsampled, what may turn out to be worth keeping: what it calls is not sampled because of it.
 * Everything else is another sampler's to say.
 */
export class TailSampler implements Sampler {
  readonly #other: Sampler

  constructor(other: Sampler) {
    this.#other = other
  }

  shouldSample(context: Context, ...rest: Rest): SamplingResult {
    const parent = trace.getSpan(context)
    const isHeld =
      parent?.isRecording() === true ? !isSampled(parent.spanContext()) : keepOf(context) !== undefined
    return isHeld ? { decision: SamplingDecision.RECORD } : this.#other.shouldSample(context, ...rest)
  }

  toString(): string {
    return `Tail{${this.#other.toString()}}`
  }
}

type Rest = Parameters<Sampler['shouldSample']> extends [Context, ...infer R] ? R : never

/** What runs in this process of one trace, from its local root on. */
interface Local {
  readonly root: Span
  readonly keep: Keep
  /** Ended, while it is open whether they are kept. */
  spans: ReadableSpan[]
  verdict: 'open' | 'kept' | 'left'
}

/** How many traces and spans went the one way or the other. */
export interface Held {
  /** Traces that are held back just now. */
  readonly traces: number
  /** Their ended spans. */
  readonly spans: number
  readonly kept: number
  /** Traces that were not worth keeping. */
  readonly left: number
  /** Traces that were let go before their root ended, as there were too many. */
  readonly evicted: number
}

/**
 * The tail rule: holds back what was recorded only in case, until its local root ends, and passes on what ended with an
 * error or was slow. What was sampled passes at once.
 */
export class Tail implements SpanProcessor {
  readonly #next: SpanProcessor
  readonly #limits: Settings['held']
  /** The oldest first. */
  readonly #open = new Set<Local>()
  readonly #locals = new WeakMap<object, Local>()
  #spans = 0
  #kept = 0
  #left = 0
  #evicted = 0

  constructor(next: SpanProcessor, limits: Settings['held']) {
    this.#next = next
    this.#limits = limits
  }

  onStart(span: Span, context: Context): void {
    this.#next.onStart(span, context)
    const parent = trace.getSpan(context)
    const held = parent && this.#locals.get(parent)
    if (held !== undefined) {
      this.#locals.set(span, held)
      return
    }
    const keep = keepOf(context)
    if (keep === undefined) return
    const local: Local = { root: span, keep, spans: [], verdict: 'open' }
    this.#locals.set(span, local)
    this.#open.add(local)
    if (this.#open.size > this.#limits.traces) this.#evict()
  }

  onEnd(span: ReadableSpan): void {
    const local = this.#locals.get(span)
    if (local === undefined) this.#next.onEnd(span)
    else if (local.verdict === 'kept') this.#next.onEnd(sampled(span))
    else if (local.verdict === 'open') this.#hold(local, span)
  }

  forceFlush(): Promise<void> {
    return this.#next.forceFlush()
  }

  shutdown(): Promise<void> {
    return this.#next.shutdown()
  }

  inspect(): Held {
    return {
      traces: this.#open.size,
      spans: this.#spans,
      kept: this.#kept,
      left: this.#left,
      evicted: this.#evicted,
    }
  }

  #hold(local: Local, span: ReadableSpan): void {
    local.spans.push(span)
    this.#spans++
    if (span === local.root) {
      const isKept = isWorthKeeping(local.keep, span)
      if (isKept) this.#kept++
      else this.#left++
      this.#settle(local, isKept ? 'kept' : 'left')
    }
    while (this.#spans > this.#limits.spans) this.#evict()
  }

  #evict(): void {
    const [oldest] = this.#open
    if (oldest === undefined) return
    this.#evicted++
    this.#settle(oldest, 'left')
  }

  #settle(local: Local, verdict: 'kept' | 'left'): void {
    const { spans } = local
    local.spans = []
    local.verdict = verdict
    this.#open.delete(local)
    this.#spans -= spans.length
    if (verdict === 'kept') for (const span of spans) this.#next.onEnd(sampled(span))
  }
}

const isWorthKeeping = ({ errors, slow }: Keep, { status, duration }: ReadableSpan): boolean => {
  if (errors && status.code === SpanStatusCode.ERROR) return true
  const [seconds, nanoseconds] = duration
  return slow !== undefined && seconds * 1000 + nanoseconds / 1e6 >= slow
}

/** The same span, for exporters, which send only what is sampled. */
const sampled = (span: ReadableSpan): ReadableSpan => {
  const { traceFlags, ...rest } = span.spanContext()
  const context = { ...rest, traceFlags: traceFlags | TraceFlags.SAMPLED }
  return Object.create(span, { spanContext: { value: () => context } })
}
