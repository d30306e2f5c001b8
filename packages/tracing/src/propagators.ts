import {
  type Context,
  createContextKey,
  isSpanContextValid,
  propagation,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import { formatBaggage, parseBaggage } from './baggage.ts'
import { keepOf } from './keep.ts'
import { formatTraceparent, parseTraceparent, randomFlag } from './traceparent.ts'
import { parseTracestate } from './tracestate.ts'

/** Of the trace whose id is known to be random. A tracer of OpenTelemetry's forgets that flag of its parent. */
const randomKey = createContextKey('millrace.random')

/** Where exporters say that what they send is not to be traced. */
const suppressedKey = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING')

/**
 * `traceparent` and `tracestate` by W3C Trace Context level 2, all that its public test suite asks for. What is recorded
 * only to be kept if it fails or is slow goes out as not sampled.
 */
export class W3CTraceContext implements TextMapPropagator<unknown> {
  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const field = whole(getter.get(carrier, 'traceparent'))
    const parent = field === undefined ? undefined : parseTraceparent(field)
    if (parent === undefined) return context
    const list = whole(getter.get(carrier, 'tracestate'))
    const traceState = list === undefined ? undefined : parseTracestate(list)
    const within = trace.setSpanContext(context, traceState ? { ...parent, traceState } : parent)
    return (parent.traceFlags & randomFlag) === 0 ? within : within.setValue(randomKey, parent.traceId)
  }

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const span = trace.getSpanContext(context)
    if (span === undefined || !isSpanContextValid(span) || context.getValue(suppressedKey) === true) return
    let flags = span.traceFlags
    if (keepOf(context) !== undefined) flags &= ~TraceFlags.SAMPLED
    if (context.getValue(randomKey) === span.traceId) flags |= randomFlag
    setter.set(carrier, 'traceparent', formatTraceparent(span, flags))
    const list = span.traceState?.serialize() ?? ''
    if (list !== '') setter.set(carrier, 'tracestate', list)
  }

  fields(): string[] {
    return ['traceparent', 'tracestate']
  }
}

/** `baggage` by W3C Baggage. */
export class W3CBaggage implements TextMapPropagator<unknown> {
  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const field = whole(getter.get(carrier, 'baggage'))
    const baggage = field === undefined ? undefined : parseBaggage(field)
    return baggage === undefined ? context : propagation.setBaggage(context, baggage)
  }

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const baggage = propagation.getBaggage(context)
    if (baggage === undefined || context.getValue(suppressedKey) === true) return
    const field = formatBaggage(baggage)
    if (field !== '') setter.set(carrier, 'baggage', field)
  }

  fields(): string[] {
    return ['baggage']
  }
}

/** A field that came several times is one list (RFC 9110 section 5.3). Of `traceparent` that makes nonsense, as it should. */
const whole = (field: string | string[] | undefined): string | undefined =>
  Array.isArray(field) ? field.join(',') : field
