import { isSpanContextValid, trace } from '@opentelemetry/api'

/** The trace that a line of a log belongs to, by the names that OpenTelemetry gives it outside OTLP. */
export interface TraceFields {
  readonly trace_id?: string
  readonly span_id?: string
  /** Two hexadecimal digits: `01` where the trace is sampled. */
  readonly trace_flags?: string
}

/**
 * For `pino`: `pino({ mixin: traceMixin() })` gives each line the trace, and the span, in which it was written.
 *
 * https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/
 */
export const traceMixin = (): (() => TraceFields) => traceFields

// A new object each time: pino writes the line's own fields into it.
const traceFields = (): TraceFields => {
  const span = trace.getActiveSpan()?.spanContext()
  if (span === undefined || !isSpanContextValid(span)) return {}
  const { traceId, spanId, traceFlags } = span
  return { trace_id: traceId, span_id: spanId, trace_flags: traceFlags.toString(16).padStart(2, '0') }
}
