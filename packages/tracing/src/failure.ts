import { AlreadyAnsweredError, ClientGoneError } from '@millrace/core'
import { type Span, SpanStatusCode } from '@opentelemetry/api'

/** What a span is told of an error. */
export const recordError = (span: Span, error: unknown): void => {
  span.setAttribute('error.type', errorType(error))
  if (error instanceof Error || typeof error === 'string') span.recordException(error)
  span.setStatus({ code: SpanStatusCode.ERROR })
}

/** Of few values, as the conventions want it. */
export const errorType = (error: unknown): string => (error instanceof Error ? error.name : '_OTHER')

/** Whether a handler that threw has failed: not where nobody waits for it any more, nor where it refused the request (`ctx.throw(404)`). */
export const isFailure = (error: unknown): boolean => {
  if (error instanceof ClientGoneError || error instanceof AlreadyAnsweredError) return false
  const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined
  return typeof status !== 'number' || status >= 500
}
