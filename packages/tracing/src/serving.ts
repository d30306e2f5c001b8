import { type Exchange, type Handler, type Layer, type Outcome, type Reply, readyReply } from '@millrace/core'
import {
  context,
  isSpanContextValid,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import { recordError } from './failure.ts'
import type { HttpAttributes } from './http-attributes.ts'
import { contextOf } from './propagation.ts'
import type { Recorder } from './recorder.ts'
import type { Rule } from './rule.ts'
import { Work } from './work.ts'

/** One request that is recorded. */
class Serving {
  readonly #exchange: Exchange
  readonly #work: Work
  readonly #says: HttpAttributes
  #named = false
  #thrown: { readonly error: unknown } | undefined

  constructor(exchange: Exchange, work: Work, says: HttpAttributes) {
    this.#exchange = exchange
    this.#work = work
    this.#says = says
  }

  /** @param ended is told how it ended, once it has */
  run(next: Handler<Exchange, Reply>, ended: (outcome: Outcome) => void): Promise<Reply> {
    try {
      const running = context.with(this.#work.context, next, undefined, this.#exchange)
      const reply = readyReply(running)
      // One that is there already may be gone when a promise tells of it.
      if (reply !== undefined) this.#name()
      else {
        running.then(
          () => this.#name(),
          (error: unknown) => this.#threw(error),
        )
      }
      return running
    } catch (error) {
      this.#threw(error)
      throw error
    } finally {
      void this.#exchange.done.then(ended)
    }
  }

  /** Hosts know by now which route it was. */
  #name(): void {
    const { span } = this.#work
    // A client that leaves may end it before the handler has said anything.
    if (this.#named || !span.isRecording()) return
    this.#named = true
    const { method, route } = this.#exchange
    span.updateName(this.#says.name(method, route))
    span.setAttribute('http.route', route)
  }

  #threw(error: unknown): void {
    this.#thrown = { error }
    this.#name()
  }

  end({ status, aborted, broken }: Outcome): void {
    const { span } = this.#work
    this.#name()
    if (status > 0) span.setAttribute('http.response.status_code', status)
    if (aborted && !broken) span.setAttribute('millrace.outcome', 'aborted')
    const isBroken = status >= 500 || broken || (status === 0 && !aborted)
    if (isBroken && this.#thrown !== undefined) recordError(span, this.#thrown.error)
    else if (isBroken) {
      span.setAttribute('error.type', status >= 500 ? String(status) : 'broken')
      span.setStatus({ code: SpanStatusCode.ERROR })
    }
    span.end()
  }
}

/** The layer outside of all others: a server span for each request that is to be recorded. */
export const serving = (rule: Rule, recorder: Recorder, says: HttpAttributes): Layer<Exchange, Reply> =>
  function tracing(exchange, next) {
    const isOwn = exchange.synthetic !== undefined
    const active = trace.getActiveSpan()
    if (active !== undefined && !isOwn) {
      if (recorder.isServed(exchange)) return next(exchange)
      // Of OpenTelemetry's own instrumentation, which ends it, too.
      const work = isServerSpan(active) ? recorder.adopt(exchange, context.active()) : undefined
      if (work !== undefined)
        return new Serving(exchange, work, says).run(next, () => recorder.forget(exchange))
      if (isLeftOut(active)) return next(exchange)
    }
    const from = isOwn ? ROOT_CONTEXT : contextOf(exchange.headers)
    const admitted = recorder.admit(rule, from)
    if (admitted === undefined) return context.with(recorder.leaveOut(from), next, undefined, exchange)
    const kind = isOwn ? SpanKind.INTERNAL : SpanKind.SERVER
    const links = isOwn && active ? causesOf(active) : []
    const options = { kind, attributes: says.of(exchange), links }
    const begun = recorder.serve(exchange, says.name(exchange.method), options, admitted)
    if (!(begun instanceof Work)) return context.with(begun, next, undefined, exchange)
    const one = new Serving(exchange, begun, says)
    return one.run(next, (outcome) => {
      recorder.forget(exchange)
      one.end(outcome)
    })
  }

/** A request that Millrace makes by itself runs in the context of the one that made it do so. */
const causesOf = (span: Span): Link[] => {
  const context = span.spanContext()
  return (context.traceFlags & TraceFlags.SAMPLED) === 0 ? [] : [{ context }]
}

const isServerSpan = (span: Span): boolean =>
  span.isRecording() && 'kind' in span && span.kind === SpanKind.SERVER

/** Somebody further out has decided against it. What was recorded and has ended is left from a program's start. */
const isLeftOut = (span: Span): boolean => {
  const said = span.spanContext()
  return !span.isRecording() && isSpanContextValid(said) && (said.traceFlags & TraceFlags.SAMPLED) === 0
}
