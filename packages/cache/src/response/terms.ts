import {
  type CacheControl,
  deltaSeconds,
  type HeaderMap,
  parseAge,
  parseCacheControl,
  parseHttpDate,
  parseTargeted,
} from '@millrace/core'

/**
 * What a reply says about being kept, by its own fields: `Cache-Control`, or the first targeted field that it has
 * (RFC 9213 section 2.2), then `Expires`, `Last-Modified`.
 */
export interface Terms {
  readonly says: CacheControl
  /** Milliseconds; undefined when it says nothing. */
  readonly freshFor: number | undefined
  /** Whether it says that time itself, and it is no guess. */
  readonly isExplicit: boolean
  /** How old it was when it came, in milliseconds (RFC 9111 section 4.2.3). */
  readonly age: number
  /** Whether it may be used without asking when it is not fresh any more. */
  readonly strict: boolean
  /** Whether it has something to validate by. */
  readonly hasValidator: boolean
}

/** Of the statuses that are final, those whose meaning for a cache is known here (RFC 9111 section 3, RFC 9110 section 15). */
export const understood: ReadonlySet<number> = new Set([
  200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413,
  414, 415, 417, 421, 422, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505,
])

/** What may be kept without a word about how long (RFC 9110 section 15.1); not partial content, as that is not kept. */
export const heuristic: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])

const heuristicShare = 0.1
const longestHeuristic = 86_400_000

const second = 1000

/**
 * @param targets targeted fields for this cache, the most specific first
 * @param now when the reply came, in milliseconds since 1970
 */
export const termsOf = (
  status: number,
  headers: HeaderMap,
  targets: readonly string[],
  now: number,
): Terms => {
  const targeted = targetedOf(headers, targets)
  const says = targeted ?? parseCacheControl(headers.get('cache-control'))
  const date = parseHttpDate(headers.get('date'), now) ?? now
  // `Date` knows whole seconds: one that has just begun is no age.
  const age = Math.max(
    0,
    Math.floor(now / second) * second - date,
    (parseAge(headers.get('age')) ?? 0) * second,
  )
  const modified = parseHttpDate(headers.get('last-modified'), now)
  const told = toldLife(headers, says, targeted === undefined, date, now)
  const mayGuess = modified !== undefined && (heuristic.has(status) || says.has('public'))
  return {
    says,
    freshFor: told ?? (mayGuess ? guessedLife(date, modified) : undefined),
    isExplicit: told !== undefined,
    age,
    strict: ['must-revalidate', 'proxy-revalidate', 'no-cache'].some((name) => says.has(name)),
    hasValidator: modified !== undefined || headers.has('etag'),
  }
}

const targetedOf = (headers: HeaderMap, targets: readonly string[]): CacheControl | undefined => {
  for (const name of targets) {
    const field = headers.get(name)
    const says = field === undefined ? undefined : parseTargeted(field)
    if (says !== undefined && says.size > 0) return says
  }
  return undefined
}

/** RFC 9111 section 4.2.1, as a shared cache. */
const toldLife = (
  headers: HeaderMap,
  says: CacheControl,
  mayExpire: boolean,
  date: number,
  now: number,
): number | undefined => {
  if (says.get('no-cache') === true) return 0
  for (const name of ['s-maxage', 'max-age']) {
    const argument = says.get(name)
    // What cannot be read is taken for over (section 4.2.1).
    if (argument !== undefined) return (deltaSeconds(argument) ?? 0) * second
  }
  const expires = mayExpire ? headers.getAll('expires') : []
  if (expires.length === 0) return undefined
  const at = expires.length === 1 ? parseHttpDate(expires[0], now) : undefined
  return at === undefined ? 0 : Math.max(0, at - date)
}

/** A tenth of the time since it was changed (RFC 9111 section 4.2.2), a day at most. */
const guessedLife = (date: number, modified: number): number =>
  Math.min(longestHeuristic, Math.max(0, date - modified) * heuristicShare)

/** A time in seconds that a directive gives, in milliseconds. */
export const windowOf = (says: CacheControl, name: string): number | undefined => {
  const argument = says.get(name)
  const seconds = argument === undefined ? undefined : deltaSeconds(argument)
  return seconds === undefined ? undefined : seconds * second
}
