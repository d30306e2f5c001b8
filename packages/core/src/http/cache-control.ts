/** Directives by lower-case name: their argument unquoted, or `true` without one. */
export type CacheControl = ReadonlyMap<string, string | true>

/** One directive: token, and optionally a token or quoted-string (RFC 9111 section 5.2, RFC 9110 section 5.6). */
const directive =
  /\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?\s*(?:,|$)|[^,]*(?:,|$)/gy

/**
 * Reads a `Cache-Control` (or `CDN-Cache-Control`) field. A part that is no directive is skipped; of a directive that
 * stands twice the first counts (RFC 9111 section 4.2.1).
 */
export const parseCacheControl = (field: string | undefined): CacheControl => {
  const directives = new Map<string, string | true>()
  if (field === undefined || field === '') return directives
  for (const [, name, quoted, plain] of field.matchAll(directive)) {
    if (name === undefined) continue
    const key = name.toLowerCase()
    if (!directives.has(key)) directives.set(key, quoted?.replace(/\\(.)/g, '$1') ?? plain ?? true)
  }
  return directives
}
