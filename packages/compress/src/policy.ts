import {
  type HeaderMap,
  parseAccept,
  parseCacheControl,
  parseEntityTag,
  parseEntityTags,
  sameStrongly,
  sameWeakly,
} from '@millrace/core'
import type { Coding } from './coding.ts'

/** What a client gets. */
export interface Choice {
  /** The coding that it likes best, of those that are offered; undefined for none. */
  readonly coding: Coding | undefined
  /** Whether it takes the plain body as well. */
  readonly plain: boolean
}

const unasked: Choice = { coding: undefined, plain: true }

/**
 * Chooses by `Accept-Encoding` (RFC 9110 section 12.5.3). The highest quality wins, and among equals what stands first in
 * `offered`. Who says nothing gets the plain body, as does who says that it is the best.
 *
 * @param offered best first
 */
export const negotiate = (field: string | undefined, offered: readonly Coding[]): Choice => {
  if (field === undefined) return unasked
  const accepted = parseAccept(field)
  const qualityOf = (name: string): number | undefined =>
    accepted.find(({ value }) => value === name)?.quality
  const others = qualityOf('*')
  const identity = qualityOf('identity')
  let coding: Coding | undefined
  let best = 0
  for (const each of offered) {
    // An alias (RFC 9110 section 8.4.1.3).
    const named = qualityOf(each) ?? (each === 'gzip' ? qualityOf('x-gzip') : undefined)
    const quality = named ?? others ?? 0
    if (quality <= best) continue
    coding = each
    best = quality
  }
  const plain = identity === undefined ? others !== 0 : identity > 0
  return { coding: best >= (identity ?? 0) ? coding : undefined, plain }
}

/**
 * Why a reply is not encoded.
 *
 * - `status`: it has no content, by its status or because there is none
 * - `encoded`: it is already
 * - `no-transform`: it says so (RFC 9111 section 5.2.2.6)
 * - `type`: bytes of its type do not get fewer
 * - `filter`: the rule's function said no
 * - `range`: it is a part
 * - `size`: it is too small
 * - `client`: who asks takes no coding that is offered
 * - `load`: compression rests
 * - `gain`: it was tried, and is not smaller
 * - `synthetic`: it does not leave the process
 */
export type Skip =
  | 'status'
  | 'encoded'
  | 'no-transform'
  | 'type'
  | 'filter'
  | 'range'
  | 'size'
  | 'client'
  | 'load'
  | 'gain'
  | 'synthetic'

/** Reset Content has none either (RFC 9110 section 15.3.6). */
const hasContent = (status: number): boolean =>
  status >= 200 && status !== 204 && status !== 205 && status !== 304

/**
 * What is in the way whoever asks. A part is judged last: it varies by what the whole varies by.
 *
 * @param isWorth whether bytes of this `Content-Type` get fewer
 */
export const obstacle = (
  status: number,
  headers: HeaderMap,
  isWorth: (type: string) => boolean,
): Skip | undefined => {
  if (!hasContent(status)) return 'status'
  const encoding = headers.get('content-encoding')
  if (encoding !== undefined && !/^(?:identity)?$/i.test(encoding.trim())) return 'encoded'
  const type = headers.get('content-type')
  if (type === undefined || !isWorth(type)) return 'type'
  if (parseCacheControl(headers.get('cache-control')).has('no-transform')) return 'no-transform'
  return status === 206 || headers.has('content-range') ? 'range' : undefined
}

/** Weak: equal bytes before the coding need not be equal after it (RFC 9110 section 8.8.3.3). */
export const weakened = (etag: string): string => (parseEntityTag(etag)?.weak === false ? `W/${etag}` : etag)

/**
 * The entity tag of a 304 for a client that has an encoded body: the weak one that it sent, as a strong one would name
 * another of its representations, or none (RFC 9111 section 4.3.4).
 *
 * @param asked `If-None-Match`
 */
export const notModifiedTag = (etag: string, asked: string | undefined): string => {
  const tag = parseEntityTag(etag)
  const known = asked === undefined ? '*' : parseEntityTags(asked)
  if (tag === undefined || known === '*' || known.some((each) => sameStrongly(each, tag))) return etag
  return known.some((each) => sameWeakly(each, tag)) ? weakened(etag) : etag
}

/**
 * Fields of the plain bytes: digests of the content and of the representation, which is with its coding (RFC 9530
 * sections 2 and 3), the obsolete ones (RFC 3230, RFC 1864), and that parts of them can be had.
 */
const ofThePlainBytes = ['Content-Digest', 'Repr-Digest', 'Digest', 'Content-MD5', 'Accept-Ranges']

/** Says in a head that the body is encoded. How long it is remains to be said. */
export const sayEncoded = (headers: HeaderMap, coding: Coding): void => {
  headers.set('Content-Encoding', coding).vary('Accept-Encoding')
  const etag = headers.get('etag')
  if (etag !== undefined) headers.set('ETag', weakened(etag))
  for (const name of ofThePlainBytes) headers.delete(name)
}
