import {
  fieldOf,
  type HeaderMap,
  parseAccept,
  parseCacheControl,
  parseEntityTag,
  parseEntityTags,
  type RequestHeaders,
  sameStrongly,
  sameWeakly,
} from '@millrace/core'
import type { Coding, DictionaryCoding } from './coding.ts'

/** What a client gets. */
export interface Choice<C extends string = Coding> {
  /** The coding that it likes best, of those that are offered; undefined for none. */
  readonly coding: C | undefined
  /** Whether it takes the plain body as well. */
  readonly plain: boolean
}

const unasked: Choice<never> = { coding: undefined, plain: true }

/**
 * Chooses by `Accept-Encoding` (RFC 9110 section 12.5.3). The highest quality wins, and among equals what stands first in
 * `offered`. Who says nothing gets the plain body, as does who says that it is the best.
 *
 * @param offered best first
 */
export const negotiate = <C extends string = Coding>(
  field: string | undefined,
  offered: readonly C[],
): Choice<C> => {
  if (field === undefined) return unasked
  const accepted = parseAccept(field)
  const qualityOf = (name: string): number | undefined =>
    accepted.find(({ value }) => value === name)?.quality
  const others = qualityOf('*')
  const identity = qualityOf('identity')
  let coding: C | undefined
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

/** Makes the entity tag of the encoded bytes out of that of the plain ones. */
export type TagOf = (etag: string, coding: Coding | DictionaryCoding) => string

/**
 * Whether everybody may have a reply as a dictionary: nothing that was made for one client is encoded against for another.
 * It may be where it says `public`.
 */
export const isForAll = (asked: RequestHeaders, status: number, headers: HeaderMap): boolean => {
  if (status !== 200 || headers.has('set-cookie')) return false
  const control = parseCacheControl(headers.get('cache-control'))
  if (control.has('private') || control.has('no-store')) return false
  return control.has('public') || (asked['cookie'] === undefined && asked['authorization'] === undefined)
}

/** Weak: equal bytes before the coding need not be equal after it (RFC 9110 section 8.8.3.3). */
export const weakened: TagOf = (etag) => (parseEntityTag(etag)?.weak === false ? `W/${etag}` : etag)

/** Strong, of one coding: of bytes that come out the same each time (RFC 9110 section 8.8.3.3). A weak one stays as it is. */
export const suffixed: TagOf = (etag, coding) =>
  parseEntityTag(etag)?.weak === false ? `${etag.slice(0, -1)}-${coding}"` : etag

/**
 * The entity tag of a 304 for a client that has an encoded body: the one that it sent, weak or of a coding, as another strong
 * one would name another of its representations, or none (RFC 9111 section 4.3.4).
 *
 * @param asked `If-None-Match`
 * @param codings those that entity tags are made for, the likeliest first
 */
export const notModifiedTag = (
  etag: string,
  asked: string | undefined,
  codings: readonly Coding[] = [],
): string => {
  const tag = parseEntityTag(etag)
  const known = asked === undefined ? '*' : parseEntityTags(asked)
  if (tag === undefined || known === '*') return etag
  for (const coding of tag.weak ? [] : codings) {
    const opaque = `${tag.opaque}-${coding}`
    if (known.some((each) => sameStrongly(each, { weak: false, opaque }))) return `"${opaque}"`
  }
  if (known.some((each) => sameStrongly(each, tag))) return etag
  return known.some((each) => sameWeakly(each, tag)) ? `W/"${tag.opaque}"` : etag
}

/**
 * Digests of the content, and of the representation, which is with its coding (RFC 9530 sections 2 and 3), and the obsolete
 * ones (RFC 3230, RFC 1864): with another coding they are of other bytes.
 */
export const digests = ['Content-Digest', 'Repr-Digest', 'Digest', 'Content-MD5'] as const

/** Conditions that a client may set by entity tags that were made for codings. */
const byTag = ['if-none-match', 'if-match'] as const

/**
 * What a request asks, in the entity tags that the handler knows: beside each that is of one of the codings stands the one
 * that it was made of. Beside, as a handler may have made it by itself. `If-Range` stays: a part of the plain bytes does
 * not go with encoded ones.
 *
 * @returns undefined when there is none
 */
export const withPlainTags = (
  headers: RequestHeaders,
  codings: readonly Coding[],
): RequestHeaders | undefined => {
  let changed: RequestHeaders | undefined
  for (const name of byTag) {
    const field = fieldOf(headers, name)
    const tags = field?.includes('-') ? parseEntityTags(field) : '*'
    if (tags === '*') continue
    const made = tags.flatMap(({ weak, opaque }) => {
      const coding = weak ? undefined : codings.find((each) => opaque.endsWith(`-${each}`))
      return coding === undefined ? [] : [`"${opaque.slice(0, -coding.length - 1)}"`]
    })
    if (made.length > 0) changed = { ...headers, ...changed, [name]: [field, ...made].join(', ') }
  }
  return changed
}

/** Says in a head that the body is encoded. How long it is remains to be said. */
export const sayEncoded = (headers: HeaderMap, coding: Coding | DictionaryCoding, tagOf: TagOf): void => {
  headers.set('Content-Encoding', coding).vary('Accept-Encoding')
  if (coding === 'dcz' || coding === 'dcb') headers.vary('Available-Dictionary')
  const etag = headers.get('etag')
  if (etag !== undefined) headers.set('ETag', tagOf(etag, coding))
  for (const name of digests) headers.delete(name)
  // Of parts of the plain bytes.
  headers.delete('Accept-Ranges')
}
