import type { RequestHeaders } from '../exchange.ts'
import { parseHttpDate } from './date.ts'
import { type EntityTag, parseEntityTag, parseEntityTags, sameStrongly, sameWeakly } from './etag.ts'
import { fieldOf } from './field.ts'

/** What a representation can be recognised by. */
export interface Validators {
  /** Its `ETag` field. */
  readonly etag?: string | undefined
  /** Its `Last-Modified`, in milliseconds. */
  readonly lastModified?: number | undefined
  /** Its `Date`, or when it was received if it has none, in milliseconds. */
  readonly date?: number | undefined
}

/** Fields say whole seconds. */
const second = (time: number): number => Math.floor(time / 1000)

const matches = (
  field: string,
  etag: string | undefined,
  same: (a: EntityTag, b: EntityTag) => boolean,
): boolean => {
  const tag = parseEntityTag(etag)
  // Most often the client has this very representation.
  if (tag !== undefined && field === etag) return same(tag, tag)
  const asked = parseEntityTags(field)
  if (asked === '*') return true
  return tag !== undefined && asked.some((each) => same(each, tag))
}

/**
 * What the preconditions of a GET or HEAD request make of an answer with this representation, in the order of RFC 9110
 * section 13.2.2. They count only where the answer would be a 2xx without them (section 13.2.1). A cache is asked
 * neither `If-Match` nor `If-Unmodified-Since` (RFC 9111 section 4.3.2): one that leaves these requests to the handler
 * never sees `failed`.
 *
 * `If-None-Match` and `If-Match` of `*` hold for every representation. `If-Modified-Since` is compared with `date`
 * where there is no `lastModified` (RFC 9111 section 4.3.2). A date that is none is as good as absent.
 *
 * @param now milliseconds: see {@link parseHttpDate}
 * @returns `not-modified`: 304. `failed`: 412
 */
export const evaluatePreconditions = (
  headers: RequestHeaders,
  { etag, lastModified, date }: Validators,
  now: number,
): 'proceed' | 'not-modified' | 'failed' => {
  const ifMatch = fieldOf(headers, 'if-match')
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, etag, sameStrongly)) return 'failed'
  } else if (lastModified !== undefined) {
    const unmodifiedSince = parseHttpDate(fieldOf(headers, 'if-unmodified-since'), now)
    if (unmodifiedSince !== undefined && second(lastModified) > second(unmodifiedSince)) return 'failed'
  }
  const ifNoneMatch = fieldOf(headers, 'if-none-match')
  if (ifNoneMatch !== undefined) return matches(ifNoneMatch, etag, sameWeakly) ? 'not-modified' : 'proceed'
  const modified = lastModified ?? date
  if (modified === undefined) return 'proceed'
  const modifiedSince = parseHttpDate(fieldOf(headers, 'if-modified-since'), now)
  return modifiedSince !== undefined && second(modified) <= second(modifiedSince) ? 'not-modified' : 'proceed'
}

/**
 * Whether `If-Range` lets a `Range` count (RFC 9110 section 13.1.5): it is absent, or names this very representation,
 * by a strong entity tag or by the exact `Last-Modified`. That one is strong when the representation is from a later
 * second (section 8.8.2.2).
 *
 * @param now milliseconds: see {@link parseHttpDate}
 */
export const ifRangeHolds = (
  headers: RequestHeaders,
  { etag, lastModified, date }: Validators,
  now: number,
): boolean => {
  const field = fieldOf(headers, 'if-range')
  if (field === undefined) return true
  const asked = parseEntityTag(field)
  if (asked !== undefined) {
    const tag = parseEntityTag(etag)
    return tag !== undefined && sameStrongly(asked, tag)
  }
  if (lastModified === undefined || date === undefined || second(date) <= second(lastModified)) return false
  const modified = parseHttpDate(field, now)
  return modified !== undefined && second(modified) === second(lastModified)
}
