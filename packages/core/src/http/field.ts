import type { RequestHeaders } from '../exchange.ts'

/** The value of a request's field, several lines joined by ", " (RFC 9110 section 5.3). @param name in lower case */
export const fieldOf = (headers: RequestHeaders, name: string): string | undefined => {
  const value = headers[name]
  if (typeof value === 'string') return value
  // A name such as `constructor` finds what every object has.
  return Array.isArray(value) ? value.join(', ') : undefined
}
