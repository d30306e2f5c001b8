import { type Exchange, fieldOf, formatHttpDate, HeaderMap, type Reply, type Site } from '@millrace/core'
import { adaptedLife, type Reload } from '../engine/adaptive.ts'
import type { Flight } from '../engine/flight.ts'
import type { Kept } from '../engine/kept.ts'
import { farKey } from '../engine/key.ts'
import type { Slots } from '../engine/slots.ts'
import { stored as storing } from '../events.ts'
import type { Windows } from '../policy.ts'
import type { Assessed, Keepable } from './assess.ts'
import { offerEncodings } from './encodings.ts'
import type { Errand } from './errand.ts'
import { digest, variantKey } from './key.ts'
import { languageOf, languagePlace } from './language.ts'
import type { Rule } from './rule.ts'
import {
  faced,
  type LanguageNote,
  type PassMark,
  pageOf,
  type StoredReply,
  type VaryIndex,
} from './stored.ts'

/** One way to the handler and back. */
export interface Trip {
  readonly exchange: Exchange
  readonly errand: Errand
  readonly flight: Flight<Kept | undefined>
}

/** What a trip has brought, besides what the head of the reply says. */
export interface Goods {
  readonly body: Uint8Array
  /** When the head came, in milliseconds since 1970: a life begins with it. */
  readonly came: number
  /** What it took, in milliseconds. */
  readonly cost: number
}

export interface Brought {
  readonly kept: Kept
  /** The same, where it is for all who wait. */
  readonly shared: Kept | undefined
}

/** How long nobody waits for the next reply of a page whose last one was not to be kept. */
const passFor = 10_000

/** Puts replies where they are found again. */
export class Keeping {
  readonly #rule: Rule
  readonly #site: Site
  readonly #slots: Slots

  constructor(rule: Rule, site: Site, slots: Slots) {
    this.#rule = rule
    this.#site = site
    this.#slots = slots
  }

  /** What is not kept, as an entry for those who wait, or for this request alone. */
  unkept({ flight }: Trip, reply: Reply, assessed: Assessed, goods: Goods): Kept {
    const value = this.#stored(reply, assessed, goods, nothing)
    return this.#slots.entry(flight, { value, freshUntil: goods.came, staleUntil: goods.came })
  }

  keep(trip: Trip, reply: Reply, assessed: Keepable, goods: Goods): Brought {
    const { exchange, flight, errand } = trip
    const { key, first, page } = errand
    const { varies, adaptive, verdict, tags } = assessed
    const { body, came, cost } = goods
    const value = this.#stored(reply, assessed, goods, verdict)
    const life =
      adaptive === undefined ? verdict.freshFor : adaptedLife(adaptive, reloaded(value, errand.kept, cost))
    const { jitter = 0 } = this.#rule
    const freshUntil = came + (jitter === 0 ? life : life * (1 - jitter * this.#slots.random()))
    // What adapts has to see what was there before.
    const grace = verdict.freshFor === Number.POSITIVE_INFINITY ? 0 : verdict.keptFor - verdict.freshFor
    const staleUntil = freshUntil + grace + (adaptive?.max ?? 0)
    const own = ownKey(first, varies, exchange)
    const slots = this.#slots
    // A page is forgotten with everything that is kept for it, and found by what no tier can keep under its own name.
    const tagged = own === farKey(page) ? tags : [...tags, page]
    if (own !== first) {
      // Kept anew with each of its variants, as it has to outlive them.
      const index: VaryIndex = { kind: 'vary', names: varies }
      slots.keep(flight, { value: index, freshUntil: staleUntil, staleUntil, tags: [page] }, first)
    }
    const kept = slots.keep(flight, { value, freshUntil, staleUntil, cost, life, tags: tagged }, own)
    offerEncodings(slots, own, kept)
    const place = languagePlace(first, varies, exchange.headers, languageOf(value.fields))
    if (place !== undefined) {
      const note: LanguageNote = { kind: 'language', key: own }
      slots.keep(flight, { value: note, freshUntil, staleUntil: freshUntil, tags: [page] }, place)
    }
    if (storing.hasSubscribers) storing.publish({ route: exchange.route, bytes: body.byteLength, ttl: life })
    // Who asks for another variant looks again, and so does everybody when one of its tags was invalidated meanwhile.
    return { kept, shared: own === key && slots.standing(kept, 0) === 'fresh' ? kept : undefined }
  }

  /** A part of a page is kept beside it, under the key of the trip. @param assessed what the whole would be */
  keepPart({ exchange, errand, flight }: Trip, reply: Reply, assessed: Keepable, goods: Goods): void {
    const { freshFor, keptFor } = assessed.verdict
    const stored = this.#stored(reply, assessed, goods, nothing)
    const value: StoredReply = { ...stored, range: fieldOf(exchange.headers, 'range') }
    const tags = [...assessed.tags, errand.page]
    const { came } = goods
    this.#slots.keep(flight, { value, freshUntil: came + freshFor, staleUntil: came + keptFor, tags })
  }

  /** Nobody waits for the next reply. */
  pass(key: string, why: string): void {
    const mark: PassMark = { kind: 'pass', why }
    const until = this.#site.clock.now() + passFor
    this.#slots.note(key, { value: mark, freshUntil: until, staleUntil: until })
  }

  /** With the fields that a cache has to add: when it was (RFC 9110 section 6.6.1), how long it is. */
  #stored(
    { status }: Reply,
    { fields: given, terms }: Assessed,
    { body, came }: Goods,
    { swr, staleIfError }: Windows,
  ): StoredReply {
    const fields = new HeaderMap(given)
    if (!fields.has('date')) fields.set('Date', formatHttpDate(came))
    if (status !== 204) fields.set('Content-Length', body.byteLength)
    if (this.#rule.browser !== undefined && status !== 206) identify(fields, body)
    const bornAt = came - terms.age
    // With a place for it from the beginning, as V8 would put what is added later somewhere else.
    return { kind: 'reply', status, fields: fields.raw, body, bornAt, swr, staleIfError, [faced]: undefined }
  }
}

/** Where a reply belongs: to its page, or to one variant of it. @param varies fields that the page varies by */
export const ownKey = (first: string, varies: readonly string[], { headers }: Exchange): string =>
  varies.length === 0 ? first : variantKey(first, varies, headers)

/** The handler may reuse its buffer, and a small one would hold on to Node's whole pool slab. */
export const ownCopy = (bytes: Uint8Array): Uint8Array => Buffer.from(new Uint8Array(bytes).buffer)

const nothing: Windows = { swr: 0, staleIfError: 0 }

/** What it was before is compared by its validator, or byte by byte. */
const reloaded = (value: StoredReply, before: Kept | undefined, cost: number): Reload => {
  const old = before && pageOf(before.value)
  if (before === undefined || old?.kind !== 'reply') return { life: undefined, changed: false, cost }
  return { life: before.life, changed: Buffer.compare(old.body, value.body) !== 0, cost }
}

/** An `ETag` for what clients are to keep and has none. */
export const identify = (fields: HeaderMap, body: Uint8Array): void => {
  if (!fields.has('etag')) fields.set('ETag', `"${digest(body)}"`)
}
