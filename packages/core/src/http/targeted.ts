import { parseDictionary, Token } from 'structured-headers'
import { memo } from '../memo.ts'
import { type CacheControl, namesFields } from './cache-control.ts'

/** Directives whose argument is a number of seconds: an Integer here, and nothing else (RFC 9213 section 2.1). */
const seconds: ReadonlySet<string> = new Set([
  'max-age',
  's-maxage',
  'stale-if-error',
  'stale-while-revalidate',
])

const argumentOf = (name: string, value: unknown): string | true => {
  if (typeof value === 'number')
    return namesFields.has(name) || !Number.isInteger(value) ? true : String(value)
  if (seconds.has(name)) return true
  return typeof value === 'string' || value instanceof Token ? String(value) || true : true
}

const parse = memo((field: string): CacheControl | undefined => {
  const directives = new Map<string, string | true>()
  try {
    for (const [name, [value]] of parseDictionary(field)) {
      // `?0`: said not to be there.
      if (value !== false) directives.set(name, argumentOf(name, value))
    }
  } catch {
    return undefined
  }
  return directives.size > 0 ? directives : undefined
})

/**
 * Reads a targeted field such as `CDN-Cache-Control` (RFC 9213): a dictionary of RFC 9651, whose parameters do not
 * count. An argument of the wrong type is as good as none: `max-age="60"` says no time.
 *
 * @returns undefined when the field does not count, and `Cache-Control` does: it is absent, empty, or any part of it is
 *   malformed
 */
export const parseTargeted = (field: string | undefined): CacheControl | undefined =>
  field === undefined ? undefined : parse(field)
