import { type Clock, type Exchange, type Handler, type Remark, systemClock } from '@millrace/core'
import {
  type Attributes,
  type Context,
  context,
  isSpanContextValid,
  type SpanOptions,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { errorType, recordError } from './failure.ts'
import { Ids } from './ids.ts'
import { withKeep } from './keep.ts'
import type { Rule } from './rule.ts'
import { withSpan } from './within.ts'
import { Work } from './work.ts'

/** Requests that some recorder has a span for. */
const served = new Set<Exchange>()

/** What is recorded, and what is written on it. */
export class Recorder {
  /** The one of the rules. */
  clock: Clock = systemClock
  /** Requests that were recorded. */
  recorded = 0
  /** Requests and calls that were not chosen, here or where they come from. */
  unsampled = 0
  readonly #tracer: Tracer = trace.getTracer('@millrace/tracing')
  readonly #random: () => number
  readonly #ids = new Ids()
  /** Of those that have not ended. A weak map would cost ten times as much. */
  readonly #works = new Map<Exchange, Work>()
  /** Other recorders' work is not ours to write on. */
  readonly #key = Symbol('millrace.work')

  constructor(random?: () => number) {
    this.#random = random ?? (() => this.#ids.share())
  }

  /** Whether a request has a span already, of a Millrace around this one. */
  isServed({ origin }: Exchange): boolean {
    return served.has(origin)
  }

  /** The server span of an exchange that is recorded and has not ended. */
  of(exchange: Exchange): Work | undefined {
    return this.#works.get(exchange.origin)
  }

  /** @param around a span that is recorded */
  adopt(exchange: Exchange, around: Context): Work | undefined {
    const span = trace.getSpan(around)
    return span && this.#serve(exchange, new Work(span, around, this.#key))
  }

  /**
   * @param from says where it comes from, if it comes from anywhere
   * @returns the context to start a span in; undefined when it is not to be recorded
   */
  admit({ sample, keep }: Rule, from: Context): Context | undefined {
    // What is recorded only to be kept if it turns out so is not sampled.
    if (trace.getSpan(from)?.isRecording()) return from
    const parent = trace.getSpanContext(from)
    if (parent !== undefined && isSpanContextValid(parent))
      return (parent.traceFlags & TraceFlags.SAMPLED) === 0 ? undefined : from
    if (sample === 1 || (sample > 0 && this.#random() < sample)) return from
    return keep && withKeep(from, keep)
  }

  /** The context of what is not recorded: what it calls is told so. */
  leaveOut(from: Context): Context {
    this.unsampled++
    const parent = trace.getSpanContext(from)
    if (parent !== undefined && isSpanContextValid(parent)) return from
    const traceFlags = TraceFlags.NONE
    const left = { traceId: this.#ids.trace(), spanId: this.#ids.span(), traceFlags }
    return withSpan(from, trace.wrapSpanContext(left))
  }

  /** @returns the context alone where the SDK does not record it, or there is none */
  start(name: string, options: SpanOptions, from: Context): Work | Context {
    const span = this.#tracer.startSpan(name, options, from)
    return span.isRecording() ? new Work(span, from, this.#key) : withSpan(from, span)
  }

  /** The same for a request. */
  serve(exchange: Exchange, name: string, options: SpanOptions, from: Context): Work | Context {
    const begun = this.start(name, options, from)
    if (!(begun instanceof Work)) return begun
    this.recorded++
    return this.#serve(exchange, begun)
  }

  /**
   * Runs what a span is for.
   *
   * @param isError whether something that is thrown is an error of its
   * @param known what is there without waiting, if anything
   */
  run<I, O>(
    begun: Work | Context,
    next: Handler<I, O>,
    input: I,
    isError: (error: unknown) => boolean,
    known: (running: Promise<O>) => O | undefined,
  ): Promise<O> {
    if (!(begun instanceof Work)) return context.with(begun, next, undefined, input)
    const { span } = begun
    const fail = (error: unknown): void => {
      if (isError(error)) recordError(span, error)
      span.end()
    }
    let running: Promise<O>
    try {
      running = context.with(begun.context, next, undefined, input)
    } catch (error) {
      fail(error)
      throw error
    }
    if (known(running) === undefined) running.then(() => span.end(), fail)
    else span.end()
    return running
  }

  /** Where what happens now belongs, if that is part of what is recorded; else the context of `work`. */
  within(work: Work): Context {
    return this.#active ?? work.context
  }

  /** Writes down what a plugin says. */
  tell(remark: Remark): void {
    const { name, exchange, duration, linked } = remark
    const work = exchange && this.of(exchange)
    const around = exchange === undefined ? this.#active : work && this.within(work)
    if (around === undefined) return
    const other = linked && this.of(linked)
    const links = other ? [{ context: other.span.spanContext() }] : []
    if (duration !== undefined) {
      const now = this.clock.now()
      const attributes = told(remark)
      const child = this.#tracer.startSpan(name, { attributes, links, startTime: now - duration }, around)
      if (remark.error !== undefined) recordError(child, remark.error)
      child.end(now)
      return
    }
    const span = work?.span ?? trace.getSpan(around)
    // What goes on behind a reply may have more to tell than anybody takes.
    if (!span?.isRecording()) return
    span.addLinks(links)
    if (work === undefined) span.addEvent(name, told(remark))
    else span.setAttributes(told(remark))
  }

  /** The context of what runs just now, if that is ours. */
  get #active(): Context | undefined {
    const active = context.active()
    return active.getValue(this.#key) === undefined ? undefined : active
  }

  #serve(exchange: Exchange, work: Work): Work {
    this.#works.set(exchange.origin, work)
    served.add(exchange.origin)
    return work
  }

  /** Nothing is written on it any more. */
  forget(exchange: Exchange): void {
    this.#works.delete(exchange.origin)
    served.delete(exchange.origin)
  }
}

const told = ({ name, outcome, attributes, error, duration }: Remark): Attributes => ({
  ...attributes,
  ...(outcome !== undefined && { [`${name}.outcome`]: outcome }),
  ...(error !== undefined && duration === undefined && { [`${name}.error`]: errorType(error) }),
})
