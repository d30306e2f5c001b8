import { deltaSeconds, HeaderMap, parseHttpDate } from '@millrace/core'

/**
 * How long a `Retry-After` field asks to wait (RFC 9110 section 10.2.3), in milliseconds from `now`; undefined where there
 * is none. It is looked for where clients put it: in the `headers` of an output or of an error, or of the error's
 * `response`. Our own errors say `retryAfter`.
 *
 * @param now milliseconds since 1970
 */
export const retryAfterOf = (outcome: unknown, now: number): number | undefined => {
  if (!isObject(outcome)) return undefined
  const { retryAfter, headers, response } = outcome
  if (typeof retryAfter === 'number' && retryAfter >= 0) return retryAfter
  const field = fieldIn(headers) ?? (isObject(response) ? fieldIn(response['headers']) : undefined)
  if (field === undefined) return undefined
  const seconds = deltaSeconds(field.trim())
  if (seconds !== undefined) return seconds * 1000
  const date = parseHttpDate(field.trim(), now)
  return date === undefined ? undefined : Math.max(0, date - now)
}

/** Of whatever clients give: a `Headers`, a `HeaderMap`, a plain object. */
const fieldIn = (headers: unknown): string | undefined => {
  if (!isObject(headers)) return undefined
  const value: unknown =
    headers instanceof Headers || headers instanceof HeaderMap
      ? headers.get('retry-after')
      : (headers['retry-after'] ?? headers['Retry-After'])
  return typeof value === 'string' ? value : undefined
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null
