import {
  type CacheStatus,
  type Exchange,
  evaluatePreconditions,
  formatCacheStatus,
  formatHttpDate,
  HeaderMap,
  type Reply,
  type RequestHeaders,
  type Validators,
} from '@millrace/core'
import type { Kept } from '../engine/kept.ts'
import { clientControl, clientSeconds, Face, type Manner, validatorsOf, withoutBody } from './face.ts'
import { partOf } from './partial.ts'
import type { ClientTerms } from './rule.ts'
import type { StoredReply } from './stored.ts'

/** How an answer came about, for `Cache-Status` (RFC 9211). */
export type How = Omit<CacheStatus, 'cache' | 'ttl'>

const hit: How = { hit: true }

/** What is kept, as the answer to a request. */
export const answerFrom = (
  kept: Kept,
  stored: StoredReply,
  exchange: Exchange,
  now: number,
  manner: Manner,
  how: How = hit,
): Reply => {
  const face = Face.of(stored, manner)
  const own = saidOf(kept, stored, now, manner, how)
  const { headers } = exchange
  const { status, body } = stored
  // Only what would be a success is compared (RFC 9110 section 13.2.1).
  const isSuccess = status >= 200 && status <= 299
  if (isSuccess && isConditional(exchange) && isNotModified(headers, face.validators(now), now)) {
    return { status: 304, headers: new HeaderMap(face.bare, own), body: null }
  }
  const reply: Reply = { status, headers: new HeaderMap(face, own), body }
  if (status === 200 && headers['range'] !== undefined && exchange.method === 'GET') {
    return partOf(exchange, reply, body, face.validators(now), now)
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

/** The same without the body and what describes it (RFC 9110 section 15.4.5). */
export const notModified = ({ headers }: Reply): Reply => ({
  status: 304,
  headers: withoutBody(headers),
  body: null,
})

/** What this one answer says: `Age` (RFC 9111 section 5.1) and `Cache-Status`. */
const saidOf = (
  kept: Kept,
  stored: StoredReply,
  now: number,
  { name, browser }: Manner,
  how: How,
): readonly string[] => {
  const age = ageOf(stored, now)
  const left = leftOf(kept, now)
  if (browser === undefined && how === hit && isLast(name, age, left)) return lastHit.said
  // How old it is here is no matter of a client's that is told what it may do: its time begins now.
  const said = browser === undefined ? ['Age', String(age)] : ['Expires', expiryOf(browser, now)]
  if (name !== undefined) said.push('Cache-Status', formatCacheStatus({ cache: name, ttl: left, ...how }))
  if (browser === undefined && how === hit) lastHit = { name, age, left, said }
  return said
}

interface Hit {
  readonly name: string | undefined
  readonly age: number
  readonly left: number | undefined
  readonly said: readonly string[]
}

/** Most hits say the same as the one before: of what was stored in the same second, or of one page that many ask for. */
let lastHit: Hit = { name: undefined, age: -1, left: undefined, said: [] }

const isLast = (name: string | undefined, age: number, left: number | undefined): boolean =>
  lastHit.age === age && lastHit.left === left && lastHit.name === name

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

const tellClient = (fields: HeaderMap, terms: ClientTerms, now: number): void => {
  fields.set('Cache-Control', clientControl(terms))
  fields.set('Expires', expiryOf(terms, now))
  fields.delete('Age')
}

const expiryOf = (terms: ClientTerms, now: number): string =>
  formatHttpDate(now + clientSeconds(terms) * 1000)
