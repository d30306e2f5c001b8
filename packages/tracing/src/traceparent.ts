import { INVALID_SPANID, INVALID_TRACEID, type SpanContext, TraceFlags } from '@opentelemetry/api'

/** The trace id was made at random (W3C Trace Context level 2, section 3.2.2.5.2). */
export const randomFlag = 2

/** All that level 2 knows; the others are sent as 0. */
const knownFlags = TraceFlags.SAMPLED | randomFlag

/** Of `version-traceid-parentid-flags`. A later version may have more after another dash. */
const length = 55

/**
 * A `traceparent` field (W3C Trace Context level 2, section 3.2).
 *
 * @returns undefined for what the specification has begin a new trace
 */
export const parseTraceparent = (field: string): SpanContext | undefined => {
  const text = field.trim()
  if (text.length < length || !areHex(text, 0, 2) || text.startsWith('ff')) return undefined
  if (text.length > length && (text.startsWith('00') || text[length] !== '-')) return undefined
  if (text[2] !== '-' || text[35] !== '-' || text[52] !== '-') return undefined
  if (!areHex(text, 3, 35) || !areHex(text, 36, 52) || !areHex(text, 53, 55)) return undefined
  const traceId = text.slice(3, 35)
  const spanId = text.slice(36, 52)
  if (traceId === INVALID_TRACEID || spanId === INVALID_SPANID) return undefined
  return { traceId, spanId, traceFlags: Number.parseInt(text.slice(53, 55), 16) & knownFlags, isRemote: true }
}

export const formatTraceparent = (
  { traceId, spanId }: Pick<SpanContext, 'traceId' | 'spanId'>,
  flags: number,
): string => `00-${traceId}-${spanId}-0${flags & knownFlags}`

const areHex = (text: string, from: number, to: number): boolean => {
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i)
    const isDigit = code >= 0x30 && code <= 0x39
    if (!isDigit && !(code >= 0x61 && code <= 0x66)) return false
  }
  return true
}
