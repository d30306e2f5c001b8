import { memo } from '../memo.ts'
import { quotedString, token } from './token.ts'

/** Directives by lower-case name: their argument unquoted, or `true` without one. */
export type CacheControl = ReadonlyMap<string, string | true>

/** Directives whose argument is a list of field names (RFC 9111 sections 5.2.2.4 and 5.2.2.7). */
export const namesFields: ReadonlySet<string> = new Set(['no-cache', 'private'])

/**
 * One directive: token, and optionally a token or quoted-string (RFC 9111 section 5.2, RFC 9110 section 5.6). The second
 * choice is a name with something behind it that is none of that, the third what begins with no name.
 */
const directive = new RegExp(
  String.raw`\s*(${token})(?:(?:\s*=\s*(?:${quotedString}|(${token})))?\s*(?:,|$)|[^,]*(?:,|$))|[^,]*(?:,|$)`,
  'gy',
)

const none: CacheControl = new Map()

const parse = memo((field: string): CacheControl => {
  const directives = new Map<string, string | true>()
  for (const [, name, quoted, plain] of field.matchAll(directive)) {
    if (name === undefined) continue
    const key = name.toLowerCase()
    const argument = quoted?.replace(/\\(.)/g, '$1') || plain || true
    const known = directives.get(key)
    if (known === undefined || argument === true) directives.set(key, argument)
    else if (known !== true && namesFields.has(key)) directives.set(key, `${known}, ${argument}`)
  }
  return directives
})

/**
 * Reads a `Cache-Control` field (RFC 9111 section 5.2). Where it is wrong, it is read so that less is stored: a
 * directive whose argument is broken or empty has none, so that `private="a` is `private` and `max-age=5;` says no time.
 * Of a directive that stands twice the first argument counts (section 4.2.1), unless one of them has none; two lists of field
 * names are one. A part that begins with no name is skipped.
 */
export const parseCacheControl = (field: string | undefined): CacheControl =>
  field === undefined ? none : parse(field)

/** 2^31 seconds: what is more counts as this much (RFC 9111 section 1.2.2). */
const most = 2_147_483_648

/**
 * Reads delta-seconds (RFC 9111 section 1.2.2): digits, nothing else.
 *
 * @param value an argument of a directive
 * @returns seconds, at most 2^31; undefined when it is none, which makes `max-age` stale (RFC 9111 section 4.2.1)
 */
export const deltaSeconds = (value: string | true | undefined): number | undefined =>
  typeof value === 'string' && /^\d+$/.test(value) ? Math.min(Number(value), most) : undefined
