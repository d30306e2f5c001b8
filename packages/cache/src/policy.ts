import { type HeaderMap, parseCacheControl, type RequestHeaders } from '@millrace/core'

/** Why a request goes around the cache; undefined when it does not. Client wishes (`Cache-Control`) do not count. */
export const bypassReason = (method: string, headers: RequestHeaders): string | undefined => {
  if (method !== 'GET' && method !== 'HEAD') return 'method'
  // A reply to one user is never another's (RFC 9111 section 3.5; cookies by the same reason).
  if (headers['authorization'] !== undefined) return 'authorization'
  if (headers['cookie'] !== undefined) return 'cookie'
  if (headers['range'] !== undefined) return 'range'
  // Content of a GET means nothing (RFC 9110 section 9.3.1) but to handlers that read it; the key does not know it.
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0)
    return 'content'
  return undefined
}

/** Whether the handler may answer with something else than the representation itself. */
export const isConditional = (headers: RequestHeaders): boolean =>
  headers['if-none-match'] !== undefined ||
  headers['if-modified-since'] !== undefined ||
  headers['if-match'] !== undefined ||
  headers['if-unmodified-since'] !== undefined

/**
 * The key of a request's reply: host and target as they were sent. The length in front keeps the parts apart, so that
 * no two different pairs share a key.
 */
export const keyOf = (url: string, headers: RequestHeaders): string => {
  const host = headers['host'] ?? headers[':authority'] ?? ''
  return `${url.length}:${url}${typeof host === 'string' ? host.toLowerCase() : host.join()}`
}

/** Statuses that stand for a resource by themselves, of those that RFC 9110 section 15.1 calls cacheable. */
const cacheable: ReadonlySet<number> = new Set([200, 203, 300, 301, 308, 410])

/**
 * How long a reply may be kept, in milliseconds; 0 when it may not be stored.
 *
 * @param kept the fields that would be kept: see {@link keptFields}
 * @param ttl the rule's word, in milliseconds; without it the handler's `Cache-Control` decides (RFC 9111 section 3)
 */
export const lifetime = (
  status: number,
  headers: HeaderMap,
  kept: readonly string[],
  ttl: number | undefined,
): number => {
  if (!cacheable.has(status)) return 0
  if (headers.has('set-cookie') || headers.has('content-range') || headers.has('content-encoding')) return 0
  // Never ends, so that whoever waited for it would wait in vain.
  if (/^text\/event-stream\b/i.test(headers.get('content-type') ?? '')) return 0
  // Which request fields make the variant is not in the key. What middleware further out varies by is its own matter.
  if (kept.some((name, i) => i % 2 === 0 && name.toLowerCase() === 'vary')) return 0
  const says = parseCacheControl(headers.get('cache-control'))
  if (says.has('no-store') || says.has('private') || says.has('no-cache')) return 0
  if (ttl !== undefined) return ttl
  const seconds = says.get('s-maxage') ?? says.get('max-age')
  return typeof seconds === 'string' && /^\d+$/.test(seconds) ? Number(seconds) * 1000 : 0
}

/** Fields of one connection (RFC 9110 section 7.6.1), and what a cache says anew on each answer. */
const transient: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'age',
  'cache-status',
  'content-length',
])

/** The reply's fields that are the handler's own and fit to be kept, as a flat list. */
export const keptFields = (headers: HeaderMap, preset: HeaderMap): string[] => {
  const nominated = new Set(
    (headers.get('connection') ?? '').split(',').map((name) => name.trim().toLowerCase()),
  )
  const kept: string[] = []
  for (const [name, value] of headers) {
    const lower = name.toLowerCase()
    if (transient.has(lower) || nominated.has(lower) || isPreset(name, headers, preset)) continue
    kept.push(name, value)
  }
  return kept
}

/** By whole fields: a field of an answer takes the place of every line of that name that is there already. */
const isPreset = (name: string, headers: HeaderMap, preset: HeaderMap): boolean => {
  const given = preset.getAll(name)
  const lines = headers.getAll(name)
  return given.length === lines.length && lines.every((line, i) => line === given[i])
}

/** Whether `If-None-Match` names the stored `ETag`: weak comparison (RFC 9110 section 13.1.2). */
export const matchesNone = (field: string | undefined, etag: string | undefined): boolean => {
  if (field === undefined || etag === undefined) return false
  if (field.trim() === '*') return true
  const opaque = etag.replace(/^W\//, '')
  return [...field.matchAll(/(?:W\/)?("[^"]*")/g)].some((match) => match[1] === opaque)
}
