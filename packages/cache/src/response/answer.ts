import {
  type CacheStatus,
  type Exchange,
  evaluatePreconditions,
  formatCacheStatus,
  formatHttpDate,
  HeaderMap,
  parseHttpDate,
  type Reply,
  type RequestHeaders,
  type Validators,
} from '@millrace/core'
import type { Kept } from '../engine/kept.ts'
import { partOf } from './partial.ts'
import type { ClientTerms } from './rule.ts'
import type { StoredReply } from './stored.ts'

/** How an answer came about, for `Cache-Status` (RFC 9211). */
export type How = Omit<CacheStatus, 'cache' | 'ttl'>

/** What answers have to say besides what is kept. */
export interface Manner {
  /** The name in `Cache-Status`; undefined where there is none. */
  readonly name: string | undefined
  readonly browser: ClientTerms | undefined
  /** Fields that are for this cache alone. */
  readonly hidden: readonly string[]
}

const hit: How = { hit: true }

/** What an answer says in its head. */
class Head {
  readonly age: number
  readonly #map: HeaderMap
  #bare: readonly string[] | undefined
  #validators: Validators | undefined

  constructor(age: number, map: HeaderMap) {
    this.age = age
    this.#map = map
  }

  /** For this one answer. */
  get own(): HeaderMap {
    return this.#map
  }

  /** For one of several: of the same list each time, so that who renders it can do so once. */
  get shared(): HeaderMap {
    return new HeaderMap(this.#map.raw)
  }

  /** What a 304 says in its place. */
  get bare(): readonly string[] {
    this.#bare ??= withoutBody(this.shared).raw
    return this.#bare
  }

  validators(now: number): Validators {
    this.#validators ??= validatorsOf(this.#map, now)
    return this.#validators
  }
}

/**
 * The heads of hits of this second, for then an age is another; true of what has been hit once in it: most often it is not
 * hit again, and what is remembered of it would be garbage. Bounded, as a second does not take more answers than that.
 */
let hitHeads = new Map<Kept, Head | true>()
let headsAt = 0
const mostHeads = 20_000

/** What is kept, as the answer to a request. */
export const answerFrom = (
  kept: Kept,
  stored: StoredReply,
  exchange: Exchange,
  now: number,
  manner: Manner,
  how: How = hit,
): Reply => {
  const known = how === hit ? hitHead(kept, stored, now, manner) : undefined
  const head = known ?? headOf(kept, stored, now, manner, how)
  const { headers } = exchange
  const { status, body } = stored
  // Only what would be a success is compared (RFC 9110 section 13.2.1).
  const isSuccess = status >= 200 && status <= 299
  if (isSuccess && isConditional(exchange) && isNotModified(headers, head.validators(now), now)) {
    return { status: 304, headers: new HeaderMap(head.bare), body: null }
  }
  const reply: Reply = { status, headers: known ? head.shared : head.own, body }
  if (status === 200 && headers['range'] !== undefined && exchange.method === 'GET') {
    return partOf(exchange, reply, body, head.validators(now), now)
  }
  return reply
}

/** Whether the client has the very representation that these are the fields of. */
export const hasAlready = (exchange: Exchange, fields: HeaderMap, now: number): boolean =>
  isConditional(exchange) && isNotModified(exchange.headers, validatorsOf(fields, now), now)

/** Of a `POST` nobody has a representation (RFC 9110 section 13.1). */
const isConditional = ({ method, headers }: Exchange): boolean =>
  method !== 'POST' && (headers['if-none-match'] !== undefined || headers['if-modified-since'] !== undefined)

const isNotModified = (headers: RequestHeaders, validators: Validators, now: number): boolean =>
  evaluatePreconditions(headers, validators, now) === 'not-modified'

export const validatorsOf = (fields: HeaderMap, now: number): Validators => ({
  etag: fields.get('etag'),
  lastModified: parseHttpDate(fields.get('last-modified'), now),
  date: parseHttpDate(fields.get('date'), now),
})

/** The same without the body and what describes it (RFC 9110 section 15.4.5). */
export const notModified = ({ headers }: Reply): Reply => ({
  status: 304,
  headers: withoutBody(headers),
  body: null,
})

const withoutBody = (fields: HeaderMap): HeaderMap => {
  for (const name of ofTheBody) fields.delete(name)
  return fields
}

const ofTheBody = ['Content-Length', 'Content-Type', 'Content-Encoding', 'Content-Language', 'Content-Range']

/** @returns undefined of the first in its second */
const hitHead = (kept: Kept, stored: StoredReply, now: number, manner: Manner): Head | undefined => {
  const second = Math.floor(now / 1000)
  if (second !== headsAt || hitHeads.size >= mostHeads) {
    hitHeads = new Map()
    headsAt = second
  }
  const known = hitHeads.get(kept)
  if (known === undefined) {
    hitHeads.set(kept, true)
    return undefined
  }
  if (known !== true && known.age === ageOf(stored, now)) return known
  const head = headOf(kept, stored, now, manner, hit)
  hitHeads.set(kept, head)
  return head
}

/** With `Age` (RFC 9111 section 5.1) and `Cache-Status`. */
const headOf = (
  kept: Kept,
  stored: StoredReply,
  now: number,
  { name, browser, hidden }: Manner,
  how: How,
): Head => {
  const age = ageOf(stored, now)
  const fields = new HeaderMap(stored.fields)
  for (const each of hidden) fields.delete(each)
  fields.append('Age', age)
  if (browser !== undefined) tellClient(fields, browser, now)
  if (name !== undefined)
    fields.append('Cache-Status', formatCacheStatus({ cache: name, ttl: leftOf(kept, now), ...how }))
  return new Head(age, fields)
}

const ageOf = ({ bornAt }: StoredReply, now: number): number => Math.max(0, Math.floor((now - bornAt) / 1000))

/** Seconds; negative when it is over; undefined when it never is. */
const leftOf = ({ freshUntil }: Kept, now: number): number | undefined =>
  freshUntil === Number.POSITIVE_INFINITY ? undefined : awayFromZero((freshUntil - now) / 1000)

const awayFromZero = (seconds: number): number => (seconds < 0 ? Math.floor(seconds) : Math.ceil(seconds))

/** Says in a reply of the handler's why it was asked. */
export const forwarded = (reply: Reply, { name, browser, hidden }: Manner, how: How, now: number): Reply => {
  for (const each of hidden) reply.headers.delete(each)
  // What may not be kept here is nobody's to keep.
  if (browser !== undefined && how.stored) tellClient(reply.headers, browser, now)
  if (name !== undefined) reply.headers.append('Cache-Status', formatCacheStatus({ cache: name, ...how }))
  return reply
}

/** What the client may do with it, instead of what the handler says (RFC 9111 section 5.2.2, RFC 8246). */
const tellClient = (fields: HeaderMap, terms: ClientTerms, now: number): void => {
  const seconds = Math.floor(Math.min(terms.ttl / 1000, 2 ** 31))
  const who = terms.private ? 'private' : 'public'
  fields.set('Cache-Control', `${who}, max-age=${seconds}${terms.immutable ? ', immutable' : ''}`)
  fields.set('Expires', formatHttpDate(now + seconds * 1000))
  // How old it is here is no matter of the client's: its time begins now.
  fields.delete('Age')
}
